//! Loops in Rust that call functions in Python, of `steps.py` beside this file: workers import from
//! the folder that the driver was started in.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chia_conformance::Layout;
use chia_loop::rules::Config;
use chia_loop::{
    Blob, CacheOptions, Chia, ErrorKind, Function, Provider, Registry, Result, Site, Source,
};
use chia_ray::{RayBackend, RayOptions};
use libtest_mimic::Trial;

use crate::fixture::{self, trial};
use crate::functions::registry;
use crate::languages::Report;
use crate::loops;

static SIMULATE: Function<(Report, String), Report> =
    Function::foreign("tests.ray.steps:simulate").cpu(0.5);
static FETCH: Function<(Blob,), Blob> = Function::foreign("tests.ray.steps:fetch");
static HOLDS: Function<(), BTreeMap<String, f64>> =
    Function::foreign("tests.ray.steps:holds").cpu(0.5).resources(&[("kit_slot", 1.0)]);
static THIRD: Function<(String,), f64> = Function::foreign("tests.ray.steps:Tools.third");
static DESCRIBE: Function<(f64,), String> = Function::foreign("tests.ray.steps:describe");
static FAILS: Function<(), ()> = Function::foreign("tests.ray.steps:fails");
static LEAVES: Function<(), ()> = Function::foreign("tests.ray.steps:leaves");
static GENERATES: Function<(), ()> = Function::foreign("tests.ray.steps:generates");
static NO_NAME: Function<(), ()> = Function::foreign("tests.ray.steps:no_name");
static NO_MODULE: Function<(), ()> = Function::foreign("tests.ray.no_module:any");
static INNER: Function<(String, String), String> = Function::foreign("tests.ray.steps:inner");
static OUTER: Function<(String, String), String> = Function::foreign("tests.ray.steps:outer");
static SEES: Function<(), Vec<String>> = Function::foreign("tests.ray.steps:sees");
static RECORDED: Function<(), String> = Function::foreign("tests.ray.steps:recorded");
static ASKS: Function<(), String> = Function::foreign("tests.ray.steps:asks");
static WAITS: Function<(String,), ()> = Function::foreign("tests.ray.steps:waits");

static STANDS_IN: Provider<(Report, String), Report> =
    Provider::new("stands_in", &|site: Site, (report, _): (Report, String)| Report {
        note: site.tag().map(str::to_owned),
        ..report
    });
static TEXT: Provider<(), String> = Provider::new("text", &|_: Site, _: ()| "provided".to_owned());

/// Adds what these tests call.
pub(crate) fn register(registry: Registry) -> Registry {
    registry
        .function(&SIMULATE)
        .function(&FETCH)
        .function(&HOLDS)
        .function(&THIRD)
        .function(&DESCRIBE)
        .function(&FAILS)
        .function(&LEAVES)
        .function(&GENERATES)
        .function(&NO_NAME)
        .function(&NO_MODULE)
        .function(&INNER)
        .function(&OUTER)
        .function(&SEES)
        .function(&RECORDED)
        .function(&ASKS)
        .function(&WAITS)
        .provider(&STANDS_IN)
        .provider(&TEXT)
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("foreign::a_python_function_is_called_like_any_other", called_like_any_other),
        trial("foreign::r23_what_goes_wrong_in_python_is_an_error_of_its_kind", errors_are_typed),
        trial("foreign::r23_a_cancelled_python_body_is_interrupted", cancelled_bodies_end),
        trial("foreign::r11_rules_hold_for_python_bodies_and_their_calls", rules_hold),
    ]
}

async fn connect() -> Result<Chia> {
    let ray = fixture::connect(&fixture::shared_cluster(Layout::Wide).await?.address).await?;
    Chia::builder(registry()).backend(Arc::new(ray)).start().await
}

fn report(cells: i64) -> Report {
    Report { design: "straße".into(), cells, slack: vec![0.5], passed: true, note: None }
}

fn lines(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

async fn called_like_any_other() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log").display().to_string();
    let chia = connect().await?;
    let first = chia.call(&SIMULATE, (report(1), log.clone())).dispatch().await?;
    let second = chia.call(&SIMULATE, (&first, log.clone())).dispatch().await?;
    assert_eq!(second.get().await?, Report { note: Some("simulated".into()), ..report(3) });
    let outcome = second.outcome().unwrap();
    assert_eq!((outcome.source, outcome.node.is_empty()), (Source::Ran, false));

    let data: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    let turned: Vec<u8> = data.iter().rev().copied().collect();
    assert_eq!(*chia.call(&FETCH, (Blob::from(data),)).await?, *turned);

    let held = chia.call(&HOLDS, ()).await?;
    assert_eq!((held.get("CPU"), held.get("kit_slot")), (Some(&0.5), Some(&1.0)), "{held:?}");
    let never = chia.call(&HOLDS, ()).resource("kit_slot", 99.0).dispatch().await.unwrap_err();
    assert_eq!(never.kind(), ErrorKind::Infeasible);

    // What Rust cannot hold goes from one Python body to the next all the same.
    let third = chia.call(&THIRD, (log,)).dispatch().await?;
    assert_eq!(chia.call(&DESCRIBE, (&third,)).await?, "Fraction 1/3");
    assert_eq!(third.get().await.unwrap_err().kind(), ErrorKind::Decode);
    chia.shutdown().await
}

async fn errors_are_typed() -> Result<()> {
    let chia = connect().await?;
    let calls = [
        (&FAILS, ErrorKind::TaskFailed, "ValueError: no licence"),
        (&LEAVES, ErrorKind::TaskFailed, "SystemExit: 3"),
        (&GENERATES, ErrorKind::Encode, "`tests.ray.steps:generates` cannot be pickled"),
        (&NO_NAME, ErrorKind::NotRegistered, "`tests.ray.steps` has no function `no_name`"),
        (&NO_MODULE, ErrorKind::NotRegistered, "No module named 'tests.ray.no_module'"),
    ];
    for (function, kind, text) in calls {
        let error = chia.call(function, ()).await.unwrap_err();
        assert_eq!((error.kind(), error.function()), (kind, Some(function.name())), "{error}");
        assert!(error.message().contains(text), "{error}");
    }
    chia.shutdown().await
}

async fn cancelled_bodies_end() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let chia = connect().await?;
    let waiting = chia.call(&WAITS, (log.display().to_string(),)).dispatch().await?;
    assert_eq!(fixture::contents_of(&log).await, "waits");
    waiting.cancel().await?;
    assert_eq!(waiting.get().await.unwrap_err().kind(), ErrorKind::Cancelled);
    fixture::wait_until(Duration::from_secs(60), "the body to be interrupted", || {
        lines(&log) == ["waits", "interrupted"]
    })
    .await;
    // Its worker is as good as new.
    let text = chia.call(&DESCRIBE, (0.5,)).await?;
    assert_eq!(text, "float 0.5");
    chia.shutdown().await
}

const RULES: &str = "
cache:
  simulate: true
  Tools.third: true
  inner: true
bypass:
  simulate:
    bypass: true
    tags: ['iter0']
  inner:
    bypass: true
    tags: ['kept.*']
  recorded:
    bypass: true
    data: recorded.txt
  third: true
";

async fn rules_hold() -> Result<()> {
    let cluster = fixture::shared_cluster(Layout::Wide).await?;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    std::fs::write(folder.path().join("recorded.txt"), "recorded").unwrap();
    let config = Config::parse(RULES, "the test's rules", folder.path()).unwrap();
    let ray = RayBackend::connect(RayOptions::cluster(cluster.address)).await?;
    let cache = CacheOptions::new("1 GB", folder.path().join("cache"));
    let chia = Chia::builder(registry()).backend(Arc::new(ray)).config(config).cache(cache);
    let chia = chia.start().await?;
    replaced_and_kept(&chia, &log).await?;
    calls_of_a_body_obey(&chia, &log).await?;
    loops::end(&chia).await
}

async fn replaced_and_kept(chia: &Chia, log: &Path) -> Result<()> {
    let path = log.display().to_string();
    chia.set_provider(&SIMULATE, &STANDS_IN)?;
    let replaced = chia.call(&SIMULATE, (report(1), path.clone())).tag("iter0").await?;
    assert_eq!(replaced, Report { note: Some("iter0".into()), ..report(1) });
    chia.call(&SIMULATE, (report(1), path.clone())).tag("iter1").await?;
    assert_eq!(lines(log), ["simulate"], "the provider ran in the place of the first");
    let cache = chia.cache().unwrap();
    let facts = cache.facts("iter1").await?.unwrap();
    assert_eq!(facts.function.as_deref(), Some("simulate"));
    assert_eq!(cache.read::<Report>("iter1").await?.unwrap().value.cells, 2);

    // A value that Rust cannot hold: the same error at each run, its bytes as Python made them.
    chia.replay(&THIRD)?;
    for _ in 0..2 {
        let third = chia.call(&THIRD, (path.clone(),)).tag("third").dispatch().await?;
        assert_eq!(third.get().await.unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(chia.call(&DESCRIBE, (&third,)).await?, "Fraction 1/3");
    }
    assert_eq!(lines(log), ["simulate", "third"], "the second time it was replayed");
    Ok(())
}

async fn calls_of_a_body_obey(chia: &Chia, log: &Path) -> Result<()> {
    let path = log.display().to_string();
    std::fs::write(log, "").unwrap();
    chia.replay(&INNER)?;
    for _ in 0..2 {
        for tag in ["kept1", "other"] {
            let text = chia.call(&OUTER, (tag.to_owned(), path.clone())).await?;
            assert_eq!(text, format!("ran {tag}"));
        }
    }
    assert_eq!(lines(log).len(), 3, "one of four was replayed");
    let facts = chia.cache().unwrap().facts("kept1").await?.unwrap();
    assert_eq!(facts.function.as_deref(), Some("inner"));

    assert_eq!(chia.call(&SEES, ()).await?, ["recorded", "iter0"]);
    assert_eq!(chia.call(&ASKS, ()).await?, "recorded");
    chia.set_provider(&RECORDED, &TEXT)?;
    assert_eq!(chia.call(&RECORDED, ()).await?, "provided");
    let error = chia.call(&ASKS, ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskFailed);
    assert!(error.message().contains("the provider `text` is in the Rust program"), "{error}");
    Ok(())
}
