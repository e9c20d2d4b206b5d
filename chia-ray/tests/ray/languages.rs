//! One live cache for loops in Rust and in Python.

use std::path::Path;
use std::process::Stdio;

use chia_conformance::Layout;
use chia_loop::{Blob, ErrorKind, Result};
use libtest_mimic::Trial;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::fixture::{self, trial};
use crate::loops::{end, start};

/// Plain data, as both languages have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) design: String,
    pub(crate) cells: i64,
    pub(crate) slack: Vec<f64>,
    pub(crate) passed: bool,
    pub(crate) note: Option<String>,
}

/// What the Python loop does with the cache that the Rust loop started.
const PYTHON: &str = r#"
import sys, ray
from fractions import Fraction
from chia.base.cache import get_active_cache, start_cache
from chia.base.ChiaFunction import ChiaFunction, get

address, folder = sys.argv[1:]
ray.init(address=address, log_to_driver=False)
cache = start_cache(1, folder + "/cache", "GB", folder + "/python.yaml")

hit, report = get(cache.read.chia_remote("from_rust"))
assert hit and report == {
    "design": "straße", "cells": 7, "slack": [0.5, -1.25], "passed": True, "note": None,
}, report
assert get(cache.read.chia_remote("blob"))[1] == bytes(range(256)) * 400

@ChiaFunction(num_cpus=0.1)
def measure(report):
    return {**report, "cells": report["cells"] + 1, "note": "measured"}

@ChiaFunction(num_cpus=0.1)
def large():
    return b"py" * 500_000

@ChiaFunction(num_cpus=0.1)
def strange():
    return Fraction(1, 3)

get([measure.chia_remote(report, _chia_tag="from_python"), large.chia_remote(_chia_tag="large")])
get(strange.chia_remote(_chia_tag="strange"))
"#;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("languages::r21_rust_and_python_share_one_live_cache", share_one_cache)]
}

async fn share_one_cache() -> Result<()> {
    let cluster = fixture::shared_cluster(Layout::Wide).await?;
    let folder = tempfile::tempdir().unwrap();
    let chia = start(&cluster.address, folder.path()).await?;
    let cache = chia.cache().unwrap();
    let report = Report {
        design: "straße".into(),
        cells: 7,
        slack: vec![0.5, -1.25],
        passed: true,
        note: None,
    };
    cache.write("from_rust", &report).await?;
    let bytes: Vec<u8> = (0..=255).cycle().take(256 * 400).collect();
    cache.write("blob", &Blob::from(bytes)).await?;

    run_python(&cluster.address, folder.path()).await;

    let measured: Report = cache.read("from_python").await?.unwrap().value;
    assert_eq!(measured, Report { cells: 8, note: Some("measured".into()), ..report });
    let large: Blob = cache.read("large").await?.unwrap().value;
    assert_eq!(*large, *b"py".repeat(500_000));
    let facts = cache.facts("from_python").await?.unwrap();
    assert_eq!(facts.function.as_deref(), Some("measure"));

    // A Python object that Rust cannot hold is an error of its own kind, and stays what it was.
    let refused = cache.read::<Report>("strange").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Decode, "{refused}");
    assert!(cache.has("strange").await?);
    end(&chia).await
}

async fn run_python(address: &str, folder: &Path) {
    let rules = "cache:\n  measure: true\n  large: true\n  strange: true\n";
    std::fs::write(folder.join("python.yaml"), rules).unwrap();
    let mut python = Command::new(fixture::python().unwrap());
    python.args(["-c", PYTHON, address]).arg(folder).stdin(Stdio::null()).kill_on_drop(true);
    let done = python.output().await.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
