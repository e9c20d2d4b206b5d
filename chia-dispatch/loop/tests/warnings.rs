//! Warnings in programs that listen to them and in those that do not. Each loop runs in a process of its
//! own, a copy of this test binary.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::Command;

use chia_loop::rules::Config;
use chia_loop::{Chia, ErrorKind, Function, Registry};

static ADD: Function<(i64, i64), i64> = Function::new("add", &|x: i64, y: i64| x + y);

const RULES: &str = "bypas: {add: true}\nbypass: {add: true}\n";

/// A loop whose rules have a misspelt section, and a bypass that nothing replaces.
async fn run(quiet: bool) {
    let config = Config::parse(RULES, "rules.yaml", ".").unwrap();
    let builder = Chia::builder(Registry::new().function(&ADD)).config(config).quiet(quiet);
    let chia = builder.start().await.unwrap();
    for _ in 0..2 {
        assert_eq!(chia.call(&ADD, (1, 2)).await.unwrap(), 3);
    }
}

/// What a copy of this program prints to standard error while it runs one of the tests below.
fn said_by(test: &str) -> String {
    said_with(test, &[])
}

/// As [`said_by`], with variables of the environment.
fn said_with(test: &str, envs: &[(&str, &str)]) -> String {
    let this = std::env::current_exe().unwrap();
    let args = ["--ignored", "--exact", test, "--nocapture"];
    let output = Command::new(this)
        .args(args)
        .env_remove("RUST_LOG")
        .envs(envs.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[tokio::test]
#[ignore = "started by the test of its name"]
async fn without_a_subscriber() {
    run(false).await;
}

#[tokio::test]
#[ignore = "started by the test of its name"]
async fn quiet() {
    run(true).await;
}

#[tokio::test]
#[ignore = "started by the test of its name"]
async fn with_a_subscriber() {
    tracing_subscriber::fmt().with_writer(std::io::stdout).init();
    run(false).await;
}

#[test]
fn r02_warnings_go_to_standard_error_where_nobody_listens() {
    let said = said_by("without_a_subscriber");
    assert!(said.contains("warning: the section `bypas` is not read"), "{said}");
    assert!(said.contains("did you mean `bypass`?"), "{said}");
    assert_eq!(said.matches("(function=add)").count(), 1, "R8: once\n{said}");
}

#[test]
fn a_quiet_loop_prints_none() {
    assert_eq!(said_by("quiet"), "");
}

#[test]
fn a_subscriber_gets_them_alone() {
    assert_eq!(said_by("with_a_subscriber"), "");
}

#[tokio::test]
async fn replaying_without_a_cache_is_an_error() {
    let chia = Chia::builder(Registry::new().function(&ADD)).start().await.unwrap();
    for refused in [chia.replay(&ADD), chia.replay_or_fail(&ADD)] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cache);
        assert!(error.to_string().contains("add: there is nothing to replay from"), "{error}");
    }
}

#[tokio::test]
#[ignore = "started by the test of its name"]
async fn unknown_mode() {
    let builder = Chia::builder(Registry::new().function(&ADD));
    let error = builder.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    eprintln!("{error}");
}

#[test]
fn r29_an_unknown_mode_in_the_environment_is_refused_with_the_list_of_modes() {
    let said = said_with("unknown_mode", &[("CHIA_MODE", "replya")]);
    for part in ["CHIA_MODE", "replya", "auto", "off", "record", "replay", "refresh"] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    let said = said_with("unknown_mode", &[("CHIA_FROM", "(")]);
    assert!(said.contains("CHIA_FROM"), "{said}");
}
