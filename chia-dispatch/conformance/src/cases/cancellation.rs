//! Ending a task that nobody needs any more.

use chia_dispatch::ErrorKind;

use crate::case::{Case, cpu, nothing, slots};
use crate::script::{Step, echo};

/// Cancelling a queued task means that it never runs.
pub(crate) async fn a_queued_task_never_runs(case: &Case) {
    let all = case.layout.all_slots();
    let holder = case.run(case.script().wait("open"), all.clone()).await;
    case.reached("open").await;
    let queued = case.run(case.script().mark("ran"), all.clone()).await;
    let watch = case.watch(&queued);
    case.cancel(&queued).await;
    case.error(&queued, ErrorKind::Cancelled).await;
    let early = case.watched(watch).await.expect_err("earlier waiters are notified as well");
    assert_eq!(early.kind(), ErrorKind::Cancelled);
    case.open("open");
    case.value(&holder).await;
    let after = case.run(case.script(), all).await;
    case.value(&after).await;
    case.assert_never("ran", "a task ran that was cancelled in the queue");
}

/// A task that waits for its arguments can be cancelled; what makes them goes on.
pub(crate) async fn a_task_without_its_arguments_never_runs(case: &Case) {
    let pending = case.run(case.script().wait("open").emit("late"), nothing()).await;
    let mut task = case.script().mark("ran").task(nothing());
    task.args = vec![pending.clone()];
    let task = case.submit(task).await;
    case.reached("open").await;
    case.cancel(&task).await;
    case.error(&task, ErrorKind::Cancelled).await;
    case.open("open");
    assert_eq!(case.text(&pending).await, "late");
    case.fence().await;
    case.assert_never("ran", "a cancelled task ran");
}

/// A running asynchronous body is dropped at its next await point.
pub(crate) async fn a_running_async_body_is_dropped(case: &Case) {
    let task = case.run(case.script().wait("running").mark("went on"), cpu(1.0)).await;
    case.reached("running").await;
    case.cancel(&task).await;
    case.error(&task, ErrorKind::Cancelled).await;
    case.reached("gone running").await;
    case.assert_never("went on", "a cancelled body went on");
}

/// A running blocking body is notified, and may return early.
pub(crate) async fn a_running_blocking_body_is_notified(case: &Case) {
    let spin = Step::SpinUntilCancelled("notified".to_owned());
    let task = case.run(case.script().then(spin).emit("early"), cpu(1.0)).await;
    case.reached("running").await;
    case.assert_never("notified", "a task that nobody cancelled was notified");
    case.cancel(&task).await;
    case.error(&task, ErrorKind::Cancelled).await;
    case.reached("notified").await;
    let after = case.run(case.script().emit("after"), cpu(1.0)).await;
    assert_eq!(case.text(&after).await, "after");
}

/// Awaiters are notified without waiting for the body to notice, and its result is discarded.
pub(crate) async fn awaiters_are_notified_at_once(case: &Case) {
    let blocking = Step::BlockUntilOpen("stubborn".to_owned());
    let task = case.run(case.script().then(blocking).emit("too late"), nothing()).await;
    case.reached("stubborn").await;
    let watch = case.watch(&task);
    case.cancel(&task).await;
    let early = case.watched(watch).await.expect_err("a waiter is notified");
    assert_eq!(early.kind(), ErrorKind::Cancelled);
    case.error(&task, ErrorKind::Cancelled).await;
    case.open("stubborn");
    case.fence().await;
    case.error(&task, ErrorKind::Cancelled).await;
}

/// Cancelling what has finished does nothing, nor does cancelling a value or cancelling twice.
pub(crate) async fn a_finished_task_keeps_its_result(case: &Case) {
    let task = case.run(case.script().emit("kept"), cpu(1.0)).await;
    case.value(&task).await;
    case.cancel(&task).await;
    case.cancel(&task).await;
    assert_eq!(case.text(&task).await, "kept");
    let failed = case.run(case.script().fail("kept too"), cpu(1.0)).await;
    case.error(&failed, ErrorKind::TaskFailed).await;
    case.cancel(&failed).await;
    case.error(&failed, ErrorKind::TaskFailed).await;
    let value = case.put("a value").await;
    case.cancel(&value).await;
    assert_eq!(case.text(&value).await, "a value");
}

/// What a cancelled task held is free again.
pub(crate) async fn cancelling_gives_back_what_was_held(case: &Case) {
    let all = case.layout.all_slots().plus(&cpu(1.0));
    for round in 0..3 {
        let label = format!("round {round}");
        let task = case.run(case.script().wait(&label), all.clone()).await;
        case.reached(&label).await;
        case.cancel(&task).await;
        case.error(&task, ErrorKind::Cancelled).await;
    }
    let after = case.run(case.script().emit("free"), all).await;
    assert_eq!(case.text(&after).await, "free");
}

/// Tasks that were to get the result of a cancelled one fail as it did.
pub(crate) async fn dependants_of_a_cancelled_task_fail(case: &Case) {
    let pending = case.run(case.script().wait("running"), nothing()).await;
    let dependant = case.submit(echo("", std::slice::from_ref(&pending))).await;
    case.reached("running").await;
    case.cancel(&pending).await;
    case.error(&dependant, ErrorKind::Cancelled).await;
}

/// What a cancelled task holds is given back when its body has ended, and not before.
pub(crate) async fn a_body_that_goes_on_keeps_what_it_holds(case: &Case) {
    let stubborn = case.script().then(Step::BlockUntilOpen("stubborn".to_owned()));
    let task = case.run(stubborn, case.layout.all_slots()).await;
    case.reached("stubborn").await;
    case.cancel(&task).await;
    case.error(&task, ErrorKind::Cancelled).await;
    let other = case.run(case.script().mark("other starts"), slots(1.0)).await;
    case.fence().await;
    // A backend that can end the body from outside gives its slots away after that.
    let log = case.board.log();
    let at = |label: &str| log.iter().position(|line| line == label);
    if let Some(started) = at("other starts") {
        let ended = at("gone stubborn").is_some_and(|gone| gone < started);
        assert!(ended, "the slots of a body that still runs were given away: {log:?}");
    }
    case.open("stubborn");
    case.value(&other).await;
}
