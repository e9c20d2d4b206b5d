//! Calls made from inside tasks.

use chia_loop::{Resources, Source, Worker};

use crate::program::{DEEP, FRESH, OUTER, OVERRIDES, builder, cached, with_rules};

const RULES: &str = "cache: {fresh: true}\nbypass: {fresh: true}\n";

#[tokio::test(flavor = "multi_thread")]
async fn r09_a_nested_call_sees_the_rules_and_the_cache_of_its_caller() {
    let dir = tempfile::tempdir().unwrap();
    let chia = cached(RULES, dir.path()).await;
    chia.replay(&FRESH).unwrap();
    let first = chia.call(&OUTER, ("nested",)).await.unwrap();
    let second = chia.call(&OUTER, ("nested",)).await.unwrap();
    assert_eq!(first, second, "the second nested call was replayed");
    let tally = chia.summary().functions["fresh"];
    assert_eq!((tally.calls, tally.ran, tally.replayed, tally.written), (2, 1, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn r09_rules_set_up_inside_a_task_end_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let chia = with_rules(RULES, dir.path()).start().await.unwrap();
    assert_eq!(chia.call(&OVERRIDES, ()).await.unwrap(), 99);
    let handle = chia.call(&FRESH, (5000,)).tag("t").dispatch().await.unwrap();
    assert!(handle.get().await.unwrap() >= 5000);
    assert_eq!(handle.outcome().unwrap().source, Source::Ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn r22_blocking_bodies_nest_five_deep_on_one_cpu() {
    let head = Resources::from([("cpu", 1.0)]);
    let host = std::sync::Arc::new(Worker::new(crate::program::registry()));
    let backend = chia_local::LocalBackend::builder().node("head", head).start(host).unwrap();
    let chia = builder().backend(backend).start().await.unwrap();
    assert_eq!(chia.call(&DEEP, (5,)).await.unwrap(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn r22_hundreds_of_blocking_bodies_wait_for_nested_ones_at_once() {
    let chia = builder().start().await.unwrap();
    let mut handles = Vec::new();
    for _ in 0..600 {
        handles.push(chia.call(&DEEP, (1,)).dispatch().await.unwrap());
    }
    for handle in handles {
        assert_eq!(handle.timeout(std::time::Duration::from_secs(120)).await.unwrap(), 1);
    }
}
