//! The loop handle: rules, cache and backend in one hand.

mod actor;
mod call;
mod completed;
pub(crate) mod current;
mod handle;
mod run;
mod select;
mod timing;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use bytes::Bytes;
use chia_bypass::Usage;
use chia_dispatch::backend::{ActorRef, Backend};
use chia_dispatch::{Error, ErrorKind, ForeignRunner, Place, Resources, Result, TaskContext};
use chia_services::codec::Value;
use chia_services::{CacheClient, FileClient};

pub use actor::{ActorHandle, MethodCall, NewActor};
pub use call::Call;
pub use completed::{AsCompleted, Completed, as_completed, wait};
pub use current::block_on;
use handle::Dispatched;
pub use handle::Handle;
pub(crate) use run::{failed, run};
pub(crate) use select::check_signature;

use timing::Timing;

use crate::outcome::{Outcome, Tally};
use crate::progress::Progress;
use crate::record::CallLog;
use crate::registry::{Arguments, Function, IntoArguments, Registry, Signature, Site};
use crate::ruleset::Rules;
use crate::state::ProcessState;
use crate::summary::Summary;

/// What the author of a loop holds: it dispatches calls under the loop's rules.
///
/// Built by [`Chia::builder`] in the driver; inside a task, [`Chia::current`] is the caller's, with
/// the caller's rules (R9). Cheap to clone; clones are one loop.
#[derive(Clone)]
pub struct Chia(Arc<Inner>);

struct Inner {
    registry: Registry,
    state: Arc<ProcessState>,
    backend: Arc<dyn Backend>,
    rules: RwLock<Arc<Rules>>,
    tallies: Mutex<BTreeMap<String, Tally>>,
    timing: Mutex<Timing>,
    /// Set inside a task.
    context: Option<TaskContext>,
    cache: Option<CacheClient>,
    log: CallLog,
    /// Keeps the file server alive as long as the loop that started it.
    _files: Option<ActorRef>,
}

impl Chia {
    /// Inside a task: the loop that the task belongs to, under the caller's rules. What is selected
    /// on it holds for this task and its nested calls alone.
    #[must_use]
    pub fn current() -> Option<Self> {
        current::get()
    }

    /// The handle of a task.
    pub(crate) fn in_task(
        registry: Registry,
        state: Arc<ProcessState>,
        rules: Arc<Rules>,
        context: TaskContext,
        call: u64,
    ) -> Self {
        let backend = Arc::clone(context.backend());
        let log = match rules.record.upgrade() {
            Some(record) => CallLog::Record { record, parent: call },
            None if rules.data.recorded => CallLog::Gathered(Mutex::default()),
            None => CallLog::Off,
        };
        Self::new(registry, state, backend, rules, Some(context), None, log)
    }

    pub(crate) fn new(
        registry: Registry,
        state: Arc<ProcessState>,
        backend: Arc<dyn Backend>,
        rules: Arc<Rules>,
        context: Option<TaskContext>,
        files: Option<ActorRef>,
        log: CallLog,
    ) -> Self {
        state.learn(&rules);
        let cache = rules.data.cache.as_ref().map(|location| {
            let direct = location.endpoint().map(|endpoint| state.direct_client(endpoint));
            CacheClient::reach(Arc::clone(&backend), location, direct)
        });
        Self(Arc::new(Inner {
            registry,
            state,
            backend,
            rules: RwLock::new(rules),
            tallies: Mutex::default(),
            timing: Mutex::default(),
            context,
            cache,
            log,
            _files: files,
        }))
    }

    /// A call of a function with a tuple of arguments, each a value or the [`Handle`] of another
    /// call. Nothing happens before it is dispatched or awaited.
    pub fn call<A: Arguments, R: Value>(
        &self,
        function: &Function<A, R>,
        args: impl IntoArguments<A>,
    ) -> Call<R> {
        Call::new(self.clone(), function.callee(), args.into_slots())
    }

    /// As [`call`](Self::call), by the name of a registered function.
    ///
    /// # Errors
    /// [`ErrorKind::NotRegistered`]: there is no such function, or it has other types.
    pub fn call_named<A: Arguments, R: Value>(
        &self,
        function: &str,
        args: impl IntoArguments<A>,
    ) -> Result<Call<R>> {
        let wanted = Signature::of::<A, R>();
        let registered = self.registry().find_function(function)?;
        if registered.call.signature != wanted {
            let message =
                format!("it is {}, and was called as {wanted}", registered.call.signature);
            return Err(Error::new(ErrorKind::NotRegistered, message).in_function(function));
        }
        Ok(Call::new(self.clone(), registered.callee.clone(), args.into_slots()))
    }

    /// Encodes a value once and leaves it with the backend, to be passed to many calls: an argument like
    /// the result of a call.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`], a lost backend, or no room for the value.
    pub async fn put<T: Value>(&self, value: &T) -> Result<Handle<T>> {
        let object = self.backend().put(chia_services::encode(value)?).await?;
        Ok(Handle::new(Dispatched::value(self.clone(), object)))
    }

    /// The backend that calls go to.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.0.backend
    }

    /// The loop's cache, if it has one.
    #[must_use]
    pub fn cache(&self) -> Option<CacheClient> {
        self.0.cache.clone()
    }

    /// The loop's recorded files, if its rules name any.
    #[must_use]
    pub fn files(&self) -> Option<FileClient> {
        let rules = self.rules();
        let name = rules.data.files.as_deref()?;
        Some(FileClient::reach(Arc::clone(&self.0.backend), name))
    }

    /// Inside a task: where it runs.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.0.context.as_ref().map(TaskContext::place)
    }

    /// Inside a task: whether it was cancelled. Long blocking bodies ask now and then.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.context.as_ref().is_some_and(TaskContext::is_cancelled)
    }

    /// What the run did so far, function by function: the calls of this loop and, where their results
    /// have come back, the calls that those made in turn.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let (makespan, waited) = {
            let timing = self.0.timing.lock().unwrap_or_else(PoisonError::into_inner);
            (timing.makespan(), timing.waited())
        };
        let no_effect = self.rules().bypass.unused();
        Summary { functions: self.tallies(), makespan, waited, no_effect }
    }

    /// Shows on stderr how the run goes, until the result is dropped: a live line on a terminal, a line
    /// every five seconds elsewhere. `let _progress = chia.show_progress();`
    pub fn show_progress(&self) -> Progress {
        let inner = Arc::downgrade(&self.0);
        Progress::start(move || inner.upgrade().map(|inner| Self(inner).summary()))
    }

    /// The file of this run's record, if it leaves one.
    #[must_use]
    pub fn run_record(&self) -> Option<&Path> {
        Some(self.0.log.record()?.path())
    }

    /// Ends the run's record and the loop's backend: what runs is ended, the cache is closed
    /// cleanly where it lives and dies with this program.
    ///
    /// # Errors
    /// What could not be ended. [`ErrorKind::Config`] where the loop is strict: what had no effect,
    /// once all is ended.
    pub async fn shutdown(&self) -> Result<()> {
        if self.0.context.is_some() {
            return self.0.backend.shutdown().await;
        }
        let rules = self.rules();
        let unused: Vec<_> = rules.bypass.unused().iter().map(ToString::to_string).collect();
        let message = format!("these rules had no effect:\n{}", unused.join("\n"));
        let without_effect = rules.data.strict && !unused.is_empty();
        if let Some(record) = self.0.log.record() {
            record.finish(unused);
        }
        self.0.backend.shutdown().await?;
        match without_effect {
            true => Err(Error::new(ErrorKind::Config, message)),
            false => Ok(()),
        }
    }

    /// Inside a task: what runs bodies of other languages, where there is such a thing.
    pub(crate) fn foreign(&self) -> Option<&Arc<dyn ForeignRunner>> {
        self.0.context.as_ref()?.foreign()
    }

    pub(crate) fn log(&self) -> &CallLog {
        &self.0.log
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(crate) fn state(&self) -> &ProcessState {
        &self.0.state
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.0.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn tallies(&self) -> BTreeMap<String, Tally> {
        self.lock_tallies().clone()
    }

    /// The context of a call, for its provider or condition.
    pub(crate) fn site(&self, function: &str, tag: Option<&str>, capture: &Bytes) -> Site {
        let rules = self.rules();
        let rule = rules.data.config.bypass(function);
        Site {
            tag: tag.map(str::to_owned),
            data: rule.and_then(|rule| rule.data()).map(ToOwned::to_owned),
            capture: capture.clone(),
            cache: self.cache(),
            files: self.files(),
        }
    }

    fn count(&self, function: &str, edit: impl FnOnce(&mut Tally)) {
        let mut tallies = self.lock_tallies();
        match tallies.get_mut(function) {
            Some(tally) => edit(tally),
            None => edit(tallies.entry(function.to_owned()).or_default()),
        }
    }

    fn count_time(&self, dispatched: SystemTime, resources: &Resources, outcome: &Outcome) {
        let mut timing = self.0.timing.lock().unwrap_or_else(PoisonError::into_inner);
        timing.add(dispatched, resources, outcome);
    }

    fn count_outcome(&self, function: &str, outcome: &Outcome) {
        self.warn_if_stale(function, outcome);
        self.count(function, |tally| tally.count(outcome));
        self.count_nested(&outcome.nested, &outcome.usage);
    }

    /// Counts what a task reports of the calls that it made.
    fn count_nested(&self, nested: &BTreeMap<String, Tally>, usage: &Usage) {
        self.rules().bypass.add_usage(usage);
        for (function, tally) in nested {
            self.count(function, |sum| sum.add(tally));
        }
    }

    /// Warns of the first stale result of each function (R27).
    fn warn_if_stale(&self, function: &str, outcome: &Outcome) {
        let Some(differs) = &outcome.stale else { return };
        if self.rules().first_stale(function) {
            warn_user!(
                self.rules().data.quiet,
                function,
                "a recorded result was served although {differs}; \
                 `check: true` in its bypass rule makes such a call run"
            );
        }
    }

    fn count_failure(&self, function: &str, error: &Error) {
        self.count(function, |tally| tally.count_failure(error));
    }

    fn lock_tallies(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Tally>> {
        self.0.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Chia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chia")
            .field("backend", &self.backend().name())
            .field("cache", &self.cache())
            .finish_non_exhaustive()
    }
}
