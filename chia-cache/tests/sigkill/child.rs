//! The process that is killed: threads that write without end and say so on stdout.

use std::io::Write;
use std::path::Path;

use chia_cache::Store;

use super::values::{self, THREADS};

/// Writes until it is killed. Every write is announced by `B <tag> <seq> <len>` and, once the store has
/// acknowledged it, by `A <tag> <seq>`, or refused it, `E <tag> <seq>: <why>`; each line is one write to the pipe, so it is there whole or not at all.
pub(crate) fn run(store: &Store, round: u64) -> ! {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || write_without_end(store, round, thread));
        }
    });
    unreachable!("the writers never end")
}

fn write_without_end(store: &Store, round: u64, thread: u64) {
    let mut random = fastrand::Rng::with_seed(round * THREADS + thread);
    for count in 0_u64.. {
        let seq = (round << 32) | count;
        let tag = values::tag(thread, random.u64(..values::TAGS_PER_THREAD));
        let value = values::value(&tag, seq, values::random_len(&mut random));
        say(&format!("B {tag} {seq} {}\n", value.len()));
        match store.write(&tag, value, &values::new_entry()) {
            Ok(written) if written.is_stored() => say(&format!("A {tag} {seq}\n")),
            outcome => say(&format!("E {tag} {seq}: {outcome:?}\n")),
        }
    }
}

fn say(line: &str) {
    // Without the parent there is nobody to write for.
    if std::io::stdout().write_all(line.as_bytes()).is_err() {
        std::process::exit(1);
    }
}

/// Opens the directory as both processes do.
pub(crate) fn open(folder: &Path, durability: chia_cache::Durability) -> Store {
    let options =
        chia_cache::Options::new(chia_cache::ByteSize::new(values::BUDGET)).durability(durability);
    Store::open(folder, options).expect("the directory opens")
}
