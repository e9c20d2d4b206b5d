//! What a subscriber sees of a dispatch; alone in its program, since who listens is global.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use chia_loop::rules::Config;
use chia_loop::{Chia, Function, Provider, Registry, Site};

static ADD: Function<(i64, i64), i64> = Function::new("add", &|x: i64, y: i64| x + y);
static FORTY_TWO: Provider<(i64, i64), i64> =
    Provider::new("forty_two", &|_: Site, _: (i64, i64)| 42);

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no writer panics").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The line of the call's span, which closes when the span of its task has: a little after the result
/// is there.
async fn closed_call(log: &Log) -> String {
    for _ in 0..1_000 {
        let text =
            String::from_utf8(log.0.lock().expect("no writer panics").clone()).expect("text");
        if let Some(line) = text.lines().find(|line| line.contains(" call{")) {
            return line.to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the span of the call never closed");
}

#[tokio::test]
async fn r10_the_span_of_a_dispatch_carries_its_reason() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_max_level(tracing::Level::DEBUG)
        .with_span_events(FmtSpan::CLOSE)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let rules = "bypass:\n  add: {bypass: true, tags: ['iter.*']}\n";
    let config = Config::parse(rules, "rules.yaml", ".").unwrap();
    let registry = Registry::new().function(&ADD).provider(&FORTY_TWO);
    let chia = Chia::builder(registry).config(config).start().await.unwrap();
    chia.set_provider(&ADD, &FORTY_TWO).unwrap();
    chia.call(&ADD, (1, 2)).tag("iter7").await.unwrap();
    let span = closed_call(&log).await;
    for part in [
        "code.function.name=\"add\"",
        "chia.tag=\"iter7\"",
        "is replaced",
        "iter.*",
        "rules.yaml:2",
    ] {
        assert!(span.contains(part), "{part} is not in {span}");
    }
}
