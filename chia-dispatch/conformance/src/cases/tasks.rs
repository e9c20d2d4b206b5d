//! Tasks as such: order, overlap, results.

use bytes::Bytes;
use chia_dispatch::backend::Shared;

use crate::case::{Case, cpu, slots};
use crate::script::{Step, echo};

/// What the host returns is what the awaiter gets.
pub(crate) async fn a_task_answers(case: &Case) {
    let task = case.run(case.script().emit("fort").emit("y-two"), cpu(1.0)).await;
    assert_eq!(case.text(&task).await, "forty-two");
}

/// `submit` returns as soon as the task is accepted, never waits for it to run.
pub(crate) async fn submit_does_not_wait(case: &Case) {
    let task = case.run(case.script().wait("open"), cpu(1.0)).await;
    let queued = case.run(case.script().emit("queued"), cpu(1.0)).await;
    case.open("open");
    case.value(&task).await;
    assert_eq!(case.text(&queued).await, "queued");
}

/// Tasks of the same demand start in the order of their submission.
pub(crate) async fn same_demand_starts_in_order(case: &Case) {
    let all = case.layout.all_slots();
    let mut tasks = vec![case.run(case.script().wait("first"), all.clone()).await];
    for number in 0..20 {
        tasks.push(case.run(case.script().mark(format!("task {number}")), all.clone()).await);
    }
    case.open("first");
    for task in &tasks {
        case.value(task).await;
    }
    let order: Vec<_> = case.board.log().into_iter().filter(|line| line != "first").collect();
    let expected: Vec<_> = (0..20).map(|number| format!("task {number}")).collect();
    assert_eq!(order, expected, "tasks of one demand started out of order");
}

/// What fits side by side runs side by side: no task goes on before all are there.
pub(crate) async fn tasks_overlap(case: &Case) {
    let mut tasks = Vec::new();
    for number in 0..4 {
        tasks.push(case.run(case.script().wait(format!("here {number}")), cpu(1.0)).await);
    }
    case.reached_by(4, "here").await;
    (0..4).for_each(|number| case.open(&format!("here {number}")));
    for task in &tasks {
        case.value(task).await;
    }
}

/// The host runs each accepted task at most once.
pub(crate) async fn a_task_runs_once(case: &Case) {
    let mut tasks = Vec::new();
    for number in 0..40 {
        tasks.push(case.run(case.script().mark(format!("task {number}")), cpu(1.0)).await);
    }
    for task in &tasks {
        case.value(task).await;
    }
    case.fence().await;
    for number in 0..40 {
        let runs = case.board.count(&format!("task {number}"));
        assert_eq!(runs, 1, "task {number} ran {runs} times");
    }
}

/// A task knows its node, what it holds, and that this is its first attempt.
pub(crate) async fn a_task_knows_its_place(case: &Case) {
    let demand = cpu(1.0).plus(&slots(0.5));
    let task = case.run(case.script().then(Step::EmitPlace), demand.clone()).await;
    let seen = case.seen(&task).await;
    let nodes = case.during("nodes", case.backend.nodes()).await.expect("nodes are known");
    assert_eq!(seen.node, nodes[0].id, "the task runs on the only node");
    assert_eq!(seen.resources, demand, "the task holds what it demanded and nothing else");
    assert_eq!(seen.attempt, 0);
}

/// A result may be awaited any number of times, from any task, through any clone.
pub(crate) async fn a_result_is_fetched_by_many(case: &Case) {
    let task = case.run(case.script().wait("open").emit("value"), cpu(1.0)).await;
    let early: Vec<_> = (0..8).map(|_| case.watch(&task)).collect();
    case.open("open");
    for watch in early {
        assert_eq!(case.watched(watch).await.expect("every waiter gets the value"), "value");
    }
    let clone = task.clone();
    assert_eq!(case.text(&task).await, "value", "a second get of the same handle");
    drop(task);
    assert_eq!(case.text(&clone).await, "value", "a get of a clone whose original is dropped");
}

/// `is_ready` tells whether `get` would return without waiting.
pub(crate) async fn readiness_is_reported(case: &Case) {
    let task = case.run(case.script().wait("open").emit("value"), cpu(1.0)).await;
    case.reached("open").await;
    assert!(!case.ready(&task).await, "a running task's result is ready");
    case.open("open");
    case.value(&task).await;
    assert!(case.ready(&task).await, "a result that was fetched is not ready");
    let value = case.put("value").await;
    case.value(&value).await;
    assert!(case.ready(&value).await, "a value that was put and fetched is not ready");
}

/// Ten thousand tasks may be unfinished at once, and each gives its own result.
pub(crate) async fn ten_thousand_are_in_flight(case: &Case) {
    let gate = case.run(case.script().wait("open"), case.layout.all_slots()).await;
    let mut tasks = Vec::new();
    for number in 0..10_000_u32 {
        let mut task = echo(number.to_string(), &[]);
        task.options.resources = slots(1.0);
        tasks.push(case.submit(task).await);
    }
    case.open("open");
    case.value(&gate).await;
    for (number, task) in tasks.iter().enumerate() {
        assert_eq!(case.text(task).await, number.to_string());
    }
}

/// The blob that many tasks share reaches each of them, and the right one.
pub(crate) async fn a_shared_blob_arrives(case: &Case) {
    let blob =
        |fill: u8| Shared { hash: 1 + u128::from(fill), bytes: Bytes::from(vec![fill; 100_000]) };
    let mut tasks = Vec::new();
    for number in 0..12_u8 {
        let mut task = echo(vec![number], &[]);
        task.options.resources = cpu(1.0);
        task.shared = (number % 3 != 2).then(|| blob(number % 3));
        tasks.push((task.shared.clone(), case.submit(task).await));
    }
    for (number, (shared, task)) in tasks.iter().enumerate() {
        let value = case.value(task).await;
        let bytes = shared.as_ref().map(|shared| &shared.bytes[..]).unwrap_or_default();
        assert!(value[1..] == *bytes, "task {number} did not get its shared blob");
    }
}
