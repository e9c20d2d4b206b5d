//! The spans of a loop as OpenTelemetry gets them; alone in its program, since who listens is global.

use std::time::Duration;

use chia_loop::rules::Config;
use chia_loop::{CacheOptions, Chia, Function, Registry, Result};
use opentelemetry::trace::{SpanId, SpanKind, Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

static SQUARE: Function<(i64,), i64> = Function::new("square", &|x: i64| x * x);
/// A blocking body: it runs on a thread of its own.
static TWICE: Function<(i64,), i64> = Function::new("twice", &twice);
static OUTER: Function<(i64,), i64> = Function::new("outer", &outer);
static REFUSE: Function<(), i64> =
    Function::new("refuse", &|| Err::<i64, _>("the licence server is away".to_owned()));

async fn outer(x: i64) -> Result<i64> {
    Ok(Chia::current().expect("in a task").call(&TWICE, (x,)).tag("inner").await? + 1)
}

fn twice(x: i64) -> Result<i64> {
    chia_loop::block_on(async { Chia::current().expect("in a task").call(&SQUARE, (x,)).await })
}

struct Spans(Vec<SpanData>);

impl Spans {
    /// The spans of the loop once they are all there; a task's span ends a little after its result is seen.
    async fn collect(exporter: &InMemorySpanExporter, count: usize) -> Self {
        for _ in 0..1_000 {
            let mut spans = exporter.get_finished_spans().expect("they are in memory");
            spans.retain(|span| !span.name.starts_with("task cache"));
            if spans.len() >= count {
                return Self(spans);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:#?}", exporter.get_finished_spans());
    }

    fn find(&self, name: &str) -> &SpanData {
        let mut found = self.0.iter().filter(|span| span.name == name);
        let span = found.next().unwrap_or_else(|| panic!("no `{name}` in {:#?}", self.0));
        assert!(found.next().is_none(), "more than one `{name}`");
        span
    }

    fn parent(&self, name: &str) -> &str {
        let parent = self.find(name).parent_span_id;
        if parent == SpanId::INVALID {
            return "";
        }
        let parent = self.0.iter().find(|span| span.span_context.span_id() == parent);
        parent.map_or("unknown", |span| &span.name)
    }

    fn attribute(&self, name: &str, key: &str) -> String {
        let attributes = &self.find(name).attributes;
        let found = attributes.iter().find(|each| each.key.as_str() == key);
        found.map_or_else(String::new, |each| each.value.to_string())
    }
}

#[tokio::test]
async fn r10_opentelemetry_gets_names_parents_status_and_attributes() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let loops = Targets::new()
        .with_target("chia_loop", LevelFilter::DEBUG)
        .with_target("chia_local", LevelFilter::DEBUG);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    tracing_subscriber::registry().with(layer.with_filter(loops)).init();

    let dir = tempfile::tempdir().unwrap();
    let config = Config::parse("cache:\n  twice: true\n", "rules.yaml", ".").unwrap();
    let registry = Registry::new().function(&SQUARE).function(&TWICE).function(&OUTER);
    let chia = Chia::builder(registry.function(&REFUSE))
        .config(config)
        .cache(CacheOptions::new("1MB", dir.path()))
        .start()
        .await
        .unwrap();
    assert_eq!(chia.call(&OUTER, (3,)).tag("o1").await.unwrap(), 10);
    chia.call(&REFUSE, ()).tag("r1").await.unwrap_err();
    chia.shutdown().await.unwrap();

    // Three spans each of four calls: `call`, `task`, `run`.
    let spans = Spans::collect(&exporter, 12).await;
    nests(&spans);
    names_its_attributes(&spans);
    reports_the_failure(&spans);
}

fn nests(spans: &Spans) {
    assert_eq!(spans.parent("call outer"), "");
    for (function, caller) in [("outer", ""), ("twice", "run outer"), ("square", "run twice")] {
        assert_eq!(spans.parent(&format!("call {function}")), caller);
        assert_eq!(spans.parent(&format!("task {function}")), format!("call {function}"));
        assert_eq!(spans.parent(&format!("run {function}")), format!("task {function}"));
    }
    let trace = |name: &str| spans.find(name).span_context.trace_id();
    assert_eq!(trace("call outer"), trace("run square"));
    assert_ne!(trace("call outer"), trace("call refuse"));
    let (call, run) = (spans.find("call outer"), spans.find("run outer"));
    assert!(call.start_time <= run.start_time && run.end_time <= call.end_time, "{call:?} {run:?}");
    assert_eq!(spans.find("call outer").span_kind, SpanKind::Client);
    assert_eq!(spans.find("task outer").span_kind, SpanKind::Internal);
    assert_eq!(spans.find("run outer").span_kind, SpanKind::Server);
}

fn names_its_attributes(spans: &Spans) {
    for name in ["call twice", "run twice"] {
        assert_eq!(spans.find(name).status, Status::Unset);
        for (key, value) in [
            ("code.function.name", "twice"),
            ("chia.tag", "inner"),
            ("chia.outcome", "ran"),
            ("chia.cache.write", "stored"),
            ("chia.node", "local"),
        ] {
            assert_eq!(spans.attribute(name, key), value, "{key} of {name}");
        }
    }
    for (key, value) in [("chia.decision", "run"), ("chia.reason", "not_listed")] {
        assert_eq!(spans.attribute("call twice", key), value);
    }
    assert!(spans.attribute("call twice", "chia.explanation").contains("twice"));
    assert!(spans.attribute("call twice", "chia.cache.explanation").contains("rules.yaml:2"));
    assert_eq!(spans.attribute("task twice", "chia.task.name"), "twice");
}

fn reports_the_failure(spans: &Spans) {
    for name in ["call refuse", "run refuse"] {
        let Status::Error { description } = &spans.find(name).status else {
            panic!("{:?}", spans.find(name));
        };
        assert!(description.contains("the licence server is away"), "{description}");
        assert_eq!(spans.attribute(name, "error.type"), "TaskFailed");
        assert_eq!(spans.attribute(name, "chia.outcome"), "failed");
    }
}
