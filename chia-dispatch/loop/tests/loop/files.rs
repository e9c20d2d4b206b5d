//! Recorded files.

use chia_loop::{Chia, ErrorKind, Function, Source};

use crate::program::{ADD, BYTES, ECHO_SITE, TEXT, registry, with_rules};

const RULES: &str = "bypass:\n  text: {bypass: true, data: recorded.md}\n  bytes: {bypass: true, data: recorded.bin}\n  add: {bypass: true, data: recorded.md}\n";

#[tokio::test(flavor = "multi_thread")]
async fn r07_a_data_file_is_the_result_as_text_or_bytes() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("recorded.md"), "recorded ünicode").unwrap();
    std::fs::write(dir.path().join("recorded.bin"), [0xff, 0, 1]).unwrap();
    let chia = with_rules(RULES, dir.path()).start().await.unwrap();
    let handle = chia.call(&TEXT, ()).dispatch().await.unwrap();
    assert_eq!(handle.get().await.unwrap(), "recorded ünicode");
    assert_eq!(handle.outcome().unwrap().source, Source::File);
    assert_eq!(&*chia.call(&BYTES, (9,)).await.unwrap(), [0xff, 0, 1]);
    assert_eq!(chia.files().unwrap().stats().await.unwrap().served, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn r07_a_missing_or_binary_file_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let chia = with_rules(RULES, dir.path()).start().await.unwrap();
    let error = chia.call(&TEXT, ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataFile);
    assert!(error.message().contains("recorded.md"), "{error}");
    assert!(std::error::Error::source(&error).is_some(), "the cause is reported too");
    std::fs::write(dir.path().join("recorded.md"), [0xff]).unwrap();
    let error = chia.call(&TEXT, ()).await.unwrap_err();
    assert!(
        error.message().contains("recorded.md") && error.message().contains("UTF-8"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn r07_a_function_of_another_type_needs_a_provider() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("recorded.md"), "3").unwrap();
    let chia = with_rules(RULES, dir.path()).start().await.unwrap();
    let error = chia.call(&ADD, (1, 2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataFile);
    assert!(error.message().contains("i64") && error.message().contains("provider"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r07_only_named_files_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let chia = with_rules(RULES, dir.path()).start().await.unwrap();
    let files = chia.files().unwrap();
    let error = files.bytes(&secret).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataFile);
    assert!(!files.exists(&secret).await.unwrap());
    assert_eq!(files.stats().await.unwrap().refused, 1);
    let chia = with_rules(RULES, dir.path()).allow_file(&secret).start().await.unwrap();
    assert_eq!(chia.files().unwrap().text(&secret).await.unwrap(), "secret");
}

static SHOWN: Function<(i64,), String> = Function::new("shown", &|_: i64| String::new());

#[tokio::test(flavor = "multi_thread")]
async fn r06_a_provider_gets_tag_data_path_and_arguments_and_beats_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let rules = "bypass:\n  shown: {bypass: true, data: recorded.md}\n";
    let config = chia_config::Config::parse(rules, "rules.yaml", dir.path()).unwrap();
    let chia = Chia::builder(registry().function(&SHOWN)).config(config).start().await.unwrap();
    chia.set_provider(&SHOWN, &ECHO_SITE).unwrap();
    let shown = chia.call(&SHOWN, (5,)).tag("t").await.unwrap();
    assert!(shown.starts_with("Some(\"t\")") && shown.ends_with("recorded.md\") 5"), "{shown}");
}
