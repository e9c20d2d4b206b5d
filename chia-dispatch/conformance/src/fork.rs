//! A run that is killed, and a run that forks from it: processes that die, so that this is no case of the
//! suite.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use chia_dispatch::backend::Backend;
use chia_loop::rules::Config;
use chia_loop::{Blob, CacheClient, CacheOptions, Chia, Result};

use super::program::{RANDOM, registry};

/// What a driver process does: `run`, or `list` what the cache holds.
const DRIVER: &str = "CHIA_FORK_DRIVER";
const DIR: &str = "CHIA_FORK_DIR";
const BASE: &str = "CHIA_FORK_BASE";
const FROM: &str = "CHIA_FROM";
const RULES: &str = "cache: {kit_random: true}\nbypass: {kit_random: true}\n";

/// Whether [`check_fork`] started this process, as a driver: call [`drive_fork`] then.
#[must_use]
pub fn is_fork_driver() -> bool {
    std::env::var_os(DRIVER).is_some()
}

/// The driver process of [`check_fork`]: a loop of 16 calls on this backend, whose workers run the kit's
/// [`host`](crate::host). It ends the cache and the backend.
///
/// # Errors
/// When the loop fails.
pub async fn drive_fork(backend: Arc<dyn Backend>) -> Result<()> {
    let mut cache = CacheOptions::new("64 MB", std::env::var_os(DIR).unwrap_or_default());
    if let Some(base) = std::env::var_os(BASE) {
        cache = cache.overlay_of(base);
    }
    let config = Config::parse(RULES, "rules.yaml", ".").expect("rules without a mistake");
    let builder = Chia::builder(registry()).backend(backend);
    let chia = builder.config(config).cache(cache).start().await?;
    let cache = chia.cache().expect("a loop with a cache");
    match std::env::var_os(DRIVER) {
        Some(job) if job == "list" => list(&cache).await?,
        _ => run(&chia).await?,
    }
    cache.stop().await?;
    chia.shutdown().await
}

/// The loop. Reports each call with its source and its value.
async fn run(chia: &Chia) -> Result<()> {
    chia.replay(&RANDOM)?;
    for number in 1..=16 {
        let tag = format!("call{number}");
        let handle = chia.call(&RANDOM, (number,)).tag(&tag).dispatch().await?;
        let value = handle.get().await?;
        report(&tag, handle.outcome().map_or("lost", |outcome| outcome.source.as_str()), &value);
    }
    Ok(())
}

/// Reports each entry of the cache with its facts and its value.
async fn list(cache: &CacheClient) -> Result<()> {
    for tag in cache.keys().await? {
        let facts = cache.facts(&tag).await?.expect("an entry has facts");
        let value = cache.read::<Blob>(&tag).await?.expect("an entry has a value").value;
        let facts = format!("{:?}/{}/{:?}", facts.created, facts.size, facts.provenance.run);
        report(&tag, &facts.replace(' ', ""), &value);
    }
    Ok(())
}

fn report(tag: &str, what: &str, value: &[u8]) {
    let mut line = format!("fork {tag} {what} ");
    for byte in value {
        let _ = write!(line, "{byte:02x}");
    }
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Kills a run after its twelfth call, and forks from it at the ninth with a cache that is an overlay of the
/// first one's: eight calls are replayed, identical to the byte, eight run, and the first run's entries stay
/// as they are.
///
/// `start` starts this very program so that it comes to [`drive_fork`] on the backend that is checked.
///
/// # Panics
/// When it is not so.
pub fn check_fork(start: impl Fn() -> Command) {
    let folder = tempfile::tempdir().expect("a folder");
    let (base, fork) = (folder.path().join("base"), folder.path().join("fork"));
    let mut first = spawn(&start, "run", &base, &[]);
    let before = lines(&mut first, 12);
    first.kill().expect("the run is killed");
    let _ = first.wait();
    assert!(before.len() == 12 && before.iter().all(|call| call.what == "ran"), "{before:?}");
    let recorded = contents(&start, &base);
    assert_eq!(recorded.keys().collect::<BTreeSet<_>>(), before.iter().map(|c| &c.tag).collect());

    let after = whole(&start, "run", &fork, &[(BASE, base.as_os_str()), (FROM, "call9".as_ref())]);
    assert_eq!(after.len(), 16, "{after:?}");
    for (number, call) in after.iter().enumerate() {
        assert_eq!(call.what, if number < 8 { "replayed" } else { "ran" }, "{}", call.tag);
        let same = before.get(number).is_some_and(|first| first.value == call.value);
        assert_eq!(same, number < 8, "{}", call.tag);
    }
    assert!(contents(&start, &base) == recorded, "the first run's entries are as they were");
    let shown = contents(&start, &fork);
    assert_eq!(shown.len(), 16);
    for call in &after {
        let entry = shown.get(&call.tag).expect("an entry of every call");
        assert!(entry.value == call.value, "{}", call.tag);
        assert_eq!(recorded.get(&call.tag) == Some(entry), call.what == "replayed", "{}", call.tag);
    }
}

/// A line of [`report`].
#[derive(Debug, PartialEq)]
struct Line {
    tag: String,
    what: String,
    value: String,
}

fn spawn(start: impl Fn() -> Command, job: &str, dir: &Path, envs: &[(&str, &OsStr)]) -> Child {
    let mut driver = start();
    driver.env(DRIVER, job).env(DIR, dir).env_remove(FROM).envs(envs.iter().copied());
    driver.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a driver process")
}

/// The next lines of a driver.
fn lines(driver: &mut Child, most: usize) -> Vec<Line> {
    let stderr = BufReader::new(driver.stderr.take().expect("its standard error is piped"));
    let words = stderr.lines().map_while(std::io::Result::ok).filter_map(|line| {
        let mut words = line.strip_prefix("fork ")?.split(' ').map(str::to_owned);
        Some(Line { tag: words.next()?, what: words.next()?, value: words.next()? })
    });
    words.take(most).collect()
}

/// All lines of a driver that is not killed.
fn whole(start: impl Fn() -> Command, job: &str, dir: &Path, envs: &[(&str, &OsStr)]) -> Vec<Line> {
    let mut driver = spawn(start, job, dir, envs);
    let lines = lines(&mut driver, usize::MAX);
    let status = driver.wait().expect("the driver ends");
    assert!(status.success(), "{job} in {}: {status}", dir.display());
    lines
}

/// What a cache holds, by tag.
fn contents(start: impl Fn() -> Command, dir: &Path) -> BTreeMap<String, Line> {
    whole(start, "list", dir, &[]).into_iter().map(|line| (line.tag.clone(), line)).collect()
}
