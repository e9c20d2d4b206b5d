//! The store, the machine it runs on, and what is known of both.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::oracle::Oracle;
use super::plan::Step;
use super::profile::Profile;
use crate::io::sim::{Loss, Sim};
use crate::{ByteSize, Durability, Error, ErrorKind, Options, Policy, Store};

pub(super) const DIR: &str = "/cache";

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub(super) struct Violation {
    /// The same for all failures of one kind.
    pub(super) kind: &'static str,
    pub(super) what: String,
}

pub(super) type Checked<T = ()> = Result<T, Violation>;

pub(super) fn violation<T>(kind: &'static str, what: impl Into<String>) -> Checked<T> {
    Err(Violation { kind, what: what.into() })
}

/// Which damage there may be that was not looked at yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Damage {
    None,
    /// It is over once the store has been opened: nobody reads the file again.
    UntilOpened,
    /// It may show at any time.
    Lasting,
}

/// A pickle that a stranger put into the directory.
#[derive(Clone, Debug)]
pub(super) struct Pickle {
    pub(super) path: PathBuf,
    pub(super) tag: usize,
    pub(super) payload: Arc<[u8]>,
    /// Its number among all values.
    pub(super) version: u64,
}

pub(super) struct World {
    pub(super) profile: Profile,
    /// As the process of the present owner sees it.
    pub(super) sim: Sim,
    pub(super) store: Option<Store>,
    pub(super) oracle: Oracle,
    pub(super) tags: Vec<String>,
    pub(super) durability: Durability,
    pub(super) budget: u64,
    pub(super) damage: Damage,
    pub(super) pickles: Vec<Pickle>,
    /// Values whose file is whole and must not be deleted, checked after the next opening.
    pub(super) intact: Vec<(usize, Arc<[u8]>)>,
    /// An operation of this owner failed by an injected fault: until the next opening others may as well.
    pub(super) excused: bool,
    pub(super) ever_opened: bool,
    /// Numbers the values.
    pub(super) version: u64,
    /// The last record of a log was damaged: that looks like one that was never finished.
    pub(super) tail_hit: bool,
    /// A write that a close waited for may have evicted others.
    pub(super) evicted_late: bool,
    /// Which files were damaged, for people.
    pub(super) damaged: Vec<PathBuf>,
    /// Bytes of the largest record that can have been written.
    pub(super) largest: u64,
    /// When the step began, in milliseconds since 1970.
    pub(super) began: u64,
    pub(super) policy: Option<Policy>,
    pub(super) allow_shrink: bool,
    pub(super) operations: u64,
    pub(super) crashes: u64,
    /// Whether every opening is printed.
    pub(super) verbose: bool,
}

impl World {
    pub(super) fn new(profile: Profile) -> Self {
        let sim = Sim::default().new_process();
        Self {
            sim,
            store: None,
            oracle: Oracle::new(profile.tags),
            tags: (0..profile.tags).map(|tag| profile.tag_name(tag)).collect(),
            durability: if profile.seed.is_multiple_of(2) {
                Durability::Durable
            } else {
                Durability::Relaxed
            },
            budget: profile.budget,
            damage: Damage::None,
            pickles: Vec::new(),
            intact: Vec::new(),
            excused: false,
            ever_opened: false,
            version: 0,
            tail_hit: false,
            evicted_late: false,
            damaged: Vec::new(),
            largest: 0,
            began: 0,
            policy: None,
            allow_shrink: true,
            operations: 0,
            crashes: 0,
            verbose: false,
            profile,
        }
    }

    pub(super) fn options(&self) -> Options {
        let options = Options::new(ByteSize::new(self.budget))
            .durability(self.durability)
            .inline_limit(self.profile.inline_limit)
            .allow_shrink(self.allow_shrink)
            .lock_wait(Duration::ZERO);
        match self.policy {
            Some(policy) => options.policy(policy),
            None => options,
        }
    }

    pub(super) fn is_durable(&self) -> bool {
        self.durability == Durability::Durable
    }

    /// A new owner opens the directory, in a process of its own.
    pub(super) fn try_open(&mut self) -> Checked<Result<Store, Error>> {
        self.sim = self.sim.new_process();
        let (io, options) = (Arc::new(self.sim.clone()), self.options());
        let tuning = self.profile.tuning;
        let open = || Store::open_with(io, Path::new(DIR), options, tuning);
        match catch_unwind(AssertUnwindSafe(open)) {
            Ok(opened) => Ok(opened),
            Err(_) => violation("panic", "opening panicked"),
        }
    }

    /// Opens the store if it is not open, and looks at what it holds.
    pub(super) fn opened(&mut self) -> Checked<Store> {
        for _ in 0..3 {
            if let Some(store) = &self.store {
                return Ok(store.clone());
            }
            let faulty = self.sim.is_faulty();
            let full = self.sim.is_full();
            let opened = self.try_open()?;
            let crashed = self.sim.has_crashed();
            match opened {
                Ok(store) if !crashed => {
                    self.disarm(faulty);
                    self.check_opening(&store)?;
                    self.store = Some(store);
                    self.ever_opened = true;
                    self.verify_opened()?;
                }
                Ok(store) => {
                    self.evicted_late = true;
                    self.store = Some(store);
                    self.die();
                }
                Err(error) if !crashed && self.is_refusal(&error) => {
                    self.disarm(faulty);
                    self.check_refusal(&error)?;
                }
                Err(_) if faulty => {
                    self.evicted_late = true;
                    self.disarm(faulty);
                    self.die();
                }
                // A new index for a damaged one needs more than is held back, if that was used before.
                Err(_) if full && (!self.ever_opened || self.damage == Damage::Lasting) => {
                    self.sim.heal();
                    self.die();
                }
                Err(error) if full => {
                    return violation(
                        "stuck on a full disk",
                        format!("open: {}", describe(&error)),
                    );
                }
                Err(error) => return violation("refused to open", describe(&error)),
            }
        }
        match &self.store {
            Some(store) => Ok(store.clone()),
            None => violation("refused to open", "again and again"),
        }
    }

    /// Ends a fault that was on its way, but not the fullness of the disk.
    fn disarm(&mut self, faulty: bool) {
        if faulty && !self.sim.is_full() {
            self.sim.heal();
        }
    }

    /// The process dies; what it wrote is in the page cache.
    pub(super) fn die(&mut self) {
        self.sim.kill_all();
        drop(self.store.take());
        self.oracle.died();
        self.excused = false;
        self.crashes += 1;
    }

    pub(super) fn lose_power(&mut self, seed: u64) {
        self.die();
        let loss = match seed % 8 {
            0 => Loss::Everything,
            1 => Loss::Contents,
            _ => Loss::Random(seed),
        };
        self.sim.lose_power(loss);
        self.oracle.lost_power();
    }

    pub(super) fn close(&mut self) -> Checked {
        let Some(store) = self.store.take() else { return Ok(()) };
        let closed = store.close();
        let crashed = self.sim.has_crashed();
        match closed {
            Ok(()) if !crashed => self.oracle.stopped(),
            Ok(()) => self.die(),
            Err(error) => {
                self.excuse("close", &error)?;
                self.die();
            }
        }
        self.excused = false;
        Ok(())
    }

    /// Whether an error is a consequence of what was injected.
    pub(super) fn excuse(&mut self, doing: &str, error: &Error) -> Checked {
        let files = || self.sim.files();
        let what = || format!("{doing}: {}; files: {:?}", describe(error), files());
        if self.excused || self.sim.is_faulty() {
            self.excused = true;
            return Ok(());
        }
        // A damaged index refuses changes until the next opening has rebuilt it.
        if self.damage == Damage::Lasting && matches!(error.kind(), ErrorKind::Corrupt) {
            self.excused = true;
            return Ok(());
        }
        match (self.sim.is_full(), doing) {
            (true, "write") if matches!(error.kind(), ErrorKind::Full) => Ok(()),
            (true, _) => violation("stuck on a full disk", what()),
            (false, _) => violation("failed without a fault", what()),
        }
    }

    /// Takes one step.
    pub(super) fn step(&mut self, step: &Step) -> Checked {
        match step {
            Step::Close => self.close(),
            Step::Options { durability, percent } => {
                self.close()?;
                self.durability = *durability;
                self.budget = self.profile.budget * percent / 100;
                Ok(())
            }
            Step::Policy { policy } => {
                self.close()?;
                self.policy = Some(*policy);
                Ok(())
            }
            Step::Shrink { percent } => {
                self.close()?;
                self.budget = self.profile.budget * percent / 100;
                self.allow_shrink = false;
                self.opened().map(drop)
            }
            Step::Die => {
                self.die();
                Ok(())
            }
            Step::LosePower { seed } => {
                self.lose_power(*seed);
                Ok(())
            }
            Step::Fail { after, fault } => {
                self.sim.fail_at(*after, *fault);
                Ok(())
            }
            Step::FillDisk { left } => {
                if self.ever_opened && !self.sim.is_full() {
                    self.sim.fill_up(*left);
                }
                Ok(())
            }
            Step::Heal => {
                if self.sim.heal() {
                    self.excused = true;
                }
                Ok(())
            }
            Step::Flip { seed, bits } => self.flip(*seed, *bits),
            Step::Stranger { edit, seed } => self.stranger(*edit, *seed),
            Step::Overtake { tag, what, at, writes } => self.overtake(*tag, *what, *at, *writes),
            Step::Supersede { tag } => self.supersede(*tag),
            _ => self.operate(step),
        }?;
        if self.sim.has_crashed() {
            self.die();
        }
        Ok(())
    }
}

/// An error with its causes.
pub(super) fn describe(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
