//! The calls of a task in another process: they travel back with its result.

use std::time::SystemTime;

use super::log::Request;
use crate::outcome::{NestedCall, NestedEnd};

impl NestedCall {
    pub(super) fn new(request: &Request<'_>) -> Self {
        Self {
            function: request.function.to_owned(),
            tag: request.tag.map(str::to_owned),
            version: request.version.map(str::to_owned),
            decision: request.decision().to_owned(),
            reason: request.reason(),
            rule: request.rule.as_ref().map(ToString::to_string),
            args: request.hashes(),
            resources: request.resources(),
            queued: SystemTime::now(),
            end: NestedEnd::Open,
        }
    }
}
