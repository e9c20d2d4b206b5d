//! Whether a result is worth keeping, as its function declares.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A predicate on results.
pub(crate) type KeepIf<R> = &'static (dyn Fn(&R) -> bool + Send + Sync);

/// The verdict of a function's `keep_if`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Worth {
    /// The result may be written to the cache.
    #[default]
    Keep,
    /// It may not.
    Reject,
    /// The predicate panicked, with this message; the result is not written.
    Panicked(String),
}

impl Worth {
    pub(crate) fn of<R>(value: &R, keep_if: Option<KeepIf<R>>) -> Self {
        let Some(keep_if) = keep_if else {
            return Self::Keep;
        };
        // The predicate only reads the result, so that a panic leaves nothing half done.
        match catch_unwind(AssertUnwindSafe(|| keep_if(value))) {
            Ok(true) => Self::Keep,
            Ok(false) => Self::Reject,
            Err(payload) => Self::Panicked(text(payload.as_ref())),
        }
    }
}

fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}
