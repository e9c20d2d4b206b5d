//! The loop that the kit runs through a backend: functions, and what may replace them.

use std::net::SocketAddr;

use chia_dispatch::{Error, ErrorKind, Result};
use chia_loop::{Chia, Function, Provider, Registry, Site};

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

/// Calls the step from inside, as deep as it is told.
async fn outer(board: SocketAddr, label: String, depth: u32) -> Result<String> {
    let chia = here()?;
    if depth == 0 {
        return chia.call(&STEP, (board, label.clone())).tag(label).await;
    }
    chia.call(&OUTER, (board, label, depth - 1)).await
}

pub(super) static OUTER: Function<(SocketAddr, String, u32), String> =
    Function::new("kit_outer", &outer);

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

fn here() -> Result<Chia> {
    Chia::current().ok_or_else(|| Error::new(ErrorKind::Protocol, "no loop inside of a task"))
}

pub(super) fn registry() -> Registry {
    Registry::new()
        .function(&STEP)
        .function(&OUTER)
        .function(&REPLACES)
        .function(&THROUGH_THE_CACHE)
        .provider(&RECORDED)
}
