#![doc = include_str!("../README.md")]

mod bypass;
mod decision;
mod explanation;
mod once;
mod reason;
mod write;

pub use bypass::Bypass;
pub use decision::{Decision, PendingDecision, Replacement, With};
pub use explanation::Explanation;
pub use reason::{Gate, Outcome, Reason, Section};
pub use write::{WriteDecision, decide_write};
