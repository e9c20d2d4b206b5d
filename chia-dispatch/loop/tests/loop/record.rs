//! The record that a run leaves.

use std::path::Path;

use chia_loop::{CacheOptions, Chia, Error, Function};
use chia_record::{Call, Run, list};

use crate::program::{ADD, DEEP, FAIL, FRESH, OUTER, builder, cached, registry, with_rules};

/// Fails after a nested call that went well.
async fn fails_late() -> Result<i64, Error> {
    let chia = Chia::current().expect("inside a task");
    chia.call(&FRESH, (1,)).await?;
    chia.call(&FAIL, ("inner",)).await
}

static FAILS_LATE: Function<(), i64> = Function::new("fails_late", &fails_late);

const RULES: &str = "cache: {fresh: true}\nbypass: {fresh: true}\n";

/// Ends the loop and reads the record that it left.
async fn ended(chia: Chia) -> Run {
    let path = chia.run_record().expect("the run leaves a record").to_owned();
    chia.shutdown().await.unwrap();
    Run::read(&path).unwrap()
}

fn call<'r>(run: &'r Run, function: &str) -> &'r Call {
    run.calls.iter().find(|call| call.function == function).expect("it was called")
}

#[tokio::test(flavor = "multi_thread")]
async fn r33_a_run_with_a_cache_leaves_a_record_of_every_call() {
    let dir = tempfile::tempdir().unwrap();
    let chia = cached(RULES, dir.path()).await;
    chia.replay(&FRESH).unwrap();
    chia.call(&FRESH, (1,)).tag("a").await.unwrap();
    chia.call(&FRESH, (1,)).tag("a").await.unwrap();
    chia.call(&FAIL, ("no luck",)).await.unwrap_err();
    drop(chia.call(&ADD, (1, 2)).dispatch().await.unwrap());
    let run = ended(chia).await;

    let [ran, replayed, failed, left] = &run.calls[..] else { panic!("{:#?}", run.calls) };
    assert_eq!((ran.decision.as_str(), ran.reason.as_str()), ("replay", "replay"));
    assert_eq!(ran.rule.as_deref(), Some("rules.yaml:2:10"));
    assert_eq!((ran.outcome.as_deref(), ran.write.as_deref()), (Some("ran"), Some("stored")));
    assert_eq!(ran.miss.as_deref(), Some("no entry has this tag"));
    assert_eq!((ran.tag.as_deref(), ran.node.as_str()), (Some("a"), "head"));
    assert!(ran.bytes > 0 && ran.ended_us.is_some() && ran.waited_us.is_some());
    assert_eq!(replayed.outcome.as_deref(), Some("replayed"));
    assert_eq!(ran.args, replayed.args);
    assert_eq!(failed.outcome.as_deref(), Some("failed"));
    assert!(failed.error.as_deref().unwrap().contains("no luck"), "{:?}", failed.error);
    assert_eq!((left.left, left.outcome.as_deref()), (true, None));
    assert_eq!(left.resources.as_deref(), Some("adder=1 cpu=1"));
    assert_eq!(run.header.rules.len(), 2);
    assert_eq!(run.header.nodes[0].name, "head");
    assert_eq!(run.summary.as_ref().unwrap().total, run.total());
    assert_eq!(list(&dir.path().join("cache/runs")).unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn r33_nested_calls_are_recorded_with_their_parent_also_when_the_task_failed() {
    let dir = tempfile::tempdir().unwrap();
    let chia = with_rules("cache: {fresh: true}\n", dir.path());
    let chia = chia.record_in(dir.path().join("runs")).start().await.unwrap();
    chia.call(&OUTER, ("nested",)).await.unwrap();
    chia.call(&DEEP, (3,)).await.unwrap();
    let run = ended(chia).await;
    assert_eq!(run.header.rules.len(), 1);
    assert_eq!(call(&run, "fresh").parent, Some(call(&run, "outer").id));
    let deep: Vec<_> = run.calls.iter().filter(|call| call.function == "deep").collect();
    assert_eq!(deep.len(), 4);
    for pair in deep.windows(2) {
        assert_eq!(pair[1].parent, Some(pair[0].id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r33_the_calls_of_a_task_that_failed_are_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry().function(&FAILS_LATE);
    let chia = Chia::builder(registry).record_in(dir.path()).start().await.unwrap();
    chia.call(&FAILS_LATE, ()).await.unwrap_err();
    let run = ended(chia).await;
    let outer = call(&run, "fails_late");
    assert_eq!(outer.outcome.as_deref(), Some("failed"));
    let nested = [call(&run, "fresh"), call(&run, "fail")];
    assert_eq!(nested.map(|call| call.parent), [Some(outer.id); 2]);
    assert_eq!(nested.map(|call| call.outcome.as_deref()), [Some("ran"), Some("failed")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn r33_the_record_is_readable_while_the_loop_runs_and_when_it_was_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let chia = cached(RULES, dir.path()).await;
    let path = chia.run_record().unwrap().to_owned();
    for at in 1..50 {
        chia.call(&ADD, (1, 2)).await.unwrap();
        assert_eq!(Run::read(&path).unwrap().total().ran, at);
    }
    drop(chia);
    assert!(Run::read(&path).unwrap().summary.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn r33_a_loop_without_a_cache_or_with_the_record_off_leaves_none() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(builder().start().await.unwrap().run_record(), None);
    let cache = CacheOptions::new("1 MB", dir.path().join("cache"));
    let chia = builder().cache(cache).without_record().start().await.unwrap();
    assert_eq!(chia.run_record(), None);
    assert!(!Path::new(&dir.path().join("cache/runs")).exists());
}
