"""The record of a run: what loops in Python write, and what the tool reads of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import chia_ray
import pytest
from chia_ray import Loop
from records import calls, lines, records

RULES = """\
bypass:
  square: {bypass: true, tags: ["s.*"]}
  note: {bypass: true, data: note.md}
cache:
  square: true
"""
TOOL = Path(sys.executable).with_name("chia-cache")


@chia_ray.function(version="3")
def square(x: int) -> int:
    return x * x


@chia_ray.function
def note() -> str:
    raise AssertionError("it is replaced")


@chia_ray.function
def fail(x: int) -> int:
    raise ValueError(f"no {x}")


@pytest.fixture
def rules(tmp_path: Path) -> str:
    (tmp_path / "note.md").write_text("recorded")
    (tmp_path / "rules.yaml").write_text(RULES)
    return str(tmp_path / "rules.yaml")


def run(rules: str, cache: Path, backend: Any = "threads") -> Path:
    """A run with calls of every outcome; its record."""
    with Loop(rules, cache, backend=backend, workers=2) as loop:
        loop.replay(square)
        assert loop.call(square, 3, tag="s3").result() == 9
        assert loop.call(note).result() == "recorded"
        with pytest.raises(ValueError, match="no 1"):
            loop.call(fail, 1, tag="f1").result()
    return records(cache / "runs")[-1]


def tool(cache: Path, *args: str) -> str:
    done = subprocess.run(
        [str(TOOL), *args, "--dir", str(cache)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.mark.parametrize("backend", ["threads", "processes"])
def test_r33_each_call_is_recorded_with_its_outcome(rules: str, tmp_path: Path, backend: str) -> None:
    before = time.time()
    first = run(rules, tmp_path / "cache", backend)
    second = run(rules, tmp_path / "cache", backend)
    assert first != second
    ran, replayed = calls(first)["s3"], calls(second)["s3"]
    assert (ran["do"], ran["how"], ran["write"], ran["miss"]) == (
        "replay",
        "ran",
        "stored",
        "no entry has this tag",
    )
    assert (replayed["how"], replayed["why"], replayed["ver"]) == ("replayed", "replay", "3")
    assert replayed["rule"].endswith("rules.yaml:2:3") and replayed["bytes"] > 0
    # A later run can compare the arguments.
    assert ran["args"] == replayed["args"] and len(ran["args"]) == 1
    assert calls(first)["note"]["how"] == "file"
    failed = calls(first)["f1"]
    assert (failed["how"], failed["error"], failed["why"]) == ("failed", "ValueError: no 1", "not_listed")
    assert {call["node"] for call in (ran, replayed)} == {"local"}
    assert ran["at"] <= (time.time() - before) * 1e6 and ran["took"] > 0
    [header], [summary] = lines(first, "run"), lines(first, "summary")
    assert header["cache"] == str(tmp_path / "cache")
    assert sorted(rule["fn"] for rule in header["rules"]) == ["note", "square", "square"]
    assert (summary["calls"], summary["ran"], summary["replaced"], summary["failed"]) == (3, 1, 1, 1)
    assert first.stat().st_mode & 0o777 == 0o600


def test_r33_a_call_made_inside_of_another_names_its_parent(tmp_path: Path) -> None:
    with Loop(cache=tmp_path / "cache") as loop:

        @chia_ray.function
        def outer(x: int) -> int:
            return loop.call(square, x, tag="inner").result() + 1

        assert loop.call(outer, 2, tag="outer").result() == 5
    known = calls(records(tmp_path / "cache/runs")[0])
    assert known["inner"]["parent"] == known["outer"]["id"] and "parent" not in known["outer"]


def test_r33_a_cancelled_call_is_recorded_as_such(tmp_path: Path) -> None:
    go = threading.Event()

    @chia_ray.function
    def wait() -> bool:
        return go.wait(60)

    with Loop(workers=1, record=tmp_path / "runs") as loop:
        running = loop.call(wait, tag="running")
        queued = loop.call(wait, tag="queued")
        assert queued.cancel()
        go.set()
        assert running.result()
    known = calls(records(tmp_path / "runs")[0])
    assert known["queued"]["how"] == "cancelled" and known["running"]["how"] == "ran"


def test_r33_one_setting_or_the_variable_says_where_records_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(**options: Any) -> None:
        with Loop(**options) as loop:
            loop.call(square, 1).result()

    run()
    run(cache=tmp_path / "a", record=False)
    assert not (tmp_path / "a/runs").exists()
    run(cache=tmp_path / "a", record=tmp_path / "chosen")
    assert len(records(tmp_path / "chosen")) == 1
    monkeypatch.setenv("CHIA_RUNS", str(tmp_path / "variable"))
    run(cache=tmp_path / "a")
    run()
    assert len(records(tmp_path / "variable")) == 2
    monkeypatch.setenv("CHIA_RUNS", "off")
    run(cache=tmp_path / "a", record=tmp_path / "chosen")
    assert len(records(tmp_path / "chosen")) == 1 and not (tmp_path / "a/runs").exists()


def test_r33_a_record_that_cannot_be_written_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no directory")
    with Loop(record=tmp_path / "file") as loop:
        assert loop.call(square, 2).result() == 4
    assert "this run leaves no record" in caplog.text


def test_r33_only_a_loop_that_ends_in_order_has_a_summary(tmp_path: Path) -> None:
    with pytest.raises(KeyError), Loop(record=tmp_path) as loop:
        loop.call(square, 2).result()
        raise KeyError
    assert lines(records(tmp_path)[0], "summary") == [] and len(lines(records(tmp_path)[0], "end")) == 1


SCRIPT = """\
import os, sys, threading
import chia_ray

@chia_ray.function
def add(x):
    return x + 1

loop = chia_ray.Loop(record=sys.argv[1], workers=2)
for x in range({calls}):
    loop.call(add, x, tag=f"t{{x}}").result()
    print(x, flush=True)
{end}
"""


def script(folder: Path, calls: int, end: str = "") -> list[str]:
    return [sys.executable, "-c", SCRIPT.format(calls=calls, end=end), str(folder)]


def test_r33_a_loop_that_nobody_closes_ends_with_its_process(tmp_path: Path) -> None:
    subprocess.run(script(tmp_path, 3), check=True, capture_output=True, timeout=120)
    [summary] = lines(records(tmp_path)[0], "summary")
    assert summary["ran"] == 3
    failed = subprocess.run(script(tmp_path / "b", 3, "raise KeyError"), capture_output=True, timeout=120)
    assert failed.returncode == 1 and lines(records(tmp_path / "b")[0], "summary") == []


@pytest.mark.parametrize("at", [1, 7, 60, 400, 1500])
def test_r33_no_finished_call_is_missing_after_sigkill(tmp_path: Path, at: int) -> None:
    """The loop is killed right after it has seen the end of some call."""
    process = subprocess.Popen(script(tmp_path, 1_000_000), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for seen in process.stdout:
        if int(seen) >= at:
            break
    os.kill(process.pid, signal.SIGKILL)
    # What the loop has seen until then is in the pipe.
    seen_last = max([at, *(int(line) for line in process.stdout if line.endswith("\n"))])
    process.wait()
    (tmp_path / "cache").mkdir()
    [record] = records(tmp_path)
    shown = subprocess.run(
        [str(TOOL), "runs", "--json", "--dir", str(tmp_path / "cache")],
        env={**os.environ, "CHIA_RUNS": str(tmp_path)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    [run] = [json.loads(line) for line in shown.stdout.splitlines()]
    assert run["ran"] > seen_last, (run, seen_last)
    text = record.read_text()
    assert all(f'"tag":"t{x}"' in text for x in range(seen_last + 1))


def test_r34_the_tool_of_the_wheel_reads_what_loops_in_python_record(rules: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run(rules, cache)
    run(rules, cache)
    with Loop(rules, cache) as loop:
        loop.call(square, 4, tag="s3").result()
    runs = [json.loads(line) for line in tool(cache, "runs", "--json").splitlines()]
    assert [(run["calls"], run["failed"]) for run in runs] in (
        [(3, 1), (3, 1), (1, 0)],
        [(1, 0), (3, 1), (3, 1)],
    )
    history = tool(cache, "why", "s3")
    assert "ran" in history and "replayed" in history and "argument 0 differs" in history, history
    page = tmp_path / "report.html"
    tool(cache, "report", "last~1", "--output", str(page))
    assert "s3" in page.read_text()
    assert "s3" in tool(cache, "diff", "last~2", "last~1")
    tool(cache, "trace", "last", "--output", str(tmp_path / "trace.json"))
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert subprocess.run([str(TOOL), "rm"], capture_output=True, timeout=120).returncode == 2
