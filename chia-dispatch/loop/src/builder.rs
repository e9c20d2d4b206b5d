//! How a loop starts: rules, backend, cache, file server.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chia_bypass::{Mode, RunSettings, RunSettingsError};
use chia_config::{Config, ConfigError, Diagnostic};
use chia_dispatch::backend::{ActorRef, Backend};
use chia_dispatch::{Error, ErrorKind, Result};
use chia_services::{CacheClient, CacheOptions, FileClient, FilesInit};

use crate::chia::Chia;
use crate::record::{CallLog, RecordTo};
use crate::ruleset::{Rules, RulesData};
use crate::worker::Worker;

/// How long a worker waits for the cache before the call goes on without.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a loop starts with. Without rules every call runs; without a cache nothing is kept; without
/// a backend it runs in this process.
#[must_use = "a loop starts with `start`"]
pub struct ChiaBuilder {
    worker: Worker,
    rules: RuleSource,
    backend: Option<Arc<dyn Backend>>,
    cache: Option<CacheOptions>,
    files: BTreeSet<PathBuf>,
    write_timeout: Duration,
    strict: bool,
    quiet: bool,
    check_by_default: bool,
    run: RunChoice,
    record: RecordTo,
}

/// How the run treats the rules; the environment overrides it.
#[derive(Default)]
struct RunChoice {
    mode: Mode,
    rerun: Option<String>,
    from: Option<String>,
}

/// Where rules come from; read when the loop starts, so that one place reports what is wrong.
enum RuleSource {
    None,
    File(PathBuf),
    Config(Arc<Config>),
}

impl Chia {
    /// Starts a loop of a program's functions: takes its [`Registry`](crate::Registry), or the
    /// [`Worker`] that a backend of this process has.
    pub fn builder(worker: impl Into<Worker>) -> ChiaBuilder {
        ChiaBuilder::new(worker.into())
    }
}

impl ChiaBuilder {
    fn new(worker: Worker) -> Self {
        Self {
            worker,
            rules: RuleSource::None,
            backend: None,
            cache: None,
            files: BTreeSet::new(),
            write_timeout: WRITE_TIMEOUT,
            strict: false,
            quiet: false,
            check_by_default: false,
            run: RunChoice::default(),
            record: RecordTo::Cache,
        }
    }

    /// Takes the rules of a YAML file.
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.rules = RuleSource::File(path.into());
        self
    }

    /// Takes rules that were loaded or built before.
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.rules = RuleSource::Config(config.into());
        self
    }

    /// Dispatches to a backend; without this, to the in-process backend (feature `local`) with
    /// this machine's cores and memory.
    pub fn backend(mut self, backend: Arc<dyn Backend>) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Keeps results in a cache: starts it, or attaches to the one that runs on the backend.
    pub fn cache(mut self, options: CacheOptions) -> Self {
        self.cache = Some(options);
        self
    }

    /// Lets providers read one more file of the driver's node, beside those that the rules name.
    pub fn allow_file(mut self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.files.insert(std::path::absolute(&path).unwrap_or(path));
        self
    }

    /// How long a worker waits for the cache, to write a result or to replay one, before the call goes
    /// on without it; 10 s unless set.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Makes errors of what is only warned about otherwise: misspelt sections, options without
    /// effect, missing `data:` files and unknown names in the rules, and functions that are bypassed
    /// with nothing to replace them. [`Chia::shutdown`] fails when a rule had no effect in the run.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Compares every replay with its call where the rules do not say what to compare: arguments,
    /// version and code must be those of the recorded result, else the call runs.
    pub fn check_by_default(mut self, check: bool) -> Self {
        self.check_by_default = check;
        self
    }

    /// How this run treats the rules; [`Mode::Auto`] unless set. The environment variable
    /// `CHIA_MODE` overrides it.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.run.mode = mode;
        self
    }

    /// Runs calls again whose whole tag matches `pattern` and that would be replayed; their results
    /// are written. The environment variable `CHIA_RERUN` overrides it.
    pub fn rerun(mut self, pattern: impl Into<String>) -> Self {
        self.run.rerun = Some(pattern.into());
        self
    }

    /// Replays calls until the first one is dispatched whose whole tag matches `pattern`; that one
    /// and all after it run, and their results are written. The environment variable `CHIA_FROM`
    /// overrides it.
    pub fn run_from(mut self, pattern: impl Into<String>) -> Self {
        self.run.from = Some(pattern.into());
        self
    }

    /// Reports warnings to a `tracing` subscriber alone. Otherwise they go to standard error where the
    /// program has set none: misspelt rules, results that were not cached, stale results.
    pub fn quiet(mut self, quiet: bool) -> Self {
        self.quiet = quiet;
        self
    }

    /// Leaves the record of the run in a directory, instead of `runs` in the directory of the cache. The
    /// environment variable `CHIA_RUNS` names another one, or is `off`.
    pub fn record_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.record = RecordTo::Folder(folder.into());
        self
    }

    /// Leaves no record of the run, whatever `CHIA_RUNS` says. Without this, a loop with a cache
    /// leaves one.
    pub fn without_record(mut self) -> Self {
        self.record = RecordTo::Nowhere;
        self
    }

    /// Starts the loop.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every problem of the rules, [`ErrorKind::Cache`] when the cache does
    /// not start, or what the backend says.
    pub async fn start(self) -> Result<Chia> {
        let config = self.load()?;
        self.check(&config)?;
        let settings = self.run.settings().map_err(unusable)?;
        let backend = match self.backend {
            Some(backend) => backend,
            None => default_backend(&self.worker)?,
        };
        let dir = self.cache.as_ref().map(|cache| cache.dir().to_owned());
        let cache = match self.cache {
            Some(options) => Some(CacheClient::settle(Arc::clone(&backend), options).await?),
            None => None,
        };
        let files = start_files(backend.as_ref(), &config, self.files).await?;
        let failures = self.record.failures(&config, dir.as_deref(), self.quiet);
        let record = self.record.open(dir.as_deref(), &config, backend.as_ref()).await?;
        let mut rules = Rules::new(RulesData {
            config,
            cache,
            files: files.as_ref().and_then(|files| files.name().map(str::to_owned)),
            write_timeout: self.write_timeout,
            strict: self.strict,
            quiet: self.quiet,
            check_by_default: self.check_by_default,
            settings,
            failures,
            run: record.as_ref().map_or_else(new_run_id, |record| record.id().to_owned()),
            recorded: record.is_some(),
            ..RulesData::default()
        })?;
        rules.record = record.as_ref().map(Arc::downgrade).unwrap_or_default();
        let log = match record {
            Some(record) => CallLog::Record { record, parent: 0 },
            None => CallLog::Off,
        };
        let (registry, state) = (self.worker.registry().clone(), Arc::clone(self.worker.state()));
        Ok(Chia::new(registry, state, backend, Arc::new(rules), None, files, log))
    }

    fn load(&self) -> Result<Arc<Config>> {
        match &self.rules {
            RuleSource::None => Ok(Arc::default()),
            RuleSource::Config(config) => Ok(Arc::clone(config)),
            RuleSource::File(path) => Config::load(path).map(Arc::new).map_err(unreadable),
        }
    }

    fn check_parameters(&self, config: &Config) -> Result<()> {
        let registry = self.worker.registry();
        let problems: Vec<String> = registry
            .parameters()
            .flat_map(|(name, parameters)| config.check_arguments(name, &parameters))
            .map(|problem| problem.to_string())
            .collect();
        match problems.is_empty() {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Config, problems.join("\n"))),
        }
    }

    /// Refuses rules about parameters that no function has, and warns about what is allowed but
    /// probably not meant; strict loops refuse that too.
    fn check(&self, config: &Config) -> Result<()> {
        self.check_parameters(config)?;
        let unknown = config.check_names(self.worker.registry().function_names());
        let warnings: Vec<_> =
            config.warnings().iter().chain(&unknown).map(Diagnostic::to_string).collect();
        if self.strict && !warnings.is_empty() {
            return Err(Error::new(ErrorKind::Config, warnings.join("\n\n")));
        }
        for warning in warnings {
            warn_user!(self.quiet, "{warning}");
        }
        Ok(())
    }
}

impl RunChoice {
    /// What the builder says, overridden by the environment (R29).
    fn settings(&self) -> Result<RunSettings, RunSettingsError> {
        let mut settings = RunSettings::new(self.mode);
        if let Some(pattern) = &self.rerun {
            settings = settings.with_rerun(pattern)?;
        }
        if let Some(pattern) = &self.from {
            settings = settings.with_from(pattern)?;
        }
        settings.with_vars(|name| std::env::var(name).ok())
    }
}

fn unusable(error: RunSettingsError) -> Error {
    Error::new(ErrorKind::Config, error.to_string())
}

/// A name for this run: sortable by time, and its own on every machine.
fn new_run_id() -> String {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("{:x}-{:08x}", since.as_millis(), fresh_number() as u32)
}

/// The report of a wrong file is the message; that of an unreadable file names the cause too.
fn unreadable(error: ConfigError) -> Error {
    match std::error::Error::source(&error) {
        Some(cause) => Error::new(ErrorKind::Config, format!("{error}: {cause}")),
        None => Error::new(ErrorKind::Config, error.to_string()),
    }
}

/// This machine, where the in-process backend is built in.
fn default_backend(worker: &Worker) -> Result<Arc<dyn Backend>> {
    #[cfg(feature = "local")]
    return Ok(chia_local::LocalBackend::machine(Arc::new(worker.clone()))?);
    #[cfg(not(feature = "local"))]
    Err(Error::new(
        ErrorKind::Unavailable,
        format!("{worker:?} has no backend: give one, or enable the feature `local`"),
    ))
}

/// Starts the file server of a loop whose rules name files.
async fn start_files(
    backend: &dyn Backend,
    config: &Config,
    mut allowed: BTreeSet<PathBuf>,
) -> Result<Option<ActorRef>> {
    allowed.extend(config.data_paths().map(|(_, path)| path.to_owned()));
    if allowed.is_empty() {
        return Ok(None);
    }
    let name = format!("{}.{:016x}", chia_services::FILES_KIND, fresh_number());
    FileClient::start(backend, &name, &FilesInit { allowed }).await.map(Some)
}

/// A number that no other loop has: names of actors are shared by all loops of a backend.
fn fresh_number() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

impl fmt::Debug for ChiaBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChiaBuilder").field("worker", &self.worker).finish_non_exhaustive()
    }
}
