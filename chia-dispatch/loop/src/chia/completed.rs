//! Many handles at once: in the order in which their calls finish.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use chia_dispatch::Result;
use chia_services::codec::Value;
use futures_util::Stream;
use futures_util::stream::FuturesUnordered;

use super::Handle;

/// One of the handles given to [`as_completed`], when its call has finished.
#[derive(Debug)]
pub struct Completed<T> {
    /// Its place among the handles.
    pub index: usize,
    /// The handle; its [`outcome`](Handle::outcome) is known now.
    pub handle: Handle<T>,
    /// What the call returned.
    pub result: Result<T>,
}

/// The results of many calls, each as soon as it is there; see [`as_completed`].
///
/// It is a `Stream` of the `futures` crates as well. Dropping it drops its handles, which detaches.
#[must_use = "results come from `next`"]
pub struct AsCompleted<T>(FuturesUnordered<Settling<T>>);

type Settling<T> = Pin<Box<dyn Future<Output = Completed<T>> + Send>>;

/// Takes the results of calls in the order in which they finish.
///
/// ```
/// use chia_loop::{Chia, Registry, as_completed};
///
/// #[chia_loop::function]
/// fn square(x: u64) -> u64 {
///     x * x
/// }
///
/// # async fn run() -> chia_loop::Result<()> {
/// let chia = Chia::builder(Registry::collect()).start().await?;
/// let mut handles = Vec::new();
/// for x in 0..10 {
///     handles.push(chia.call(&SQUARE, (x,)).dispatch().await?);
/// }
/// let mut results = as_completed(handles);
/// while let Some(completed) = results.next().await {
///     println!("{} squared is {}", completed.index, completed.result?);
/// }
/// # Ok(()) }
/// ```
pub fn as_completed<T: Value>(handles: impl IntoIterator<Item = Handle<T>>) -> AsCompleted<T> {
    let settle = |(index, handle): (usize, Handle<T>)| -> Settling<T> {
        Box::pin(async move {
            let result = handle.get().await;
            Completed { index, handle, result }
        })
    };
    AsCompleted(handles.into_iter().enumerate().map(settle).collect())
}

impl<T> AsCompleted<T> {
    /// The next result, or none when all have been taken.
    pub async fn next(&mut self) -> Option<Completed<T>> {
        poll_fn(|context| Pin::new(&mut self.0).poll_next(context)).await
    }

    /// How many results have not been taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether all results have been taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Stream for AsCompleted<T> {
    type Item = Completed<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(context)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.len()).finish()
    }
}

/// Waits until `count` of the calls have finished, well or not, or all of them if they are fewer. Returns
/// whether each has, in the order of the handles.
///
/// Results are fetched to find out; awaiting a handle afterwards fetches its result again. To give up after a
/// while, wrap the wait in `tokio::time::timeout`: the handles stay the caller's.
pub async fn wait<T: Value>(handles: &[Handle<T>], count: usize) -> Vec<bool> {
    let mut finished = vec![false; handles.len()];
    let mut completed = as_completed(handles.iter().cloned());
    for _ in 0..count.min(handles.len()) {
        if let Some(Completed { index, .. }) = completed.next().await {
            finished[index] = true;
        }
    }
    finished
}
