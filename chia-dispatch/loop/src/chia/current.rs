//! The loop handle of the task that is running here.

use std::future::Future;

use super::Chia;

tokio::task_local! {
    static CURRENT: Chia;
}

/// Runs a task's future with its loop handle at hand.
pub(crate) async fn scope<F: Future>(chia: Chia, future: F) -> F::Output {
    CURRENT.scope(chia, future).await
}

pub(super) fn get() -> Option<Chia> {
    CURRENT.try_with(Chia::clone).ok()
}

/// Takes the loop handle and the tracing span of here along to the thread that runs `body`.
pub(crate) fn inherit<R>(body: impl FnOnce() -> R + Send) -> impl FnOnce() -> R + Send {
    let chia = get();
    let span = tracing::Span::current();
    move || {
        let _entered = span.entered();
        match chia {
            Some(chia) => CURRENT.sync_scope(chia, body),
            None => body(),
        }
    }
}

/// Waits for a future in a synchronous body: `block_on(handle)`.
///
/// For the bodies of functions, providers and conditions alone; they run on threads that may block.
///
/// # Panics
/// On a thread that drives asynchronous tasks, and outside a runtime.
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    tokio::runtime::Handle::current().block_on(future.into_future())
}
