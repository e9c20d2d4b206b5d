"""The original's own tests on our engine: none that passes on its own engine may fail on ours.

A test that fails here is run again on its own engine. If it passes there, that is our fault. `-m "not long"`
is the short form.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(sys.prefix) / f"lib/python3.{sys.version_info[1]}/site-packages/chia/base/test"
# Seconds for the tests of one file.
LIMIT = 900
SHORT = ("ChiaFunction_tb", "test_chia_remote_blocking")
LONG = ("chia_wait_tb", "pid_registry_tb", "test_colocated_live", "test_bypass_tags", "test_cache_tags")
# Tests that have no fixtures to run under pytest: they are functions of a script that is run whole.
SCRIPTS = {"test_bypass_tags": 30, "test_cache_tags": 37}
# What our engine does differently on purpose: the result of a cached call is a plain reference.
DELIBERATE = {"matching tag wrapped = False, expected True"}
OUTCOME = re.compile(r"^(PASSED|FAILED|ERROR|SKIPPED) .*?::(\S+)", re.MULTILINE)


def run(engine: str, *command: str) -> str:
    variables = {
        "CHIA_ENGINE": engine,
        "PYTHONPATH": str(TESTS),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray would print equal lines once, with their number behind.
        "RAY_DEDUP_LOGS": "0",
    }
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
    )
    return done.stdout


def outcomes(engine: str, path: Path, *names: str) -> tuple[dict[str, str], str]:
    chosen = [f"{path}::{name}" for name in names] or [str(path)]
    options = ("-q", "-rA", "-p", "no:cacheprovider", "--timeout", "200")
    said = run(engine, "-m", "pytest", *options, *chosen)
    found = {name: outcome for outcome, name in OUTCOME.findall(said)}
    assert found, said
    return found, said


@pytest.mark.parametrize(
    "module", [*SHORT, *(pytest.param(module, marks=pytest.mark.long) for module in LONG)]
)
def test_r42_a_module_of_the_original(module: str, capsys: Any) -> None:
    path = TESTS / f"{module}.py"
    found, said = outcomes("rust", path)
    failed = sorted(name for name, outcome in found.items() if outcome in ("FAILED", "ERROR"))
    theirs = outcomes("python", path, *failed)[0] if failed else {}
    passed = sum(outcome == "PASSED" for outcome in found.values())
    with capsys.disabled():
        print(f"\n{module}: {passed} of {len(found)} pass; the others: {failed}")
    assert [name for name in failed if theirs.get(name) == "PASSED"] == [], said


@pytest.mark.long
@pytest.mark.parametrize("module", SCRIPTS)
def test_r42_a_script_of_the_original(module: str, capsys: Any) -> None:
    code = (
        "import ray, runpy, sys\n"
        "start = ray.init\n"
        # The scripts join a cluster; this is one of their own.
        "own = dict(num_cpus=4, resources={'adder': 8}, include_dashboard=False)\n"
        "ray.init = lambda *args, **options: start(**own)\n"
        f"runpy.run_path({str(TESTS / module) + '.py'!r}, run_name='__main__')"
    )
    said = run("rust", "-c", code)
    passed = len(re.findall(r"^ *PASS:", said, re.MULTILINE))
    failed = set(re.findall(r" FAIL: (.*)", said))
    with capsys.disabled():
        print(f"\n{module} as a script: {passed} checks of the driver pass; different: {sorted(failed)}")
    assert failed <= DELIBERATE and passed == SCRIPTS[module], said
    # A script ends at the first check that fails, which is in the last of its tests.
    assert failed or "ALL TESTS PASSED" in said, said
