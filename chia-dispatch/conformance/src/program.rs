//! The loop that the kit runs through a backend: functions, and what may replace them.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;

use chia_dispatch::{Error, ErrorKind, Result};
use chia_loop::{ActorKind, Blob, Chia, File, Function, Method, Provider, Registry, Site};

use super::board;
use super::layout::FAR;

/// What each function gets: the board's address, and the label to mark.
pub(super) type Args = (SocketAddr, String);

/// Says that it runs, and on which node.
async fn step(board: SocketAddr, label: String) -> Result<String> {
    board::mark(board, &label).await?;
    let node = here()?.place().map(|place| place.node.clone());
    Ok(format!("ran {label} on {}", node.unwrap_or_default()))
}

/// Costs something, and can be replaced, kept and replayed. Runs on the far node alone.
pub(super) static STEP: Function<Args, String> =
    Function::new("kit_step", &step).cpu(0.0).resources(&[(FAR, 1.0)]);

/// Calls the step from inside, `depth` calls deep.
async fn outer(board: SocketAddr, label: String, depth: u32) -> Result<String> {
    let chia = here()?;
    if depth == 0 {
        return chia.call(&STEP, (board, label.clone())).tag(label).await;
    }
    chia.call(&OUTER, (board, label, depth - 1)).await
}

pub(super) static OUTER: Function<(SocketAddr, String, u32), String> =
    Function::new("kit_outer", &outer);

/// Runs the step, `depth` calls deep, and then fails.
async fn fails(board: SocketAddr, label: String, depth: u32, panics: bool) -> Result<String> {
    let chia = here()?;
    if depth > 0 {
        return chia.call(&FAILS, (board, label, depth - 1, panics)).await;
    }
    chia.call(&STEP, (board, label)).await?;
    assert!(!panics, "as it was asked to");
    Err(Error::new(ErrorKind::TaskFailed, "as it was asked to"))
}

pub(super) static FAILS: Function<(SocketAddr, String, u32, bool), String> =
    Function::new("kit_fails", &fails);

/// Replaces the step for its own nested calls.
async fn replaces(board: SocketAddr, label: String) -> Result<String> {
    let chia = here()?;
    chia.set_provider(&STEP, &RECORDED)?;
    chia.call(&STEP, (board, label.clone())).tag(label).await
}

pub(super) static REPLACES: Function<Args, String> = Function::new("kit_replaces", &replaces);

/// Writes to the cache and reads from it, from a worker.
async fn through_the_cache(tag: String, value: String) -> Result<String> {
    let missing = || Error::new(ErrorKind::Cache, "the task sees no cache");
    let cache = here()?.cache().ok_or_else(missing)?;
    cache.write(&tag, &value).await?;
    Ok(cache.read::<String>(&tag).await?.ok_or_else(missing)?.value)
}

pub(super) static THROUGH_THE_CACHE: Function<(String, String), String> =
    Function::new("kit_through_the_cache", &through_the_cache).cpu(0.0).resources(&[(FAR, 1.0)]);

/// Stands for the step, and says on which node it does.
async fn recorded(site: Site, (board, label): Args) -> Result<String> {
    board::mark(board, &format!("provider of {label}")).await?;
    let node = here()?.place().map(|place| place.node.clone()).unwrap_or_default();
    Ok(format!("recorded {} on {node}", site.tag().unwrap_or_default()))
}

pub(super) static RECORDED: Provider<Args, String> = Provider::new("kit_recorded", &recorded);

/// A simulation: its result depends on the seed alone.
async fn simulate(board: SocketAddr, seed: u64, note: String) -> Result<String> {
    board::mark(board, &format!("simulated {seed} {note}")).await?;
    Ok(format!("result of {seed}"))
}

/// Its recorded results are compared with the call that asks for them. Runs on the far node alone.
pub(super) static SIMULATE: Function<(SocketAddr, u64, String), String> =
    Function::new("kit_simulate", &simulate)
        .version("1")
        .parameters(&["board", "seed", "note"])
        .cpu(0.0)
        .resources(&[(FAR, 1.0)]);

/// The seed of a simulation, as the result of another call.
pub(super) static SEED: Function<(u64,), u64> = Function::new("kit_seed", &|seed: u64| seed);

/// The length of a file.
async fn measure(board: SocketAddr, file: File) -> Result<u64> {
    board::mark(board, "measured").await?;
    Ok(file.contents().bytes)
}

pub(super) static MEASURE: Function<(SocketAddr, File), u64> =
    Function::new("kit_measure", &measure)
        .parameters(&["board", "file"])
        .cpu(0.0)
        .resources(&[(FAR, 1.0)]);

/// Adds up what it is given.
pub(super) struct Sum(u64);

pub(super) static SUM: ActorKind<Sum, (u64,)> = ActorKind::new("kit_sum", &Sum, &[&ADD]);

fn add(sum: &mut Sum, amount: u64) -> Result<u64> {
    let refused = || Error::new(ErrorKind::TaskFailed, "the sum is too large");
    sum.0 = sum.0.checked_add(amount).ok_or_else(refused)?;
    Ok(sum.0)
}

pub(super) static ADD: Method<Sum, (u64,), u64> = Method::new("add", &add);

fn here() -> Result<Chia> {
    Chia::current().ok_or_else(|| Error::new(ErrorKind::Protocol, "no loop inside of a task"))
}

/// Bytes that no other run computes.
fn random(number: u64) -> Blob {
    let random = RandomState::new();
    let bytes = (0..number * 100).flat_map(|word| random.hash_one(word).to_le_bytes());
    Blob::from(bytes.collect::<Vec<u8>>())
}

pub(super) static RANDOM: Function<(u64,), Blob> = Function::new("kit_random", &random);

pub(super) fn registry() -> Registry {
    Registry::new()
        .function(&STEP)
        .function(&OUTER)
        .function(&FAILS)
        .function(&REPLACES)
        .function(&THROUGH_THE_CACHE)
        .function(&SIMULATE)
        .function(&SEED)
        .function(&MEASURE)
        .function(&RANDOM)
        .provider(&RECORDED)
        .actor_kind(&SUM)
}
