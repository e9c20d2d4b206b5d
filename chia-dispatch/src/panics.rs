//! Running code of users: its panics become errors here.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::error::{Error, ErrorKind, Result};

/// Calls `body` and awaits what it returns; a panic in either becomes an error with its message.
///
/// What the body shares with others may be left in the middle of a change, as behind any panicking
/// thread; nothing of the backend's own is reachable from there.
///
/// # Errors
/// What the body returns, or [`Panicked`](ErrorKind::Panicked).
pub async fn guarded<F, T>(body: impl FnOnce() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let body = catch_unwind(AssertUnwindSafe(body));
    let mut body = pin!(body.map_err(|payload| panicked(payload.as_ref()))?);
    std::future::poll_fn(move |context| {
        catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(context)))
            .unwrap_or_else(|payload| Poll::Ready(Err(panicked(payload.as_ref()))))
    })
    .await
}

fn panicked(payload: &(dyn Any + Send)) -> Error {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("with a payload that is no text");
    Error::new(ErrorKind::Panicked, format!("the body panicked: {text}"))
}
