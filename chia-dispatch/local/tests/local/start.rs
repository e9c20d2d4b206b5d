//! Starting, and what is refused at the start.

use std::sync::Arc;

use chia_dispatch::{Backend, ErrorKind, Resources};
use chia_local::LocalBackend;

use crate::programs::{Programs, call, done, one_node, task};

fn cpu() -> Resources {
    Resources::from([("cpu", 1.0)])
}

#[tokio::test]
async fn r22_a_start_without_nodes_or_with_equal_ones_is_refused() {
    let error = LocalBackend::builder().start(Programs::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let twins = LocalBackend::builder().node("a", cpu()).node("b", cpu()).node("a", cpu());
    let error = twins.start(Programs::new()).unwrap_err();
    assert_eq!(error.message(), "two nodes are called `a`");
}

#[test]
fn r22_a_start_outside_of_a_runtime_says_so() {
    let error = LocalBackend::machine(Programs::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("call `start` inside of one"), "{error}");
}

#[tokio::test]
async fn r22_this_machine_runs_a_task_a_core() {
    let programs = Programs::new();
    programs.add("one", |_| async { done() });
    let backend = LocalBackend::machine(programs).unwrap();
    let nodes = backend.nodes().await.unwrap();
    assert_eq!((nodes.len(), nodes[0].id.as_str()), (1, "local"));
    assert!(nodes[0].capacity.get("cpu") >= 1.0);
    assert!(call(&*backend, task("one", [("cpu", 1.0)])).await.is_ok());
}

#[tokio::test]
async fn r23_objects_and_actors_of_another_backend_are_refused() {
    let programs = Programs::new();
    programs.add("one", |_| async { done() });
    let ours = one_node(&programs, [("cpu", 1.0)]);
    let other = one_node(&programs, [("cpu", 1.0)]);
    let foreign = other.put("value".into()).await.unwrap();
    let refused = ours.get(&foreign).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let mut with_foreign = task("one", []);
    with_foreign.args.push(foreign);
    let refused = ours.submit(with_foreign).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let actor = other.actor(crate::programs::actor("one", None, [])).await.unwrap();
    assert_eq!(ours.kill_actor(&actor).await.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn r23_a_runtime_that_ends_leaves_no_waiter_behind() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let programs = Programs::new();
    programs.add("forever", |_| std::future::pending());
    let (backend, running) = runtime.block_on(async {
        let backend = one_node(&programs, [("cpu", 1.0)]);
        let running = backend.submit(task("forever", [("cpu", 1.0)])).await.unwrap();
        (backend, running)
    });
    runtime.shutdown_background();
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = other.block_on(backend.get(&running)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShutDown);
    drop(Arc::clone(&backend));
}
