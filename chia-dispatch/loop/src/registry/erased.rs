//! Bodies over bytes: types are checked when a function is declared, and erased here.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::{Error, ErrorKind, Result, no_foreign};
use chia_services::codec::{self, Value};

use super::args::{Arguments, Slot};
use super::body::{Body, Invocation};
use super::site::Site;
use crate::chia::{Chia, current};

/// A call as a worker gets it.
pub(crate) struct Call {
    pub(crate) args: Vec<Bytes>,
    /// Set for a provider.
    pub(crate) site: Option<Site>,
}

/// The result of a body.
pub(crate) struct Encoded {
    pub(crate) value: Bytes,
    /// How long the body itself took, without decoding and encoding.
    pub(crate) took: Duration,
}

#[async_trait]
pub(crate) trait ErasedCall: Send + Sync {
    async fn call(&self, call: Call) -> Result<Encoded>;

    /// Whether a kept value is of the type that this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when it is not.
    fn check(&self, value: &Bytes) -> Result<()>;
}

/// What a condition is asked about.
pub(crate) struct Asked<'a> {
    pub(crate) site: Site,
    pub(crate) args: &'a [Slot],
}

#[async_trait]
pub(crate) trait ErasedCondition: Send + Sync {
    async fn ask(&self, asked: Asked<'_>) -> Result<bool>;
}

struct FunctionCall<A: 'static, R: 'static>(Body<A, R>);

/// A body that is not in this program, by its full name.
struct ForeignCall(&'static str);

struct ProviderCall<A: 'static, R: 'static>(Body<(Site, A), R>);

struct ConditionCall<A: Arguments>(Body<(Site, A::Shown), bool>);

pub(crate) fn function<A: Arguments, R: Value>(body: Body<A, R>) -> Arc<dyn ErasedCall> {
    Arc::new(FunctionCall(body))
}

pub(crate) fn foreign(name: &'static str) -> Arc<dyn ErasedCall> {
    Arc::new(ForeignCall(name))
}

pub(crate) fn provider<A: Arguments, R: Value>(body: Body<(Site, A), R>) -> Arc<dyn ErasedCall> {
    Arc::new(ProviderCall(body))
}

pub(crate) fn condition<A: Arguments>(
    body: Body<(Site, A::Shown), bool>,
) -> Arc<dyn ErasedCondition> {
    Arc::new(ConditionCall::<A>(body))
}

#[async_trait]
impl<A: Arguments, R: Value> ErasedCall for FunctionCall<A, R> {
    async fn call(&self, call: Call) -> Result<Encoded> {
        let args = A::decode(&call.args)?;
        finish(self.0.call(args)).await
    }

    fn check(&self, value: &Bytes) -> Result<()> {
        codec::decode::<R>(value).map(drop)
    }
}

#[async_trait]
impl ErasedCall for ForeignCall {
    async fn call(&self, call: Call) -> Result<Encoded> {
        let Some(foreign) = Chia::current().and_then(|chia| chia.foreign().cloned()) else {
            return Err(no_foreign(self.0));
        };
        let start = Instant::now();
        let value = foreign.run(self.0, call.args).await?;
        Ok(Encoded { value, took: start.elapsed() })
    }

    /// What the other language kept is its own: it may be more than this one can hold.
    fn check(&self, _value: &Bytes) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl<A: Arguments, R: Value> ErasedCall for ProviderCall<A, R> {
    async fn call(&self, call: Call) -> Result<Encoded> {
        let args = A::decode(&call.args)?;
        let site = call.site.expect("the worker sets the site of a provider");
        finish(self.0.call((site, args))).await
    }

    fn check(&self, value: &Bytes) -> Result<()> {
        codec::decode::<R>(value).map(drop)
    }
}

#[async_trait]
impl<A: Arguments> ErasedCondition for ConditionCall<A> {
    async fn ask(&self, asked: Asked<'_>) -> Result<bool> {
        let args = A::show(asked.args)?;
        run(self.0.call((asked.site, args))).await
    }
}

/// Runs a body and encodes what it returns.
async fn finish<R: Value>(invocation: Invocation<R>) -> Result<Encoded> {
    let start = Instant::now();
    let value = run(invocation).await?;
    let took = start.elapsed();
    let mut encoded = Vec::new();
    codec::encode_into(&value, &mut encoded)?;
    Ok(Encoded { value: encoded.into(), took })
}

/// Runs a body: a blocking one where it stalls nobody.
async fn run<R: Send + 'static>(invocation: Invocation<R>) -> Result<R> {
    let result = match invocation {
        Invocation::Async(future) => future.await,
        Invocation::Blocking(body) => on_a_thread(current::inherit(body)).await?,
    };
    result.map_err(failed)
}

/// Runs a blocking body on a thread of its own. A pool of threads would do for bodies that end; a body
/// that waits for a nested one needs a thread more, so that any limit would hang the run.
async fn on_a_thread<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> Result<R> {
    let runtime = tokio::runtime::Handle::current();
    let (done, result) = tokio::sync::oneshot::channel();
    let run = move || {
        let _entered = runtime.enter();
        // Nobody is there to tell when the call was cancelled.
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
fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(other) => Error::of(ErrorKind::TaskFailed, other),
    }
}
