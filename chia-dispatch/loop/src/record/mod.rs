//! What the loop writes into the record of its run, and what a task reports of the calls that it makes.

mod log;
mod nested;
mod run;

pub(crate) use log::{CallLog, Entry, Request};
pub(crate) use run::{RunRecord, header};
