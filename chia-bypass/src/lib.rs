#![doc = include_str!("../README.md")]

mod auto_tag;
mod bypass;
mod decision;
mod explanation;
mod freshness;
mod once;
mod reason;
mod write;

pub use auto_tag::auto_tag;
pub use bypass::Bypass;
pub use decision::{Decision, PendingDecision, Replacement, With};
pub use explanation::Explanation;
pub use freshness::{
    ArgumentPrint, Comparison, Difference, Digest, Fingerprint, Freshness, MAX_VALUE_CHARS,
    ParseDigestError,
};
pub use reason::{Gate, Outcome, Reason, Section};
pub use write::{WriteDecision, decide_write};
