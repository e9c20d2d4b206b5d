"""The modes of a run, and starting from the middle, on threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import chia_ray
import pytest
from chia_ray import Loop

RULES = "bypass: {step: true, other: true}\ncache: {step: {cache: true, tags: ['i.*']}}\n"
ran: list[int] = []


@chia_ray.function
def step(x: int) -> int:
    ran.append(x)
    return x * 10


@chia_ray.function
def other(x: int) -> int:
    return x


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CHIA_MODE", "CHIA_RERUN", "CHIA_FROM"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "rules.yaml").write_text(RULES)
    record(tmp_path)
    return tmp_path


def record(place: Path, **options: Any) -> list[str]:
    """What became of four calls."""
    ran.clear()
    with Loop(place / "rules.yaml", place / "cache", workers=1, **options) as loop:
        loop.replay(step)
        handles = [loop.call(step, x, tag=f"i{x}") for x in range(4)]
        return [handle.outcome.became for handle in handles if handle.result() >= 0 and handle.outcome]


REPLAYED, RAN = "replayed", "ran"


@pytest.mark.parametrize("by", ["builder", "environment"])
@pytest.mark.parametrize(
    ("setting", "value", "wanted"),
    [
        ("mode", "auto", [REPLAYED] * 4),
        ("mode", "off", [RAN] * 4),
        ("mode", "record", [RAN] * 4),
        ("mode", "Refresh", [RAN] * 4),
        ("mode", "replay", [REPLAYED] * 4),
        ("rerun", "i[12]", [REPLAYED, RAN, RAN, REPLAYED]),
        ("run_from", "i2", [REPLAYED, REPLAYED, RAN, RAN]),
    ],
)
def test_r29_modes(
    place: Path, monkeypatch: pytest.MonkeyPatch, by: str, setting: str, value: str, wanted: list[str]
) -> None:
    if by == "environment":
        variable = {"mode": "CHIA_MODE", "rerun": "CHIA_RERUN", "run_from": "CHIA_FROM"}[setting]
        monkeypatch.setenv(variable, value)
        # The environment is the last word.
        options = {"mode": "off"} if setting == "mode" else {}
    else:
        options = {setting: value}
    assert record(place, **options) == wanted
    assert len(ran) == wanted.count(RAN)


def test_r29_what_a_mode_did_is_in_the_reason(place: Path) -> None:
    with Loop(place / "rules.yaml", place / "cache", mode="record") as loop:
        loop.replay(step)
        assert "the run's mode is `record`" in loop.explain(step, "i1")
    with Loop(place / "rules.yaml", place / "cache", run_from="i2") as loop:
        loop.replay(step)
        answers = [(one.answer, one.why) for one in loop.dry_run([(step, "i1"), (step, "i2"), (step, "i9")])]
        assert [answer for answer, _ in answers] == ["replay", "run", "run"]
        assert "the run has reached the first tag to run" in answers[1][1]
    with Loop(place / "rules.yaml", place / "cache") as loop:
        loop.replay(step)
        [miss] = loop.dry_run([(step, "i9")])
        assert miss.answer == "miss" and "no entry has this tag" in miss.why


def test_r29_a_replay_that_misses_fails_in_mode_replay(place: Path) -> None:
    with Loop(place / "rules.yaml", place / "cache", mode="replay") as loop:
        loop.replay(step)
        with pytest.raises(chia_ray.ReplayMiss, match="nothing to replay for `i9`: no entry has this tag"):
            loop.call(step, 9, tag="i9").result()
        with pytest.raises(chia_ray.ConfigError, match="the run's mode is `replay`"):
            loop.call(other, 1, tag="i1")


def test_r29_nothing_is_written_in_mode_off(place: Path) -> None:
    with Loop(place / "rules.yaml", place / "cache", mode="off") as loop:
        assert loop.call(step, 9, tag="i9").result() == 90
    with chia_ray.Store(place / "cache") as store:
        assert "i9" not in store


def test_r29_a_fresh_call_runs_and_is_written(place: Path) -> None:
    with Loop(place / "rules.yaml", place / "cache", workers=1) as loop:
        loop.replay(step)
        handles = [loop.call(step, 1, tag="i1", fresh=fresh) for fresh in (False, True)]
        assert [handle.result() for handle in handles] == [10, 10]
        assert loop.summary()["step"] == chia_ray.Counts(ran=1, replayed=1, written=1)


def test_r29_an_unknown_mode_lists_the_modes(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIA_MODE", "recrod")
    with pytest.raises(chia_ray.ConfigError, match=r"`CHIA_MODE`.*the modes are `auto`, `off`"):
        Loop(place / "rules.yaml")
    monkeypatch.delenv("CHIA_MODE")
    with pytest.raises(chia_ray.ConfigError, match="there is no mode `x`"):
        Loop(place / "rules.yaml", mode="x")
    with pytest.raises(chia_ray.ConfigError):
        Loop(place / "rules.yaml", rerun="(")


def test_r31_what_had_no_effect_is_listed(place: Path) -> None:
    with Loop(place / "rules.yaml", place / "cache", rerun="never") as loop:
        loop.call(step, 1, tag="x").result()
        text = "\n".join(loop.unused())
    assert "`other`" in text and "`i.*`" in text and "`never`" in text


def test_a_rehearsal_serves_the_value_after_its_time(place: Path) -> None:
    path = place / "rehearse.yaml"
    path.write_text(
        "bypass:\n  step: {bypass: true, rehearse: {pace: 0}}\n"
        "  other: {bypass: true, rehearse: {duration: 250 ms, pace: 2}}\n"
    )
    nothing = chia_ray.function(name="other")(_nothing)
    with Loop(path, place / "cache") as loop:
        handle = loop.call(step, 2, tag="i2")
        assert handle.result() == 20 and handle.outcome and handle.outcome.became == "rehearsed"
        start = time.monotonic()
        assert loop.call(nothing, 1, tag="none").result() is None
        assert 0.5 <= time.monotonic() - start < 30
        with pytest.raises(chia_ray.ReplayMiss, match="nothing to rehearse for `gone`"):
            loop.call(other, 1, tag="gone").result()
        assert loop.summary()["step"] == chia_ray.Counts(rehearsed=1)


def _nothing(x: int) -> None:
    raise AssertionError("a rehearsal runs no body")


LOOP = """
import sys, time, chia_ray

@chia_ray.function
def step(x, before):
    print("ran", x, flush=True)
    return (before * 31 + x) % 1_000_003

with chia_ray.Loop(sys.argv[1], sys.argv[2], workers=1) as loop:
    loop.replay(step)
    value = 1
    for x in range(1, 17):
        value = loop.call(step, x, value, tag=f"call{x}").result()
        if x == int(sys.argv[3]):
            print("reached", flush=True)
            time.sleep(600)
    print("end", value)
"""


def test_a_loop_that_was_killed_goes_on_from_the_middle(place: Path) -> None:
    (place / "loop.py").write_text(LOOP)
    (place / "rules.yaml").write_text("bypass: {step: {bypass: true, check: true}}\ncache: {step: true}\n")

    def command(stop: int) -> list[str]:
        return [
            sys.executable,
            str(place / "loop.py"),
            str(place / "rules.yaml"),
            str(place / "c"),
            str(stop),
        ]

    with subprocess.Popen(command(12), stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        lines = iter(killed.stdout.readline, "")
        assert sum(line.startswith("ran") for line in iter(lambda: next(lines), "reached\n")) == 12
        killed.send_signal(signal.SIGKILL)
    env = {**os.environ, "CHIA_FROM": "call9"}
    again = subprocess.run(command(0), env=env, capture_output=True, text=True, timeout=300)
    ran = [line for line in again.stdout.splitlines() if line.startswith("ran")]
    assert ran == [f"ran {x}" for x in range(9, 17)], again
    after = subprocess.run(command(0), capture_output=True, text=True, timeout=300)
    assert after.stdout.splitlines() == again.stdout.splitlines()[-1:], after
