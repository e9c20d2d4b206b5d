//! Waits that can never end: found without guessing, so that a slow task is never taken for a dead one.
//!
//! Two looks are taken. A task that begins to wait for what cannot start while that very task holds
//! its resources is refused at once. Rings of several tasks are looked for every [`SETTLE`]: let
//! everything that may go on go on and finish, and see who is left. Every doubt is decided for the
//! tasks: one that waits for several objects goes on with any of them, and what has not started
//! finishes once it fits. A call of an actor counts as a task that holds nothing; the later calls of
//! an ordered actor depend on it. A ring is reported when two looks in a row find it, so that
//! a shorter time-out around a wait comes first, and one wait at a time, the youngest task's: its
//! failure may free the others.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::{Arc, Weak};
use std::time::Duration;

use chia_dispatch::backend::ObjectId;
use chia_dispatch::{Error, ErrorKind, Resources};

use super::cell::{Cell, Standing};
use super::engine::{Engine, State};
use super::lease::{Held, Wait};
use super::scheduler::{Class, Pool, Scheduler};

/// How long a ring must stand still.
const SETTLE: Duration = Duration::from_secs(1);

/// Something unfinished that an object depends on.
pub(super) struct Pending {
    cell: Arc<Cell>,
    /// What it needs before it can start; `None` when it runs already.
    pub(super) class: Option<Arc<Class>>,
    /// The call that its ordered actor makes first.
    after: Option<Arc<Cell>>,
}

/// Everything unfinished that an object depends on: itself, its arguments, the call before it in its
/// ordered actor, and what those depend on.
pub(super) fn pending(target: &Arc<Cell>) -> Vec<Pending> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut next = vec![Arc::clone(target)];
    while let Some(cell) = next.pop() {
        if !seen.insert(cell.id) {
            continue;
        }
        match cell.standing() {
            Standing::Ahead { class, args, after } => {
                let after = after.filter(|call| call.id != cell.id);
                next.extend(args.iter().filter_map(super::cell::cell));
                next.extend(after.clone());
                found.push(Pending { cell, class, after });
            }
            Standing::Running => found.push(Pending { cell, class: None, after: None }),
            Standing::Over => {}
        }
    }
    found
}

/// The error of a wait for something that needs what the waiter itself holds, whoever else lets go.
pub(super) fn by_itself(
    scheduler: &Scheduler<Arc<Cell>>,
    waiter: &Held,
    target: &Cell,
    pending: &[Pending],
) -> Option<Error> {
    let kept = waiter.kept();
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

/// Looks for rings for as long as tasks wait.
pub(super) async fn watch(engine: Weak<Engine>) {
    let mut suspects = HashSet::new();
    loop {
        tokio::time::sleep(SETTLE).await;
        let Some(engine) = engine.upgrade() else { return };
        let Some(ring) = engine.look(standing_still) else { return };
        let doomed = ring.iter().filter(|doomed| suspects.contains(&doomed.key()));
        if let Some(victim) = doomed.max_by_key(|doomed| doomed.waiter) {
            // Fails only when another look has told this wait already.
            let _ = victim.wait.verdict.set(Error::new(ErrorKind::Deadlock, victim.why.as_str()));
        }
        suspects = ring.iter().map(Doomed::key).collect();
    }
}

/// A wait that nothing can end.
pub(super) struct Doomed {
    wait: Arc<Wait>,
    waiter: ObjectId,
    why: String,
}

impl Doomed {
    /// The wait's address. It cannot be another wait's: every look is a second after the last, and
    /// a wait that took over the memory of an ended one is looked at once more than needed at most.
    fn key(&self) -> (usize, ObjectId) {
        (Arc::as_ptr(&self.wait) as usize, self.wait.target.id)
    }
}

/// A task, or a call of an actor, that waits.
struct Waiter<'s> {
    cell: &'s Arc<Cell>,
    /// What a task holds while it waits. What an actor holds is not given back by its calls.
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

/// The waits that are left when everything that may go on has gone on and finished.
fn standing_still(state: &State) -> Vec<Doomed> {
    let mut pools = state.scheduler.empty_pools();
    let mut blocked = waiters(state);
    for held in blocked.values().filter_map(|waiter| waiter.held) {
        held.grant.take_from(&mut pools, true);
    }
    loop {
        let may_end = |pending: &Vec<Pending>| {
            pending.iter().all(|item| item.can_start(&pools) && item.can_finish(&blocked))
        };
        let goes_on = |waiter: &Waiter<'_>| waiter.waits.iter().any(|(_, hope)| may_end(hope));
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
    let doomed = blocked.values().flat_map(|waiter| {
        waiter.waits.iter().map(|(wait, hope)| Doomed {
            wait: Arc::clone(wait),
            waiter: waiter.cell.id,
            why: why(waiter, wait, hope, &blocked, &pools),
        })
    });
    doomed.collect()
}

impl Pending {
    fn can_start(&self, pools: &[Pool]) -> bool {
        self.class.as_ref().is_none_or(|class| class.fits(pools))
    }

    fn can_finish(&self, blocked: &Waiters<'_>) -> bool {
        !blocked.contains_key(&self.cell.id)
    }
}

/// Names what is missing: the resource and its holders, or the call that comes first.
fn why(
    waiter: &Waiter<'_>,
    wait: &Wait,
    hope: &[Pending],
    blocked: &Waiters<'_>,
    pools: &[Pool],
) -> String {
    let kind = if waiter.held.is_some() { "task" } else { "call" };
    let mut text = format!("{kind} `{}` waits for `{}`", waiter.cell.name, wait.target.name);
    let stuck = hope.iter().find(|item| !item.can_start(pools));
    // Writing to a string cannot fail.
    if let Some((item, class)) = stuck.and_then(|item| Some((item, item.class.as_ref()?))) {
        let needs = class.resources();
        let holders = holders(needs, blocked).join(", ");
        let _ = write!(text, ", and `{}` needs {needs}, held by {holders}", item.cell.name);
    } else if let Some((call, first)) =
        hope.iter().find_map(|item| Some((&item.cell, item.after.as_ref()?)))
    {
        let (call, first) = (&call.name, &first.name);
        let _ = write!(text, ", and the ordered actor makes `{call}` only after `{first}`");
    }
    text + ": all of them wait for one another, and nothing that runs can end it"
}

/// The names of the waiting tasks that hold some of these resources, oldest first.
fn holders(needs: &Resources, blocked: &Waiters<'_>) -> Vec<String> {
    let holds = |held: &&Held| held.kept().iter().any(|(name, _)| !needs.amount(name).is_zero());
    let held = blocked.values().filter_map(|waiter| waiter.held).filter(holds);
    let mut holders: Vec<&Arc<Cell>> = held.map(|held| &held.holder).collect();
    holders.sort_by_key(|holder| holder.id);
    holders.iter().map(|holder| format!("`{}`", holder.name)).collect()
}
