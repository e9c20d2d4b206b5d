//! The loop handle on this backend: rules that go with the calls, the cache, the file server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chia_dispatch::ErrorKind;
use chia_dispatch::backend::Backend;
use chia_loop::{CacheOptions, CacheWrite, Chia, ChiaBuilder, Handle, Source};
use tempfile::TempDir;

use crate::case::Case;
use crate::program::{
    ADD, FAILS, OUTER, RECORDED, REPLACES, SEED, STEP, SUM, THROUGH_THE_CACHE, registry,
};

const REPLACED: &str = "bypass: {kit_step: {bypass: true, tags: ['replaced.*']}}\n";
const KEPT: &str = "cache: {kit_step: true}\nbypass: {kit_step: true}\n";
const SERVED: &str = "bypass: {kit_step: {bypass: true, data: recorded.md}}\n";

/// A loop of the kit, and the directory that its rules and its cache are in.
pub(super) struct Loop {
    pub(super) chia: Chia,
    pub(super) dir: TempDir,
}

impl Loop {
    pub(super) async fn start(case: &Case, rules: &str, cached: bool) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let chia = start(case, rules, cached, dir.path()).await;
        Self { chia, dir }
    }

    /// Calls the step and expects a result that begins like this.
    async fn step(&self, case: &Case, label: &str, begins: &str) -> Handle<String> {
        let handle = self.dispatch(case, label).await;
        let value = case.during("a step", handle.get()).await.expect("the step succeeds");
        assert!(value.starts_with(begins), "{value:?} does not begin with {begins:?}");
        handle
    }

    /// Has the step called from inside a task, so deep, and expects a result that begins like this.
    async fn nested(&self, case: &Case, label: &str, depth: u32, begins: &str) {
        let call = self.chia.call(&OUTER, (case.board.address(), label.to_owned(), depth));
        let value = case.during("a nested call", call).await.expect("the call succeeds");
        assert!(value.starts_with(begins), "{value:?} does not begin with {begins:?}");
    }

    async fn dispatch(&self, case: &Case, label: &str) -> Handle<String> {
        let call = self.chia.call(&STEP, (case.board.address(), label.to_owned())).tag(label);
        case.during("dispatch", call.dispatch()).await.expect("the call is accepted")
    }

    pub(super) async fn stop_cache(&self, case: &Case) {
        let cache = self.chia.cache().expect("a loop with a cache");
        case.during("the cache to stop", cache.stop()).await.expect("the cache stops");
    }
}

pub(super) async fn start(case: &Case, rules: &str, cached: bool, dir: &Path) -> Chia {
    let mut builder = builder(case, rules, dir);
    if cached {
        builder = builder.cache(CacheOptions::new("64 MB", dir.join("cache")));
    }
    case.during("the loop to start", builder.start()).await.expect("the loop starts")
}

fn builder(case: &Case, rules: &str, dir: &Path) -> ChiaBuilder {
    let config = chia_loop::rules::Config::parse(rules, "kit.yaml", dir).expect("rules of the kit");
    let backend: Arc<dyn Backend> = Arc::clone(&case.backend);
    Chia::builder(registry()).backend(backend).config(config).record_in(dir.join("runs"))
}

/// Starts a loop that replays the step.
async fn replaying(case: &Case, builder: ChiaBuilder) -> Chia {
    let chia = case.during("the loop to start", builder.start()).await.expect("the loop starts");
    chia.replay(&STEP).expect("a registered function");
    chia
}

/// A provider runs on the worker, where the real call would have run.
pub(crate) async fn a_provider_runs_where_the_call_would(case: &Case) {
    let nodes = case.during("nodes", case.backend.nodes()).await.expect("nodes are known");
    let far = &nodes[1].id;
    let looped = Loop::start(case, REPLACED, false).await;
    looped.chia.set_provider(&STEP, &RECORDED).expect("the provider fits");
    looped.step(case, "other", &format!("ran other on {far}")).await;
    looped.step(case, "replaced 1", &format!("recorded replaced 1 on {far}")).await;
    case.assert_never("replaced 1", "a replaced call ran");
}

/// The summary and the record of a run have the nested calls of a task that failed, in whatever process
/// it ran; each is counted once, though a later call passes the error on.
pub(crate) async fn nested_calls_of_failures_are_reported(case: &Case) {
    let looped = Loop::start(case, "", false).await;
    for (panics, depth) in [(false, 0), (true, 0), (false, 2)] {
        let args = (case.board.address(), "nested".to_owned(), depth, panics);
        let failed = case.during("dispatch", looped.chia.call(&FAILS, args).dispatch()).await;
        let failed = failed.expect("the call is accepted");
        case.during("a task to fail", failed.get()).await.expect_err("it fails");
        let passed_on = looped.chia.call(&STEP, (case.board.address(), &failed));
        case.during("its dependant", passed_on).await.expect_err("its argument failed");
    }
    let functions = looped.chia.summary().functions;
    let (step, fails) = (functions["kit_step"], functions["kit_fails"]);
    assert_eq!((step.calls, step.ran, step.failed), (6, 3, 3), "{functions:?}");
    assert_eq!((fails.calls, fails.failed), (5, 5), "{functions:?}");
    let path = looped.chia.run_record().expect("the run leaves a record");
    let record = std::fs::read_to_string(path).expect("the record can be read");
    let nested = record.lines().filter(|line| line.contains("\"parent\":")).count();
    assert_eq!(nested, 5, "{record}");
}

/// Calls made from inside a task see the same rules as their caller, however deep.
pub(crate) async fn nested_calls_keep_the_rules(case: &Case) {
    let looped = Loop::start(case, REPLACED, false).await;
    looped.chia.set_provider(&STEP, &RECORDED).expect("the provider fits");
    for depth in [0, 1, 4] {
        let label = format!("replaced {depth}");
        looped.nested(case, &label, depth, &format!("recorded {label}")).await;
        case.assert_never(&label, "a nested call lost its caller's rules");
    }
}

/// A reused worker never keeps the rules of an older call: they decide on what is nested.
pub(crate) async fn rules_of_two_loops_stay_apart(case: &Case) {
    let replaced = Loop::start(case, REPLACED, false).await;
    replaced.chia.set_provider(&STEP, &RECORDED).expect("the provider fits");
    let plain = Loop::start(case, "", false).await;
    for round in 0..6 {
        let label = format!("replaced {round}");
        replaced.nested(case, &label, 0, "recorded").await;
        plain.nested(case, &label, 0, "ran").await;
    }
}

/// Rules set up inside a task hold for it and its nested calls, and end with it.
pub(crate) async fn rules_set_inside_end_with_the_task(case: &Case) {
    let looped = Loop::start(case, REPLACED, false).await;
    for round in 0..3 {
        let label = format!("replaced {round}");
        let call = looped.chia.call(&REPLACES, (case.board.address(), label.clone()));
        let value = case.during("a call", call).await.expect("the call succeeds");
        assert!(value.starts_with("recorded"), "{value}");
        looped.step(case, &label, "ran").await;
    }
}

/// A result is kept when its work is done, whether or not anyone asks for it, and then replayed.
pub(crate) async fn results_are_kept_and_replayed(case: &Case) {
    let looped = Loop::start(case, KEPT, true).await;
    looped.chia.replay(&STEP).expect("a registered function");
    let first = looped.step(case, "kept", "ran kept").await;
    assert_eq!(first.outcome().map(|outcome| outcome.write), Some(CacheWrite::Stored));
    let again = looped.step(case, "kept", "ran kept").await;
    assert_eq!(again.outcome().map(|outcome| outcome.source), Some(Source::Replayed));
    assert_eq!(case.board.count("kept"), 1, "a kept result was computed again");
    drop(looped.dispatch(case, "dropped").await);
    let cache = looped.chia.cache().expect("a loop with a cache");
    let kept = async {
        while !cache.has("dropped").await.expect("the cache answers") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    case.during("the result of a dropped call to be kept", kept).await;
    looped.stop_cache(case).await;
}

/// The cache is one for driver and workers, and for all loops of the backend.
pub(crate) async fn the_cache_is_one_for_all(case: &Case) {
    let first = Loop::start(case, KEPT, true).await;
    let second = start(case, KEPT, true, first.dir.path()).await;
    let call = second.call(&THROUGH_THE_CACHE, ("tag".to_owned(), "from a worker".to_owned()));
    let value = case.during("a worker to use the cache", call).await.expect("the call succeeds");
    assert_eq!(value, "from a worker");
    let cache = first.chia.cache().expect("a loop with a cache");
    let entry = case.during("a read", cache.read::<String>("tag")).await;
    let entry = entry.expect("the cache answers").expect("what the worker wrote is there");
    assert_eq!(entry.value, "from a worker");
    first.stop_cache(case).await;
}

/// A dead cache costs no call.
pub(crate) async fn a_dead_cache_fails_no_call(case: &Case) {
    let looped = Loop::start(case, KEPT, true).await;
    looped.step(case, "before", "ran").await;
    looped.stop_cache(case).await;
    let after = looped.step(case, "after", "ran").await;
    assert_eq!(after.outcome().map(|outcome| outcome.write), Some(CacheWrite::Failed));
}

/// A recorded file is read on the driver's node, and reaches workers on others.
pub(crate) async fn recorded_files_are_served(case: &Case) {
    let looped = Loop::start(case, SERVED, false).await;
    let path = looped.dir.path().join("recorded.md");
    std::fs::write(&path, "recorded for you").expect("the file can be written");
    looped.step(case, "served", "recorded for you").await;
    case.assert_never("served", "a call ran that a file replaces");
    let files = looped.chia.files().expect("rules that name a file");
    let stats = case.during("the file server", files.stats()).await.expect("it answers");
    assert_eq!(stats.served, 1, "the file did not come through the file server");
    std::fs::remove_file(&path).expect("the file can be removed");
    let missing = looped.dispatch(case, "missing").await;
    let error = case.during("a missing file", missing.get()).await.expect_err("it is missing");
    assert_eq!(error.kind(), ErrorKind::DataFile, "{error}");
    assert!(error.message().contains("recorded.md"), "it does not name the file: {error}");
}

/// Once a nested call is the first to run, the calls of the driver run too.
pub(crate) async fn a_nested_call_reaches_the_first_to_run(case: &Case) {
    let filled = Loop::start(case, KEPT, true).await;
    for label in ["first", "second", "third"] {
        filled.step(case, label, "ran").await;
    }
    let cache = CacheOptions::new("64 MB", filled.dir.path().join("cache"));
    let from = builder(case, KEPT, filled.dir.path()).cache(cache).run_from("second");
    let looped = Loop { chia: replaying(case, from).await, dir: filled.dir };
    let source = |handle: &Handle<String>| handle.outcome().map(|outcome| outcome.source);
    let before = looped.step(case, "first", "ran").await;
    assert_eq!(source(&before), Some(Source::Replayed), "nothing has reached the first to run");
    looped.nested(case, "second", 1, "ran").await;
    assert_eq!(case.board.count("second"), 2, "the nested call is the first to run");
    let after = looped.step(case, "third", "ran").await;
    assert_eq!(source(&after), Some(Source::Ran), "the driver was not informed");
    looped.stop_cache(case).await;
}

/// A cache may be an overlay of another: reads fall through to the base, writes stay in the overlay.
pub(crate) async fn an_overlay_reads_from_its_base(case: &Case) {
    let first = Loop::start(case, KEPT, true).await;
    first.step(case, "recorded", "ran").await;
    first.stop_cache(case).await;
    let Loop { dir, .. } = first;
    let (base, fork) = (dir.path().join("cache"), dir.path().join("fork"));
    let overlay = CacheOptions::new("64 MB", &fork).overlay_of(&base);
    let chia = replaying(case, builder(case, KEPT, dir.path()).cache(overlay)).await;
    let looped = Loop { chia, dir };
    let replayed = looped.step(case, "recorded", "ran").await;
    assert_eq!(replayed.outcome().map(|outcome| outcome.source), Some(Source::Replayed));
    looped.step(case, "new", "ran").await;
    looped.stop_cache(case).await;

    let cache = CacheOptions::new("64 MB", &base);
    let chia = replaying(case, builder(case, KEPT, looped.dir.path()).cache(cache)).await;
    let looped = Loop { chia, dir: looped.dir };
    let keys = looped.chia.cache().expect("a loop with a cache");
    let keys = case.during("the keys", keys.keys()).await.expect("the cache answers");
    assert_eq!(keys, ["recorded"], "the base has what it had");
    let again = CacheOptions::new("64 MB", &base).overlay_of(&fork);
    let refused = builder(case, KEPT, looped.dir.path()).cache(again).start();
    let error = case.during("a loop that is refused", refused).await.expect_err("it is refused");
    assert!(error.to_string().contains("running without a base"), "{error}");
    looped.stop_cache(case).await;
}

/// Actors with typed methods: results are passed between calls of functions and of methods.
pub(crate) async fn typed_methods_take_and_return_results(case: &Case) {
    let looped = Loop::start(case, "", false).await;
    let seed = case.during("dispatch", looped.chia.call(&SEED, (40,)).dispatch()).await;
    let seed = seed.expect("the call is accepted");
    let sum = case.during("an actor", looped.chia.actor(&SUM, (2,)).start()).await;
    let sum = sum.expect("the actor starts");
    let first = case.during("dispatch", sum.call(&ADD, (&seed,)).dispatch()).await;
    let first = first.expect("the call is accepted");
    let second = case.during("a method", sum.call(&ADD, (1,))).await;
    assert_eq!(second.expect("the method succeeds"), 43, "it ran after the first call");
    let copied = case.during("its dependant", looped.chia.call(&SEED, (first,))).await;
    assert_eq!(copied.expect("the call succeeds"), 42);
    let error = case.during("a failure", sum.call(&ADD, (u64::MAX,))).await.expect_err("too much");
    assert_eq!((error.kind(), error.function()), (ErrorKind::TaskFailed, Some("kit_sum.add")));
}
