//! Bodies run here: functions, providers and conditions.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use chia_dispatch::{Error, ErrorKind, Result};
use tracing::Span;

use super::current;
use crate::registry::{BoxError, Invocation};

/// Runs a body: a blocking one on a thread of its own.
pub(crate) async fn run<R: Send + 'static>(invocation: Invocation<R>) -> Result<R> {
    let result = match invocation {
        Invocation::Async(future) => future.await,
        Invocation::Blocking(body) => on_a_thread(current::inherit(body)).await?,
    };
    result.map_err(failed)
}

/// Runs a blocking body on a thread of its own. A pool of threads would do for bodies that end; a body
/// that waits for a nested one needs one more thread, so that any limit would hang the run.
async fn on_a_thread<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> Result<R> {
    let runtime = tokio::runtime::Handle::current();
    let (done, result) = tokio::sync::oneshot::channel();
    let span = Span::current();
    let run = move || {
        let (_entered, _span) = (runtime.enter(), span.enter());
        // The receiver is gone when the call was cancelled.
        drop(done.send(catch_unwind(AssertUnwindSafe(body))));
    };
    std::thread::Builder::new().name("chia-body".to_owned()).spawn(run).map_err(|error| {
        let message = "no thread can be started for a blocking body";
        Error::new(ErrorKind::Unavailable, message).with_source(error)
    })?;
    match result.await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(payload)) => resume_unwind(payload),
        Err(_) => Err(Error::new(ErrorKind::ShutDown, "the body's thread ended without a result")),
    }
}

/// The error of a body; one of ours keeps its kind, so that a nested failure stays what it was.
pub(crate) fn failed(error: BoxError) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(other) => Error::of(ErrorKind::TaskFailed, other),
    }
}
