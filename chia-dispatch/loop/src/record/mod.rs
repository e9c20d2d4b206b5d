//! What the loop writes into the record of its run, and what a task reports of the calls that it makes.

mod failures;
mod log;
mod nested;
mod place;
mod run;

pub(crate) use log::{CallLog, Entry, Request, how};
pub(crate) use place::RecordTo;
pub(crate) use run::{RunRecord, written};
