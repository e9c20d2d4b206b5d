//! Runs cases: a fresh instance and a time limit for each, and a clean-up whatever happens.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chia_dispatch::backend::Capabilities;

use super::board::Board;
use super::case::Case;
use super::list::{CaseInfo, cases, sentence};
use super::{Factory, Instance, Layout};

/// The number of log lines that are printed when a case fails.
const LAST: usize = 20;

/// How long a backend may take to shut down.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(30);

/// The cases against one backend; what [`tests!`](super::tests) makes.
pub struct Suite {
    factory: Box<dyn Factory>,
    /// One instance of a layout at a time.
    layouts: [Mutex<()>; Layout::ALL.len()],
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The backend keeps this sentence of the contract.
    Passed,
    /// The backend does not declare what the case needs.
    LeftOut(&'static str),
    /// It does not, and why.
    Failed(String),
}

impl Suite {
    /// The suite for the backend that a factory makes.
    pub fn new(factory: impl Factory) -> Self {
        Self { factory: Box::new(factory), layouts: Default::default() }
    }

    /// Runs one case, by its name in [`case_names`](super::case_names).
    ///
    /// # Panics
    /// If there is no such case.
    #[must_use]
    pub fn run(&self, name: &str) -> Outcome {
        let case = cases().find(|case| case.name == name);
        let case = case.unwrap_or_else(|| panic!("the kit has no case called {name:?}"));
        let _alone =
            self.layouts[case.layout as usize].lock().unwrap_or_else(PoisonError::into_inner);
        match in_runtime(self.run_alone(case)) {
            Outcome::Failed(why) => Outcome::Failed(explained(name, &why)),
            outcome => outcome,
        }
    }

    /// The body of a generated test: says what was left out, panics with what failed.
    ///
    /// # Panics
    /// If the case fails.
    pub fn check(&self, name: &str) {
        match self.run(name) {
            Outcome::Passed => {}
            Outcome::LeftOut(why) => report(&format!("conformance: left out {name}: {why}")),
            Outcome::Failed(why) => panic!("{why}"),
        }
    }

    /// Prints how many cases are run and which are left out.
    ///
    /// # Panics
    /// If the backend does not start, or no case is run.
    pub fn check_totals(&self) {
        let layout = Layout::Small;
        let _alone = self.layouts[layout as usize].lock().unwrap_or_else(PoisonError::into_inner);
        let (name, declared) = in_runtime(async {
            let instance = self.start(layout).await.unwrap_or_else(|error| panic!("{error}"));
            let about = (instance.backend.name().to_owned(), instance.backend.capabilities());
            stop(instance).await.unwrap_or_else(|error| panic!("{error}"));
            about
        });
        let left_out = |case: &&CaseInfo| case.need.missing(&declared).is_some();
        let without: Vec<_> = cases().filter(left_out).map(|case| case.name).collect();
        let run = cases().count() - without.len();
        report(&format!(
            "conformance of {name}: {run} of {} cases run, {} left out: {without:?}",
            cases().count(),
            without.len()
        ));
        assert!(run > 0, "no case was run");
    }

    /// What a worker process does; see [`Factory::worker`].
    pub fn worker(&self) {
        self.factory.worker();
    }

    async fn run_alone(&self, info: &'static CaseInfo) -> Outcome {
        let instance = match self.start(info.layout).await {
            Ok(instance) => instance,
            Err(why) => return Outcome::Failed(why),
        };
        let mut outcome = match info.need.missing(&instance.backend.capabilities()) {
            Some(missing) => Outcome::LeftOut(missing),
            None => self.drive(info, &instance).await,
        };
        let stopped = stop(instance).await;
        if let (Err(why), false) = (stopped, matches!(outcome, Outcome::Failed(_))) {
            outcome = Outcome::Failed(why);
        }
        outcome
    }

    async fn drive(&self, info: &'static CaseInfo, instance: &Instance) -> Outcome {
        let board = match Board::bind(self.factory.reachable_at()).await {
            Ok(board) => board,
            Err(error) => {
                return Outcome::Failed(format!("no socket for the kit's board: {error}"));
            }
        };
        let case = Case::new(Arc::clone(&instance.backend), board, info.layout);
        let (limit, waits, log) = (self.factory.case_limit(), case.waits(), case.board.listen());
        let mut body = tokio::spawn(async move { (info.body)(&case).await });
        let why = match tokio::time::timeout(limit, &mut body).await {
            Ok(Ok(())) => return Outcome::Passed,
            Ok(Err(panic)) => message(panic),
            Err(_) => {
                let waits = waits.lock().unwrap_or_else(PoisonError::into_inner).join(", ");
                body.abort();
                format!("hung for {limit:?}, waiting for {waits}")
            }
        };
        let log = log.borrow();
        let last = &log[log.len().saturating_sub(LAST)..];
        Outcome::Failed(format!("{why}\n  its tasks said, the last at the end: {last:?}"))
    }

    async fn start(&self, layout: Layout) -> Result<Instance, String> {
        let start = self.factory.start(layout);
        match tokio::time::timeout(self.factory.case_limit(), start).await {
            Ok(Ok(instance)) => Ok(instance),
            Ok(Err(error)) => Err(format!("the backend does not start: {error}")),
            Err(_) => Err("Factory::start hung".to_owned()),
        }
    }
}

/// What a stranger needs: what happened, which promise that breaks, and how to see it again.
fn explained(case: &str, why: &str) -> String {
    let promise = sentence(case);
    format!("{why}\n  the contract: {promise}\n  again: cargo test {case}")
}

/// Shuts an instance down and drops its guard.
async fn stop(instance: Instance) -> Result<(), String> {
    let Instance { backend, guard } = instance;
    let result = match tokio::time::timeout(SHUTDOWN_LIMIT, backend.shutdown()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("the case passed, then shutdown failed: {error}")),
        Err(_) => Err(format!("the case passed, then shutdown hung for {SHUTDOWN_LIMIT:?}")),
    };
    drop(backend);
    drop(guard);
    result
}

/// Each case has a runtime of its own; blocking bodies that never end are left behind with it.
fn in_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

fn message(error: tokio::task::JoinError) -> String {
    let panic = match error.try_into_panic() {
        Ok(panic) => panic,
        Err(error) => return error.to_string(),
    };
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().map_or("a panic", |text| *text).to_owned(),
    }
}

/// Not `eprintln!`, which the test harness would keep to itself.
fn report(line: &str) {
    // Where standard error is closed there is nobody to read it.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Which backends a case is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    Isolation,
    Retries,
    Restarts,
    Memory,
    NoRuntimeEnv,
}

impl Need {
    /// What the backend lacks for the case.
    fn missing(self, declared: &Capabilities) -> Option<&'static str> {
        let (there, otherwise) = match self {
            Self::Nothing => (true, ""),
            Self::Isolation => (declared.isolates_crashes, "isolates_crashes is not declared"),
            Self::Retries => (declared.retries, "retries is not declared"),
            Self::Restarts => (declared.restarts_actors, "restarts_actors is not declared"),
            Self::Memory => (declared.enforces_memory, "enforces_memory is not declared"),
            Self::NoRuntimeEnv => (!declared.runtime_env, "it has runtime environments"),
        };
        (!there).then_some(otherwise)
    }
}
