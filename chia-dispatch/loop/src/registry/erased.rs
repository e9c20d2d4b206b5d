//! Bodies over bytes: types are checked when a function is declared, and erased here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chia_dispatch::{ForeignRunner, Result, no_foreign};
use chia_services::codec::{self, Value};

use super::args::{Arguments, Slot};
use super::body::{Body, BoxError, Invocation};
use super::site::Site;
use super::worth::{KeepIf, Worth};

/// A call as a worker gets it.
pub(crate) struct Call {
    pub(crate) args: Vec<Bytes>,
    /// Set for a provider.
    pub(crate) site: Option<Site>,
    /// Runs bodies that are not in this program, where the worker can.
    pub(crate) foreign: Option<Arc<dyn ForeignRunner>>,
}

/// The result of a body.
pub(crate) struct Encoded {
    pub(crate) value: Bytes,
    /// How long the body itself took, without decoding and encoding.
    pub(crate) took: Duration,
    /// Whether it is worth keeping.
    pub(crate) worth: Worth,
}

pub(crate) trait ErasedCall: Send + Sync {
    /// The body with its arguments, ready to run.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`](chia_dispatch::ErrorKind::Decode) for arguments of other types.
    fn invoke(&self, call: Call) -> Result<Invocation<Encoded>>;

    /// Whether a stored value is of the type that this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`](chia_dispatch::ErrorKind::Decode) when it is not.
    fn check(&self, value: &Bytes) -> Result<()>;
}

pub(crate) trait ErasedCondition: Send + Sync {
    /// The condition with what it is asked about, ready to run.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`](chia_dispatch::ErrorKind::Decode) for arguments of other types.
    fn invoke(&self, site: Site, args: &[Slot]) -> Result<Invocation<bool>>;
}

struct FunctionCall<A: 'static, R: 'static>(Body<A, R>, Option<KeepIf<R>>);

/// A body that is not in this program, by its full name.
struct ForeignCall(&'static str);

struct ProviderCall<A: 'static, R: 'static>(Body<(Site, A), R>);

struct ConditionCall<A: Arguments>(Body<(Site, A::Shown), bool>);

pub(crate) fn function<A: Arguments, R: Value>(
    body: Body<A, R>,
    keep_if: Option<KeepIf<R>>,
) -> Arc<dyn ErasedCall> {
    Arc::new(FunctionCall(body, keep_if))
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

impl<A: Arguments, R: Value> ErasedCall for FunctionCall<A, R> {
    fn invoke(&self, call: Call) -> Result<Invocation<Encoded>> {
        let args = A::decode(&call.args)?;
        Ok(encoded(self.0.call(args), self.1))
    }

    fn check(&self, value: &Bytes) -> Result<()> {
        codec::decode::<R>(value).map(drop)
    }
}

impl ErasedCall for ForeignCall {
    fn invoke(&self, call: Call) -> Result<Invocation<Encoded>> {
        let name = self.0;
        let runner = call.foreign.ok_or_else(|| no_foreign(name))?;
        Ok(Invocation::Async(Box::pin(async move {
            let start = Instant::now();
            let value = runner.run(name, call.args).await?;
            Ok(Encoded { value, took: start.elapsed(), worth: Worth::default() })
        })))
    }

    /// A value of another language is its own: it may be more than this one can represent.
    fn check(&self, _value: &Bytes) -> Result<()> {
        Ok(())
    }
}

impl<A: Arguments, R: Value> ErasedCall for ProviderCall<A, R> {
    fn invoke(&self, call: Call) -> Result<Invocation<Encoded>> {
        let args = A::decode(&call.args)?;
        let site = call.site.expect("the worker sets the site of a provider");
        Ok(encoded(self.0.call((site, args)), None))
    }

    fn check(&self, value: &Bytes) -> Result<()> {
        codec::decode::<R>(value).map(drop)
    }
}

impl<A: Arguments> ErasedCondition for ConditionCall<A> {
    fn invoke(&self, site: Site, args: &[Slot]) -> Result<Invocation<bool>> {
        let args = A::show(args)?;
        Ok(self.0.call((site, args)))
    }
}

/// The same body, returning its result encoded.
fn encoded<R: Value>(invocation: Invocation<R>, keep_if: Option<KeepIf<R>>) -> Invocation<Encoded> {
    match invocation {
        Invocation::Blocking(body) => Invocation::Blocking(Box::new(move || {
            let start = Instant::now();
            let value = body()?;
            encode(&value, start.elapsed(), keep_if)
        })),
        Invocation::Async(future) => Invocation::Async(Box::pin(async move {
            let start = Instant::now();
            let value = future.await?;
            encode(&value, start.elapsed(), keep_if)
        })),
    }
}

fn encode<R: Value>(
    value: &R,
    took: Duration,
    keep_if: Option<KeepIf<R>>,
) -> Result<Encoded, BoxError> {
    let worth = Worth::of(value, keep_if);
    Ok(Encoded { value: codec::encode(value)?, took, worth })
}
