//! What the tests' tasks do.

use std::fs;
use std::os::unix::process::parent_id;
use std::time::Duration;

use chia_loop::{Chia, Error, ErrorKind, Function, Provider, Registry, Result, Site};

use crate::foreign;

/// All that workers of these tests can run, besides the kit's script.
pub(crate) fn registry() -> Registry {
    foreign::register(Registry::new())
        .function(&WHERE)
        .function(&HOLD)
        .function(&ABORT)
        .function(&SAY)
        .function(&ASK)
        .function(&FAR_TEXT)
        .provider(&ANSWER)
}

/// The name of a node, and the process of the Ray worker.
pub(crate) type Place = (String, u32);

/// Where a call runs.
pub(crate) static WHERE: Function<(u64,), Place> =
    Function::new("where", &whereabouts).resources(&[("kit_slot", 1.0)]);

fn whereabouts(_number: u64) -> Place {
    let node = Chia::current().and_then(|chia| chia.place().map(|place| place.node.clone()));
    (node.unwrap_or_default(), parent_id())
}

/// Writes its own and its worker's process id to a file, and stays.
pub(crate) static HOLD: Function<(String,), ()> = Function::new("hold", &hold);

fn hold(path: String) {
    fs::write(path, format!("{} {}\n", std::process::id(), parent_id())).unwrap();
    std::thread::sleep(Duration::from_secs(600));
}

/// Ends its process.
pub(crate) static ABORT: Function<(), ()> = Function::new("abort", &abort);

fn abort() {
    std::process::abort()
}

/// Prints, on both outputs.
pub(crate) static SAY: Function<(String,), ()> = Function::new("say", &say);

#[allow(clippy::print_stdout, reason = "that it prints is what is tested")]
fn say(text: String) {
    println!("{text} on stdout");
    eprintln!("{text} on stderr");
}

/// Calls the next one, as deep as it is asked to, and returns what the last one says: a nested call
/// obeys the rules of its caller.
pub(crate) static ASK: Function<(u64,), String> =
    Function::new("ask", &ask).resources(&[("cpu", 1.0)]);

async fn ask(depth: u64) -> Result<String> {
    let lost = || Error::new(ErrorKind::TaskFailed, "this task knows no loop");
    let chia = Chia::current().ok_or_else(lost)?;
    if depth == 0 {
        return chia.call(&FAR_TEXT, ()).dispatch().await?.get().await;
    }
    chia.call(&ASK, (depth - 1,)).dispatch().await?.get().await
}

/// What only node two can run, and never needs to: rules replace it.
pub(crate) static FAR_TEXT: Function<(), String> =
    Function::new("far_text", &far_text).resources(&[("kit_far", 1.0)]);

fn far_text() -> String {
    "computed".to_owned()
}

/// Replaces [`FAR_TEXT`].
pub(crate) static ANSWER: Provider<(), String> = Provider::new("answer", &answer);

fn answer(_site: Site, _args: ()) -> String {
    "provided".to_owned()
}
