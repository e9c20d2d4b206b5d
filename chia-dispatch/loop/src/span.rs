//! The spans of a call, with names after OpenTelemetry's conventions. `docs/spans.md` lists them.

use chia_dispatch::Error;
use tracing::Span;
use tracing::field::{Empty, display};

use crate::outcome::Outcome;
use crate::record::{Request, written};

/// A call in the process that makes it: from its dispatch until its result is seen.
pub(crate) fn call(function: &str, tag: Option<&str>) -> Span {
    tracing::debug_span!(
        "call",
        otel.name = %format_args!("call {function}"),
        otel.kind = "client",
        otel.status_code = Empty,
        otel.status_description = Empty,
        error.type = Empty,
        code.function.name = function,
        chia.tag = tag,
        chia.decision = Empty,
        chia.reason = Empty,
        chia.explanation = Empty,
        chia.rule = Empty,
        chia.cache.explanation = Empty,
        chia.outcome = Empty,
        chia.cache.write = Empty,
        chia.stale = Empty,
        chia.miss = Empty,
        chia.saved_us = Empty,
        chia.node = Empty,
    )
}

/// A call on its worker: from the start of its work to its result.
pub(crate) fn run(function: &str, tag: Option<&str>, node: Option<&str>) -> Span {
    tracing::debug_span!(
        "run",
        otel.name = %format_args!("run {function}"),
        otel.kind = "server",
        otel.status_code = Empty,
        otel.status_description = Empty,
        error.type = Empty,
        code.function.name = function,
        chia.tag = tag,
        chia.node = node,
        chia.outcome = Empty,
        chia.cache.write = Empty,
        chia.stale = Empty,
        chia.miss = Empty,
        chia.saved_us = Empty,
    )
}

/// Notes what was decided, in the words of the run record.
pub(crate) fn decided(span: &Span, request: &Request<'_>) {
    if span.is_disabled() {
        return;
    }
    span.record("chia.decision", request.decision());
    span.record("chia.reason", request.reason());
    if let Some(rule) = &request.rule {
        span.record("chia.rule", display(rule));
    }
}

/// Notes how a call went.
pub(crate) fn succeeded(span: &Span, outcome: &Outcome) {
    if span.is_disabled() {
        return;
    }
    span.record("chia.outcome", outcome.source.as_str());
    if let Some(write) = written(outcome.write) {
        span.record("chia.cache.write", write);
    }
    if let Some(stale) = &outcome.stale {
        span.record("chia.stale", stale);
    }
    if let Some(miss) = &outcome.missed {
        span.record("chia.miss", miss);
    }
    let saved = chia_record::micros(outcome.saved);
    if saved > 0 {
        span.record("chia.saved_us", saved);
    }
}

/// Ends the span of a call whose result is there: it lasts until it was last entered.
pub(crate) fn seen(span: &Span, result: Result<&Outcome, &Error>) {
    let _entered = span.enter();
    match result {
        Ok(outcome) => {
            span.record("chia.node", &outcome.node);
            succeeded(span, outcome);
        }
        Err(error) => failed(span, error),
    }
}

/// Notes that a call failed, and why.
pub(crate) fn failed(span: &Span, error: &Error) {
    if span.is_disabled() {
        return;
    }
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", display(error));
    span.record("error.type", tracing::field::debug(error.kind()));
    span.record("chia.outcome", crate::record::how(error.kind()));
}
