//! Waits that cannot end are reported, and only those.

use std::sync::Arc;
use std::time::Duration;

use chia_dispatch::backend::ActorCall;
use chia_dispatch::{Backend, ErrorKind, Resources};
use tokio::sync::{Barrier, Semaphore};

use crate::programs::{Programs, actor, call, done, one_node, submit, task};

const LICENSE: [(&str, f64); 1] = [("license", 1.0)];
/// Longer than any ring stands still before it is reported. Time is virtual in these tests.
const LONG: Duration = Duration::from_secs(30);

fn waits_for(programs: &Programs, entry: &str, awaited: &'static str) {
    programs.add(entry, move |context| async move {
        call(&**context.backend(), task(awaited, LICENSE)).await
    });
}

#[tokio::test]
async fn r22_a_wait_for_what_the_waiter_holds_fails_at_once() {
    let programs = Programs::new();
    waits_for(&programs, "parent", "child");
    programs.add("child", |_| async { done() });
    let backend = one_node(&programs, [("cpu", 2.0), ("license", 1.0)]);
    let error = call(&*backend, task("parent", LICENSE)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadlock);
    assert_eq!(
        error.message(),
        "task `parent` waits for `child`, and `child` needs license 1; `parent` itself holds \
         license 1 while it waits, and no node has enough beside that: release it first, or \
         demand less"
    );
    call(&*backend, task("child", LICENSE)).await.expect("the licence is free again");
}

#[tokio::test]
async fn r22_what_an_awaited_argument_needs_counts_too() {
    let programs = Programs::new();
    programs.add("child", |_| async { done() });
    programs.add("parent", |context| async move {
        let backend = context.backend();
        let arg = submit(&**backend, task("child", LICENSE)).await;
        let mut last = task("child", []);
        last.args.push(arg);
        call(&**backend, last).await
    });
    let backend = one_node(&programs, LICENSE);
    let error = call(&*backend, task("parent", LICENSE)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadlock);
}

#[tokio::test]
async fn r22_another_node_with_the_resource_is_no_deadlock() {
    let programs = Programs::new();
    waits_for(&programs, "parent", "child");
    programs.add("child", |_| async { done() });
    let node = || Resources::from(LICENSE);
    let builder = chia_local::LocalBackend::builder().node("a", node()).node("b", node());
    let backend = builder.start(programs).unwrap();
    call(&*backend, task("parent", LICENSE)).await.expect("the child runs on the other node");
}

/// A chain: the parent holds what its grandchild needs, and waits for the child that waits for it.
#[tokio::test(start_paused = true)]
async fn r22_a_grandchild_that_needs_what_its_grandparent_holds_is_reported() {
    let programs = Programs::new();
    programs.add("parent", |context| async move {
        call(&**context.backend(), task("child", [("cpu", 1.0)])).await
    });
    waits_for(&programs, "child", "grandchild");
    programs.add("grandchild", |_| async { done() });
    let backend = one_node(&programs, [("cpu", 1.0), ("license", 1.0)]);
    let error = call(&*backend, task("parent", LICENSE)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadlock);
    assert_eq!(
        error.message(),
        "task `child` waits for `grandchild`, and `grandchild` needs license 1, held by `parent`: \
         all of them wait for one another, and nothing that runs can end it"
    );
}

/// A group: each holds one of two, and waits for one more. One fails, and that frees the other.
#[tokio::test(start_paused = true)]
async fn r22_one_of_a_ring_is_reported_and_the_others_go_on() {
    let programs = Programs::new();
    let both = Arc::new(Barrier::new(2));
    programs.add("child", |_| async { done() });
    programs.add("parent", move |context| {
        let both = Arc::clone(&both);
        async move {
            both.wait().await;
            call(&**context.backend(), task("child", LICENSE)).await
        }
    });
    let backend = one_node(&programs, [("cpu", 1.0), ("license", 2.0)]);
    let first = submit(&*backend, task("parent", LICENSE)).await;
    let second = submit(&*backend, task("parent", LICENSE)).await;
    let results = [backend.get(&first).await, backend.get(&second).await];
    let deadlocks = results.iter().filter_map(|result| result.as_ref().err());
    let kinds: Vec<_> = deadlocks.map(chia_dispatch::Error::kind).collect();
    assert_eq!(kinds, [ErrorKind::Deadlock]);
    assert!(results[0].is_ok(), "the youngest fails");
}

/// A task that works, however long, may end the wait of others.
#[tokio::test(start_paused = true)]
async fn r22_a_slow_holder_is_no_deadlock() {
    let programs = Programs::new();
    programs.add("slow", |_| async {
        tokio::time::sleep(100 * LONG).await;
        done()
    });
    waits_for(&programs, "parent", "child");
    programs.add("child", |_| async { done() });
    let backend = one_node(&programs, [("cpu", 1.0), ("license", 1.0)]);
    let slow = submit(&*backend, task("slow", LICENSE)).await;
    call(&*backend, task("parent", [("cpu", 1.0)])).await.expect("the slow one ends");
    backend.get(&slow).await.unwrap();
}

/// A time-out that is shorter than a ring may stand still comes first.
#[tokio::test(start_paused = true)]
async fn r22_a_short_time_out_breaks_a_ring_before_it_is_reported() {
    let programs = Programs::new();
    programs.add("parent", |context| async move {
        let child = submit(&**context.backend(), task("child", [("cpu", 1.0)])).await;
        let wait = context.backend().get(&child);
        let in_time = tokio::time::timeout(Duration::from_millis(900), wait).await;
        assert!(in_time.is_err(), "{in_time:?}");
        done()
    });
    waits_for(&programs, "child", "grandchild");
    programs.add("grandchild", |_| async { done() });
    programs.add("patient", |context| async move {
        call(&**context.backend(), task("asleep", [])).await
    });
    programs.add("asleep", |_| async {
        tokio::time::sleep(LONG).await;
        done()
    });
    let backend = one_node(&programs, [("cpu", 1.0), ("license", 1.0)]);
    // A wait that is there before lets the first look fall into the middle of the ring's life.
    let patient = submit(&*backend, task("patient", [])).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    call(&*backend, task("parent", LICENSE)).await.expect("the time-out ends the wait");
    backend.get(&patient).await.unwrap();
}

/// A task with two waits goes on with either.
#[tokio::test(start_paused = true)]
async fn r22_a_wait_beside_one_that_can_end_is_no_deadlock() {
    let programs = Programs::new();
    programs.add("slow", |_| async {
        tokio::time::sleep(LONG).await;
        done()
    });
    programs.add("parent", |context| async move {
        let backend = context.backend();
        tokio::select! {
            slow = call(&**backend, task("slow", [])) => slow,
            child = call(&**backend, task("child", [])) => child,
        }
    });
    waits_for(&programs, "child", "grandchild");
    programs.add("grandchild", |_| async { done() });
    let backend = one_node(&programs, [("cpu", 1.0), ("license", 1.0)]);
    call(&*backend, task("parent", LICENSE)).await.expect("`slow` ends the wait");
}

/// A living actor may be killed at any time, and then what it holds is free.
#[tokio::test(start_paused = true)]
async fn r22_a_wait_for_what_an_actor_holds_is_no_deadlock() {
    let programs = Programs::new();
    programs.add("kind", |_| async { done() });
    waits_for(&programs, "parent", "child");
    programs.add("child", |_| async { done() });
    let backend = one_node(&programs, [("cpu", 1.0), ("license", 1.0)]);
    let holder = backend.actor(actor("kind", None, LICENSE)).await.unwrap();
    let parent = submit(&*backend, task("parent", [("cpu", 1.0)])).await;
    tokio::time::sleep(LONG).await;
    assert!(!backend.is_ready(&parent).await.unwrap());
    backend.kill_actor(&holder).await.unwrap();
    drop(holder);
    backend.get(&parent).await.expect("the actor's licence is free");
}

/// So a ring that goes through an actor is none: its end would open it.
#[tokio::test(start_paused = true)]
async fn r22_a_ring_through_an_actor_is_not_reported() {
    let programs = Programs::new();
    programs.add("kind", |_| async { done() });
    waits_for(&programs, "parent", "child");
    programs.add("child", |_| async { done() });
    let backend = one_node(&programs, LICENSE);
    let holder = backend.actor(actor("kind", None, LICENSE)).await.unwrap();
    let run = ActorCall { method: "run".to_owned(), payload: "parent".into(), args: Vec::new() };
    let waits = backend.call_actor(&holder, run).await.unwrap();
    tokio::time::sleep(LONG).await;
    assert!(!backend.is_ready(&waits).await.unwrap());
    backend.kill_actor(&holder).await.unwrap();
    assert_eq!(backend.get(&waits).await.unwrap_err().kind(), ErrorKind::ActorDied);
    call(&*backend, task("parent", [])).await.expect("the actor's licence is free");
}

fn run(entry: &'static str) -> ActorCall {
    ActorCall { method: "run".to_owned(), payload: entry.into(), args: Vec::new() }
}

/// A program that calls the actor `counter`, which may be busy with the very call that waits for it.
fn calls_back(programs: &Programs) {
    programs.add("kind", |_| async { done() });
    programs.add("back", |context| async move {
        let backend = context.backend();
        let actor = backend.find_actor("counter").await?.expect("it lives");
        let call = ActorCall { method: "node".to_owned(), ..run("") };
        backend.get(&backend.call_actor(&actor, call).await?).await
    });
}

/// The calls of an ordered actor that wait behind the running one wait for what that one awaits.
#[tokio::test(start_paused = true)]
async fn r22_a_call_that_waits_for_a_later_call_of_its_ordered_actor_is_reported() {
    let programs = Programs::new();
    calls_back(&programs);
    let backend = one_node(&programs, [("cpu", 4.0)]);
    let counter = backend.actor(actor("kind", Some("counter"), [])).await.unwrap();
    let call = backend.call_actor(&counter, run("back")).await.unwrap();
    let error =
        tokio::time::timeout(LONG, backend.get(&call)).await.expect("reported").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadlock);
    assert_eq!(
        error.message(),
        "task `back` waits for `counter.node`, and the ordered actor makes `counter.node` only \
         after `counter.run`: all of them wait for one another, and nothing that runs can end it"
    );
    let node = ActorCall { method: "node".to_owned(), ..run("") };
    let node = backend.call_actor(&counter, node).await.unwrap();
    assert_eq!(backend.get(&node).await.expect("the actor lives on"), "head");
}

/// The first call waits for its argument, which a later call of the same actor is to make.
#[tokio::test(start_paused = true)]
async fn r22_an_argument_that_needs_a_later_call_of_the_same_ordered_actor_is_reported() {
    let programs = Programs::new();
    calls_back(&programs);
    let backend = one_node(&programs, [("cpu", 4.0)]);
    let counter = backend.actor(actor("kind", Some("counter"), [])).await.unwrap();
    let arg = submit(&*backend, task("back", [])).await;
    let node = ActorCall { method: "node".to_owned(), args: vec![arg], ..run("") };
    let call = backend.call_actor(&counter, node).await.unwrap();
    let error =
        tokio::time::timeout(LONG, backend.get(&call)).await.expect("reported").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadlock);
}

/// A concurrent actor makes the inner call beside the outer one.
#[tokio::test(start_paused = true)]
async fn r22_a_concurrent_actor_may_be_called_back() {
    let programs = Programs::new();
    calls_back(&programs);
    let backend = one_node(&programs, [("cpu", 4.0)]);
    let spec = chia_dispatch::backend::ActorSpec {
        concurrency: chia_dispatch::backend::Concurrency::Concurrent(2),
        ..actor("kind", Some("counter"), [])
    };
    let counter = backend.actor(spec).await.unwrap();
    let call = backend.call_actor(&counter, run("back")).await.unwrap();
    assert_eq!(backend.get(&call).await.unwrap(), "head");
}

/// An actor that is slow to answer ends the waits of those that queue behind it.
#[tokio::test(start_paused = true)]
async fn r22_a_slow_call_of_an_ordered_actor_is_no_deadlock() {
    let programs = Programs::new();
    calls_back(&programs);
    programs.add("slow", |_| async {
        tokio::time::sleep(LONG).await;
        done()
    });
    let backend = one_node(&programs, [("cpu", 4.0)]);
    let counter = backend.actor(actor("kind", Some("counter"), [])).await.unwrap();
    let slow = backend.call_actor(&counter, run("slow")).await.unwrap();
    let back = submit(&*backend, task("back", [])).await;
    assert_eq!(backend.get(&back).await.unwrap(), "head");
    backend.get(&slow).await.unwrap();
}

/// A task that is awaited by a running one passes the reservation of a big demand, which would
/// otherwise wait for that very task.
#[tokio::test(start_paused = true)]
async fn r22_a_reservation_does_not_hold_up_what_is_awaited() {
    let programs = Programs::new();
    let gate = Arc::new(Semaphore::new(0));
    let at_gate = Arc::clone(&gate);
    programs.add("small", |_| async { done() });
    programs.add("parent", move |context| {
        let gate = Arc::clone(&at_gate);
        async move {
            gate.acquire().await.unwrap().forget();
            call(&**context.backend(), task("small", [("cpu", 0.5)])).await
        }
    });
    let backend = one_node(&programs, [("cpu", 2.0), ("license", 1.0)]);
    let parent = submit(&*backend, task("parent", [("cpu", 1.0), ("license", 1.0)])).await;
    let big = submit(&*backend, task("small", [("cpu", 2.0), ("license", 1.0)])).await;
    let mut small = Vec::new();
    for _ in 0..100 {
        small.push(submit(&*backend, task("small", [("cpu", 1.0)])).await);
        tokio::task::yield_now().await;
    }
    gate.add_permits(1);
    backend.get(&parent).await.expect("the child passes");
    backend.get(&big).await.unwrap();
    for small in small {
        backend.get(&small).await.unwrap();
    }
}
