//! Amounts by index, with which the scheduler calculates instead of names.

use chia_dispatch::{CPU, Resources};

/// The names of all resources that some node has; a demand for any other name fits nowhere.
#[derive(Debug)]
pub(super) struct Names(Vec<String>);

impl Names {
    pub(super) fn of<'r>(capacities: impl Iterator<Item = &'r Resources>) -> Self {
        let mut names: Vec<String> = capacities
            .flat_map(Resources::iter)
            .map(|(name, _)| name.to_owned())
            .chain([CPU.to_owned()])
            .collect();
        names.sort();
        names.dedup();
        Self(names)
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|known| known.as_str().cmp(name)).ok()
    }
}

/// Above any real amount, and so far from the end of the range that sums cannot overflow.
const MOST: i64 = i64::MAX >> 20;

fn units(amount: chia_dispatch::Amount) -> i64 {
    i64::try_from(amount.units()).unwrap_or(MOST).min(MOST)
}

/// What one task holds while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demand {
    parts: Vec<(usize, i64)>,
    cpu: Option<(usize, i64)>,
}

impl Demand {
    /// `None` when a name is unknown to every node.
    pub(super) fn new(resources: &Resources, names: &Names) -> Option<Self> {
        let parts =
            resources.iter().map(|(name, amount)| Some((names.index(name)?, units(amount))));
        let parts = parts.collect::<Option<Vec<_>>>()?;
        let index = names.index(CPU);
        let cpu = parts.iter().copied().find(|(at, _)| Some(*at) == index);
        Some(Self { parts, cpu })
    }

    /// Whether both want some of the same resource.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.parts.iter().any(|(at, _)| other.parts.iter().any(|(also, _)| at == also))
    }
}

/// The free amounts of a node. Goes below zero when tasks take their `cpu` back after a wait.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    free: Vec<i64>,
}

impl Pool {
    pub(super) fn new(capacity: &Resources, names: &Names) -> Self {
        Self { free: names.0.iter().map(|name| units(capacity.amount(name))).collect() }
    }

    pub(super) fn fits(&self, demand: &Demand) -> bool {
        demand.parts.iter().all(|(at, amount)| self.free[*at] >= *amount)
    }

    pub(super) fn take(&mut self, demand: &Demand) {
        for (at, amount) in &demand.parts {
            self.free[*at] -= amount;
        }
    }

    pub(super) fn give(&mut self, demand: &Demand) {
        for (at, amount) in &demand.parts {
            self.free[*at] += amount;
        }
    }

    pub(super) fn take_cpu(&mut self, demand: &Demand) {
        if let Some((at, amount)) = demand.cpu {
            self.free[at] -= amount;
        }
    }

    pub(super) fn give_cpu(&mut self, demand: &Demand) {
        if let Some((at, amount)) = demand.cpu {
            self.free[at] += amount;
        }
    }

    /// How much of the demand is not free, in thousandths of the demand, over all resources.
    pub(super) fn lack(&self, demand: &Demand) -> i64 {
        let lack = |(at, amount): &(usize, i64)| {
            let missing = (amount - self.free[*at]).max(0);
            missing.saturating_mul(1000) / (*amount).max(1)
        };
        demand.parts.iter().map(lack).sum()
    }
}
