//! Errors, panics, and what is refused.

use chia_dispatch::ErrorKind;

use crate::case::{Case, cpu, nothing};
use crate::script::{Step, echo};

/// An error of the body reaches the awaiter with its kind and message.
pub(crate) async fn an_error_arrives_with_its_message(case: &Case) {
    let task = case.run(case.script().fail("the ink is \"dry\"\nand gone"), cpu(1.0)).await;
    let error = case.error(&task, ErrorKind::TaskFailed).await;
    assert!(error.message().contains("the ink is \"dry\"\nand gone"), "not its message: {error}");
    let step = Step::Fail { kind: ErrorKind::DataFile, message: "perf.md".to_owned() };
    let task = case.run(case.script().then(step), cpu(1.0)).await;
    case.error(&task, ErrorKind::DataFile).await;
}

/// A panic of the body reaches the awaiter as `Panicked`, with its message.
pub(crate) async fn a_panic_arrives_with_its_message(case: &Case) {
    let task = case.run(case.script().panic("the press caught fire"), cpu(1.0)).await;
    let error = case.error(&task, ErrorKind::Panicked).await;
    assert!(error.message().contains("the press caught fire"), "not its message: {error}");
}

/// A panic never takes the backend down, nor other tasks.
pub(crate) async fn a_panic_leaves_the_backend_up(case: &Case) {
    let other = case.run(case.script().wait("open").emit("unharmed"), nothing()).await;
    case.reached("open").await;
    for _ in 0..5 {
        let task = case.run(case.script().panic("once more"), nothing()).await;
        case.error(&task, ErrorKind::Panicked).await;
    }
    case.open("open");
    assert_eq!(case.text(&other).await, "unharmed");
    case.fence().await;
}

/// An error or a panic of the body is an answer, whatever retries are allowed.
pub(crate) async fn failures_are_not_tried_again(case: &Case) {
    let kinds = [ErrorKind::TaskFailed, ErrorKind::WorkerDied, ErrorKind::Unavailable];
    for kind in kinds {
        let step = Step::Fail { kind, message: "an answer".to_owned() };
        let mut task = case.script().mark("failing").then(step).task(nothing());
        task.options.retries = 3;
        let task = case.submit(task).await;
        case.error(&task, kind).await;
    }
    let mut task = case.script().mark("panicking").panic("an answer").task(nothing());
    task.options.retries = 3;
    let task = case.submit(task).await;
    case.error(&task, ErrorKind::Panicked).await;
    case.fence().await;
    assert_eq!(case.board.count("failing"), kinds.len(), "an error was tried again");
    assert_eq!(case.board.count("panicking"), 1, "a panic was tried again");
}

/// However a task ends, what it held is free again.
pub(crate) async fn failures_give_back_what_they_held(case: &Case) {
    let all = case.layout.all_slots().plus(&cpu(1.0));
    for script in [case.script().fail("failed"), case.script().panic("panicked")] {
        let task = case.run(script, all.clone()).await;
        case.get(&task).await.expect_err("the task fails");
    }
    let mut unknown = echo("", &[]);
    unknown.entry = "kit_no_such_entry".to_owned();
    unknown.options.resources = all.clone();
    let task = case.submit(unknown).await;
    case.get(&task).await.expect_err("the task fails");
    let task = case.run(case.script().emit("free"), all).await;
    assert_eq!(case.text(&task).await, "free");
}

/// An entry that the host does not know fails the task as `NotRegistered`, naming it.
pub(crate) async fn an_unknown_entry_is_reported(case: &Case) {
    let mut task = echo("", &[]);
    task.entry = "kit_no_such_entry".to_owned();
    let task = case.submit(task).await;
    let error = case.error(&task, ErrorKind::NotRegistered).await;
    assert!(error.message().contains("kit_no_such_entry"), "it does not name the entry: {error}");
}

/// A backend without runtime environments refuses a task that asks for one.
pub(crate) async fn a_runtime_env_is_refused_where_there_is_none(case: &Case) {
    let mut task = echo("", &[]);
    task.options.runtime_env = Some("{}".to_owned());
    let error = case.refused(task).await;
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

/// An error or a panic of a body says on which node it ran.
pub(crate) async fn an_error_says_where(case: &Case) {
    let nodes = case.during("nodes", case.backend.nodes()).await.expect("nodes are known");
    for script in [case.script().fail("here"), case.script().panic("here")] {
        let task = case.run(script, cpu(1.0)).await;
        let error = case.get(&task).await.expect_err("the task fails");
        assert_eq!(error.node(), Some(nodes[0].id.as_str()), "not its node: {error}");
    }
}
