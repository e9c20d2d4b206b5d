//! The end of a backend.

use chia_dispatch::backend::ObjectRef;
use chia_dispatch::{ErrorKind, Result};

use crate::case::{Case, cpu, nothing};
use crate::script::{Step, echo, push};

async fn shut_down(case: &Case) {
    case.during("shutdown", case.backend.shutdown()).await.expect("the backend shuts down");
}

async fn assert_shut_down(case: &Case, what: &str, call: impl Future<Output = Result<()>>) {
    let error = case.during(what, call).await.err();
    let kind = error.map(|error| error.kind());
    assert_eq!(kind, Some(ErrorKind::ShutDown), "{what} after shutdown");
}

/// Every waiter gets `ShutDown`: for a running task, a queued one, and one without its arguments.
pub(crate) async fn waiters_are_notified(case: &Case) {
    let running = case.run(case.script().wait("running"), cpu(1.0)).await;
    case.reached("running").await;
    let queued = case.run(case.script().mark("ran"), cpu(1.0)).await;
    let dependant = case.submit(echo("", std::slice::from_ref(&running))).await;
    let watches = [&running, &queued, &dependant].map(|task: &ObjectRef| case.watch(task));
    case.fence().await;
    shut_down(case).await;
    for watch in watches {
        let error = case.watched(watch).await.expect_err("a waiter is notified");
        assert_eq!(error.kind(), ErrorKind::ShutDown, "{error}");
    }
    case.assert_never("ran", "a queued task ran at the shutdown");
}

/// What runs is ended: tasks and actors.
pub(crate) async fn what_runs_is_ended(case: &Case) {
    let task = case.run(case.script().wait("task").mark("went on"), nothing()).await;
    let actor = case.script().then(Step::Hold("actor".to_owned())).actor("kit-actor");
    let actor = case.actor(actor).await;
    case.reached("task").await;
    case.reached("actor").await;
    shut_down(case).await;
    case.reached("gone task").await;
    drop((task, actor));
    case.reached("gone actor").await;
    case.assert_never("went on", "a task went on after the shutdown");
}

/// A blocking body is notified, as if it was cancelled.
pub(crate) async fn a_blocking_body_is_notified(case: &Case) {
    let spin = Step::SpinUntilCancelled("notified".to_owned());
    let task = case.run(case.script().then(spin), nothing()).await;
    case.reached("running").await;
    shut_down(case).await;
    case.reached("notified").await;
    drop(task);
}

/// Every later call gets `ShutDown`, and shutting down again is no error.
pub(crate) async fn later_calls_are_refused(case: &Case) {
    let task = case.run(case.script().wait("running"), nothing()).await;
    let actor = case.actor(case.script().actor("kit-actor")).await;
    case.reached("running").await;
    shut_down(case).await;
    shut_down(case).await;
    let backend = &case.backend;
    let submit = async { backend.submit(echo("", &[])).await.map(drop) };
    assert_shut_down(case, "submit", submit).await;
    assert_shut_down(case, "put", async { backend.put("value".into()).await.map(drop) }).await;
    assert_shut_down(case, "get", async { backend.get(&task).await.map(drop) }).await;
    let spec = case.script().actor("kit-other");
    assert_shut_down(case, "actor", async { backend.actor(spec).await.map(drop) }).await;
    let find = async { backend.find_actor("kit-actor").await.map(drop) };
    assert_shut_down(case, "find_actor", find).await;
    let call = async { backend.call_actor(&actor, push("late")).await.map(drop) };
    assert_shut_down(case, "call_actor", call).await;
    shut_down(case).await;
}

/// Every later call: for what was there before as well.
pub(crate) async fn results_are_gone(case: &Case) {
    let done = case.run(case.script().emit("done"), nothing()).await;
    let value = case.put("a value").await;
    let actor = case.actor(case.script().actor("kit-actor")).await;
    for object in [&done, &value] {
        case.value(object).await;
    }
    shut_down(case).await;
    let backend = &case.backend;
    for object in [&done, &value] {
        let get = async { backend.get(object).await.map(drop) };
        assert_shut_down(case, "get of a result", get).await;
        let ready = async { backend.is_ready(object).await.map(drop) };
        assert_shut_down(case, "is_ready", ready).await;
        assert_shut_down(case, "cancel", backend.cancel(object)).await;
    }
    assert_shut_down(case, "kill_actor", backend.kill_actor(&actor)).await;
    assert_shut_down(case, "nodes", async { backend.nodes().await.map(drop) }).await;
}

/// A blocking body that does not notice holds the shutdown up no longer than the backend's grace period.
pub(crate) async fn a_stubborn_body_is_not_waited_for(case: &Case) {
    let stubborn = Step::BlockUntilOpen("stubborn".to_owned());
    let task = case.run(case.script().then(stubborn), nothing()).await;
    case.reached("stubborn").await;
    shut_down(case).await;
    case.open("stubborn");
    drop(task);
}
