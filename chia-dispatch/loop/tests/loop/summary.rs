//! What a run reports.

use std::time::Duration;

use chia_loop::{CacheOptions, Chia, ErrorKind, Function, Registry};

use crate::program::{ADD, FAIL, FORTY_TWO, SLEEPS, builder, with_rules};

fn slow(value: i64) -> i64 {
    std::thread::sleep(Duration::from_millis(30));
    value
}

static SLOW: Function<(i64,), i64> = Function::new("slow", &slow);

#[tokio::test(flavor = "multi_thread")]
async fn the_summary_tells_the_time_that_replays_saved() {
    let dir = tempfile::tempdir().unwrap();
    let rules = "cache: {slow: true}\nbypass: {slow: true}\n";
    let config = chia_config::Config::parse(rules, "rules.yaml", dir.path()).unwrap();
    let cache = CacheOptions::new("1 MB", dir.path().join("cache"));
    let chia = Chia::builder(Registry::new().function(&SLOW))
        .config(config)
        .cache(cache)
        .start()
        .await
        .unwrap();
    chia.replay(&SLOW).unwrap();
    for _ in 0..3 {
        assert_eq!(chia.call(&SLOW, (4,)).tag("t").await.unwrap(), 4);
    }
    let tally = chia.summary().functions["slow"];
    assert_eq!((tally.calls, tally.ran, tally.replayed), (3, 1, 2));
    assert_eq!((tally.written, tally.refreshed), (1, 0), "a replay writes nothing");
    assert!(tally.saved >= 2 * Duration::from_millis(30), "{:?}", tally.saved);
    assert!(tally.spent >= Duration::from_millis(30), "{:?}", tally.spent);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_summary_prints_a_row_a_function_and_serialises() {
    let dir = tempfile::tempdir().unwrap();
    let chia = with_rules("bypass: {add: true}\n", dir.path()).start().await.unwrap();
    chia.set_provider(&ADD, &FORTY_TWO).unwrap();
    chia.call(&ADD, (1, 1)).await.unwrap();
    chia.call(&FAIL, ("no",)).await.unwrap_err();
    let summary = chia.summary();
    let table = summary.to_string();
    assert_eq!(table.lines().count(), 5, "{table}");
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["functions"]["add"]["provided"], 1);
    assert_eq!(json["functions"]["fail"]["failed"], 1);
    assert_eq!(summary.total().calls, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_is_counted_as_cancelled_and_did_not_fail() {
    let chia = builder().start().await.unwrap();
    let mut handles = Vec::new();
    for _ in 0..3 {
        handles.push(chia.call(&SLEEPS, ()).dispatch().await.unwrap());
    }
    for handle in &handles {
        handle.cancel().await.unwrap();
        assert_eq!(handle.get().await.unwrap_err().kind(), ErrorKind::Cancelled);
    }
    let tally = chia.summary().functions["sleeps"];
    assert_eq!((tally.calls, tally.cancelled, tally.failed), (3, 3, 0));
    assert!(chia.summary().to_string().contains("cancelled"), "{}", chia.summary());
}
