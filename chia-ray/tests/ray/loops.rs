//! Loops on Ray: populate, then replay.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use chia_conformance::Layout;
use chia_loop::rules::Config;
use chia_loop::{CacheOptions, Chia, ErrorKind, Resources, Result, Tally};
use chia_ray::cluster::{Cluster, NodeSpec};
use chia_ray::{RayBackend, RayOptions};
use libtest_mimic::Trial;
use tokio::process::{Child, Command};

use crate::fixture::{self, Whereabouts, trial};
use crate::functions::{ANSWER, ASK, FAR_TEXT, Place, SAY, WHERE, registry};

/// Set in a driver that a test starts to kill it: the address, and the folder of the run.
const DRIVER: &str = "CHIA_TEST_DRIVER";

const RULES: &str = "
cache:
  where:
    cache: true
    tags: ['iter.*']
  far_text: true
bypass:
  where:
    bypass: true
    tags: ['iter[13]_.*']
  far_text:
    bypass: true
    data: recorded.txt
";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("loops::r11_populate_then_replay", populate_then_replay),
        trial("loops::r07_a_file_reaches_a_node_that_cannot_read_it", a_file_reaches_another_node),
        trial("loops::r09_nested_calls_obey_the_rules_of_their_caller", nested_calls_obey),
        trial("loops::what_tasks_print_reaches_the_drivers_terminal", prints_reach_the_terminal),
        trial("loops::a_private_cluster_goes_away_with_the_program", a_private_cluster_goes_away),
    ]
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) total: Tally,
    pub(crate) places: Vec<Place>,
}

/// Connects with the rules and a cache in a folder.
pub(crate) async fn start(address: &str, folder: &Path) -> Result<Chia> {
    start_with(address, folder, RULES).await
}

async fn start_with(address: &str, folder: &Path, rules: &str) -> Result<Chia> {
    std::fs::write(folder.join("recorded.txt"), "recorded\n").unwrap();
    let config = Config::parse(rules, "the test's rules", folder).unwrap();
    let ray = RayBackend::connect(RayOptions::cluster(address)).await?;
    let cache = CacheOptions::new("1 GB", folder.join("cache"));
    let chia = Chia::builder(registry()).backend(Arc::new(ray)).config(config).cache(cache);
    let chia = chia.start().await?;
    chia.replay(&WHERE)?;
    Ok(chia)
}

/// As [`start`], with rules that replay every call that is kept, not only those of every other
/// iteration.
pub(crate) async fn start_replaying(address: &str, folder: &Path) -> Result<Chia> {
    start_with(address, folder, &RULES.replace("iter[13]_", "iter._")).await
}

/// Ends the cache, which would stay on the cluster, and the loop.
pub(crate) async fn end(chia: &Chia) -> Result<()> {
    chia.cache().expect("the loop has a cache").stop().await?;
    chia.shutdown().await
}

/// The 4×4 loop.
pub(crate) async fn run(chia: &Chia, folder: &Path) -> Result<Ran> {
    let mut places = Vec::new();
    for iteration in 0..4_u64 {
        let mut handles = Vec::new();
        for call in 0..4 {
            let tag = format!("iter{iteration}_call{call}");
            handles.push((tag.clone(), chia.call(&WHERE, (call,)).tag(tag).dispatch().await?));
        }
        for (tag, handle) in handles {
            places.push(handle.get().await?);
            note(&folder.join("seen"), &tag);
            if std::env::var_os(DRIVER).is_some() {
                // So that a killer has the time to aim.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    Ok(Ran { total: chia.summary().total(), places })
}

fn note(path: &Path, line: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "{line}").unwrap();
}

/// The same loop in a process of its own, which can be killed.
pub(crate) fn in_a_process(address: &str, folder: &Path) -> Child {
    this_program().env(DRIVER, format!("{address} {}", folder.display())).spawn().unwrap()
}

fn this_program() -> Command {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.stdin(Stdio::null()).kill_on_drop(true);
    program
}

/// The `main` of such a process; returns in any other.
pub(crate) fn run_if_driver() {
    let Ok(run_of) = std::env::var(DRIVER) else { return };
    let (address, folder) = run_of.split_once(' ').unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let chia = start(address, Path::new(folder)).await.unwrap();
        run(&chia, Path::new(folder)).await.unwrap();
        chia.shutdown().await.unwrap();
    });
    std::process::exit(0);
}

/// The processes that hold the cache.
pub(crate) fn cache_processes(cluster: &Whereabouts) -> Vec<u32> {
    let own = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let pids = std::fs::read_dir("/proc").unwrap().flatten().filter_map(own);
    let holds = |pid: &u32| {
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let folder = cluster.folder.to_string_lossy().into_owned();
        command.starts_with("ray::") && command.contains("Cache") && environment.contains(&folder)
    };
    pids.filter(holds).collect()
}

async fn populate_then_replay() -> Result<()> {
    let address = fixture::shared_cluster(Layout::Two).await?.address;
    let folder = tempfile::tempdir().unwrap();
    let chia = start(&address, folder.path()).await?;
    let cold = run(&chia, folder.path()).await?;
    chia.shutdown().await?;
    let counts = |t: &Tally| (t.calls, t.ran, t.replayed, t.written, t.refreshed, t.failed);
    assert_eq!(counts(&cold.total), (16, 16, 0, 16, 0, 0), "{cold:?}");
    let nodes: BTreeSet<_> = cold.places.iter().map(|(node, _)| node).collect();
    assert_eq!(nodes.len(), 1, "every call on the node that has the resource: {cold:?}");
    assert!(cold.places.iter().all(|(_, worker)| *worker > 0));
    let chia = start(&address, folder.path()).await?;
    let warm = run(&chia, folder.path()).await?;
    let total = &warm.total;
    assert_eq!((total.calls, total.ran, total.replayed, total.failed), (16, 8, 8, 0), "{warm:?}");
    let replayed = |iteration: usize| (4 * iteration)..(4 * iteration + 4);
    for iteration in [1, 3] {
        assert_eq!(warm.places[replayed(iteration)], cold.places[replayed(iteration)]);
    }
    end(&chia).await
}

async fn a_file_reaches_another_node() -> Result<()> {
    let python = fixture::python().unwrap();
    let folder = tempfile::Builder::new().prefix("chia-hidden-").tempdir_in("/var/tmp").unwrap();
    let near = Resources::from([("cpu", 1.0)]);
    let far = near.clone().with("kit_far", 1.0);
    let mut cluster = Cluster::start(&python, &[near.into()])?;
    // Node two sees neither the recorded file nor this program's own file.
    let program = std::env::current_exe().unwrap();
    let hide = format!(
        "mount -t tmpfs none {} && mount --bind /dev/null {} && exec \"$@\"",
        folder.path().display(),
        program.display()
    );
    let within = ["unshare", "--mount", "--", "sh", "-c", &hide, "sh"].map(String::from).to_vec();
    cluster.add(&NodeSpec { resources: far, within })?;

    let chia = start(&cluster.address(), folder.path()).await?;
    let text = chia.call(&FAR_TEXT, ()).tag("far").dispatch().await?.get().await?;
    assert_eq!(text, "recorded\n");
    let served = chia.files().expect("the rules name a file").stats().await?;
    assert_eq!(served.served, 1, "{served:?}");
    let kept = chia.cache().expect("there is a cache").read::<String>("far").await?;
    assert_eq!(kept.map(|entry| entry.value), Some("recorded\n".to_owned()));
    // The program is there, where this node has never seen it.
    let shipped = std::fs::read_dir(cluster.folder().join("cache-1")).unwrap().count();
    assert_eq!(shipped, 1);
    chia.shutdown().await
}

async fn nested_calls_obey() -> Result<()> {
    let address = fixture::shared_cluster(Layout::Two).await?.address;
    let folder = tempfile::tempdir().unwrap();
    let chia = start(&address, folder.path()).await?;
    chia.set_provider(&FAR_TEXT, &ANSWER)?;
    let text = chia.call(&ASK, (5,)).dispatch().await?.get().await?;
    assert_eq!(text, "provided");
    end(&chia).await?;
    let other = fixture::connect(&address).await?;
    let chia = Chia::builder(registry()).backend(Arc::new(other)).start().await?;
    assert_eq!(chia.call(&ASK, (1,)).dispatch().await?.get().await?, "computed");
    let error = chia.call(&FAR_TEXT, ()).resource("kit_far", 9.0).dispatch().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Infeasible, "{error}");
    chia.shutdown().await
}

const SPEAKER: &str = "CHIA_TEST_SPEAKER";

/// Says something in a task and ends; with a cluster of its own.
pub(crate) fn run_if_speaker() {
    if std::env::var_os(SPEAKER).is_none() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let own = RayOptions::private(Resources::from([("cpu", 1.0)]));
        let ray = RayBackend::connect(own).await.unwrap();
        let chia = Chia::builder(registry()).backend(Arc::new(ray)).start().await.unwrap();
        chia.call(&SAY, ("hello".to_owned(),)).dispatch().await.unwrap().get().await.unwrap();
        // Ray forwards what is printed about twice a second.
        tokio::time::sleep(Duration::from_secs(4)).await;
        chia.shutdown().await.unwrap();
    });
    std::process::exit(0);
}

async fn prints_reach_the_terminal() -> Result<()> {
    let output = this_program().env(SPEAKER, "1").output().await.unwrap();
    let both = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&both).into_owned();
    assert!(output.status.success(), "{text}");
    for said in ["hello on stdout", "hello on stderr"] {
        let line = text.lines().find(|line| line.contains(said));
        let line = line.unwrap_or_else(|| panic!("{said} is not in {text}"));
        assert!(line.contains("(say pid="), "{line}");
    }
    Ok(())
}

async fn a_private_cluster_goes_away() -> Result<()> {
    let own = RayOptions::private(Resources::from([("cpu", 1.0), ("memory", 1e9)]));
    let ray = RayBackend::connect(own).await?;
    let chia = Chia::builder(registry()).backend(Arc::new(ray)).start().await?;
    let (_, worker) =
        chia.call(&WHERE, (1,)).resources(Resources::none()).dispatch().await?.get().await?;
    assert!(fixture::lives(worker));
    chia.shutdown().await?;
    fixture::wait_until(Duration::from_secs(20), "the worker to end", || !fixture::lives(worker))
        .await;
    Ok(())
}
