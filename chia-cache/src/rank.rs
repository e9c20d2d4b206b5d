//! The order of eviction: every entry has a rank, and the lowest rank leaves first.

use crate::Policy;
use crate::meta::Meta;

/// The place of an entry in the order of eviction. Under [`Policy::Lru`] all priorities are 0, so that the
/// sequence alone decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) priority: Priority,
    /// Unique; grows with every write and every read.
    pub(crate) sequence: u64,
}

/// Microseconds of compute time per byte, as the bits of a float that is finite and not negative. The bits
/// of such floats have the order of the floats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Priority(u64);

impl Priority {
    /// The priority that was stored as `bits`; 0 if they are none.
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self::new(f64::from_bits(bits))
    }

    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    fn new(value: f64) -> Self {
        // Not for -0.0: its bits are the largest of all.
        if value.is_finite() && value > 0.0 { Self(value.to_bits()) } else { Self(0) }
    }
}

impl Policy {
    /// The priority of an entry that is written or read now, with evictions having reached `level`.
    pub(crate) fn priority(self, level: Priority, tag: &str, meta: &Meta) -> Priority {
        match self {
            Self::Lru => Priority::default(),
            Self::SavedTime => {
                let saved = meta.compute_time.unwrap_or(0) as f64 / meta.cost(tag).max(1) as f64;
                Priority::new(f64::from_bits(level.bits()) + saved)
            }
        }
    }
}

impl Rank {
    /// As the index stores it.
    pub(crate) fn key(self) -> (u64, u64) {
        (self.priority.bits(), self.sequence)
    }

    pub(crate) fn from_key((priority, sequence): (u64, u64)) -> Self {
        Self { priority: Priority(priority), sequence }
    }

    /// The next rank in the order; `None` after the last.
    pub(crate) fn next(self) -> Option<Self> {
        match self.sequence.checked_add(1) {
            Some(sequence) => Some(Self { sequence, ..self }),
            None => Some(Self { priority: Priority(self.priority.0.checked_add(1)?), sequence: 0 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Priority;

    #[test]
    fn r38_bits_of_no_priority_count_as_none() {
        for wrong in [-0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Priority::from_bits(wrong.to_bits()), Priority::default());
        }
        assert!(Priority::from_bits(1.5_f64.to_bits()) > Priority::from_bits(0.5_f64.to_bits()));
    }
}
