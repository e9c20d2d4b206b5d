//! Results passed to other tasks by reference.

use chia_dispatch::ErrorKind;
use chia_dispatch::backend::{ObjectRef, Task};

use crate::case::{Case, cpu, nothing, slots};
use crate::script::{Script, Step, echo};

/// A script's task with objects as its arguments.
fn with_args(script: Script, args: &[&ObjectRef]) -> Task {
    let mut task = script.task(nothing());
    task.args = args.iter().map(|&object| object.clone()).collect();
    task
}

/// The host gets the values of a task's arguments in their order, beside the payload.
pub(crate) async fn arguments_arrive_in_order(case: &Case) {
    let one = case.put("one ").await;
    let two = case.run(case.script().emit("two "), cpu(1.0)).await;
    let task = case.submit(echo("zero ", &[one.clone(), two, one.clone(), one])).await;
    assert_eq!(case.text(&task).await, "zero one two one one ");
}

/// A task starts when all its arguments are there.
pub(crate) async fn a_pending_argument_is_awaited(case: &Case) {
    let pending = case.run(case.script().wait("open").emit("late"), nothing()).await;
    let script = case.script().mark("started").then(Step::EmitArgs);
    let task = case.submit(with_args(script, &[&pending])).await;
    case.reached("open").await;
    case.fence().await;
    case.assert_never("started", "a task started without its argument");
    case.open("open");
    assert_eq!(case.text(&task).await, "late");
}

/// A result may be the argument of a task whose result is an argument, and so on.
pub(crate) async fn a_chain(case: &Case) {
    let mut last = case.put("").await;
    for link in 0..30_u8 {
        let script = case.script().then(Step::EmitArgs).emit(char::from(b'A' + link));
        last = case.submit(with_args(script, &[&last])).await;
    }
    assert_eq!(case.text(&last).await, "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^");
}

/// One result may be the argument of several tasks, and theirs meet again in one.
pub(crate) async fn a_diamond(case: &Case) {
    let top = case.run(case.script().mark("top").emit("top"), cpu(1.0)).await;
    let side = |name: &str| with_args(case.script().emit(name).then(Step::EmitArgs), &[&top]);
    let left = case.submit(side("<")).await;
    let right = case.submit(side(">")).await;
    let bottom = case.submit(echo("", &[left, right])).await;
    assert_eq!(case.text(&bottom).await, "<top>top");
    assert_eq!(case.board.count("top"), 1, "a shared argument is computed once");
}

/// What waits for its arguments keeps no resource from others.
pub(crate) async fn waiting_for_arguments_holds_nothing(case: &Case) {
    let pending = case.run(case.script().wait("open").emit("late"), nothing()).await;
    let mut waiting = with_args(case.script().then(Step::EmitArgs), &[&pending]);
    waiting.options.resources = case.layout.all_slots();
    let waiting = case.submit(waiting).await;
    let other = case.run(case.script().emit("other"), slots(1.0)).await;
    assert_eq!(case.text(&other).await, "other");
    case.open("open");
    assert_eq!(case.text(&waiting).await, "late");
}

/// A failed argument fails the task with the argument's error, without running it.
pub(crate) async fn a_failed_argument_fails_without_running(case: &Case) {
    let failing = case.run(case.script().wait("open").fail("no more paper"), nothing()).await;
    let good = case.put("good").await;
    let task = case.submit(with_args(case.script().mark("ran"), &[&good, &failing])).await;
    case.open("open");
    let error = case.error(&task, ErrorKind::TaskFailed).await;
    assert!(error.message().contains("no more paper"), "the argument's message is lost: {error}");
    let late = case.submit(with_args(case.script().mark("ran"), &[&failing])).await;
    case.error(&late, ErrorKind::TaskFailed).await;
    case.fence().await;
    case.assert_never("ran", "a task with a failed argument ran");
}

/// The error of an argument goes on to whatever hangs on the task that it fails.
pub(crate) async fn a_failure_goes_down_a_chain(case: &Case) {
    let mut last = case.run(case.script().panic("the first link broke"), nothing()).await;
    for _ in 0..5 {
        last = case.submit(with_args(case.script().mark("ran"), &[&last])).await;
    }
    let error = case.error(&last, ErrorKind::Panicked).await;
    assert!(error.message().contains("the first link broke"), "the message is lost: {error}");
    case.assert_never("ran", "a task with a failed argument ran");
}

/// Dropping a handle releases the object, but not before the tasks that it was passed to have it.
pub(crate) async fn an_argument_outlives_its_handle(case: &Case) {
    let pending = case.run(case.script().wait("open").emit("late"), nothing()).await;
    let value = case.put("early ").await;
    let task = case.submit(echo("", &[value, pending])).await;
    case.reached("open").await;
    case.fence().await;
    case.open("open");
    assert_eq!(case.text(&task).await, "early late");
}
