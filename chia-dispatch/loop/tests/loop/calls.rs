//! Calls, handles, values.

use std::time::Duration;

use chia_loop::{Blob, ErrorKind, Source};

use crate::program::{ADD, BOOM, BYTES, DESCRIBE, FAIL, builder, with_rules};

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_calls_at_once_come_back_in_order() {
    let chia = builder().start().await.unwrap();
    let mut handles = Vec::new();
    for i in 0..16 {
        handles.push(chia.call(&ADD, (i, 1)).tag(format!("call{i}")).dispatch().await.unwrap());
    }
    for (i, handle) in handles.into_iter().enumerate() {
        assert_eq!(handle.await.unwrap(), i as i64 + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r23_a_pending_result_is_an_argument() {
    let chia = builder().start().await.unwrap();
    let first = chia.call(&ADD, (1, 2)).dispatch().await.unwrap();
    let second = chia.call(&ADD, (&first, 10)).dispatch().await.unwrap();
    let third = chia.call(&DESCRIBE, (second,)).await.unwrap();
    assert_eq!(third, "value 13");
    assert_eq!(first.await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn r23_errors_and_panics_reach_the_awaiter_with_their_message() {
    let chia = builder().start().await.unwrap();
    let error = chia.call(&FAIL, ("out of paper",)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskFailed);
    assert_eq!(error.message(), "out of paper");
    assert_eq!(error.function(), Some("fail"));
    let error = chia.call(&BOOM, ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert!(error.message().contains("kaboom"), "{error}");
    assert_eq!(chia.call(&ADD, (1, 1)).await.unwrap(), 2, "the backend lives on");
}

#[tokio::test(flavor = "multi_thread")]
async fn r23_a_handle_is_awaited_with_a_time_out_and_again() {
    let chia = builder().start().await.unwrap();
    let handle = chia.call(&ADD, (1, 1)).dispatch().await.unwrap();
    assert_eq!(handle.timeout(Duration::from_secs(60)).await.unwrap(), 2);
    assert_eq!(handle.get().await.unwrap(), 2);
    assert_eq!(handle.outcome().unwrap().source, Source::Ran);
    assert_eq!(handle.outcome().unwrap().node, "head");
}

#[tokio::test(flavor = "multi_thread")]
async fn r22_what_can_never_fit_is_refused_at_once() {
    let chia = builder().start().await.unwrap();
    let error = chia.call(&ADD, (1, 1)).resource("adder", 3.0).dispatch().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Infeasible);
    assert!(error.message().contains("adder"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r24_arguments_and_results_are_encoded_in_process_too() {
    let chia = builder().start().await.unwrap();
    let blob: Blob = chia.call(&BYTES, (3_000_000,)).await.unwrap();
    assert_eq!(blob.len(), 3_000_000);
    assert!(blob.iter().all(|byte| *byte == 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_string_keyed_form_checks_at_run_time() {
    let chia = builder().start().await.unwrap();
    let sum: i64 = chia.call_named::<(i64, i64), i64>("add", (1, 2)).unwrap().await.unwrap();
    assert_eq!(sum, 3);
    let error = chia.call_named::<(i64,), i64>("add", (1,)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRegistered);
    let error = chia.call_named::<(i64,), i64>("ad", (1,)).unwrap_err();
    assert!(error.message().contains("add"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r03_unknown_names_are_an_error_under_strict() {
    let dir = tempfile::tempdir().unwrap();
    let rules = "bypass:\n  ad: true\n";
    with_rules(rules, dir.path()).start().await.unwrap();
    let error = with_rules(rules, dir.path()).strict(true).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("add"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r02_warnings_about_the_rules_are_errors_under_strict() {
    let dir = tempfile::tempdir().unwrap();
    let rules = "bypas:\n  add: true\ncache:\n  add: {cache: true, tags: []}\n";
    with_rules(rules, dir.path()).start().await.unwrap();
    let error = with_rules(rules, dir.path()).strict(true).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    for problem in ["did you mean `bypass`?", "`tags` is empty"] {
        assert!(error.message().contains(problem), "{error}");
    }
}
