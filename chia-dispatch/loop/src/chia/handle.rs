//! The result of a call, there or not.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chia_dispatch::backend::ObjectRef;
use chia_dispatch::{Error, ErrorKind, Result};
use chia_services::codec::{self, Value};

use super::Chia;
use crate::envelope::Reply;
use crate::outcome::Outcome;
use crate::registry::{IntoArg, Slot};

/// The result of a dispatched call (R23).
///
/// Await it (any number of times, from any task), await it with a [time-out](Self::timeout),
/// [cancel](Self::cancel) it, pass it as an argument to another call (the value then does not travel
/// through the caller), or drop it: dropping detaches, it never cancels.
pub struct Handle<T> {
    call: Arc<Dispatched>,
    result: PhantomData<fn() -> T>,
}

struct Dispatched {
    chia: Chia,
    function: &'static str,
    object: ObjectRef,
    /// Set once the result was seen; a failed call has none.
    outcome: OnceLock<Option<Outcome>>,
}

impl<T> Handle<T> {
    pub(super) fn new(chia: Chia, function: &'static str, object: ObjectRef) -> Self {
        let outcome = OnceLock::new();
        let call = Dispatched { chia, function, object, outcome };
        Self { call: Arc::new(call), result: PhantomData }
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
                call.see(reply.outcome);
                codec::decode(&reply.value).map_err(|error| error.in_function(call.function))
            }
            Err(error) => {
                call.fail();
                Err(error.in_function(call.function))
            }
        }
    }

    /// Waits for the result, but not for ever. After a time-out the call goes on, and can be awaited
    /// again.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`], or as [`get`](Self::get).
    pub async fn timeout(&self, patience: Duration) -> Result<T> {
        match tokio::time::timeout(patience, self.get()).await {
            Ok(result) => result,
            Err(_) => {
                let message = format!("no result within {patience:?}; the call goes on");
                Err(Error::new(ErrorKind::TimedOut, message).in_function(self.call.function))
            }
        }
    }
}

impl Dispatched {
    /// Counts the outcome, the first time that it is seen.
    fn see(&self, outcome: Option<Outcome>) {
        let mut first = false;
        let seen = self.outcome.get_or_init(|| {
            first = true;
            outcome
        });
        if let (true, Some(outcome)) = (first, seen) {
            self.chia.count_outcome(self.function, outcome);
        }
    }

    /// Counts the failure, the first time that it is seen.
    fn fail(&self) {
        if self.outcome.set(None).is_ok() {
            self.chia.count_failure(self.function);
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
        Self { call: Arc::clone(&self.call), result: PhantomData }
    }
}

impl<T: Value> IntoFuture for Handle<T> {
    type Output = Result<T>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.get().await })
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
        write!(f, "Handle({} of {})", self.call.object.id(), self.call.function)
    }
}
