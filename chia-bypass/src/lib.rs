#![doc = include_str!("../README.md")]

mod auto_tag;
mod bypass;
mod decide;
mod decision;
mod explanation;
mod forecast;
mod freshness;
mod mode;
mod once;
mod reason;
mod run_settings;
mod unused;
mod usage;
mod write;

pub use auto_tag::auto_tag;
pub use bypass::Bypass;
pub use decision::{Decision, PendingDecision, Replacement, With};
pub use explanation::Explanation;
pub use forecast::{Answer, CacheLook, Forecast};
pub use freshness::{
    ArgumentPrint, Comparison, Difference, Digest, Fingerprint, Freshness, MAX_VALUE_CHARS,
    ParseDigestError,
};
pub use mode::{Mode, UnknownMode};
pub use reason::{Gate, Outcome, Override, Reason, Section};
pub use run_settings::{RunSettings, RunSettingsError};
pub use unused::Unused;
pub use usage::{Part, Usage};
pub use write::WriteDecision;
