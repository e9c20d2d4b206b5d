//! The store beside what a user would pick instead, and beside what the disk itself can do.
//!
//! Peers: Python's `diskcache`, the `cacache` crate, and a plain store in Python with one pickle a file (`python`).
//! Limits: writes and renames, synced appends, redb commits, reads with a checksum (`raw`).

mod cacache;
pub mod evict;
pub mod many;
pub mod open;
mod ours;
pub(crate) mod place;
pub mod probe;
mod python;
mod raw;
pub mod repair;
pub mod threads;
pub mod values;

use crate::figure::{Aim, Figure};
use crate::report::Report;
use crate::timing::{self, Side};

/// A peer or a limit, and what the ratio to it should be.
struct Against<'a> {
    what: &'a str,
    side: Side<'a>,
    aim: Option<Aim>,
}

impl<'a> Against<'a> {
    fn new(what: &'a str, side: Side<'a>) -> Self {
        Self { what, side, aim: None }
    }

    /// A peer that we mean to be faster than.
    fn peer(what: &'a str, side: Side<'a>) -> Self {
        Self { aim: Some(Aim::RatioAtMost(1.0)), ..Self::new(what, side) }
    }

    /// A limit that we mean to stay close to.
    fn within(self, ratio: f64) -> Self {
        Self { aim: Some(Aim::RatioAtMost(ratio)), ..self }
    }
}

/// Times ours in turns with all the others and adds a figure for each of these. Returns ours, in ns.
fn race(report: &mut Report, case: &str, ours: Side<'_>, others: Vec<Against<'_>>) -> f64 {
    let (mut sides, mut labels) = (vec![ours], Vec::new());
    for other in others {
        sides.push(other.side);
        labels.push((other.what.to_owned(), other.aim));
    }
    let took = timing::interleaved(&mut sides);
    for ((what, aim), reference) in labels.into_iter().zip(&took[1..]) {
        let figure = Figure::versus(format!("{case} / {what}"), "ns", took[0], *reference);
        report.add(match aim {
            Some(aim) => figure.aim(aim),
            None => figure,
        });
    }
    took[0]
}

/// The sizes of values that are measured.
const SIZES: [usize; 5] = [100, 4 << 10, 64 << 10, 1 << 20, 64 << 20];

/// How many tags a comparison cycles through; few where the values are large.
fn keys(size: usize) -> u64 {
    if size <= 1 << 20 { 64 } else { 4 }
}

fn human_size(size: usize) -> String {
    crate::figure::human(size as f64, "B").replace(".00 ", " ").replace(".0 ", " ")
}

/// A value that is never the same twice, since a cache may take a shortcut for one that it has.
struct Value {
    bytes: Vec<u8>,
    next: u64,
}

impl Value {
    fn new(size: usize) -> Self {
        Self { bytes: (0..size).map(|at| (at * 31 + (at >> 8) * 7) as u8).collect(), next: 0 }
    }

    fn fresh(&mut self) -> &[u8] {
        self.next += 1;
        self.bytes[..8].copy_from_slice(&self.next.to_le_bytes());
        &self.bytes
    }
}
