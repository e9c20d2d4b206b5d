"""The record of a run on Ray, and the tool beside the cache that Ray's actor holds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import chia_ray
import pytest
import ray
from chia.base.bypass import Bypass
from chia.base.cache import get_active_cache, start_cache, stop_cache
from chia.base.ChiaFunction import ChiaFunction, get
from chia_ray import Loop
from records import calls, lines, records
from waiting import LONG

RULES = """\
bypass:
  square: true
  note: {bypass: true}
cache:
  square: true
"""
TOOL = Path(sys.executable).with_name("chia-cache")


@ChiaFunction(num_cpus=0.5, resources={"adder": 1}, _chia_version="3")
def square(x: int) -> int:
    return x * x


@ChiaFunction()
def note() -> str:
    raise AssertionError("it is replaced")


@ChiaFunction(max_retries=0)
def fail(x: int) -> int:
    raise ValueError(f"no {x}")


@ChiaFunction()
def sleep() -> None:
    time.sleep(LONG)


@chia_ray.function(num_cpus=0.5, resources={"adder": 2})
def cube(x: int) -> int:
    return x**3


def ended(record: Path) -> set[str]:
    """The tags of the calls that ended."""
    # The last line may be in the middle of a write.
    text = record.read_text()
    found = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    known = {line["id"]: line["tag"] for line in found if line["e"] == "start"}
    return {known[line["id"]] for line in found if line["e"] == "end"}


def tool(cache: Path, *args: str, code: int = 0) -> str:
    done = subprocess.run(
        [str(TOOL), *args, "--dir", str(cache)], capture_output=True, text=True, timeout=LONG
    )
    assert done.returncode == code, f"{args}: {done.stdout}{done.stderr}"
    return done.stdout


def drive(rules: str, cache: Path) -> Path:
    """A run by the reference's names; its record."""
    bypass = Bypass(rules)
    bypass.set_replay("square")
    bypass.set_provider("note", lambda tag, data: "provided")
    start_cache(1, cache, "MB", yaml_path=rules)
    assert get(square.chia_remote(3, _chia_tag="s3")) == 9
    assert get(note.chia_remote(_chia_tag="n")) == "provided"
    with pytest.raises(ValueError, match="no 1"):
        get(fail.chia_remote(1, _chia_tag="f"))
    # A result that nobody asks for is recorded as well.
    ray.wait([square.chia_remote(4, _chia_tag="s4")], timeout=LONG)
    stop_cache()
    record = records(cache / "runs")[-1]
    wait_for(lambda: lines(record, "summary"))
    return record


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_r33_calls_by_the_reference_s_names_are_recorded(rules: Any, tmp_path: Path) -> None:
    first, second = (calls(drive(rules(RULES), tmp_path / "cache")) for _ in range(2))
    ran, replayed = first["s3"], second["s3"]
    node = ray.get_runtime_context().get_node_id()
    assert (ran["do"], ran["how"], ran["write"], ran["node"]) == ("replay", "ran", "stored", node)
    assert (ran["res"], ran["ver"], ran["miss"]) == ("cpu=0.5 adder=1", "3", "no entry has this tag")
    assert (replayed["how"], replayed["args"]) == ("replayed", ran["args"])
    assert first["n"]["how"] == "provider" and first["s4"]["how"] == "ran"
    assert (first["f"]["how"], first["f"]["error"]) == ("failed", "ValueError: no 1")
    assert len(records(tmp_path / "cache/runs")) == 2
    header = lines(records(tmp_path / "cache/runs")[0], "run")[0]
    assert [node] == [known["name"] for known in header["nodes"]] and "adder=8" in header["nodes"][0]["res"]


def test_r33_a_call_that_is_cancelled_is_recorded_as_such(tmp_path: Path) -> None:
    start_cache(1, tmp_path / "cache", "MB", record=tmp_path / "runs")
    ref = sleep.chia_remote(_chia_tag="c")
    ray.cancel(ref, force=False)
    with pytest.raises(ray.exceptions.TaskCancelledError):
        ray.get(ref, timeout=LONG)
    [record] = records(tmp_path / "runs")
    wait_for(lambda: lines(record, "end"))
    assert calls(record)["c"]["how"] == "cancelled"


def test_r33_a_loop_on_ray_is_recorded(tmp_path: Path) -> None:
    with Loop(cache=tmp_path / "cache", backend="ray") as loop:
        assert loop.call(cube, loop.call(cube, 2, tag="inner"), tag="outer").result() == 512
        with pytest.raises(TypeError):
            loop.call(cube, 1, 2, tag="wrong")  # type: ignore[call-arg]
    [record] = records(tmp_path / "cache/runs")
    assert [calls(record)[tag]["how"] for tag in ("inner", "outer")] == ["ran", "ran"]
    assert calls(record)["wrong"]["how"] == "failed"
    assert calls(record)["outer"]["res"] == "cpu=0.5 adder=2" and len(lines(record, "summary")) == 1


def test_r33_a_run_can_leave_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start_cache(1, tmp_path / "cache", "MB", record=False)
    assert get(square.chia_remote(3, _chia_tag="s3")) == 9
    monkeypatch.setenv("CHIA_RUNS", "off")
    start_cache(1, tmp_path / "cache", "MB")
    assert get(square.chia_remote(3, _chia_tag="s3")) == 9
    assert not (tmp_path / "cache/runs").exists()


SCRIPT = """\
import sys, ray
from chia.base.cache import start_cache
from chia.base.ChiaFunction import ChiaFunction

@ChiaFunction(num_cpus=0.1)
def add(x):
    return x + 1

ray.init(address=sys.argv[1], log_to_driver=False)
start_cache(1, sys.argv[2], "MB")
calls = [add.chia_remote(x, _chia_tag=f"t{x}") for x in range(200)]
ray.get(calls[:100])
print("seen", flush=True)
ray.get(calls)
add.chia_remote(calls, _chia_tag="never")
while True:
    ray.get(add.chia_remote(1, _chia_tag="more"))
"""


def test_r33_no_finished_call_is_missing_after_sigkill(cluster: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, cluster, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "seen\n"
    [record] = records(tmp_path / "runs")
    # A result and the outcome beside it arrive one after the other.
    wait_for(lambda: {f"t{x}" for x in range(100)} <= ended(record))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    [run] = [json.loads(line) for line in tool(tmp_path, "runs", "--json").splitlines()]
    assert run["state"] != "ended" and run["ran"] >= 100, run


def kept() -> list[str]:
    """The tags in the cache, as its actor says."""
    handle = get_active_cache()
    assert handle is not None
    tags: list[str] = get(handle.keys.chia_remote())
    return tags


def test_r34_the_tool_manages_the_cache_that_ray_s_actor_holds(rules: Any, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    bypass = Bypass(rules(RULES))
    bypass.set_replay("square")
    start_cache(1, cache, "MB", yaml_path=rules(RULES))
    values = [get(square.chia_remote(x, _chia_tag=f"s{x}")) for x in range(8)]
    assert values == [x * x for x in range(8)]
    assert (cache / ".chia/endpoint").stat().st_mode & 0o777 == 0o600
    assert "values stored      8" in tool(cache, "stats")
    assert "1 entries removed" in tool(cache, "rm", "s0")
    assert kept() == [f"s{x}" for x in range(1, 8)]
    assert "1 entries pinned" in tool(cache, "pin", "s1")
    tool(cache, "resize", "20 B", code=1)
    tool(cache, "resize", "20 B", "--allow-shrink")
    assert "s1" in kept() and len(kept()) < 7
    assert "1 entries unpinned" in tool(cache, "unpin", "s1")
    tool(cache, "resize", "1 MB")
    tool(cache, "clear", "--yes")
    assert kept() == []
    assert get(square.chia_remote(1, _chia_tag="s1")) == 1
    assert kept() == ["s1"]
    assert "s1" in tool(cache, "ls") and "ran" in tool(cache, "why", "s1")
