"""A loop on this machine, without Ray."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import chia_ray
import pytest
from chia_ray import Counts, Loop

RULES = """\
bypass:
  simulate: {bypass: true, tags: ["iter.*"]}
  summarize: {bypass: true, data: perf.md}
  build: true
cache:
  simulate: true
  build: true
"""
ran: list[Any] = []


@chia_ray.function
def simulate(seed: int, factor: int = 1) -> int:
    ran.append(seed)
    return seed * factor


@chia_ray.function
def summarize() -> str:
    return "ran"


@chia_ray.function(name="build")
def build_it(x: int) -> int:
    return x


@pytest.fixture
def rules(tmp_path: Path) -> str:
    ran.clear()
    (tmp_path / "perf.md").write_text("ipc 1.7")
    (tmp_path / "rules.yaml").write_text(RULES)
    return str(tmp_path / "rules.yaml")


def test_a_second_run_computes_nothing(rules: str, tmp_path: Path) -> None:
    for run in range(2):
        with Loop(rules, tmp_path / "cache", workers=3) as loop:
            loop.replay(simulate)
            handles = [loop.call(simulate, seed, factor=10, tag=f"iter{seed}") for seed in range(8)]
            assert [handle.result() for handle in handles] == [seed * 10 for seed in range(8)]
            counts = Counts(ran=8, written=8) if run == 0 else Counts(replayed=8)
            assert loop.summary() == {"simulate": counts}
    assert sorted(ran) == list(range(8))


def test_providers_files_and_conditions(rules: str) -> None:
    with Loop(rules) as loop:
        asked: list[Any] = []
        loop.provide(simulate, lambda tag, data_path, seed: (tag, seed))
        loop.condition("simulate", lambda tag, data_path, seed: asked.append(seed) or seed > 1)
        assert loop.call(simulate, 2, tag="iter0").result() == ("iter0", 2)
        assert loop.call(simulate, 1, tag="iter0").result() == 1
        assert loop.call(simulate, 5).result() == 5 and asked == [2, 1]
        assert loop.call(summarize).result() == "ipc 1.7"
        assert loop.summary()["summarize"] == Counts(recorded=1)
        assert loop.summary()["simulate"] == Counts(ran=2, provided=1)


def test_a_condition_may_be_async(rules: str) -> None:
    async def never(tag: str | None, data_path: str | None, seed: int) -> bool:
        return False

    with Loop(rules) as loop:
        loop.provide(simulate, lambda tag, data_path, seed: "provided")
        loop.condition(simulate, never)
        assert loop.call(simulate, 2, tag="iter0").result() == 2


def test_options_beside_the_function_count() -> None:
    made = chia_ray.function(len, name="length", version="2", keep_if=bool)  # type: ignore[call-overload]
    assert (made.name, made.identity.version, made.keep_if) == ("length", "2", bool)


def test_futures_are_arguments_and_nested_calls_never_deadlock(rules: str) -> None:
    with Loop(rules, workers=1) as loop:

        @chia_ray.function
        def deep(n: int) -> int:
            return 0 if n == 0 else 1 + loop.call(deep, n - 1).result()

        first = loop.call(simulate, 3)
        assert loop.call(simulate, first, factor=first).result(30) == 9
        assert loop.call(deep, 20).result(30) == 20


def test_errors_reach_the_caller_and_a_failed_write_fails_no_call(
    rules: str, tmp_path: Path, caplog: Any
) -> None:
    @chia_ray.function
    def broken() -> None:
        raise KeyError("gone")

    @chia_ray.function(name="simulate")
    def unpicklable() -> Any:
        return threading.Lock()

    with Loop(rules, tmp_path / "cache") as loop:
        with pytest.raises(KeyError, match="gone"):
            loop.call(broken).result()
        assert loop.call(unpicklable, tag="x").result() is not None
        assert loop.summary() == {"broken": Counts(failed=1), "simulate": Counts(ran=1)}
    assert "the result of simulate [x] is not cached" in caplog.text


def test_what_has_nothing_to_replace_it_is_said_or_refused(rules: str, caplog: Any) -> None:
    with Loop(rules) as loop:
        assert loop.call(build_it, 4).result() == 4
    assert "build" in caplog.text
    with Loop(rules, strict=True) as loop, pytest.raises(chia_ray.ConfigError):
        loop.call(build_it, 4)


def test_mistakes_are_named(rules: str) -> None:
    with Loop(rules) as loop:
        with pytest.raises(TypeError, match=r"decorate it with @chia_ray\.function"):
            loop.call(len, [])  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="tag: a text is needed, not int: 3"):
            loop.call(simulate, 1, tag=3)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="replay needs a cache"):
            loop.replay(simulate)
        first, *_ = loop.dry_run([(simulate, "other"), ("build", None)])
        assert first[:3] == ("simulate", "other", "run") and first.why


def test_it_runs_without_ray(rules: str, tmp_path: Path) -> None:
    code = (
        "import chia_ray, sys\n"
        "@chia_ray.function\n"
        "def simulate(x): return x\n"
        "with chia_ray.Loop(sys.argv[1], sys.argv[2]) as loop:\n"
        "    print(loop.call(simulate, 1, tag='a').result(), 'ray' in sys.modules)"
    )
    command = [sys.executable, "-c", code, rules, str(tmp_path / "cache")]
    said = subprocess.run(command, capture_output=True, text=True)
    assert said.stdout.split() == ["1", "False"], said


def test_calls_overlap(rules: str) -> None:
    with Loop(rules, workers=4) as loop:
        barrier = threading.Barrier(4, timeout=30)
        meet = chia_ray.function(name="meet")(lambda: barrier.wait() >= 0)
        start = time.monotonic()
        assert all(handle.result() for handle in [loop.call(meet) for _ in range(4)])
        assert time.monotonic() - start < 30
