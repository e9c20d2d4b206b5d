//! What each tag may hold, from what was acknowledged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::{Entry, Origin};

/// A value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) bytes: Arc<[u8]>,
    pub(super) origin: Origin,
    pub(super) function: Option<Arc<str>>,
    /// A stranger's pickle: `bytes` is what must be somewhere in it.
    pub(super) foreign: bool,
    /// Whether the entry is pinned, if that is known.
    pub(super) pinned: Option<bool>,
    /// Its time to live in milliseconds.
    pub(super) ttl: Option<u64>,
    /// When it expires, at the earliest and at the latest, in milliseconds since 1970.
    pub(super) expires: Option<(u64, u64)>,
    pub(super) compute_time: Duration,
}

impl Value {
    pub(super) fn is(&self, entry: &Entry) -> bool {
        let bytes: &[u8] = &entry.value;
        let same_bytes = match self.foreign {
            true => bytes.windows(self.bytes.len()).any(|part| *part == *self.bytes),
            false => *bytes == *self.bytes,
        };
        same_bytes
            && entry.facts.origin == self.origin
            && entry.facts.function.as_deref() == self.function.as_deref()
    }

    /// What tells it from others, for people.
    pub(super) fn describe(&self) -> String {
        let head = &self.bytes[..self.bytes.len().min(8)];
        format!("{} bytes {head:?} {:?} {:.10?}", self.bytes.len(), self.origin, self.function)
    }
}

/// A value, or nothing.
pub(super) type State = Option<Value>;

/// The states a tag may be in: as its process sees it, after the process died, after the power went.
#[derive(Clone, Debug)]
pub(super) struct Allowed {
    pub(super) live: Vec<State>,
    pub(super) crash: Vec<State>,
    pub(super) power: Vec<State>,
    /// A power loss may leave more than the process's death.
    pub(super) unsynced: bool,
    /// Earlier states, the newest last: what a destroyed record of the log may bring back.
    pub(super) earlier: Vec<State>,
    /// The states that one did bring back, if it was reported.
    pub(super) regressed: Vec<State>,
    /// Values that gave way to a real one. Their file may be left when that one is lost.
    pub(super) refused: Vec<State>,
}

/// How many earlier states are remembered.
const EARLIER: usize = 64;

fn add(states: &mut Vec<State>, state: &State) {
    if !states.contains(state) {
        states.push(state.clone());
    }
}

impl Allowed {
    /// A change was acknowledged.
    fn acknowledge(&mut self, state: State, durable: bool) {
        self.remember();
        if durable {
            self.power.clear();
        }
        add(&mut self.power, &state);
        self.unsynced = !durable && self.power.len() > 1;
        self.crash = vec![state.clone()];
        self.live = vec![state];
    }

    fn remember(&mut self) {
        self.earlier.extend(self.live.iter().cloned());
        let excess = self.earlier.len().saturating_sub(EARLIER);
        self.earlier.drain(..excess);
    }

    /// A change failed: it may have happened.
    fn attempt(&mut self, state: &State) {
        self.remember();
        add(&mut self.live, state);
        add(&mut self.crash, state);
        add(&mut self.power, state);
        self.unsynced = true;
    }

    /// Whether the tag is in this state whatever happens.
    pub(super) fn surely(&self) -> Option<&Value> {
        match &self.live[..] {
            [Some(value)] => Some(value),
            _ => None,
        }
    }

    pub(super) fn may_be_absent(&self) -> bool {
        self.live.contains(&None)
    }
}

/// What all tags may hold.
#[derive(Debug)]
pub(super) struct Oracle {
    pub(super) tags: Vec<Allowed>,
    /// Tags whose entry may be lost, because somebody damaged it; it must be reported.
    pub(super) lossy: BTreeSet<usize>,
    /// The number of the last value that was stored under each tag.
    pub(super) stored: Vec<u64>,
}

impl Oracle {
    pub(super) fn new(tags: usize) -> Self {
        let nothing = vec![None];
        let allowed = Allowed {
            live: nothing.clone(),
            crash: nothing.clone(),
            power: nothing,
            unsynced: false,
            earlier: Vec::new(),
            regressed: Vec::new(),
            refused: Vec::new(),
        };
        Self { tags: vec![allowed; tags], lossy: BTreeSet::new(), stored: vec![0; tags] }
    }

    /// Damage may have taken the pin: a file that is adopted has the one that it was written with.
    pub(super) fn forget_pin(&mut self, tag: usize) {
        let allowed = &mut self.tags[tag];
        let states = [&mut allowed.live, &mut allowed.crash, &mut allowed.power];
        states.into_iter().flatten().flatten().for_each(|value| value.pinned = None);
    }

    pub(super) fn acknowledge(&mut self, tag: usize, state: State, durable: bool) {
        self.tags[tag].acknowledge(state, durable);
        // A power loss may undo the change, and with it comes the damage again.
        if durable {
            self.lossy.remove(&tag);
        }
    }

    pub(super) fn attempt(&mut self, tag: usize, state: &State) {
        self.tags[tag].attempt(state);
    }

    /// Damage to what was not synced looks like a power loss.
    pub(super) fn doubt(&mut self, tag: usize) {
        let allowed = &mut self.tags[tag];
        if allowed.unsynced {
            for state in allowed.power.clone() {
                add(&mut allowed.live, &state);
                add(&mut allowed.crash, &state);
            }
        }
    }

    /// Records of the log were destroyed: what they replaced may come back.
    pub(super) fn lost_records(&mut self) {
        for allowed in &mut self.tags {
            allowed.regressed = allowed.earlier.clone();
            for state in &allowed.power {
                add(&mut allowed.regressed, state);
            }
            add(&mut allowed.regressed, &None);
        }
    }

    /// The process sees this state from now on.
    pub(super) fn observe(&mut self, tag: usize, state: State) {
        self.tags[tag].live = vec![state];
    }

    /// What was acknowledged is durable from now on.
    pub(super) fn synced(&mut self) {
        for allowed in self.tags.iter_mut().filter(|allowed| allowed.unsynced) {
            allowed.power = allowed.crash.clone();
            allowed.unsynced = allowed.power.len() > 1;
        }
    }

    /// The store stopped cleanly.
    pub(super) fn stopped(&mut self) {
        for allowed in &mut self.tags {
            allowed.crash = allowed.live.clone();
            allowed.power = allowed.live.clone();
            allowed.unsynced = false;
        }
    }

    pub(super) fn died(&mut self) {
        for allowed in &mut self.tags {
            allowed.live = allowed.crash.clone();
        }
    }

    pub(super) fn lost_power(&mut self) {
        for allowed in &mut self.tags {
            allowed.live = allowed.power.clone();
            allowed.crash = allowed.power.clone();
            allowed.unsynced = false;
        }
    }

    /// The store was opened and all tags that were in doubt have been looked at: what they are now they
    /// stay, if only the process dies.
    pub(super) fn opened(&mut self) {
        for allowed in &mut self.tags {
            for state in &allowed.live {
                if !allowed.power.contains(state) {
                    allowed.power.push(state.clone());
                }
            }
            // Nothing is pending after a power loss, so what was found is durable.
            if !allowed.unsynced {
                allowed.power = allowed.live.clone();
            }
            allowed.unsynced = allowed.power.len() > 1;
            allowed.crash = allowed.live.clone();
            allowed.regressed.clear();
        }
    }
}
