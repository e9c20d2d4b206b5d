//! The three clusters that the cases run on.

use chia_dispatch::{CPU, MEMORY, Resources};

/// A custom resource of the kit that the driver's node has.
pub const SLOT: &str = "kit_slot";
/// A custom resource of the kit that only the second node of [`Layout::Two`] has.
pub const FAR: &str = "kit_far";

/// Which nodes a case needs. There are only these three, so that a factory whose cluster is slow to
/// start can keep one for each and make a cheap fresh connection for each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// One node where little fits.
    Small,
    /// One node where several tasks fit side by side.
    Wide,
    /// The driver's node and another one with a resource of its own.
    Two,
}

impl Layout {
    /// All layouts.
    pub const ALL: [Self; 3] = [Self::Small, Self::Wide, Self::Two];

    /// The capacities to start nodes with, the driver's own first. A node may have other resources
    /// beside these, but exactly these amounts of these.
    #[must_use]
    pub fn nodes(self) -> Vec<Resources> {
        let node = |cpu, custom, amount| {
            Resources::from([(CPU, cpu), (MEMORY, MEMORY_BYTES)]).with(custom, amount)
        };
        match self {
            Self::Small => vec![node(1.0, SLOT, 2.0)],
            Self::Wide => vec![node(4.0, SLOT, 4.0)],
            Self::Two => vec![node(2.0, SLOT, 2.0), node(2.0, FAR, 2.0)],
        }
    }

    /// All that the driver's node has of the resource [`SLOT`].
    pub(crate) fn all_slots(self) -> Resources {
        Resources::none().with(SLOT, self.nodes()[0].get(SLOT))
    }
}

/// 4 GiB: enough for any case, little enough to be there on a small machine.
const MEMORY_BYTES: f64 = 4.0 * 1024.0 * 1024.0 * 1024.0;
