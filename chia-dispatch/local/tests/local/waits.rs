//! Waits inside tasks, and what a failed one leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chia_dispatch::{Backend, ErrorKind};
use tokio::sync::Semaphore;

use crate::programs::{Programs, call, done, one_node, submit, task};

/// `depth` levels of nested calls, each on the only cpu.
#[tokio::test]
async fn r22_nested_calls_five_deep_run_on_one_cpu() {
    let programs = Programs::new();
    for level in 0..5 {
        programs.add(&format!("level{level}"), move |context| async move {
            let next = task(&format!("level{}", level + 1), [("cpu", 1.0)]);
            call(&**context.backend(), next).await
        });
    }
    programs.add("level5", |_| async { done() });
    let backend = one_node(&programs, [("cpu", 1.0)]);
    assert_eq!(call(&*backend, task("level0", [("cpu", 1.0)])).await.unwrap(), "done");
}

/// Several waits at a time lend the cpu once, and the last that ends takes it back.
#[tokio::test]
async fn r22_waits_side_by_side_lend_one_cpu() {
    let programs = Programs::new();
    let (running, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let highest = Arc::clone(&peak);
    programs.add("child", move |_| {
        let (running, highest) = (Arc::clone(&running), Arc::clone(&highest));
        async move {
            highest.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(2)).await;
            running.fetch_sub(1, Ordering::SeqCst);
            done()
        }
    });
    programs.add("parent", |context| async move {
        let backend = context.backend();
        let child = || call(&**backend, task("child", [("cpu", 1.0)]));
        let (a, b, c) = tokio::join!(child(), child(), child());
        a.and(b).and(c)
    });
    let backend = one_node(&programs, [("cpu", 1.0)]);
    for _ in 0..3 {
        call(&*backend, task("parent", [("cpu", 1.0)])).await.unwrap();
    }
    assert_eq!(peak.load(Ordering::SeqCst), 1, "one cpu was lent more than once");
}

/// A wait that is dropped (a time-out) takes the cpu back too.
#[tokio::test]
async fn r22_a_dropped_wait_takes_the_cpu_back() {
    let programs = Programs::new();
    let gate = Arc::new(Semaphore::new(0));
    let (at_gate, reached) = (Arc::clone(&gate), Arc::new(Semaphore::new(0)));
    programs.add("slow", |_| std::future::pending());
    let signal = Arc::clone(&reached);
    programs.add("parent", move |context| {
        let (gate, signal) = (Arc::clone(&at_gate), Arc::clone(&signal));
        async move {
            let slow = submit(&**context.backend(), task("slow", [])).await;
            let wait = context.backend().get(&slow);
            let in_time = tokio::time::timeout(Duration::from_millis(5), wait).await;
            assert!(in_time.is_err(), "nothing ends `slow`");
            signal.add_permits(1);
            gate.acquire().await.unwrap().forget();
            done()
        }
    });
    programs.add("other", |_| async { done() });
    let backend = one_node(&programs, [("cpu", 1.0)]);
    let parent = submit(&*backend, task("parent", [("cpu", 1.0)])).await;
    reached.acquire().await.unwrap().forget();
    let other = submit(&*backend, task("other", [("cpu", 1.0)])).await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert!(!backend.is_ready(&other).await.unwrap(), "the cpu of a working task was given away");
    gate.add_permits(1);
    backend.get(&parent).await.unwrap();
    backend.get(&other).await.unwrap();
}

/// What a finished task left behind may wait on; it holds nothing, and touches nobody's resources.
#[tokio::test]
async fn r22_a_wait_left_behind_by_a_finished_task_takes_nothing() {
    let programs = Programs::new();
    let gate = Arc::new(Semaphore::new(0));
    let at_gate = Arc::clone(&gate);
    programs.add("gate", move |_| {
        let gate = Arc::clone(&at_gate);
        async move {
            gate.acquire().await.unwrap().forget();
            done()
        }
    });
    let (leave, mut left) = tokio::sync::mpsc::unbounded_channel();
    programs.add("leaver", move |context| {
        let leave = leave.clone();
        async move {
            let slow = submit(&**context.backend(), task("gate", [])).await;
            leave.send(tokio::spawn(async move { context.backend().get(&slow).await })).unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
            done()
        }
    });
    programs.add("other", |_| async { done() });
    let backend = one_node(&programs, [("cpu", 1.0)]);
    call(&*backend, task("leaver", [("cpu", 1.0)])).await.unwrap();
    let next = submit(&*backend, task("gate", [("cpu", 1.0)])).await;
    tokio::task::yield_now().await;
    gate.add_permits(2);
    left.recv().await.unwrap().await.unwrap().unwrap();
    backend.get(&next).await.unwrap();
    let other = call(&*backend, task("other", [("cpu", 1.0)]));
    let in_time = tokio::time::timeout(Duration::from_secs(20), other).await;
    in_time.expect("the cpu was taken by a wait of nobody").unwrap();
}

#[tokio::test]
async fn r23_panics_free_what_was_held_and_name_the_function() {
    let programs = Programs::new();
    programs.add("text", |_| async { panic!("plain text") });
    programs.add("format", |_| async { panic!("attempt {}", 7) });
    programs.add("other", |_| async { std::panic::panic_any(7_u8) });
    programs.add("early", |_| -> std::future::Pending<_> { panic!("before the first await") });
    let backend = one_node(&programs, [("cpu", 1.0), ("license", 1.0)]);
    let messages = [
        ("text", "the body panicked: plain text"),
        ("format", "the body panicked: attempt 7"),
        ("other", "the body panicked: with a payload that is no text"),
        ("early", "the body panicked: before the first await"),
    ];
    for (entry, message) in messages {
        let all = [("cpu", 1.0), ("license", 1.0)];
        let error = call(&*backend, task(entry, all)).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Panicked, message));
        assert_eq!((error.function(), error.node()), (Some(entry), Some("head")));
    }
}

#[tokio::test]
async fn r23_long_chains_of_arguments_succeed_and_fail() {
    let programs = Programs::new();
    let gate = Arc::new(Semaphore::new(0));
    let at_gate = Arc::clone(&gate);
    programs.add("link", |_| async { done() });
    programs.add("first", move |_| {
        let gate = Arc::clone(&at_gate);
        async move {
            gate.acquire().await.unwrap().forget();
            done()
        }
    });
    let backend = one_node(&programs, [("cpu", 1.0)]);
    for cancelled in [false, true] {
        let first = submit(&*backend, task("first", [])).await;
        let mut last = first.clone();
        for _ in 0..50_000 {
            let mut link = task("link", []);
            link.args.push(last);
            last = submit(&*backend, link).await;
        }
        if cancelled {
            backend.cancel(&first).await.unwrap();
            let error = backend.get(&last).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled);
        } else {
            gate.add_permits(1);
            assert_eq!(backend.get(&last).await.unwrap(), "done");
        }
    }
}
