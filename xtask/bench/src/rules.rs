//! What a decision costs, beside a bare match of the same patterns on the same tag.

use std::hint::black_box;
use std::sync::Arc;

use chia_bypass::Bypass;
use chia_config::{BypassRule, CacheRule, Config};
use regex::RegexSet;

use crate::timing::{compare, interleaved, side};
use crate::{Aim, Figure, Report};

const PATTERNS: [&str; 3] = ["iter[13]_.*", r"warmup_\d+", "final|last"];

/// A tag that each pattern matches, and one that none does.
const TAGS: [&str; 4] = ["iter3_call15", "warmup_12345", "last", "iter2_call15"];

/// Measures decisions and adds the figures.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let (bypass, set) = (bypass()?, set(&PATTERNS)?);
    for tag in TAGS {
        report.progress(tag);
        decision(report, &bypass, &set, tag);
    }
    let name = "a_function_without_a_rule";
    let (listed, unlisted) = compare(
        || bypass.decide(black_box("simulate"), black_box(None)),
        || bypass.decide(black_box(name), black_box(Some("iter3_call15"))),
    );
    report.add(Figure::alone("function not listed", "ns", unlisted).aim(Aim::AtMost(50.0)));
    report.add(Figure::alone("function listed, call without a tag", "ns", listed));
    let decided = bypass.decide("simulate", Some("iter3_call15"));
    let undecided = bypass.decide(name, Some("iter3_call15"));
    let (write, skip) = compare(
        || bypass.decide_write(black_box(decided.reason())),
        || bypass.decide_write(black_box(undecided.reason())),
    );
    report.add(Figure::alone("cache: a result to write", "ns", write));
    report.add(Figure::alone("cache: function not listed", "ns", skip).aim(Aim::AtMost(50.0)));
    loading(report);
    Ok(())
}

/// A decision tells which pattern matched, as `matches` does; `is_match` tells less, and is
/// the fastest that `regex` has.
fn decision(report: &mut Report, bypass: &Bypass<u32, ()>, set: &RegexSet, tag: &str) {
    let times = interleaved(&mut [
        side(|| bypass.decide(black_box("simulate"), black_box(Some(tag)))),
        side(|| set.is_match(black_box(tag))),
        side(|| set.matches(black_box(tag)).iter().next()),
    ]);
    let case = |of| format!("three patterns on {tag}, beside RegexSet::{of}");
    let figure = Figure::versus(case("is_match"), "ns", times[0], times[1]);
    report.add(figure.aim(Aim::RatioAtMost(2.0)));
    let figure = Figure::versus(case("matches"), "ns", times[0], times[2]);
    report.add(figure.aim(Aim::RatioAtMost(2.0)));
}

fn loading(report: &mut Report) {
    let rule = |n| format!("  function_{n}: {{bypass: true, tags: ['iter{n}_.*', '(?i)x']}}\n");
    let text: String = ["bypass:\n".to_owned()].into_iter().chain((0..100).map(rule)).collect();
    let times = interleaved(&mut [side(|| Config::parse(&text, "bench.yaml", "/"))]);
    report.add(Figure::alone("load 100 rules of two patterns", "ns", times[0]));
}

fn bypass() -> anyhow::Result<Bypass<u32, ()>> {
    let config = Config::builder()
        .bypass("simulate", BypassRule::on().with_tags(PATTERNS)?)
        .bypass("other", BypassRule::on())
        .cache("simulate", CacheRule::on().with_tags(PATTERNS)?);
    let mut bypass = Bypass::new(Arc::new(config.build()));
    bypass.set_provider("simulate", 1);
    Ok(bypass)
}

/// The same patterns for a bare match of the whole tag.
fn set(patterns: &[&str]) -> anyhow::Result<RegexSet> {
    Ok(RegexSet::new(patterns.iter().map(|pattern| format!("^(?:{pattern})$")))?)
}
