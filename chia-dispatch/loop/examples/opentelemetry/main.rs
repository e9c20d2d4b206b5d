//! The spans of a loop in OpenTelemetry: one call of a function that calls another, and one that fails.
//!
//! It keeps the spans in memory and prints them as a tree. A program that sends them to a collector sets up
//! the exporter of `opentelemetry-otlp` instead; all else stays the same.
//!
//! ```console
//! $ cargo run -p chia-loop --example opentelemetry
//! ```

use chia_loop::{Chia, Function, Registry, Result};
use opentelemetry::trace::{SpanId, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

static SQUARE: Function<(i64,), i64> = Function::new("square", &|x: i64| x * x);
static SUM_OF_SQUARES: Function<(i64, i64), i64> = Function::new("sum_of_squares", &sum_of_squares);
static DIVIDE: Function<(i64, i64), i64> = Function::new("divide", &divide);

async fn sum_of_squares(x: i64, y: i64) -> Result<i64> {
    let chia = Chia::current().expect("this runs in a task");
    let first = chia.call(&SQUARE, (x,)).tag("first").dispatch().await?;
    let second = chia.call(&SQUARE, (y,)).tag("second").dispatch().await?;
    Ok(first.get().await? + second.get().await?)
}

fn divide(x: i64, y: i64) -> std::result::Result<i64, String> {
    x.checked_div(y).ok_or_else(|| format!("{x} / {y} is no number"))
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    // The spans of a loop have the level DEBUG.
    let loops = Targets::new()
        .with_target("chia_loop", LevelFilter::DEBUG)
        .with_target("chia_local", LevelFilter::DEBUG);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("my-loop"));
    tracing_subscriber::registry().with(layer.with_filter(loops)).init();

    let registry = Registry::new().function(&SQUARE).function(&SUM_OF_SQUARES).function(&DIVIDE);
    let chia = Chia::builder(registry).start().await?;
    let sum = chia.call(&SUM_OF_SQUARES, (3, 4)).tag("sum").await?;
    let refused = chia.call(&DIVIDE, (sum, 0)).tag("ratio").await;
    chia.shutdown().await?;
    provider.force_flush()?;

    print(&exporter.get_finished_spans()?, SpanId::INVALID, 0);
    assert!(refused.is_err());
    Ok(())
}

/// Prints the spans below a parent, in the order of their start.
#[allow(clippy::print_stdout, reason = "printing is its job")]
fn print(spans: &[SpanData], parent: SpanId, depth: usize) {
    let mut children: Vec<_> = spans.iter().filter(|span| span.parent_span_id == parent).collect();
    children.sort_by_key(|span| span.start_time);
    for span in children {
        let took = span.end_time.duration_since(span.start_time).unwrap_or_default();
        let indent = "  ".repeat(depth);
        println!("{indent}{} ({:?}, {took:?}) {:?}", span.name, span.span_kind, span.status);
        for attribute in
            span.attributes.iter().filter(|each| each.key.as_str().starts_with("chia."))
        {
            println!("{indent}    {} = {}", attribute.key, attribute.value);
        }
        print(spans, span.span_context.span_id(), depth + 1);
    }
}
