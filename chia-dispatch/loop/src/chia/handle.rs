//! The result of a call, there or not.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use chia_dispatch::backend::ObjectRef;
use chia_dispatch::{Error, ErrorKind, Resources, Result};
use chia_services::codec::{self, Value};
use tracing::Span;

use super::Chia;
use crate::envelope::Reply;
use crate::failure::FailureReport;
use crate::outcome::Outcome;
use crate::record::Entry;
use crate::registry::{IntoArg, Slot};
use crate::span;

/// The result of a dispatched call (R23).
///
/// It is a future: await it (any number of times, from any task), await it with a [time-out](Self::timeout),
/// [cancel](Self::cancel) it, pass it as an argument to another call (the value then does not travel
/// through the caller), or drop it: dropping detaches, it never cancels.
pub struct Handle<T> {
    call: Arc<Dispatched>,
    /// The wait under way, when the handle is polled as a future.
    waiting: Mutex<Option<Waiting<T>>>,
}

type Waiting<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// A call on its way, or a value that was put.
pub(super) struct Dispatched {
    pub(super) chia: Chia,
    /// None for a value that was put.
    pub(super) function: Option<&'static str>,
    pub(super) object: ObjectRef,
    pub(super) entry: Entry,
    pub(super) serial: u64,
    pub(super) dispatched: SystemTime,
    pub(super) resources: Resources,
    /// Set once the result was seen; a failed call has none.
    pub(super) outcome: OnceLock<Option<Outcome>>,
    /// The span of the call; it ends when the outcome is set.
    pub(super) span: Mutex<Span>,
}

impl<T> Handle<T> {
    pub(super) fn new(call: Dispatched) -> Self {
        Self { call: Arc::new(call), waiting: Mutex::default() }
    }

    /// The result as the backend knows it.
    #[must_use]
    pub fn object(&self) -> &ObjectRef {
        &self.call.object
    }

    /// How the call went, once its result was awaited.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.call.outcome.get()?.as_ref()
    }

    /// Whether awaiting would return at once.
    ///
    /// # Errors
    /// A lost backend.
    pub async fn is_ready(&self) -> Result<bool> {
        self.call.chia.backend().is_ready(&self.call.object).await
    }

    /// Asks for the end of the call; awaiting it then fails with
    /// [`Cancelled`](ErrorKind::Cancelled). What has finished stays as it is.
    ///
    /// # Errors
    /// A lost backend.
    pub async fn cancel(&self) -> Result<()> {
        self.call.chia.backend().cancel(&self.call.object).await
    }
}

impl<T: Value> Handle<T> {
    /// Waits for the result.
    ///
    /// # Errors
    /// What became of the call: see [`ErrorKind`].
    pub async fn get(&self) -> Result<T> {
        let call = &*self.call;
        let result = match call.chia.backend().get(&call.object).await {
            Ok(bytes) => Reply::open(bytes),
            Err(error) => Err(error),
        };
        match result {
            Ok(reply) => {
                call.see(reply.outcome, reply.value.len());
                codec::decode(&reply.value).map_err(|error| call.about(error))
            }
            Err(error) => {
                call.fail(&error);
                Err(call.about(error))
            }
        }
    }

    /// Waits for the result, but not for ever. After a time-out the call goes on, and can be awaited
    /// again.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`], or as [`get`](Self::get).
    pub async fn timeout(&self, limit: Duration) -> Result<T> {
        match tokio::time::timeout(limit, self.get()).await {
            Ok(result) => result,
            Err(_) => {
                let message = format!("no result within {limit:?}; the call goes on");
                Err(self.call.about(Error::new(ErrorKind::TimedOut, message)))
            }
        }
    }
}

impl Dispatched {
    /// A value that was put.
    pub(super) fn value(chia: Chia, object: ObjectRef) -> Self {
        Self {
            chia,
            function: None,
            object,
            entry: Entry::default(),
            serial: 0,
            dispatched: SystemTime::UNIX_EPOCH,
            resources: Resources::none(),
            outcome: OnceLock::new(),
            span: Mutex::new(Span::none()),
        }
    }

    fn about(&self, error: Error) -> Error {
        match self.function {
            Some(function) => error.in_function(function),
            None => error,
        }
    }

    /// Counts the outcome, the first time that it is seen.
    fn see(&self, outcome: Option<Outcome>, bytes: usize) {
        let mut first = false;
        let seen = self.outcome.get_or_init(|| {
            first = true;
            outcome
        });
        if !first {
            return;
        }
        let span = self.take_span();
        if let Some(outcome) = seen {
            span::seen(&span, Ok(outcome));
        }
        self.chia.log().end(self.entry, seen.as_ref(), bytes);
        if let (Some(outcome), Some(function)) = (seen, self.function) {
            self.chia.count_outcome(function, outcome);
            self.chia.count_time(self.dispatched, &self.resources, outcome);
        }
    }

    /// The span of the call, which ends with what this returns.
    fn take_span(&self) -> Span {
        let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *span, Span::none())
    }

    /// Counts the failure, the first time that it is seen.
    fn fail(&self, error: &Error) {
        if self.outcome.set(None).is_err() {
            return;
        }
        span::seen(&self.take_span(), Err(error));
        let mut calls = Vec::new();
        if let Some(report) = FailureReport::of(error, self.serial) {
            self.chia.count_nested(&report.nested, &report.usage);
            calls = report.calls;
        }
        self.chia.log().fail(self.entry, error, calls);
        if let Some(function) = self.function {
            self.chia.count_failure(function, error);
        }
    }
}

impl Drop for Dispatched {
    fn drop(&mut self) {
        if self.outcome.get().is_none() {
            self.chia.log().leave(self.entry);
        }
    }
}

impl<T> IntoArg<T> for Handle<T> {
    fn into_slot(self) -> Result<Slot> {
        Ok(Slot::Object(self.object().clone()))
    }
}

impl<T> IntoArg<T> for &Handle<T> {
    fn into_slot(self) -> Result<Slot> {
        Ok(Slot::Object(self.object().clone()))
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Self { call: Arc::clone(&self.call), waiting: Mutex::default() }
    }
}

/// Waits for the result, as [`get`](Handle::get) does. Polled again after it was ready, it waits anew.
impl<T: Value> Future for Handle<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let waiting = this.waiting.get_mut().unwrap_or_else(PoisonError::into_inner);
        let running = waiting.get_or_insert_with(|| {
            let handle = Self { call: Arc::clone(&this.call), waiting: Mutex::default() };
            Box::pin(async move { handle.get().await })
        });
        let polled = running.as_mut().poll(context);
        if polled.is_ready() {
            *waiting = None;
        }
        polled
    }
}

impl<'a, T: Value> IntoFuture for &'a Handle<T> {
    type Output = Result<T>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.get())
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({} of {})", self.call.object.id(), self.call.function.unwrap_or("put"))
    }
}
