//! Calls made from inside a task.

use chia_dispatch::ErrorKind;
use chia_dispatch::backend::ActorSpec;

use crate::case::{Case, cpu, nothing, slots};
use crate::script::{Script, Step};

/// Five levels, each holding the only cpu, each waiting for the next.
pub(crate) async fn five_deep_on_one_cpu(case: &Case) {
    let mut script = case.script().emit("bottom");
    for level in 0..5 {
        script = case.script().emit(format!("{level}>")).submit(script, cpu(1.0)).get();
    }
    let task = case.run(script, cpu(1.0)).await;
    assert_eq!(case.text(&task).await, "4>3>2>1>0>bottom");
}

/// One task waits for many, of which one at a time has the cpu.
pub(crate) async fn wide_on_one_cpu(case: &Case) {
    let mut script = case.script();
    for child in 0..60_u8 {
        script = script.submit(case.script().emit(char::from(b'0' + child)), cpu(1.0));
    }
    let task = case.run(script.get(), cpu(1.0)).await;
    let expected: String = (0..60_u8).map(|child| char::from(b'0' + child)).collect();
    assert_eq!(case.text(&task).await, expected);
}

/// While a task waits its cpu is free for others.
pub(crate) async fn a_waiting_task_gives_its_cpu(case: &Case) {
    let parent = case.script().submit(case.script().wait("child"), nothing()).get();
    let parent = case.run(parent, cpu(1.0)).await;
    case.reached("child").await;
    let other = case.run(case.script().emit("in between"), cpu(1.0)).await;
    assert_eq!(case.text(&other).await, "in between");
    case.open("child");
    case.value(&parent).await;
}

/// It goes on when the result is there, without waiting for a free cpu.
pub(crate) async fn a_waiting_task_goes_on_at_once(case: &Case) {
    let parent = case.script().submit(case.script().wait("child"), nothing()).get();
    let parent = case.run(parent.mark("went on"), cpu(1.0)).await;
    case.reached("child").await;
    let other = case.run(case.script().wait("holds the cpu"), cpu(1.0)).await;
    case.reached("holds the cpu").await;
    case.open("child");
    case.reached("went on").await;
    case.value(&parent).await;
    case.open("holds the cpu");
    case.value(&other).await;
}

/// And nothing else: what it holds of other resources stays held.
pub(crate) async fn a_waiting_task_keeps_the_rest(case: &Case) {
    let all = case.layout.all_slots();
    let parent = case.script().submit(case.script().wait("child"), nothing()).get();
    let parent = case.run(parent.mark("parent ends"), all.plus(&cpu(1.0))).await;
    case.reached("child").await;
    let other = case.run(case.script().mark("other starts"), slots(1.0)).await;
    case.fence().await;
    case.assert_never("other starts", "a slot was given away while its task waited");
    case.open("child");
    case.value(&parent).await;
    case.value(&other).await;
    let log = case.board.log();
    let at = |label: &str| log.iter().position(|line| line == label);
    assert!(at("parent ends") < at("other starts"), "a slot was given away: {log:?}");
}

/// After the wait the cpu counts as held again, so that the node is not overfull for long.
pub(crate) async fn a_cpu_is_held_again_after_the_wait(case: &Case) {
    let parent = case.script().submit(case.script(), cpu(1.0)).get().wait("after the wait");
    let parent = case.run(parent, cpu(1.0)).await;
    case.reached("after the wait").await;
    let other = case.run(case.script().mark("other starts"), cpu(1.0)).await;
    case.fence().await;
    case.assert_never("other starts", "the cpu of a task that waits no more was given to another");
    case.open("after the wait");
    case.value(&parent).await;
    case.value(&other).await;
}

/// A wait for what needs the very resource that the waiter holds fails, instead of hanging.
pub(crate) async fn a_wait_for_oneself_is_reported(case: &Case) {
    let all = case.layout.all_slots();
    let parent = case.script().submit(case.script().mark("child ran"), slots(1.0)).get();
    let parent = case.run(parent, all.clone()).await;
    case.error(&parent, ErrorKind::Deadlock).await;
    let after = case.run(case.script().emit("free"), all).await;
    assert_eq!(case.text(&after).await, "free", "what the waiter held is lost");
}

/// A wait that others will end is no deadlock, although its resource is all taken.
pub(crate) async fn a_wait_for_others_is_not(case: &Case) {
    let other = case.run(case.script().wait("other"), slots(2.0)).await;
    case.reached("other").await;
    let parent = case.script().submit(case.script().emit("child"), slots(1.0)).mark("waits").get();
    let parent = case.run(parent, cpu(1.0)).await;
    case.reached("waits").await;
    case.fence().await;
    case.open("other");
    assert_eq!(case.text(&parent).await, "child");
    case.value(&other).await;
}

/// Values and results are made and passed on inside, without coming up.
pub(crate) async fn objects_are_made_and_passed_inside(case: &Case) {
    let script = case.script().then(Step::Put("put ".to_owned()));
    let script = script.submit(case.script().emit("and computed"), cpu(1.0)).then(Step::Pass).get();
    let task = case.run(script, cpu(1.0)).await;
    assert_eq!(case.text(&task).await, "put and computed");
}

/// Actors are made and called inside, and are the same as outside.
pub(crate) async fn actors_are_called_inside(case: &Case) {
    let tell = |text: &str| Step::Tell {
        actor: "kit-actor".to_owned(),
        init: case.script(),
        text: text.to_owned(),
    };
    let actor = case.actor(case.script().actor("kit-actor")).await;
    let inner = case.script().then(tell("inner")).get();
    let script = case.script().then(tell("before")).get().submit(inner, cpu(1.0)).get();
    let task = case.run(script.then(tell("after")).get(), cpu(1.0)).await;
    case.value(&task).await;
    assert_eq!(case.remembered(&actor).await, "before inner after");
}

/// An actor's method may call the backend as a task may.
pub(crate) async fn an_actor_submits_tasks(case: &Case) {
    let actor = case.actor(case.script().actor("kit-actor")).await;
    let script = case.script().submit(case.script().emit("from a task"), cpu(1.0)).get();
    let call = case.call(&actor, script.call()).await;
    assert_eq!(case.text(&call).await, "from a task");
}

/// A nested failure is the error that the waiting task sees, and its own if it does not handle it.
pub(crate) async fn nested_failures_come_up(case: &Case) {
    let failures = [
        (case.script().fail("deep trouble"), ErrorKind::TaskFailed),
        (case.script().panic("deep trouble"), ErrorKind::Panicked),
    ];
    for (mut script, kind) in failures {
        for _ in 0..2 {
            script = case.script().submit(script, cpu(1.0)).get().mark("went on");
        }
        let task = case.run(script, cpu(1.0)).await;
        let error = case.error(&task, kind).await;
        assert!(error.message().contains("deep trouble"), "the message is lost: {error}");
    }
    let infeasible = case.script().submit(case.script(), slots(1000.0));
    let task = case.run(infeasible, cpu(1.0)).await;
    case.error(&task, ErrorKind::Infeasible).await;
    case.assert_never("went on", "a task went on past the failure that it waited for");
}

/// A child whose handle its parent drops runs on after the parent's end.
pub(crate) async fn a_child_outlives_its_parent(case: &Case) {
    let child = case.script().wait("child").mark("child ends");
    let task = case.run(case.script().submit(child, nothing()).emit("parent"), cpu(1.0)).await;
    assert_eq!(case.text(&task).await, "parent");
    case.reached("child").await;
    case.fence().await;
    case.open("child");
    case.reached("child ends").await;
    // A backend may lose a child that is submitted just before its parent's answer, now and then.
    for number in 0..20_u8 {
        let child = case.script().mark(format!("last child {number}"));
        case.run(case.script().submit(child, nothing()), cpu(1.0)).await;
    }
    case.reached_by(20, "last child").await;
}

/// A task may cancel what it submitted.
pub(crate) async fn a_child_is_cancelled_inside(case: &Case) {
    let child: Script = case.script().wait("child").mark("went on");
    let script = case.script().submit(child, nothing()).wait("parent").then(Step::CancelLast).get();
    let task = case.run(script, cpu(1.0)).await;
    case.reached("child").await;
    case.reached("parent").await;
    case.open("parent");
    case.error(&task, ErrorKind::Cancelled).await;
    case.reached("gone child").await;
    case.assert_never("went on", "a cancelled child went on");
}

/// An actor that waits keeps all it holds, its cpu as well.
pub(crate) async fn a_waiting_actor_keeps_its_cpu(case: &Case) {
    let actor = case.actor(with_a_cpu(case)).await;
    let script = case.script().submit(case.script().wait("child"), nothing()).get();
    let call = case.call(&actor, script.call()).await;
    case.reached("child").await;
    let other = case.run(case.script().mark("other starts"), cpu(1.0)).await;
    case.fence().await;
    case.assert_never("other starts", "the cpu of a waiting actor was given away");
    case.open("child");
    case.value(&call).await;
    case.kill(&actor).await;
    case.value(&other).await;
}

/// So an actor's wait for what needs that cpu fails, instead of hanging.
pub(crate) async fn an_actors_wait_for_itself_is_reported(case: &Case) {
    let actor = case.actor(with_a_cpu(case)).await;
    let script = case.script().submit(case.script(), cpu(1.0)).get();
    let call = case.call(&actor, script.call()).await;
    case.error(&call, ErrorKind::Deadlock).await;
    let after = case.call(&actor, case.script().emit("alive").call()).await;
    assert_eq!(case.text(&after).await, "alive");
}

fn with_a_cpu(case: &Case) -> ActorSpec {
    let mut spec = case.script().actor("kit-actor");
    spec.options.resources = cpu(1.0);
    spec
}
