//! Processes die, and the caller learns which.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chia_conformance::Layout;
use chia_loop::{Chia, ErrorKind, Resources, Result};
use chia_ray::cluster::{Cluster, NodeSpec};
use libtest_mimic::Trial;

use crate::fixture::{self, contents_of, kill, lives, trial, wait_until};
use crate::functions::{ABORT, HOLD, WHERE, registry};
use crate::loops;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("chaos::an_aborting_body_is_a_dead_worker", an_aborting_body),
        trial("chaos::a_killed_ray_worker_takes_its_program_along", a_killed_ray_worker),
        trial("chaos::a_body_that_does_not_notice_its_end_is_ended", an_unnoticed_end),
        trial("chaos::a_killed_cache_comes_back_with_everything", a_killed_cache),
        trial("chaos::a_killed_driver_leaves_nothing_and_starts_again", a_killed_driver),
        trial("chaos::a_killed_control_process_is_a_lost_backend", a_killed_control_process),
        trial("chaos::a_node_that_leaves_is_reported", a_node_that_leaves),
    ]
}

/// A cluster that a test may break.
fn own_cluster(nodes: &[Resources]) -> Cluster {
    let nodes: Vec<NodeSpec> = nodes.iter().cloned().map(NodeSpec::from).collect();
    Cluster::start(&fixture::python().unwrap(), &nodes).unwrap()
}

fn one_node() -> Resources {
    Resources::from([("cpu", 4.0), ("kit_slot", 4.0)])
}

/// A loop on the cluster that tests share.
async fn shared_loop() -> Chia {
    loop_on(&fixture::shared_cluster(Layout::Wide).await.unwrap().address).await
}

async fn loop_on(address: &str) -> Chia {
    let ray = fixture::connect(address).await.unwrap();
    Chia::builder(registry()).backend(Arc::new(ray)).start().await.unwrap()
}

async fn an_aborting_body() -> Result<()> {
    let chia = shared_loop().await;
    let error = chia.call(&ABORT, ()).dispatch().await?.get().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WorkerDied, "{error:?}");
    assert!(error.to_string().contains("SIGABRT"), "{error}");
    chia.call(&WHERE, (1,)).dispatch().await?.get().await?;
    chia.shutdown().await
}

async fn a_killed_ray_worker() -> Result<()> {
    let chia = shared_loop().await;
    let folder = tempfile::tempdir().unwrap();
    let held = hold(&chia, folder.path()).await;
    kill(held.worker);
    let error = within(20, held.handle.get()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WorkerDied, "{error:?}");
    gone(held.program).await;
    chia.shutdown().await
}

async fn an_unnoticed_end() -> Result<()> {
    let chia = shared_loop().await;
    let folder = tempfile::tempdir().unwrap();
    let cancelled = hold(&chia, folder.path()).await;
    cancelled.handle.cancel().await?;
    let error = within(20, cancelled.handle.get()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:?}");
    gone(cancelled.program).await;
    let shut_down = hold(&chia, folder.path()).await;
    within(60, chia.shutdown()).await?;
    gone(shut_down.program).await;
    Ok(())
}

/// A task that stays, and its processes.
struct Held {
    handle: chia_loop::Handle<()>,
    program: u32,
    worker: u32,
}

async fn hold(chia: &Chia, folder: &Path) -> Held {
    hold_with(chia, folder, Resources::from([("cpu", 1.0)])).await
}

async fn hold_with(chia: &Chia, folder: &Path, resources: Resources) -> Held {
    let path = folder.join("pids");
    let call = chia.call(&HOLD, (path.display().to_string(),)).resources(resources);
    let handle = call.dispatch().await.unwrap();
    let pids = contents_of(&path).await;
    let (program, worker) = pids.split_once(' ').unwrap();
    Held { handle, program: program.parse().unwrap(), worker: worker.parse().unwrap() }
}

async fn within<T>(seconds: u64, work: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(seconds);
    tokio::time::timeout(limit, work).await.expect("an answer within the limit")
}

async fn gone(pid: u32) {
    wait_until(Duration::from_secs(10), "a process to end", || !lives(pid)).await;
}

async fn a_killed_cache() -> Result<()> {
    let cluster = fixture::shared_cluster(Layout::Wide).await?;
    let folder = tempfile::tempdir().unwrap();
    let chia = loops::start(&cluster.address, folder.path()).await?;
    let cold = loops::run(&chia, folder.path()).await?;
    assert_eq!(cold.total.written, 16);
    let cache = chia.cache().expect("the loop has a cache");
    let before = cache.keys().await?.len();
    for pid in loops::cache_processes(&cluster) {
        kill(pid);
    }
    let start = Instant::now();
    let after = loop {
        match cache.keys().await {
            Ok(keys) => break keys.len(),
            Err(error) => assert!(start.elapsed() < Duration::from_secs(30), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!((before, after), (16, 16));
    chia.shutdown().await?;
    let chia = loops::start(&cluster.address, folder.path()).await?;
    let warm = loops::run(&chia, folder.path()).await?;
    assert_eq!((warm.total.ran, warm.total.replayed), (8, 8));
    loops::end(&chia).await
}

async fn a_killed_driver() -> Result<()> {
    let address = fixture::shared_cluster(Layout::Wide).await?.address;
    let folder = tempfile::tempdir().unwrap();
    let mut driver = loops::in_a_process(&address, folder.path());
    let seen: PathBuf = folder.path().join("seen");
    let lines = |path: &Path| std::fs::read_to_string(path).unwrap_or_default().lines().count();
    wait_until(Duration::from_secs(60), "five results", || lines(&seen) >= 5).await;
    let programs = programs_of(driver.id().unwrap());
    driver.kill().await.unwrap();
    let saw = lines(&seen);
    for pid in programs {
        gone(pid).await;
    }
    let chia = loops::start_replaying(&address, folder.path()).await?;
    let again = loops::run(&chia, folder.path()).await?;
    assert_eq!(again.total.ran + again.total.replayed, 16);
    assert!(again.total.replayed >= saw as u64, "{saw} seen, {again:?}");
    loops::end(&chia).await
}

/// The bridge of a driver.
fn programs_of(driver: u32) -> Vec<u32> {
    let children = format!("/proc/{driver}/task/{driver}/children");
    let text = std::fs::read_to_string(children).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

async fn a_killed_control_process() -> Result<()> {
    let cluster = own_cluster(&[one_node()]);
    let chia = loop_on(&cluster.address()).await;
    let folder = tempfile::tempdir().unwrap();
    let held = hold(&chia, folder.path()).await;
    for pid in cluster.processes("gcs_server") {
        kill(pid);
    }
    let error = within(20, held.handle.get()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BackendLost, "{error:?}");
    let later = chia.call(&WHERE, (1,)).dispatch().await.unwrap_err();
    assert_eq!(later.kind(), ErrorKind::BackendLost, "{later:?}");
    drop(chia);
    drop(cluster);
    gone(held.worker).await;
    gone(held.program).await;
    Ok(())
}

async fn a_node_that_leaves() -> Result<()> {
    let far = Resources::from([("cpu", 2.0), ("kit_far", 1.0)]);
    let mut cluster = own_cluster(&[one_node(), far]);
    let chia = loop_on(&cluster.address()).await;
    let folder = tempfile::tempdir().unwrap();
    let held = hold_with(&chia, folder.path(), Resources::from([("kit_far", 1.0)])).await;
    tokio::task::block_in_place(|| cluster.stop(1));
    let error = within(60, held.handle.get()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NodeDied | ErrorKind::WorkerDied), "{error:?}");
    gone(held.program).await;
    chia.call(&WHERE, (1,)).dispatch().await?.get().await?;
    chia.shutdown().await
}
