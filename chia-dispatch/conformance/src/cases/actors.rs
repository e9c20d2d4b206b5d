//! Named actors: who has a name, in which order calls run, what a failing call does.

use std::sync::Arc;

use chia_dispatch::ErrorKind;
use chia_dispatch::backend::{ActorRef, ActorSpec, Concurrency};

use crate::case::{Case, cpu, nothing};
use crate::script::{Script, Step, list, push};

fn concurrent(script: Script, name: &str, calls: u32) -> ActorSpec {
    ActorSpec { concurrency: Concurrency::Concurrent(calls), ..script.actor(name) }
}

/// If one lives, that one is returned and the rest of the specification is ignored.
pub(crate) async fn a_name_leads_to_the_living_one(case: &Case) {
    let first = case.actor(case.script().mark("made").actor("kit-actor")).await;
    let call = case.call(&first, push("one")).await;
    case.value(&call).await;
    let second = case.actor(case.script().mark("made").fail("ignored").actor("kit-actor")).await;
    assert_eq!(case.remembered(&second).await, "one");
    assert_eq!(case.board.count("made"), 1, "a living actor was made again");
    let other = case.actor(case.script().actor("kit-other")).await;
    assert_eq!(case.remembered(&other).await, "", "two names lead to one actor");
}

/// Of several racing creators one creates.
pub(crate) async fn racing_creators_make_one(case: &Case) {
    let script = case.script().mark("made").then(Step::Dwell { millis: 5 });
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (backend, spec) = (Arc::clone(&case.backend), script.clone().actor("kit-raced"));
        racers.spawn(async move { backend.actor(spec).await });
    }
    let actors: Vec<ActorRef> = case
        .during("racing creators", racers.join_all())
        .await
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("every creator gets the actor");
    for actor in &actors {
        let call = case.call(actor, push("x")).await;
        case.value(&call).await;
    }
    assert_eq!(case.remembered(&actors[0]).await.len(), 31, "the racers got different actors");
    assert_eq!(case.board.count("made"), 1, "racing creators made more than one actor");
}

/// Tasks race as well, wherever they run.
pub(crate) async fn racing_tasks_make_one(case: &Case) {
    let init = case.script().mark("made");
    let mut tasks = Vec::new();
    // Held here, so that it does not end between two of the tasks.
    let held = case.actor(init.clone().actor("kit-raced")).await;
    for _ in 0..8 {
        let (actor, init, text) = ("kit-raced".to_owned(), init.clone(), "x".to_owned());
        let script = case.script().then(Step::Tell { actor, init, text }).get();
        tasks.push(case.run(script, cpu(1.0)).await);
    }
    for task in &tasks {
        case.value(task).await;
    }
    assert_eq!(case.remembered(&held).await, "x x x x x x x x");
    assert_eq!(case.board.count("made"), 1);
}

/// Calls of one caller run in the order they were made.
pub(crate) async fn ordered_calls_keep_their_order(case: &Case) {
    let actor = case.actor(case.script().actor("kit-ordered")).await;
    let mut calls = Vec::new();
    for number in 0..100 {
        calls.push(case.call(&actor, push(number.to_string())).await);
    }
    let expected: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(case.remembered(&actor).await, expected.join(" "), "calls ran out of order");
    for call in &calls {
        case.value(call).await;
    }
}

/// An ordered actor runs one call at a time, for all callers together.
pub(crate) async fn ordered_calls_never_overlap(case: &Case) {
    let actor = case.actor(case.script().actor("kit-ordered")).await;
    visits(case, &actor, 12, 1).await;
}

/// A concurrent actor overlaps its calls: none goes on before all are there.
pub(crate) async fn concurrent_calls_overlap(case: &Case) {
    let actor = case.actor(concurrent(case.script(), "kit-concurrent", 8)).await;
    let mut calls = Vec::new();
    for number in 0..4 {
        let script = case.script().wait(format!("here {number}"));
        calls.push(case.call(&actor, script.call()).await);
    }
    case.reached_by(4, "here").await;
    (0..4).for_each(|number| case.open(&format!("here {number}")));
    for call in &calls {
        case.value(call).await;
    }
}

/// And never more of them than declared.
pub(crate) async fn concurrent_calls_are_bounded(case: &Case) {
    let actor = case.actor(concurrent(case.script(), "kit-concurrent", 2)).await;
    visits(case, &actor, 16, 2).await;
}

async fn visits(case: &Case, actor: &ActorRef, calls: usize, limit: usize) {
    let mut visits = Vec::new();
    for _ in 0..calls {
        visits.push(case.call(actor, case.script().visit().call()).await);
    }
    for visit in &visits {
        case.value(visit).await;
    }
    let peak = case.board.peak();
    assert!(peak <= limit, "{peak} calls at once where {limit} are allowed");
}

/// A method that fails fails that call alone.
pub(crate) async fn a_failing_method_fails_alone(case: &Case) {
    let actor = case.actor(case.script().actor("kit-actor")).await;
    let before = case.call(&actor, push("before")).await;
    let failing = case.call(&actor, case.script().fail("no such page").call()).await;
    let after = case.call(&actor, push("after")).await;
    let error = case.error(&failing, ErrorKind::TaskFailed).await;
    assert!(error.message().contains("no such page"), "the message is lost: {error}");
    case.value(&before).await;
    case.value(&after).await;
    assert_eq!(case.remembered(&actor).await, "before after");
}

/// Nor does a panic end the actor.
pub(crate) async fn a_panicking_method_fails_alone(case: &Case) {
    let actor = case.actor(case.script().actor("kit-actor")).await;
    let before = case.call(&actor, push("before")).await;
    let panicking = case.call(&actor, case.script().panic("the shelf fell").call()).await;
    let after = case.call(&actor, push("after")).await;
    let error = case.error(&panicking, ErrorKind::Panicked).await;
    assert!(error.message().contains("the shelf fell"), "the message is lost: {error}");
    case.value(&before).await;
    case.value(&after).await;
    assert_eq!(case.remembered(&actor).await, "before after");
}

/// A method that the actor does not know fails the call as `NotRegistered`, naming it.
pub(crate) async fn an_unknown_method_is_reported(case: &Case) {
    let actor = case.actor(case.script().actor("kit-actor")).await;
    let mut call = list();
    call.method = "kit_no_such_method".to_owned();
    let call = case.call(&actor, call).await;
    let error = case.error(&call, ErrorKind::NotRegistered).await;
    assert!(error.message().contains("kit_no_such_method"), "it does not name it: {error}");
}

/// Objects are passed to methods as to tasks: a pending one is awaited, a failed one fails the call.
pub(crate) async fn methods_take_arguments_by_reference(case: &Case) {
    let actor = case.actor(case.script().actor("kit-actor")).await;
    let pending = case.run(case.script().wait("open").emit("late"), nothing()).await;
    let failing = case.run(case.script().fail("never there"), nothing()).await;
    let mut good = push("and ");
    good.args = vec![pending];
    let good = case.call(&actor, good).await;
    let mut bad = push("bad");
    bad.args = vec![failing];
    let bad = case.call(&actor, bad).await;
    case.open("open");
    case.value(&good).await;
    case.error(&bad, ErrorKind::TaskFailed).await;
    assert_eq!(case.remembered(&actor).await, "and late");
}

/// The result of a call is an object like any other.
pub(crate) async fn a_calls_result_is_passed_on(case: &Case) {
    let actor = case.actor(case.script().actor("kit-actor")).await;
    let call = case.call(&actor, case.script().emit("from the actor").call()).await;
    let mut task = case.script().then(Step::EmitArgs).task(nothing());
    task.args = vec![call];
    let task = case.submit(task).await;
    assert_eq!(case.text(&task).await, "from the actor");
}

/// Dropping the handle of a call never cancels it.
pub(crate) async fn a_dropped_call_still_runs(case: &Case) {
    let actor = case.actor(case.script().actor("kit-actor")).await;
    drop(case.call(&actor, case.script().wait("open").mark("went on").call()).await);
    drop(case.call(&actor, push("also")).await);
    case.reached("open").await;
    case.open("open");
    case.reached("went on").await;
    assert_eq!(case.remembered(&actor).await, "also");
}

/// A call whose argument is still to come keeps its turn.
pub(crate) async fn a_pending_argument_keeps_its_turn(case: &Case) {
    let actor = case.actor(case.script().actor("kit-ordered")).await;
    let pending = case.run(case.script().wait("open").emit("first"), nothing()).await;
    let mut first = push("");
    first.args = vec![pending];
    let first = case.call(&actor, first).await;
    let second = case.call(&actor, push("second")).await;
    case.reached("open").await;
    case.fence().await;
    assert!(!case.ready(&second).await, "a call overtook one that waits for its argument");
    case.open("open");
    case.value(&first).await;
    assert_eq!(case.remembered(&actor).await, "first second", "calls ran out of order");
}

/// A call that is cancelled before its turn never runs, and those behind it do.
pub(crate) async fn a_cancelled_call_never_runs(case: &Case) {
    let actor = case.actor(case.script().actor("kit-ordered")).await;
    let first = case.call(&actor, case.script().wait("open").call()).await;
    let queued = case.call(&actor, case.script().mark("ran").call()).await;
    case.reached("open").await;
    case.cancel(&queued).await;
    case.error(&queued, ErrorKind::Cancelled).await;
    let last = case.call(&actor, push("last")).await;
    case.open("open");
    case.value(&first).await;
    case.value(&last).await;
    case.assert_never("ran", "a call ran that was cancelled in the queue");
}

/// Cancelling a call under way tells its awaiters, and leaves the actor alive.
pub(crate) async fn a_cancelled_call_leaves_its_actor(case: &Case) {
    let actor = case.actor(case.script().actor("kit-actor")).await;
    let before = case.call(&actor, push("before")).await;
    case.value(&before).await;
    let running = case.call(&actor, case.script().wait("running").call()).await;
    case.reached("running").await;
    case.cancel(&running).await;
    case.error(&running, ErrorKind::Cancelled).await;
    // Whether the method is dropped or comes to its end is the backend's choice.
    case.open("running");
    assert_eq!(case.remembered(&actor).await, "before", "a cancelled call ended its actor");
}
