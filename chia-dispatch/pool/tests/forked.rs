//! A run on the pool that is killed, and a run that forks from it. Drivers and workers are copies of this test
//! binary.

use std::process::Command;
use std::sync::Arc;

use chia_conformance::{check_fork, drive_fork, is_fork_driver};
use chia_dispatch::Resources;
use chia_pool::ProcessPool;

fn args(test: &str) -> [&str; 4] {
    [test, "--exact", "--ignored", "--nocapture"]
}

#[test]
#[ignore = "started by the pool, as its worker processes"]
fn worker() {
    chia_wire::run_if_worker(chia_conformance::host);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the test below"]
async fn driver() {
    if is_fork_driver() {
        let node = Resources::from([("cpu", 2.0)]);
        let pool = ProcessPool::builder().worker_args(args("worker")).node("here", node);
        drive_fork(Arc::new(pool.start().unwrap())).await.unwrap();
    }
}

#[test]
fn r29_a_fork_replays_what_was_before_it_and_leaves_the_first_run_as_it_was() {
    check_fork(|| {
        let mut driver = Command::new(std::env::current_exe().unwrap());
        driver.args(args("driver"));
        driver
    });
}
