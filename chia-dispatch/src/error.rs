//! One error type for everything a dispatch can go wrong with.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The result of a dispatch operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for code that wants to act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// No node can ever hold the demanded resources.
    Infeasible,
    /// A wait that cannot end: the waiter itself holds what the awaited task needs.
    Deadlock,
    /// The task was cancelled.
    Cancelled,
    /// A time-out given by the caller ran out; the task goes on.
    TimedOut,
    /// The task's body panicked.
    Panicked,
    /// The task's body returned an error.
    TaskFailed,
    /// The process that ran the task died.
    WorkerDied,
    /// The node that ran the task, or held its result, left.
    NodeDied,
    /// The actor is dead and will not come back.
    ActorDied,
    /// No actor has this name.
    ActorNotFound,
    /// The backend itself is gone: its control process or connection died.
    BackendLost,
    /// The backend was shut down.
    ShutDown,
    /// The backend could not be started or reached.
    Unavailable,
    /// The backend does not do what was asked, or not in this version.
    Unsupported,
    /// A value could not be encoded.
    Encode,
    /// A value could not be decoded as the type that was asked for.
    Decode,
    /// A name that the program did not register, or registered with other types.
    NotRegistered,
    /// A recorded file (`data:`) is missing, unreadable, or not served.
    DataFile,
    /// The configuration is wrong.
    Config,
    /// The cache could not be started or did not answer.
    Cache,
    /// A replay that may not run found no value in the cache.
    ReplayMiss,
    /// The peer broke the protocol.
    Protocol,
    /// The operating system refused an operation.
    Io,
}

impl ErrorKind {
    /// Whether the same call may well succeed when it is made again.
    #[must_use]
    pub fn is_retriable(self) -> bool {
        matches!(
            self,
            Self::WorkerDied
                | Self::NodeDied
                | Self::BackendLost
                | Self::Unavailable
                | Self::TimedOut
        )
    }
}

/// Why a dispatch, a task or an actor call failed.
///
/// Cheap to clone: every awaiter of one result gets the same error. The message is printed alone;
/// the cause, if there is one on this side of the wire, comes through [`std::error::Error::source`].
#[derive(Clone)]
pub struct Error(Arc<Repr>);

struct Repr {
    kind: ErrorKind,
    message: String,
    function: Option<String>,
    node: Option<String>,
    report: Option<Arc<str>>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of a kind, with a message that says what was wrong and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Repr {
            kind,
            message: message.into(),
            function: None,
            node: None,
            report: None,
            source: None,
        }))
    }

    /// An error that says what another one says, with the causes of that one.
    #[must_use]
    pub fn of(kind: ErrorKind, other: Box<dyn std::error::Error + Send + Sync>) -> Self {
        let error = Self::new(kind, other.to_string());
        match other.source() {
            Some(_) => error.with_source(Causes(other)),
            None => error,
        }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.change(|repr| repr.source = Some(Arc::from(source.into())))
    }

    /// The same error with the function that it is about; an inner function is kept.
    #[must_use]
    pub fn in_function(self, function: &str) -> Self {
        self.change(|repr| {
            repr.function.get_or_insert_with(|| function.to_owned());
        })
    }

    /// The same error with the node where it happened; an inner node is kept.
    #[must_use]
    pub fn on_node(self, node: &str) -> Self {
        self.change(|repr| {
            repr.node.get_or_insert_with(|| node.to_owned());
        })
    }

    /// The same error with what its task reports besides, in the host's own form, in place of an
    /// earlier report. Backends carry it, and nobody prints it.
    #[must_use]
    pub fn with_report(self, report: Option<String>) -> Self {
        self.change(|repr| repr.report = report.map(Arc::from))
    }

    /// What the task that failed reports besides, in its host's own form.
    #[must_use]
    pub fn report(&self) -> Option<&str> {
        self.0.report.as_deref()
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message alone, without function and node.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The function whose call failed, where known.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        self.0.function.as_deref()
    }

    /// The node where it failed, where known.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        self.0.node.as_deref()
    }

    /// Whether the same call may well succeed when it is made again.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        self.kind().is_retriable()
    }

    /// Edits in place when nobody shares the error, else a copy.
    fn change(mut self, edit: impl FnOnce(&mut Repr)) -> Self {
        if let Some(repr) = Arc::get_mut(&mut self.0) {
            edit(repr);
            return self;
        }
        let mut repr = Repr {
            kind: self.0.kind,
            message: self.0.message.clone(),
            function: self.0.function.clone(),
            node: self.0.node.clone(),
            report: self.0.report.clone(),
            source: self.0.source.clone(),
        };
        edit(&mut repr);
        Self(Arc::new(repr))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(function) = self.function() {
            write!(f, "{function}: ")?;
        }
        f.write_str(self.message())?;
        if let Some(node) = self.node() {
            write!(f, " (on node {node})")?;
        }
        Ok(())
    }
}

/// As people should see it: what `main` prints of the error that it returns. The message comes first, as it
/// is, then each cause on a line of its own.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, "\n  caused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// The text of an error and of each of its causes, with `: ` between them.
///
/// ```
/// use chia_dispatch::{Error, ErrorKind, with_causes};
///
/// let error = Error::new(ErrorKind::Cache, "nothing is written")
///     .with_source(std::io::Error::other("the disk is gone"));
/// assert_eq!(with_causes(&error), "nothing is written: the disk is gone");
/// ```
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    join_causes(error.to_string(), error)
}

fn join_causes(mut text: String, error: &dyn std::error::Error) -> String {
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}

/// The causes of an error whose own text is the message already.
#[derive(Debug)]
struct Causes(Box<dyn std::error::Error + Send + Sync>);

impl fmt::Display for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.source() {
            Some(source) => fmt::Display::fmt(source, f),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Causes {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source().and_then(std::error::Error::source)
    }
}

/// What travels of an error: everything but the source, whose text is appended to the message.
#[derive(Serialize, Deserialize)]
struct Wire {
    kind: ErrorKind,
    message: String,
    function: Option<String>,
    node: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    report: Option<String>,
}

impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = join_causes(self.0.message.clone(), self);
        let (function, node) = (self.0.function.clone(), self.0.node.clone());
        let report = self.report().map(str::to_owned);
        Wire { kind: self.0.kind, message, function, node, report }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { kind, message, function, node, report } = Wire::deserialize(deserializer)?;
        let report = report.map(Arc::from);
        Ok(Self(Arc::new(Repr { kind, message, function, node, report, source: None })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_prints_the_message_as_it_is_and_the_causes() {
        let report = "error: unknown option `tag`\n --> loop.yaml:3:5";
        let cause = std::io::Error::other("the disk is gone");
        let error = Error::new(ErrorKind::Config, report).with_source(cause);
        assert_eq!(format!("{error:?}"), format!("{report}\n  caused by: the disk is gone"));
        let boxed: Box<dyn std::error::Error> = error.in_function("simulate").into();
        assert!(format!("{boxed:?}").starts_with("simulate: error: unknown option `tag`\n"));
    }
}
