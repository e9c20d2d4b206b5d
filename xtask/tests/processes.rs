//! Nothing that the matrix or the demo starts outlives it, also when it is interrupted.

#[path = "../src/processes.rs"]
#[allow(dead_code, unreachable_pub)]
mod processes;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Each test looks at all processes below this one.
static ALONE: Mutex<()> = Mutex::new(());

fn names(processes: Vec<processes::Process>) -> Vec<String> {
    processes.into_iter().map(|p| p.name).collect()
}

#[test]
fn a_daemon_in_a_session_of_its_own_is_found_and_ended() {
    let _alone = ALONE.lock();
    processes::adopt_orphans().unwrap();
    let script = "setsid sh -c 'trap : TERM; sleep 1000; sleep 1000' & exit 0";
    Command::new("sh").args(["-c", script]).status().unwrap();
    let left = names(processes::leftovers(Duration::from_millis(300)));
    assert!(left.contains(&"sleep".to_owned()), "{left:?}");
    processes::end_all(Duration::from_secs(1));
    assert_eq!(names(processes::leftovers(Duration::from_secs(1))), [""; 0]);
}

#[test]
fn an_interrupted_matrix_leaves_no_process_and_says_how_it_ended() {
    let _alone = ALONE.lock();
    processes::adopt_orphans().unwrap();
    // Nothing is built there yet, so the cell is still at work when the signal comes.
    let fresh = tempfile::tempdir().unwrap();
    let mut matrix = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["test", "--cell", "workspace/clippy"])
        .env("CARGO_TARGET_DIR", fresh.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&matrix);
    let log = fresh.path().join("matrix/workspace.clippy.log");
    let started = Instant::now();
    while !log.exists() && started.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(200));
    kill_process(pid, Signal::INT).unwrap();
    let interrupted = Instant::now();
    assert_eq!(matrix.wait().unwrap().code(), Some(130));
    assert!(interrupted.elapsed() < Duration::from_secs(10));
    assert_eq!(names(processes::leftovers(Duration::ZERO)), [""; 0]);
    assert!(!std::env::temp_dir().join(format!("chia-{}", pid.as_raw_pid())).exists());
}

#[test]
fn an_interrupted_demo_leaves_nothing_and_says_so() {
    let _alone = ALONE.lock();
    processes::adopt_orphans().unwrap();
    // While it is built, while a loop runs that is to be killed, and while compilers run.
    for instant in ["", "iter0_call1", "round 0: build"] {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["demo", "--json"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&demo);
        let mut lines = BufReader::new(demo.stderr.take().unwrap()).lines().map(Result::unwrap);
        if instant.is_empty() {
            thread::sleep(Duration::from_millis(300));
        } else {
            assert!(lines.any(|line| line.contains(instant)), "it never reports {instant}");
        }
        kill_process(pid, Signal::INT).unwrap();
        let rest: Vec<String> = lines.collect();
        assert_eq!(demo.wait().unwrap().code(), Some(130), "at {instant:?}");
        assert_eq!(rest.last().map(String::as_str), Some("interrupted: ending what runs"));
        assert!(!rest.iter().any(|line| line.contains("panicked")), "{rest:?}");
        assert_eq!(names(processes::leftovers(Duration::ZERO)), [""; 0]);
        assert!(!std::env::temp_dir().join(format!("chia-{}", pid.as_raw_pid())).exists());
    }
}
