//! Who keeps what alive.

use std::sync::Arc;

use chia_dispatch::backend::{ActorCall, Lifetime};
use chia_dispatch::{Backend, ErrorKind};

use crate::programs::{Programs, actor, done, one_node, submit, task};

fn call(method: &str) -> ActorCall {
    ActorCall { method: method.to_owned(), payload: "".into(), args: Vec::new() }
}

fn programs() -> Arc<Programs> {
    let programs = Programs::new();
    programs.add("kind", |_| async { done() });
    programs.add("fails", |_| async { panic!("no such device") });
    programs
}

#[tokio::test]
async fn r25_a_detached_actor_outlives_its_references() {
    let backend = one_node(&programs(), [("license", 1.0)]);
    let mut spec = actor("kind", Some("kept"), [("license", 1.0)]);
    spec.lifetime = Lifetime::Detached;
    drop(backend.actor(spec).await.unwrap());
    let again = backend.find_actor("kept").await.unwrap().expect("it lives");
    backend.kill_actor(&again).await.unwrap();
    assert!(backend.find_actor("kept").await.unwrap().is_none());
    backend.kill_actor(&again).await.expect("killing twice is no error");
}

#[tokio::test]
async fn r25_a_dropped_actor_frees_its_name_and_what_it_held() {
    let backend = one_node(&programs(), [("license", 1.0)]);
    let held = backend.actor(actor("kind", Some("name"), [("license", 1.0)])).await.unwrap();
    let next = submit(&*backend, task("kind", [("license", 1.0)])).await;
    assert!(!backend.is_ready(&next).await.unwrap());
    drop(held);
    assert!(backend.find_actor("name").await.unwrap().is_none());
    backend.get(&next).await.expect("the licence is free");
}

#[tokio::test]
async fn r25_a_call_keeps_its_actor_alive() {
    let backend = one_node(&programs(), []);
    let actor = backend.actor(actor("kind", None, [])).await.unwrap();
    let answer = backend.call_actor(&actor, call("where")).await.unwrap();
    drop(actor);
    assert_eq!(backend.get(&answer).await.unwrap(), "head");
}

#[tokio::test]
async fn r25_killing_fails_calls_under_way_and_queued_ones() {
    let backend = one_node(&programs(), []);
    let actor = backend.actor(actor("kind", Some("busy"), [])).await.unwrap();
    let hangs = backend.call_actor(&actor, call("hang")).await.unwrap();
    let queued = backend.call_actor(&actor, call("where")).await.unwrap();
    tokio::task::yield_now().await;
    backend.kill_actor(&actor).await.unwrap();
    for object in [hangs, queued] {
        let error = backend.get(&object).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ActorDied);
        assert_eq!(error.message(), "actor `busy` was killed");
    }
    let late = backend.call_actor(&actor, call("where")).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::ActorDied);
}

#[tokio::test]
async fn r25_a_cancelled_call_makes_way_for_the_next() {
    let backend = one_node(&programs(), []);
    let actor = backend.actor(actor("kind", None, [])).await.unwrap();
    let hangs = backend.call_actor(&actor, call("hang")).await.unwrap();
    let queued = backend.call_actor(&actor, call("where")).await.unwrap();
    tokio::task::yield_now().await;
    backend.cancel(&hangs).await.unwrap();
    assert_eq!(backend.get(&hangs).await.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(backend.get(&queued).await.unwrap(), "head");
}

#[tokio::test]
async fn r25_a_panicking_constructor_frees_name_and_resources() {
    let backend = one_node(&programs(), [("license", 1.0)]);
    let spec = || actor("fails", Some("name"), [("license", 1.0)]);
    let (first, second) = tokio::join!(backend.actor(spec()), backend.actor(spec()));
    for failed in [first, second] {
        let error = failed.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
        assert_eq!(error.message(), "the body panicked: no such device");
    }
    let works = backend.actor(actor("kind", Some("name"), [("license", 1.0)])).await.unwrap();
    assert_eq!(works.name(), Some("name"));
}

#[tokio::test]
async fn r25_an_actor_made_inside_a_task_gets_the_waiting_tasks_cpu() {
    let programs = programs();
    programs.add("parent", |context| async move {
        let made = context.backend().actor(actor("kind", None, [("cpu", 1.0)])).await?;
        let answer = context.backend().call_actor(&made, call("where")).await?;
        context.backend().get(&answer).await
    });
    let backend = one_node(&programs, [("cpu", 1.0)]);
    let parent = submit(&*backend, task("parent", [("cpu", 1.0)])).await;
    assert_eq!(backend.get(&parent).await.unwrap(), "head");
}

#[tokio::test]
async fn r23_results_and_arguments_are_freed_with_their_last_handle() {
    let programs = programs();
    let backend = one_node(&programs, [("cpu", 1.0)]);
    let bytes = Arc::new(());
    let token = Arc::clone(&bytes);
    programs.add("big", move |_| {
        let token = Arc::clone(&token);
        async move { Ok(bytes::Bytes::from_owner(Owner(token))) }
    });
    let before = Arc::strong_count(&bytes);
    let big = submit(&*backend, task("big", [])).await;
    let mut user = task("kind", []);
    user.args.push(big.clone());
    let user = submit(&*backend, user).await;
    backend.get(&user).await.unwrap();
    assert_eq!(Arc::strong_count(&bytes), before + 1, "kept by its handle alone");
    drop(big);
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&bytes), before);
}

struct Owner(#[expect(dead_code, reason = "counts how many live")] Arc<()>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        b"big"
    }
}
