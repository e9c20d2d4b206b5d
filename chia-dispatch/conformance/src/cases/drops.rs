//! Dropping a handle or a wait does no harm.

use std::time::Duration;

use crate::case::{Case, cpu, nothing};

/// Dropping the last handle detaches a running task, it never cancels it.
pub(crate) async fn a_running_task_goes_on(case: &Case) {
    let task = case.run(case.script().wait("open").mark("went on"), nothing()).await;
    case.reached("open").await;
    drop(task);
    case.fence().await;
    case.open("open");
    case.reached("went on").await;
}

/// Nor one that is queued.
pub(crate) async fn a_queued_task_runs(case: &Case) {
    let holder = case.run(case.script().wait("open"), cpu(1.0)).await;
    case.reached("open").await;
    drop(case.run(case.script().mark("ran"), cpu(1.0)).await);
    case.fence().await;
    case.open("open");
    case.value(&holder).await;
    case.reached("ran").await;
}

/// A `get` may be dropped at any await point; a time-out is a dropped `get`.
pub(crate) async fn a_dropped_get_is_harmless(case: &Case) {
    let task = case.run(case.script().wait("open").emit("value"), cpu(1.0)).await;
    case.reached("open").await;
    for millis in [0, 1, 5, 20] {
        let get = tokio::time::timeout(Duration::from_millis(millis), case.backend.get(&task));
        assert!(get.await.is_err(), "a running task's result was there");
    }
    let watch = case.watch(&task);
    watch.abort();
    assert!(
        case.during("an aborted get", watch).await.is_err(),
        "a running task's result was there"
    );
    let patient = case.watch(&task);
    case.open("open");
    assert_eq!(case.watched(patient).await.expect("the task goes on"), "value");
    assert_eq!(case.text(&task).await, "value");
}
