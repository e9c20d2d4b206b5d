//! Assigns nodes to tasks: pure bookkeeping, without tasks, threads or time.
//!
//! Tasks of one demand and placement form a class and queue in the order of their arrival, so that a
//! release looks at classes and not at tasks (Ray's raylet groups by "scheduling class" likewise).
//! Among classes the one whose first task has waited longest goes first, if it fits. One that does
//! not fit is passed over, but only [`MAX_PASSES`] times: then it reserves a node, and a younger task that wants
//! the same resources there waits behind it. Classes that a running task waits for are exempt:
//! the reservation may be waiting for that very task.

mod amounts;
mod class;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chia_dispatch::backend::{Node, Placement};
use chia_dispatch::{Place, Resources, Result};
use slab::Slab;

pub(crate) use self::amounts::Pool;
use self::amounts::{Demand, Names};
pub(crate) use self::class::Class;

/// How often the first task of a class lets younger ones pass before it reserves a node.
const MAX_PASSES: u32 = 8;
/// Classes are swept when there are more than this, and twice the survivors.
const SWEEP: usize = 256;

/// What may be queued.
pub(crate) trait Entry {
    /// Whether it still wants to run. A cancelled entry is dropped when it is first in its queue.
    fn is_wanted(&self) -> bool;
}

/// A place that was given to a task: resources of a node, taken until they are released.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) class: Arc<Class>,
    pub(crate) place: Arc<Place>,
    node: usize,
    /// Whether an actor holds it, for as long as it pleases.
    pinned: bool,
}

impl Grant {
    /// Whether an actor holds it.
    pub(crate) fn is_pinned(&self) -> bool {
        self.pinned
    }
}

/// Queues and nodes.
#[derive(Debug)]
pub(crate) struct Scheduler<T> {
    nodes: Vec<Node>,
    names: Names,
    /// What each node has free now.
    pools: Vec<Pool>,
    /// What each node will have free once all tasks have ended: its capacity less what actors hold.
    unpinned: Vec<Pool>,
    classes: Slab<Backlog<T>>,
    by_demand: HashMap<Resources, Vec<Arc<Class>>>,
    /// The slots of the classes that have something queued.
    waiting: Vec<usize>,
    sweep_at: usize,
    /// Stamps arrivals.
    clock: u64,
    /// Where `Spread` looks first.
    next_spread: usize,
}

#[derive(Debug)]
struct Backlog<T> {
    class: Arc<Class>,
    queue: VecDeque<(u64, T)>,
    /// How often the first of the queue was passed over.
    passed: u32,
    /// The node that the first of the queue has reserved.
    reserved: Option<usize>,
    /// How many waits of running tasks hang on this class.
    awaited: usize,
}

impl<T: Entry> Scheduler<T> {
    pub(crate) fn new(nodes: Vec<Node>) -> Self {
        let names = Names::of(nodes.iter().map(|node| &node.capacity));
        let pools: Vec<_> = nodes.iter().map(|node| Pool::new(&node.capacity, &names)).collect();
        Self {
            nodes,
            names,
            unpinned: pools.clone(),
            pools,
            classes: Slab::new(),
            by_demand: HashMap::new(),
            waiting: Vec::new(),
            sweep_at: SWEEP,
            clock: 0,
            next_spread: 0,
        }
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The class of a demand. Refuses what no node can ever hold, naming the shortfall.
    pub(crate) fn class(&mut self, resources: &Resources, to: &Placement) -> Result<Arc<Class>> {
        let known = self.by_demand.get(resources).into_iter().flatten();
        if let Some(class) = known.into_iter().find(|class| class.placement == *to) {
            return Ok(Arc::clone(class));
        }
        if self.classes.len() >= self.sweep_at {
            self.sweep();
        }
        let slot = self.classes.vacant_key();
        let class = Arc::new(Class::new(slot, resources, to, &self.nodes, &self.names)?);
        self.by_demand.entry(resources.clone()).or_default().push(Arc::clone(&class));
        self.classes.insert(Backlog {
            class: Arc::clone(&class),
            queue: VecDeque::new(),
            passed: 0,
            reserved: None,
            awaited: 0,
        });
        Ok(class)
    }

    /// A place for a new task, if it may start at once; otherwise it is queued.
    pub(crate) fn admit(&mut self, class: &Arc<Class>, task: T) -> Option<(T, Grant)> {
        let stamp = self.clock;
        self.clock += 1;
        let slot = class.slot;
        if self.classes[slot].queue.is_empty() {
            if let Some(grant) = self.place(slot, stamp) {
                return Some((task, grant));
            }
            self.waiting.push(slot);
        }
        self.classes[slot].queue.push_back((stamp, task));
        None
    }

    /// The next queued task that may start now.
    pub(crate) fn next(&mut self) -> Option<(T, Grant)> {
        self.drop_unwanted();
        if let [only] = self.waiting[..] {
            return self.start_first(only);
        }
        let mut heads: Vec<usize> = self.waiting.clone();
        heads.sort_unstable_by_key(|slot| self.classes[*slot].stamp());
        heads.into_iter().find_map(|slot| self.start_first(slot))
    }

    /// Takes back what a task or an actor held.
    pub(crate) fn release(&mut self, grant: &Grant) {
        self.pools[grant.node].give(&grant.class.demand);
        if grant.pinned {
            self.unpinned[grant.node].give(&grant.class.demand);
        }
    }

    /// Marks a grant as an actor's: no reservation waits for it to be released.
    pub(crate) fn pin(&mut self, grant: &mut Grant) {
        if !std::mem::replace(&mut grant.pinned, true) {
            self.unpinned[grant.node].take(&grant.class.demand);
        }
    }

    /// Takes back a task's `cpu` for the time of a wait.
    pub(crate) fn lend_cpu(&mut self, grant: &Grant) {
        self.pools[grant.node].give_cpu(&grant.class.demand);
    }

    /// Ends [`lend_cpu`](Self::lend_cpu), at once: the `cpu` may be promised twice for a while.
    pub(crate) fn reclaim_cpu(&mut self, grant: &Grant) {
        self.pools[grant.node].take_cpu(&grant.class.demand);
    }

    /// Exempts a class from reservations while a running task waits for it.
    pub(crate) fn begin_await(&mut self, class: &Class) {
        self.classes[class.slot].awaited += 1;
    }

    /// Ends [`begin_await`](Self::begin_await).
    pub(crate) fn end_await(&mut self, class: &Class) {
        self.classes[class.slot].awaited -= 1;
    }

    /// The free amounts of all nodes if no resources were held.
    pub(crate) fn empty_pools(&self) -> Vec<Pool> {
        self.nodes.iter().map(|node| Pool::new(&node.capacity, &self.names)).collect()
    }

    /// Everything that is queued, taken out of the queues.
    pub(crate) fn clear(&mut self) -> Vec<T> {
        let slots = std::mem::take(&mut self.waiting);
        let queues = slots.into_iter().map(|slot| std::mem::take(&mut self.classes[slot].queue));
        queues.flatten().map(|(_, task)| task).collect()
    }

    /// Takes the resources of a node for the first task of a class, whose stamp is given.
    fn place(&mut self, slot: usize, stamp: u64) -> Option<Grant> {
        let class = Arc::clone(&self.classes[slot].class);
        let first = match class.placement {
            Placement::Spread => {
                class.node_slots.iter().position(|node_slot| node_slot.node >= self.next_spread)
            }
            _ => None,
        };
        let (before, from) = class.node_slots.split_at(first.unwrap_or(0));
        let node_slot = from.iter().chain(before).find(|node_slot| {
            self.pools[node_slot.node].fits(&class.demand)
                && !self.is_reserved(node_slot.node, slot, stamp)
        })?;
        let (node, place) = (node_slot.node, Arc::clone(&node_slot.place));
        if class.placement == Placement::Spread {
            self.next_spread = node + 1;
        }
        self.pools[node].take(&class.demand);
        self.pass_over(node, &class.demand, stamp);
        Some(Grant { class, place, node, pinned: false })
    }

    /// Whether an older task of another class has reserved this node.
    fn is_reserved(&self, node: usize, slot: usize, stamp: u64) -> bool {
        let own = &self.classes[slot];
        let reserves = |other: &Backlog<T>| {
            other.reserved == Some(node)
                && other.stamp() < stamp
                && other.class.demand.meets(&own.class.demand)
                && self.unpinned[node].fits(&other.class.demand)
        };
        own.awaited == 0
            && self.waiting.iter().any(|at| *at != slot && reserves(&self.classes[*at]))
    }

    /// Counts the pass on every older task that wants the same of this node.
    fn pass_over(&mut self, node: usize, demand: &Demand, stamp: u64) {
        for slot in &self.waiting {
            let backlog = &mut self.classes[*slot];
            let wants = backlog.class.node_slots.iter().any(|node_slot| node_slot.node == node);
            if backlog.stamp() < stamp && wants && backlog.class.demand.meets(demand) {
                backlog.passed += 1;
                let demand = &backlog.class.demand;
                let is_valid =
                    backlog.reserved.is_some_and(|node| self.unpinned[node].fits(demand));
                if backlog.passed >= MAX_PASSES && !is_valid {
                    backlog.reserved = backlog.class.nearest(&self.pools, &self.unpinned);
                }
            }
        }
    }

    /// Drops entries that do not want to run any more from the heads of the queues.
    fn drop_unwanted(&mut self) {
        let classes = &mut self.classes;
        self.waiting.retain(|slot| {
            let backlog = &mut classes[*slot];
            while backlog.queue.front().is_some_and(|(_, task)| !task.is_wanted()) {
                backlog.advance();
            }
            !backlog.queue.is_empty()
        });
    }

    /// Starts the first task of a queue, if there is a place for it.
    fn start_first(&mut self, slot: usize) -> Option<(T, Grant)> {
        let grant = self.place(slot, self.classes[slot].stamp())?;
        let task = self.classes[slot].advance()?;
        if self.classes[slot].queue.is_empty() {
            self.waiting.retain(|waiting| *waiting != slot);
        }
        Some((task, grant))
    }

    /// Removes unused classes: a loop may demand another amount of memory at each call.
    fn sweep(&mut self) {
        self.by_demand.retain(|_, classes| {
            // One reference is in this table, one in the backlog.
            classes.retain(|class| {
                let used = Arc::strong_count(class) > 2 || self.waiting.contains(&class.slot);
                if !used {
                    self.classes.remove(class.slot);
                }
                used
            });
            !classes.is_empty()
        });
        self.sweep_at = SWEEP.max(2 * self.classes.len());
    }
}

impl<T> Backlog<T> {
    /// The stamp of the first in the queue; an empty queue is younger than all.
    fn stamp(&self) -> u64 {
        self.queue.front().map_or(u64::MAX, |(stamp, _)| *stamp)
    }

    fn advance(&mut self) -> Option<T> {
        self.passed = 0;
        self.reserved = None;
        self.queue.pop_front().map(|(_, task)| task)
    }
}

impl Class {
    /// Of the nodes that can hold this class beside their actors, the one on which the least is
    /// missing.
    fn nearest(&self, pools: &[Pool], unpinned: &[Pool]) -> Option<usize> {
        let nodes = self.node_slots.iter().map(|node_slot| node_slot.node);
        let nodes = nodes.filter(|node| unpinned[*node].fits(&self.demand));
        nodes.min_by_key(|node| pools[*node].lack(&self.demand))
    }

    /// Whether some allowed node has room for it.
    pub(crate) fn fits(&self, pools: &[Pool]) -> bool {
        self.node_slots.iter().any(|node_slot| pools[node_slot.node].fits(&self.demand))
    }
}

impl Grant {
    /// Takes from pools of the whole cluster what this grant holds; of a waiting task all but `cpu`.
    pub(crate) fn take_from(&self, pools: &mut [Pool], waiting: bool) {
        let pool = &mut pools[self.node];
        pool.take(&self.class.demand);
        if waiting {
            pool.give_cpu(&self.class.demand);
        }
    }

    /// Undoes [`take_from`](Self::take_from).
    pub(crate) fn give_to(&self, pools: &mut [Pool], waiting: bool) {
        let pool = &mut pools[self.node];
        pool.give(&self.class.demand);
        if waiting {
            pool.take_cpu(&self.class.demand);
        }
    }
}
