//! The shape of a simulation: how large things are and how many.

use fastrand::Rng;

use crate::store::inner::Tuning;

/// What stays the same throughout one simulation.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) seed: u64,
    /// How many steps.
    pub(super) steps: usize,
    /// How many tags, and bytes that the longest of them have.
    pub(super) tags: usize,
    pub(super) tag_len: usize,
    /// Bytes of the longest function's name.
    pub(super) function_len: usize,
    /// Bytes of the largest value, but for those that do not fit.
    pub(super) largest: usize,
    /// How many writes one step does at most.
    pub(super) burst: usize,
    pub(super) budget: u64,
    pub(super) inline_limit: usize,
    pub(super) tuning: Tuning,
    /// Whether pins, times to live, policies, refused shrinking and read-only openings are among the steps.
    pub(super) all_steps: bool,
}

/// Seeds from here on have all kinds of steps. The plans of those below, some of which have found a defect,
/// stay as they were. A `soak` from a random seed begins beyond.
const ALL_STEPS: u64 = 1 << 20;

impl Profile {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let budget = match rng.u8(..3) {
            0 => rng.u64(500..20_000),
            1 => rng.u64(10_000..200_000),
            _ => 1 << 24,
        };
        let common = Self {
            seed,
            steps: rng.usize(200..3000),
            tags: rng.usize(2..40),
            tag_len: *choose(&mut rng, &[0, 0, 300]),
            function_len: 10,
            burst: *choose(&mut rng, &[50, 3000]),
            budget,
            largest: budget.min(100_000) as usize,
            inline_limit: *choose(&mut rng, &[0, 64, 64, 300, 1000, 16_384]),
            tuning: Tuning {
                checkpoint_at: *choose(&mut rng, &[2_000, 10_000, 60_000, 300_000]),
                sync_all_from: *choose(&mut rng, &[2, 64]),
                threads: false,
            },
            all_steps: seed >= ALL_STEPS,
        };
        match rng.u8(..16) {
            0 => common.many(&mut rng),
            1 => common.huge(&mut rng),
            _ => common,
        }
    }

    /// Thousands of tiny entries.
    fn many(self, rng: &mut Rng) -> Self {
        let tags = rng.usize(5_000..12_000);
        Self {
            steps: rng.usize(20..60),
            tags,
            tag_len: 0,
            burst: 2 * tags,
            // Room for all of them, until a large one comes.
            budget: 80 * tags as u64,
            largest: 80 * tags,
            inline_limit: 64,
            ..self
        }
    }

    /// Tags and names as long as they may be.
    fn huge(self, rng: &mut Rng) -> Self {
        Self {
            steps: rng.usize(20..80),
            tags: rng.usize(2..100),
            tag_len: *choose(rng, &[16 << 10, 1 << 20]),
            function_len: *choose(rng, &[10, 60_000]),
            burst: 100,
            budget: 1 << 30,
            inline_limit: 1000,
            tuning: Tuning { checkpoint_at: 8 << 20, ..self.tuning },
            ..self
        }
    }

    pub(super) fn tag(&self, rng: &mut Rng) -> usize {
        // Half of all work is on a few of them.
        if rng.bool() { rng.usize(..self.tags) } else { rng.usize(..self.tags.min(4)) }
    }

    pub(super) fn function(&self, rng: &mut Rng) -> usize {
        match rng.u8(..16) {
            0 if self.function_len > 10 => 3,
            n => usize::from(n) % 3,
        }
    }

    pub(super) fn small(&self, rng: &mut Rng) -> usize {
        rng.usize(..200).min(self.inline_limit.max(64))
    }

    pub(super) fn size(&self, rng: &mut Rng) -> usize {
        let inline = self.inline_limit;
        let whole = self.largest;
        match rng.u8(..16) {
            0 => 0,
            1 => 1,
            2..6 => self.small(rng),
            6 => inline.saturating_sub(1),
            7 => inline,
            8..11 => inline + 1 + rng.usize(..100),
            11 => inline + rng.usize(..5_000),
            12 => rng.usize(..=whole),
            13 => whole * 9 / 10,
            14 => whole + 1,
            _ => rng.usize(..2_000),
        }
    }

    /// The tag of this number. Tags differ in one bit, hold one another, or are as long as may be.
    pub(super) fn tag_name(&self, tag: usize) -> String {
        match tag {
            0 => String::new(),
            1 => "../../etc/passwd".to_owned(),
            _ if tag % 5 == 4 && self.tag_len > 0 => {
                format!("{tag}{}", "long".repeat(self.tag_len / 4))
                    .chars()
                    .take(self.tag_len)
                    .collect()
            }
            _ if tag < 30 => char::from(b'`' + tag as u8 % 30).to_string(),
            _ => format!("tag{tag}"),
        }
    }

    pub(super) fn function_name(&self, function: usize) -> Option<String> {
        match function {
            0 => None,
            3 => Some("f".repeat(self.function_len)),
            n => Some(format!("f{n}")),
        }
    }
}

fn choose<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}
