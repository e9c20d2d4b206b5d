//! What the tool says when it cannot do what it was asked, and the exit codes.

use std::io;
use std::path::PathBuf;

use chia_services::OwnerError;

/// The exit codes of the tool.
pub mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// Done, and the answer is no: nothing matches, runs differ, something is damaged.
    pub const NO: u8 = 1;
    /// The command line is wrong.
    pub const USAGE: u8 = 2;
    /// There is no such cache, run or record.
    pub const NOT_FOUND: u8 = 3;
    /// A living process owns the cache, and does not answer.
    pub const OWNED: u8 = 4;
    /// The disk, or another part of the system, failed.
    pub const FAILED: u8 = 5;
}

/// Why the tool stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no run record in {dir} matches `{wanted}`{hint}")]
    NoRun { dir: PathBuf, wanted: String, hint: String },
    #[error("`{wanted}` is not clear: {candidates}")]
    Ambiguous { wanted: String, candidates: String },
    #[error("{} holds no cache{}", dir.display(), if *exists { "" } else { ": there is no such directory" })]
    NoCache { dir: PathBuf, exists: bool },
    #[error("{} is there already: name a directory that is not, or is empty", path.display())]
    Exists { path: PathBuf },
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("the run had the rules of {path}, which is not there: name a file with --rules")]
    NoRules { path: PathBuf },
    #[error(transparent)]
    Rules(chia_config::ConfigError),
    #[error(transparent)]
    Settings(chia_bypass::RunSettingsError),
    #[error("this would {what}: confirm with --yes")]
    NotConfirmed { what: String },
    #[error("{error}; {why}")]
    Owned { error: chia_cache::Error, why: chia_services::OwnerError },
    #[error(transparent)]
    Owner(#[from] chia_services::OwnerError),
    #[error(transparent)]
    Cache(#[from] chia_cache::Error),
    #[error(transparent)]
    Record(#[from] chia_record::Error),
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            // The reader has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => exit::OK,
            Self::NotConfirmed { .. } | Self::Exists { .. } => exit::USAGE,
            Self::Owned { .. } | Self::Owner(OwnerError::Unreachable(_)) => exit::OWNED,
            Self::Owner(OwnerError::Refused(_)) => exit::NO,
            Self::Cache(error) if matches!(error.kind(), chia_cache::ErrorKind::Shrink { .. }) => {
                exit::NO
            }
            Self::Cache(error) if matches!(error.kind(), chia_cache::ErrorKind::Overlay { .. }) => {
                exit::NOT_FOUND
            }
            Self::NoRun { .. }
            | Self::NoCache { .. }
            | Self::Record(chia_record::Error::NoRecord { .. }) => exit::NOT_FOUND,
            Self::Record(chia_record::Error::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                exit::NOT_FOUND
            }
            Self::NoRules { .. } => exit::NOT_FOUND,
            Self::Ambiguous { .. } | Self::Rules(_) | Self::Settings(_) => exit::USAGE,
            Self::Cache(_)
            | Self::Owner(_)
            | Self::Record(_)
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Output(_) => exit::FAILED,
        }
    }

    /// Whether the message is of no use to anybody.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
