#![doc = include_str!("../README.md")]

mod encode;
mod error;
mod folder;
mod header;
mod lines;
mod prune;
mod reader;
mod recorder;
mod run;
mod tally;
mod time;

pub use error::{Error, Result};
pub use folder::{RecordFile, list, runs_folder};
pub use header::{NodeInfo, RuleInfo, RunHeader};
pub use lines::{CallEnd, CallLeft, CallStart, Dropped, Fingerprint, RunSummary};
pub use prune::{Pruned, Retention, prune};
pub use reader::{Line, Reader};
pub use recorder::{Recorder, RecorderStats};
pub use run::{Call, Notes, Run};
pub use tally::Tally;
pub use time::{micros, utc};

/// The version of the format that this crate writes. It reads every version, later ones with a note.
pub const FORMAT: u32 = 1;
