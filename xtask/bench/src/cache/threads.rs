//! Many threads: a mixed load, and durable writes that share their syncs.

use std::time::{Duration, Instant};

use chia_cache::Durability;

use super::cacache::Peer;
use super::python::Python;
use super::{Against, Value, human_size, keys, ours, place, race, raw};
use crate::figure::{Aim, Figure};
use crate::report::Report;
use crate::timing::{self, Side};

const MIXED_THREADS: usize = 8;
const WRITERS: usize = 16;

/// Measures both.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let folder = place::folder()?;
    let python = Python::start(&folder.path().join("python"))?;
    for size in [100, 4 << 10, 64 << 10] {
        let store = ours::open(
            &folder.path().join(format!("mixed-{size}")),
            Durability::Relaxed,
            ours::PLENTY,
        )?;
        ours::fill(&store, size)?;
        let ours = mixed(size, |tag, what, value| match what {
            What::Read => assert_eq!(
                store.read(tag).expect("reads").map(|entry| entry.value.len()),
                Some(size)
            ),
            What::Has => assert!(store.has(tag).expect("looks")),
            What::Write => drop(store.write(tag, value, &ours::new_entry()).expect("writes")),
        });
        let peer = Peer::new(folder.path(), size)?;
        let others = vec![
            Against::peer("diskcache", python.side("diskcache", "mixed", size)),
            Against::peer("cacache", peer.mixed()),
        ];
        race(report, &format!("8 operations of 8 threads, {}", human_size(size)), ours, others);
    }
    shared_syncs(report, folder.path())
}

/// What a thread of the mixed load does next.
#[derive(Clone, Copy)]
pub(super) enum What {
    Read,
    Has,
    Write,
}

/// Eight threads: seven reads, two looks and one write in ten. A call is one operation of each thread.
pub(super) fn mixed<'a>(
    size: usize,
    work: impl Fn(&str, What, &[u8]) + Send + std::marker::Sync + 'a,
) -> Side<'a> {
    let tags: Vec<String> = (0..keys(size)).map(|at| format!("key{at}")).collect();
    let mut values: Vec<Value> = (0..MIXED_THREADS).map(|_| Value::new(size)).collect();
    Box::new(move |times| {
        let (work, tags) = (&work, &tags);
        on_threads(&mut values, |thread, value| {
            for at in 0..times as usize {
                let tag = &tags[(at * 7 + thread * 11) % tags.len()];
                match at % 10 {
                    0..7 => work(tag, What::Read, &[]),
                    7..9 => work(tag, What::Has, &[]),
                    _ => work(tag, What::Write, value.fresh()),
                }
            }
        })
    })
}

/// Group commit: sixteen writers against one that syncs each of its appends.
fn shared_syncs(report: &mut Report, folder: &std::path::Path) -> anyhow::Result<()> {
    for size in [100, 4 << 10] {
        let store =
            ours::open(&folder.join(format!("shared-{size}")), Durability::Durable, ours::PLENTY)?;
        let mut values: Vec<Value> = (0..WRITERS).map(|_| Value::new(size)).collect();
        let write = |times: u64| {
            on_threads(&mut values, |thread, value| {
                for _ in 0..times {
                    store
                        .write(&format!("thread{thread}"), value.fresh(), &ours::new_entry())
                        .expect("the store writes");
                }
            })
        };
        let took = timing::interleaved(&mut [Box::new(write), raw::synced_append(folder, size)?]);
        let rate = |nanos: f64| 1e9 / nanos;
        let case = format!(
            "durable writes of 16 threads, {} / one thread's synced appends",
            human_size(size)
        );
        let figure =
            Figure::versus(case, "writes/s", WRITERS as f64 * rate(took[0]), rate(took[1]));
        report.add(figure.aim(Aim::RatioAtLeast(5.0)));
    }
    Ok(())
}

/// Runs a thread for each state, and returns how long all of them took.
fn on_threads<S: Send>(
    states: &mut [S],
    work: impl Fn(usize, &mut S) + std::marker::Sync,
) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for (thread, state) in states.iter_mut().enumerate() {
            let work = &work;
            scope.spawn(move || work(thread, state));
        }
    });
    start.elapsed()
}
