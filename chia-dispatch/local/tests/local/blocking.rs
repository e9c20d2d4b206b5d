//! What a blocking body holds after its task was cancelled.

use std::sync::{Arc, Mutex, mpsc};

use chia_dispatch::{Backend, ErrorKind};

use crate::programs::{Programs, done, one_node, submit, task};

/// A licence is not given away while a cancelled blocking body still uses it.
#[tokio::test(flavor = "multi_thread")]
async fn r23_a_cancelled_blocking_body_holds_its_resources_until_it_returns() {
    let programs = Programs::new();
    let (enter, entered) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    let (enter, left) = (Mutex::new(enter), Arc::new(Mutex::new(left)));
    programs.add("blocking", move |context| {
        let (enter, left) = (enter.lock().unwrap().clone(), Arc::clone(&left));
        async move {
            let body = move || {
                enter.send(()).unwrap();
                left.lock().unwrap().recv().unwrap();
                drop(context);
            };
            tokio::task::spawn_blocking(body).await.unwrap();
            done()
        }
    });
    programs.add("next", |_| async { done() });
    let backend = one_node(&programs, [("license", 1.0)]);
    let blocking = submit(&*backend, task("blocking", [("license", 1.0)])).await;
    tokio::task::spawn_blocking(move || entered.recv().unwrap()).await.unwrap();
    backend.cancel(&blocking).await.unwrap();
    assert_eq!(backend.get(&blocking).await.unwrap_err().kind(), ErrorKind::Cancelled);
    let next = submit(&*backend, task("next", [("license", 1.0)])).await;
    // Time enough to run, if the licence was free.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(!backend.is_ready(&next).await.unwrap(), "the licence was in use");
    leave.send(()).unwrap();
    backend.get(&next).await.unwrap();
}
