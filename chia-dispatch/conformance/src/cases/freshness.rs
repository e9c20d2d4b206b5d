//! Recorded results that are compared with the calls that ask for them, on this backend.

use chia_loop::cache::{NewEntry, Origin};
use chia_loop::{Chia, File, Handle, IntoArg, Source};

use super::loops::{Loop, start};
use crate::case::Case;
use crate::program::{MEASURE, SEED, SIMULATE};
use crate::warnings;

const UNCHECKED: &str = "cache: {kit_simulate: true}\nbypass: {kit_simulate: true}\n";
const CHECKED: &str = "cache: {kit_simulate: true, kit_measure: true}\n\
     bypass:\n  kit_simulate: {bypass: true, check: true, ignore: [note]}\n  \
     kit_measure: {bypass: true, check: true}\n";

/// A call's value, and how the call came to it.
#[derive(Debug)]
struct Seen {
    value: String,
    source: Source,
    /// Why nothing was replayed, or what differs from the result that was.
    reason: String,
    warnings: Vec<String>,
}

/// Simulates under the tag `s`; the seed may be the result of another call.
async fn simulate(case: &Case, chia: &Chia, seed: impl IntoArg<u64>, note: &str) -> Seen {
    let call = chia.call(&SIMULATE, (case.board.address(), seed, note)).tag("s");
    let handle = case.during("dispatch", call.dispatch()).await.expect("the call is accepted");
    see(case, &handle).await
}

/// Awaits a call.
async fn see<T: chia_loop::Value + ToString>(case: &Case, handle: &Handle<T>) -> Seen {
    let (value, warnings) = warnings::collect(case.during("a call", handle.get())).await;
    let outcome = handle.outcome().expect("a call has an outcome");
    let reason = outcome.missed.clone().or_else(|| outcome.stale.clone()).unwrap_or_default();
    let value = value.expect("the call succeeds").to_string();
    Seen { value, source: outcome.source, reason, warnings }
}

#[track_caller]
fn assert_replayed(seen: &Seen, what: &str) {
    assert_eq!((seen.source, seen.reason.as_str()), (Source::Replayed, ""), "{what}: {seen:?}");
}

#[track_caller]
fn assert_ran(seen: &Seen, because: &str) {
    assert_eq!(seen.source, Source::Ran, "{seen:?}");
    assert!(seen.reason.ends_with(because), "the reason does not end with {because:?}: {seen:?}");
}

async fn checked(case: &Case) -> Loop {
    let looped = Loop::start(case, CHECKED, true).await;
    looped.chia.replay(&SIMULATE).expect("a registered function");
    looped.chia.replay(&MEASURE).expect("a registered function");
    looped
}

/// Without a check, a call with another argument gets the recorded result, and a warning names the
/// argument.
pub(crate) async fn a_different_argument_is_served_with_a_warning(case: &Case) {
    let looped = Loop::start(case, UNCHECKED, true).await;
    looped.chia.replay(&SIMULATE).expect("a registered function");
    let first = simulate(case, &looped.chia, 1, "").await;
    let second = simulate(case, &looped.chia, 2, "").await;
    assert_eq!((second.source, &second.value), (Source::Replayed, &first.value));
    assert_eq!(second.reason, "argument 2 `seed` was 1, is 2");
    let named = |warning: &String| warning.contains("argument 2 `seed` was 1, is 2");
    assert!(first.warnings.is_empty() && second.warnings.iter().any(named), "{second:?}");
    let again = simulate(case, &looped.chia, 3, "").await;
    assert!(again.warnings.is_empty(), "one warning a function: {again:?}");
    let total = looped.chia.summary().total();
    assert_eq!((total.replayed, total.stale), (2, 2));
    looped.stop_cache(case).await;
}

/// With a check, a call with another argument runs.
pub(crate) async fn a_checked_argument_that_differs_runs(case: &Case) {
    let looped = checked(case).await;
    let first = simulate(case, &looped.chia, 1, "").await;
    let second = simulate(case, &looped.chia, 2, "").await;
    assert_ran(&second, "argument 2 `seed` was 1, is 2");
    assert_eq!((first.value.as_str(), second.value.as_str()), ("result of 1", "result of 2"));
    assert!(second.warnings.is_empty(), "{second:?}");
    assert_eq!(looped.chia.summary().total().stale, 0);
    looped.stop_cache(case).await;
}

/// One change at a time: an argument, an ignored argument, an upstream result, a version.
pub(crate) async fn each_change_decides_alone(case: &Case) {
    let looped = checked(case).await;
    let chia = &looped.chia;
    assert_ran(&simulate(case, chia, 3, "a").await, "no entry has this tag");
    assert_replayed(&simulate(case, chia, 3, "a").await, "nothing changed");
    assert_replayed(&simulate(case, chia, 3, "b").await, "an ignored argument changed");
    assert_ran(&simulate(case, chia, 4, "a").await, "argument 2 `seed` was 3, is 4");
    for (upstream, because) in [(4, None), (5, Some("argument 2 `seed` was 4, is 5"))] {
        let upstream = chia.call(&SEED, (upstream,)).dispatch();
        let upstream = case.during("dispatch", upstream).await.expect("the call is accepted");
        let seen = simulate(case, chia, &upstream, "a").await;
        match because {
            None => assert_replayed(&seen, "the upstream result is the same"),
            Some(because) => assert_ran(&seen, because),
        }
    }
    recorded_by_an_earlier_version(case, chia).await;
    assert_ran(&simulate(case, chia, 5, "a").await, "the version was `0`, is `1`");
    assert_replayed(&simulate(case, chia, 5, "a").await, "the new version was recorded");
    looped.stop_cache(case).await;
}

/// Puts the recorded result into the cache as an earlier version of the program would have done.
async fn recorded_by_an_earlier_version(case: &Case, chia: &Chia) {
    let cache = chia.cache().expect("a loop with a cache");
    let facts = case.during("facts", cache.facts("s")).await.expect("the cache answers");
    let facts = facts.expect("the result was recorded");
    let entry = NewEntry::new(Origin::Real)
        .function(SIMULATE.name())
        .arguments(facts.provenance.arguments)
        .run("an earlier run")
        .version("0");
    let value = chia_loop::encode(&"result of 5".to_owned()).expect("text can be encoded");
    let write = cache.write_bytes("s", value, &entry);
    case.during("a write", write).await.expect("the cache writes");
}

/// A file is compared by its content.
pub(crate) async fn another_file_content_runs(case: &Case) {
    let looped = checked(case).await;
    let path = looped.dir.path().join("source.txt");
    let measure = async |content: &str| {
        std::fs::write(&path, content).expect("the file can be written");
        let file = File::at(&path).expect("the file is there");
        let call = looped.chia.call(&MEASURE, (case.board.address(), file)).tag("m");
        let handle = case.during("dispatch", call.dispatch()).await.expect("the call is accepted");
        see(case, &handle).await
    };
    assert_ran(&measure("one").await, "no entry has this tag");
    assert_replayed(&measure("one").await, "the same content was written again");
    let changed = measure("three").await;
    assert_eq!(changed.source, Source::Ran, "{changed:?}");
    assert!(changed.reason.contains("argument 2 `file` was "), "{changed:?}");
    looped.stop_cache(case).await;
}

/// The rules of a loop decide what is compared, and whether at all.
pub(crate) async fn changed_rules_decide_anew(case: &Case) {
    let looped = checked(case).await;
    assert_ran(&simulate(case, &looped.chia, 1, "").await, "no entry has this tag");
    let off = UNCHECKED.replace("bypass: {kit_simulate: true}", "bypass: {kit_simulate: false}");
    let version = "cache: {kit_simulate: true}\n\
                   bypass: {kit_simulate: {bypass: true, check: [version]}}\n";
    for (rules, source, reason, decision) in [
        (UNCHECKED, Source::Replayed, "argument 2 `seed` was 1, is 2", "from the cache"),
        (version, Source::Replayed, "argument 2 `seed` was 1, is 2", "from the cache"),
        (off.as_str(), Source::Ran, "", "off"),
        (CHECKED, Source::Replayed, "", "from the cache"),
    ] {
        let chia = start(case, rules, true, looped.dir.path()).await;
        chia.replay(&SIMULATE).expect("a registered function");
        let explained = chia.dry_run(&[(SIMULATE.name(), Some("s"))])[0].to_string();
        assert!(explained.contains(decision), "{explained}");
        let seen = simulate(case, &chia, 2, "").await;
        assert_eq!((seen.source, seen.reason.as_str()), (source, reason), "{rules}");
    }
    looped.stop_cache(case).await;
}
