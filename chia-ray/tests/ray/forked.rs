//! A run on Ray that is killed, and a run that forks from it.

use std::process::{Command, Stdio};
use std::sync::Arc;

use chia_conformance::{Layout, check_fork, drive_fork, is_fork_driver};
use chia_loop::Result;
use chia_ray::{RayBackend, RayOptions};
use libtest_mimic::Trial;

use crate::fixture::{self, trial};

/// The address of the cluster that a driver joins.
const ADDRESS: &str = "CHIA_FORK_ADDRESS";

pub(crate) fn trials() -> Vec<Trial> {
    let name = "forked::r29_a_fork_replays_what_was_before_it_and_leaves_the_first_run_as_it_was";
    vec![trial(name, a_fork)]
}

/// The `main` of a driver; returns in any other process.
pub(crate) fn run_if_driver() {
    let Some(address) = std::env::var(ADDRESS).ok().filter(|_| is_fork_driver()) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let ray = RayBackend::connect(RayOptions::cluster(&address)).await.unwrap();
        drive_fork(Arc::new(ray)).await.unwrap();
    });
    std::process::exit(0);
}

async fn a_fork() -> Result<()> {
    let address = fixture::shared_cluster(Layout::Wide).await?.address;
    let check = move || {
        check_fork(|| {
            let mut driver = Command::new(std::env::current_exe().unwrap());
            driver.env(ADDRESS, &address).stdin(Stdio::null());
            driver
        });
    };
    tokio::task::spawn_blocking(check).await.expect("the fork is as it should be");
    Ok(())
}
