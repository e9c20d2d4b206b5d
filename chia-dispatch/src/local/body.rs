//! Running code of users: its panics become errors here.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::error::{Error, ErrorKind, Result};

/// Awaits `body`; a panic inside becomes an error with the panic's message.
///
/// What the body shares with others may be left in the middle of a change, as behind any panicking
/// thread; nothing of the backend's own is reachable from there.
pub(super) async fn guarded<T>(body: impl Future<Output = Result<T>>) -> Result<T> {
    let mut body = pin!(body);
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
