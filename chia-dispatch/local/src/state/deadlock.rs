//! Finds waits that can never end, without guessing: a slow task is never reported.
//!
//! There are two checks. A task that begins to wait for what cannot start while that very task holds
//! its resources is refused at once. Rings of several tasks are looked for every second: let
//! all tasks that may go on finish, and see which are left. Every doubt is decided for the tasks: one that waits for several objects goes on with any of them, and what has not started
//! finishes once it fits. A call of an actor counts as a task that holds nothing; the later calls of
//! an ordered actor depend on it. A ring is reported when two checks in a row find it, so that
//! a shorter time-out around a wait comes first, and one wait at a time, the youngest task's: its
//! failure may free the others.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;

use chia_dispatch::backend::ObjectId;
use chia_dispatch::{Error, ErrorKind, Resources};

use super::State;
use super::cell::{Cell, CellState};
use super::held::{Held, Wait};
use super::scheduler::{Class, Pool, Scheduler};

/// Something unfinished that an object depends on.
pub(crate) struct Pending {
    cell: Arc<Cell>,
    /// The resources that it needs before it can start; `None` when it runs already.
    pub(crate) class: Option<Arc<Class>>,
    /// The call that its ordered actor makes first.
    after: Option<Arc<Cell>>,
}

/// Everything unfinished that an object depends on: itself, its arguments, the call before it in its
/// ordered actor, and what those depend on.
pub(crate) fn pending(target: &Arc<Cell>) -> Vec<Pending> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut next = vec![Arc::clone(target)];
    while let Some(cell) = next.pop() {
        if !seen.insert(cell.id) {
            continue;
        }
        match cell.state() {
            CellState::Queued { class, args, after } => {
                let after = after.filter(|call| call.id != cell.id);
                next.extend(args.iter().filter_map(super::cell::cell));
                next.extend(after.clone());
                found.push(Pending { cell, class, after });
            }
            CellState::Running => found.push(Pending { cell, class: None, after: None }),
            CellState::Over => {}
        }
    }
    found
}

/// The error of a wait for an object that needs resources which the waiter itself holds, even if all
/// other tasks give theirs back.
pub(crate) fn self_deadlock(
    scheduler: &Scheduler<Arc<Cell>>,
    waiter: &Held,
    target: &Cell,
    pending: &[Pending],
) -> Option<Error> {
    let kept = waiter.retained();
    if kept.is_empty() {
        return None;
    }
    let mut pools = scheduler.empty_pools();
    waiter.grant.take_from(&mut pools, waiter.lends_cpu());
    let stuck = pending.iter().find(|item| !item.can_start(&pools))?;
    let needs =
        stuck.class.as_ref().map_or_else(Resources::none, |class| class.resources().clone());
    let message = format!(
        "task `{}` waits for `{}`, and `{}` needs {needs}; `{0}` itself holds {kept} while it \
         waits, and no node has enough beside that: release it first, or demand less",
        waiter.holder.name, target.name, stuck.cell.name,
    );
    Some(Error::new(ErrorKind::Deadlock, message))
}

/// A wait that nothing can end.
pub(crate) struct StuckWait {
    pub(crate) wait: Arc<Wait>,
    pub(crate) waiter: ObjectId,
    pub(crate) why: String,
}

impl StuckWait {
    /// The wait's address. It cannot be another wait's: checks are a second apart, and
    /// a wait at the address of an ended one is checked once more than needed at most.
    pub(crate) fn key(&self) -> (usize, ObjectId) {
        (Arc::as_ptr(&self.wait) as usize, self.wait.target.id)
    }
}

/// A task, or a call of an actor, that waits.
struct Waiter<'s> {
    cell: &'s Arc<Cell>,
    /// The task's resources. `None` for a call: it gives back none of its actor's.
    held: Option<&'s Held>,
    /// Each wait, with all that it depends on.
    waits: Vec<(&'s Arc<Wait>, Vec<Pending>)>,
}

type Waiters<'s> = HashMap<ObjectId, Waiter<'s>>;

/// All tasks and calls of actors that wait.
fn waiters(state: &State) -> Waiters<'_> {
    let mut waiters = Waiters::new();
    for (_, held) in &state.leases {
        for wait in &held.waits {
            let (cell, holds) = match &wait.call {
                Some(call) => (call, None),
                None if held.is_actor() => continue,
                None => (&held.holder, Some(held)),
            };
            let new = || Waiter { cell, held: holds, waits: Vec::new() };
            let waiter = waiters.entry(cell.id).or_insert_with(new);
            waiter.waits.push((wait, pending(&wait.target)));
        }
    }
    waiters
}

/// The waits that are left when all tasks that may go on have finished.
pub(crate) fn stuck_waits(state: &State) -> Vec<StuckWait> {
    let mut pools = state.scheduler.empty_pools();
    let mut blocked = waiters(state);
    for held in blocked.values().filter_map(|waiter| waiter.held) {
        held.grant.take_from(&mut pools, true);
    }
    loop {
        let may_end = |pending: &Vec<Pending>| {
            pending.iter().all(|item| item.can_start(&pools) && item.can_finish(&blocked))
        };
        let goes_on = |waiter: &Waiter<'_>| {
            waiter.waits.iter().any(|(_, dependencies)| may_end(dependencies))
        };
        let free: Vec<ObjectId> =
            blocked.iter().filter(|(_, waiter)| goes_on(waiter)).map(|(id, _)| *id).collect();
        if free.is_empty() {
            break;
        }
        for waiter in free.iter().filter_map(|id| blocked.remove(id)) {
            if let Some(held) = waiter.held {
                held.grant.give_to(&mut pools, true);
            }
        }
    }
    let stuck = blocked.values().flat_map(|waiter| {
        waiter.waits.iter().map(|(wait, dependencies)| StuckWait {
            wait: Arc::clone(wait),
            waiter: waiter.cell.id,
            why: why(waiter, wait, dependencies, &blocked, &pools),
        })
    });
    stuck.collect()
}

impl Pending {
    fn can_start(&self, pools: &[Pool]) -> bool {
        self.class.as_ref().is_none_or(|class| class.fits(pools))
    }

    fn can_finish(&self, blocked: &Waiters<'_>) -> bool {
        !blocked.contains_key(&self.cell.id)
    }
}

/// The message: names the missing resource and its holders, or the call that comes first.
fn why(
    waiter: &Waiter<'_>,
    wait: &Wait,
    dependencies: &[Pending],
    blocked: &Waiters<'_>,
    pools: &[Pool],
) -> String {
    let kind = if waiter.held.is_some() { "task" } else { "call" };
    let mut text = format!("{kind} `{}` waits for `{}`", waiter.cell.name, wait.target.name);
    let stuck = dependencies.iter().find(|item| !item.can_start(pools));
    // Writing to a string cannot fail.
    if let Some((item, class)) = stuck.and_then(|item| Some((item, item.class.as_ref()?))) {
        let needs = class.resources();
        let holders = holders(needs, blocked).join(", ");
        let _ = write!(text, ", and `{}` needs {needs}, held by {holders}", item.cell.name);
    } else if let Some((call, first)) =
        dependencies.iter().find_map(|item| Some((&item.cell, item.after.as_ref()?)))
    {
        let (call, first) = (&call.name, &first.name);
        let _ = write!(text, ", and the ordered actor makes `{call}` only after `{first}`");
    }
    text + ": all of them wait for one another, and nothing that runs can end it"
}

/// The names of the waiting tasks that hold some of these resources, oldest first.
fn holders(needs: &Resources, blocked: &Waiters<'_>) -> Vec<String> {
    let holds =
        |held: &&Held| held.retained().iter().any(|(name, _)| !needs.amount(name).is_zero());
    let held = blocked.values().filter_map(|waiter| waiter.held).filter(holds);
    let mut holders: Vec<&Arc<Cell>> = held.map(|held| &held.holder).collect();
    holders.sort_by_key(|holder| holder.id);
    holders.iter().map(|holder| format!("`{}`", holder.name)).collect()
}
