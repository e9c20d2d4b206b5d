//! What the death of a worker process does, where tasks and actors have processes of their own.

use chia_dispatch::backend::{ActorSpec, Task};
use chia_dispatch::{ErrorKind, MEMORY};

use crate::case::{Case, cpu, nothing};
use crate::script::{Script, Step, push};

const ABORT: Step = Step::AbortBefore { attempt: u32::MAX };

/// A task that aborts its process fails alone, and says that its worker died.
pub(crate) async fn an_abort_fails_alone(case: &Case) {
    let other = case.run(case.script().wait("open").emit("unharmed"), nothing()).await;
    case.reached("open").await;
    for _ in 0..3 {
        let task = case.run(case.script().mark("aborting").then(ABORT), nothing()).await;
        case.error(&task, ErrorKind::WorkerDied).await;
    }
    assert_eq!(case.board.count("aborting"), 3, "a task was run again that allows no retry");
    case.open("open");
    assert_eq!(case.text(&other).await, "unharmed");
}

/// What a task held whose process died is free again.
pub(crate) async fn an_abort_gives_back_what_was_held(case: &Case) {
    let all = case.layout.all_slots().plus(&cpu(1.0));
    for _ in 0..3 {
        let task = case.run(case.script().then(ABORT), all.clone()).await;
        case.error(&task, ErrorKind::WorkerDied).await;
    }
    let after = case.run(case.script().emit("free"), all).await;
    assert_eq!(case.text(&after).await, "free");
}

/// The processes of two tasks that run side by side are different, and none is the driver's.
pub(crate) async fn tasks_have_processes_of_their_own(case: &Case) {
    let mut tasks = Vec::new();
    for number in 0..2 {
        let script = case.script().then(Step::EmitPlace).wait(format!("here {number}"));
        tasks.push(case.run(script, cpu(1.0)).await);
    }
    case.reached_by(2, "here").await;
    (0..2).for_each(|number| case.open(&format!("here {number}")));
    let [one, two] = [case.seen(&tasks[0]).await.pid, case.seen(&tasks[1]).await.pid];
    assert_ne!(one, two);
    assert!(![one, two].contains(&std::process::id()), "a task ran in the driver's process");
}

fn retried(script: Script, retries: u32) -> Task {
    let mut task = script.task(cpu(1.0));
    task.options.retries = retries;
    task
}

/// A task is run again after the death of its process, as often as it allows.
pub(crate) async fn a_task_is_run_again(case: &Case) {
    let script = case.script().mark("started").then(Step::AbortBefore { attempt: 2 });
    let task = case.submit(retried(script.then(Step::EmitPlace), 2)).await;
    assert_eq!(case.seen(&task).await.attempt, 2);
    assert_eq!(case.board.count("started"), 3);
}

/// A task is run again after a death at most as often as its `retries` allow.
pub(crate) async fn retries_are_counted(case: &Case) {
    let task = case.submit(retried(case.script().mark("started").then(ABORT), 1)).await;
    case.error(&task, ErrorKind::WorkerDied).await;
    assert_eq!(case.board.count("started"), 2, "one retry makes two starts");
}

/// More memory than demanded is not given; what kills the task leaves the rest alone.
pub(crate) async fn memory_is_a_limit(case: &Case) {
    let mebibytes = |amount: f64| nothing().with(MEMORY, amount * 1024.0 * 1024.0);
    let allocate = |mebibytes| case.script().then(Step::Allocate { mebibytes });
    let modest = case.run(allocate(64).emit("enough"), mebibytes(768.0)).await;
    assert_eq!(case.text(&modest).await, "enough");
    let greedy = case.run(allocate(2048).emit("too much"), mebibytes(768.0)).await;
    let error = case.get(&greedy).await.expect_err("a task got more memory than it demanded");
    assert_eq!(error.kind(), ErrorKind::WorkerDied, "{error}");
    case.fence().await;
}

/// Calls under way when an actor's process dies fail; without restarts it is dead.
pub(crate) async fn an_actor_dies_with_its_process(case: &Case) {
    let actor = case.actor(case.script().mark("made").actor("kit-actor")).await;
    let call = case.call(&actor, case.script().then(ABORT).call()).await;
    case.error(&call, ErrorKind::ActorDied).await;
    match case.backend.call_actor(&actor, push("too late")).await {
        Ok(call) => drop(case.error(&call, ErrorKind::ActorDied).await),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ActorDied, "{error}"),
    }
    assert_eq!(case.board.count("made"), 1, "an actor was made anew that allows no restart");
    case.fence().await;
}

/// An actor is created anew from its specification, as often as it allows.
pub(crate) async fn an_actor_is_made_anew(case: &Case) {
    let spec = ActorSpec { restarts: 1, ..case.script().mark("made").actor("kit-actor") };
    let actor = case.actor(spec).await;
    let call = case.call(&actor, push("forgotten")).await;
    case.value(&call).await;
    let call = case.call(&actor, case.script().then(ABORT).call()).await;
    case.error(&call, ErrorKind::ActorDied).await;
    assert_eq!(case.remembered(&actor).await, "", "the new actor is the old one");
    assert_eq!(case.board.count("made"), 2);
    let call = case.call(&actor, case.script().then(ABORT).call()).await;
    case.error(&call, ErrorKind::ActorDied).await;
    match case.backend.call_actor(&actor, push("too late")).await {
        Ok(call) => drop(case.error(&call, ErrorKind::ActorDied).await),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ActorDied, "{error}"),
    }
    assert_eq!(case.board.count("made"), 2, "one restart makes two actors");
}
