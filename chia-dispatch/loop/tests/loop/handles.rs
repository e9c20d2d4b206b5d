//! Handles: as futures, many at once, values that are put.

use std::time::Duration;

use chia_loop::{Chia, ErrorKind, Function, Handle, as_completed, wait};

use crate::program::{ADD, builder};

/// A handle is a future: it goes wherever one is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn r23_a_handle_is_a_future_that_can_be_awaited_again() {
    let chia = builder().start().await.unwrap();
    let mut handle = chia.call(&ADD, (1, 2)).dispatch().await.unwrap();
    let within = tokio::time::timeout(Duration::from_secs(30), &mut handle).await;
    assert_eq!(within.unwrap().unwrap(), 3);
    assert_eq!((&mut handle).await.unwrap(), 3, "polled again after it was ready");
    assert_eq!((&handle).await.unwrap(), 3);
    let (left, right) = tokio::join!(handle.clone(), handle);
    assert_eq!((left.unwrap(), right.unwrap()), (3, 3));
}

fn shared_between_threads<T: Send + Sync>(_: &T) {}

#[tokio::test(flavor = "multi_thread")]
async fn results_come_in_the_order_in_which_calls_finish() {
    let chia = builder().start().await.unwrap();
    let first = chia.call(&ADD, (1, 1)).dispatch().await.unwrap();
    first.get().await.unwrap();
    let sum = chia.call(&ADD, (&first, 1)).dispatch().await.unwrap();
    shared_between_threads(&sum);
    let mut completed = as_completed([first, sum]);
    let mut seen = Vec::new();
    while let Some(one) = completed.next().await {
        assert!(one.handle.outcome().is_some());
        seen.push((one.index, one.result.unwrap()));
    }
    assert!(completed.is_empty());
    seen.sort_unstable();
    assert_eq!(seen, [(0, 2), (1, 3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_some_leaves_the_others() {
    let chia = builder().start().await.unwrap();
    let quick = chia.call(&ADD, (1, 1)).dispatch().await.unwrap();
    // No node has room for it as long as nothing has ended: it waits for itself to be cancelled.
    let never = chia.call(&ADD, (1, 1)).resource("cpu", 2.0).dispatch().await.unwrap();
    never.cancel().await.unwrap();
    let handles: [Handle<i64>; 2] = [quick, never];
    assert_eq!(wait(&handles, 5).await, [true, true], "a failed call has finished as well");
    assert!(wait(&handles, 1).await.contains(&true));
    assert_eq!(wait(&handles, 0).await, [false, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_put_once_and_passed_to_many() {
    let chia = builder().start().await.unwrap();
    let one: Handle<i64> = chia.put(&1).await.unwrap();
    for x in 0..3 {
        assert_eq!(chia.call(&ADD, (&one, x)).await.unwrap(), 1 + x);
    }
    assert_eq!(one.get().await.unwrap(), 1);
    assert!(one.outcome().is_none());
    assert_eq!(chia.summary().functions.keys().collect::<Vec<_>>(), ["add"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_argument_may_be_borrowed() {
    let chia = builder().start().await.unwrap();
    let x = 20_i64;
    assert_eq!(chia.call(&ADD, (&x, 22)).await.unwrap(), 42);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_not_registered_is_refused_at_dispatch() {
    static STRANGE: Function<(i64,), i64> = Function::new("strange", &|x: i64| x);
    let chia: Chia = builder().start().await.unwrap();
    let error = chia.call(&STRANGE, (1,)).dispatch().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRegistered);
    assert!(error.to_string().contains("strange"), "{error}");
}
