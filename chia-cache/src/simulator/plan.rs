//! What happens in a simulation, drawn from a seed before it starts: a flat list of steps, so that a
//! failing one shrinks by leaving steps out.

use fastrand::Rng;

use super::profile::Profile;
use crate::io::sim::Fault;
use crate::{Durability, Origin, Policy};

/// One thing that a user, the machine or a stranger does. Whatever is random in it has its own seed.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Write {
        tag: usize,
        size: usize,
        origin: Origin,
        function: usize,
        stream: bool,
    },
    /// Writes what the tag already has.
    Rewrite {
        tag: usize,
        stream: bool,
    },
    /// Overwrites a few tags in turn.
    Overwrite {
        first: usize,
        tags: usize,
        size: usize,
        count: usize,
    },
    Read {
        tag: usize,
    },
    ReadInto {
        tag: usize,
    },
    Replay {
        tag: usize,
        function: usize,
    },
    Has {
        tag: usize,
    },
    ReadAll,
    Evict {
        tag: usize,
    },
    Clear,
    SetBudget {
        percent: u64,
    },
    Pin {
        tag: usize,
        pinned: bool,
    },
    /// Writes a value with a time to live.
    WriteFor {
        tag: usize,
        size: usize,
        millis: u64,
    },
    /// Opens with another policy from now on.
    Policy {
        policy: Policy,
    },
    /// Opens with a smaller budget, which must not evict much.
    Shrink {
        percent: u64,
    },
    /// Opens the store read-only beside its owner, and compares.
    Look,
    Check,
    /// The beat of the thread that syncs relaxed writes.
    Sync,
    Close,
    /// How the store is opened from now on.
    Options {
        durability: Durability,
        percent: u64,
    },
    Die,
    LosePower {
        seed: u64,
    },
    Fail {
        after: u64,
        fault: Fault,
    },
    FillDisk {
        left: u64,
    },
    Heal,
    /// Bits flip in one file, with the store closed or its process dead.
    Flip {
        seed: u64,
        bits: usize,
    },
    Stranger {
        edit: Edit,
        seed: u64,
    },
    /// An operation is under way while the store is closed and another owner comes.
    Overtake {
        tag: usize,
        what: Late,
        at: u64,
        writes: usize,
    },
    /// Somebody deletes the lock file, and another owner comes.
    Supersede {
        tag: usize,
    },
}

/// What strangers do to the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    Delete,
    Rewrite,
    AddPickle { tag: usize, size: usize },
    RewritePickle { size: usize },
    LoseIndex,
}

/// An operation that is overtaken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Late {
    Read,
    Write { size: usize },
    Evict,
}

/// The steps of a seed. Each seed leaves some kinds of steps out altogether and prefers others, since
/// faults hide from a mixture that is always the same.
pub(super) fn steps(seed: u64, profile: &Profile) -> Vec<Step> {
    let mut rng = Rng::with_seed(seed ^ 0x5eed);
    let more = if profile.all_steps { &MORE_WEIGHTS[..] } else { &[] };
    let kinds: Vec<&(u32, Draw)> = WEIGHTS.iter().chain(more).collect();
    let weights: Vec<u32> = kinds.iter().map(|(weight, _)| swarm(&mut rng, *weight)).collect();
    let total: u32 = weights.iter().sum();
    let step = |_| {
        let mut at = rng.u32(..total.max(1));
        let chosen = weights.iter().position(|weight| match at.checked_sub(*weight) {
            Some(rest) => {
                at = rest;
                false
            }
            None => true,
        });
        (kinds[chosen.unwrap_or(0)].1)(&mut rng, profile)
    };
    (0..profile.steps).map(step).collect()
}

fn swarm(rng: &mut Rng, weight: u32) -> u32 {
    match rng.u8(0..10) {
        _ if weight >= ALWAYS => weight,
        0..4 => 0,
        4..8 => weight,
        _ => weight * 4,
    }
}

type Draw = fn(&mut Rng, &Profile) -> Step;

/// Weights from here on are in every seed as they are.
const ALWAYS: u32 = 200;

const WEIGHTS: [(u32, Draw); 26] = [
    (400, |rng, p| Step::Write {
        tag: p.tag(rng),
        size: p.size(rng),
        origin: *rng
            .choice(&[Origin::Real, Origin::Real, Origin::Manual, Origin::Provider, Origin::File])
            .unwrap_or(&Origin::Real),
        function: p.function(rng),
        stream: rng.u8(..4) == 0,
    }),
    (60, |rng, p| Step::Rewrite { tag: p.tag(rng), stream: rng.u8(..4) == 0 }),
    (10, |rng, p| Step::Overwrite {
        first: p.tag(rng),
        tags: rng.usize(1..=p.tags),
        size: p.small(rng),
        count: rng.usize(1..=p.burst),
    }),
    (200, |rng, p| Step::Read { tag: p.tag(rng) }),
    (40, |rng, p| Step::ReadInto { tag: p.tag(rng) }),
    (40, |rng, p| Step::Replay { tag: p.tag(rng), function: p.function(rng) }),
    (40, |rng, p| Step::Has { tag: p.tag(rng) }),
    (4, |_, _| Step::ReadAll),
    (60, |rng, p| Step::Evict { tag: p.tag(rng) }),
    (4, |_, _| Step::Clear),
    (6, |rng, _| Step::SetBudget { percent: rng.u64(20..=100) }),
    (6, |_, _| Step::Check),
    (20, |_, _| Step::Sync),
    (16, |_, _| Step::Close),
    (16, |rng, _| Step::Options {
        durability: if rng.bool() { Durability::Durable } else { Durability::Relaxed },
        percent: if rng.u8(..4) == 0 { rng.u64(20..=100) } else { 100 },
    }),
    (20, |_, _| Step::Die),
    (20, |rng, _| Step::LosePower { seed: rng.u64(..) }),
    (16, |rng, _| Step::Fail {
        after: rng.u64(..120),
        fault: *rng
            .choice(&[Fault::Crash, Fault::Crash, Fault::Eio, Fault::ShortWrite])
            .unwrap_or(&Fault::Crash),
    }),
    (3, |rng, _| Step::FillDisk { left: rng.u64(..65_536) }),
    (8, |_, _| Step::Heal),
    (4, |rng, _| Step::Flip {
        seed: rng.u64(..),
        bits: if rng.bool() { 1 } else { rng.usize(1..20) },
    }),
    (3, |rng, _| Step::Stranger { edit: Edit::Delete, seed: rng.u64(..) }),
    (3, |rng, _| Step::Stranger { edit: Edit::Rewrite, seed: rng.u64(..) }),
    (4, |rng, p| Step::Stranger {
        edit: match rng.u8(..5) {
            0 => Edit::LoseIndex,
            1 => Edit::RewritePickle { size: p.size(rng) },
            _ => Edit::AddPickle { tag: p.tag(rng), size: p.size(rng) },
        },
        seed: rng.u64(..),
    }),
    (2, |rng, p| Step::Overtake {
        tag: p.tag(rng),
        what: match rng.u8(..3) {
            0 => Late::Read,
            1 => Late::Write { size: p.size(rng) },
            _ => Late::Evict,
        },
        at: rng.u64(..8),
        writes: rng.usize(1..6),
    }),
    (1, |rng, p| Step::Supersede { tag: p.tag(rng) }),
];

/// Kinds of steps of seeds with [`Profile::all_steps`] alone.
const MORE_WEIGHTS: [(u32, Draw); 5] = [
    (30, |rng, p| Step::Pin { tag: p.tag(rng), pinned: rng.u8(..3) == 0 }),
    (30, |rng, p| Step::WriteFor {
        tag: p.tag(rng),
        size: p.size(rng),
        millis: *rng.choice(&[0, 10, 200, 5_000, 100_000]).unwrap_or(&0),
    }),
    (4, |rng, _| Step::Policy { policy: if rng.bool() { Policy::SavedTime } else { Policy::Lru } }),
    (4, |rng, _| Step::Shrink { percent: rng.u64(20..=100) }),
    (6, |_, _| Step::Look),
];
