"""What changes between two runs of a loop, one thing at a time, and what becomes of the call then."""

from __future__ import annotations

import importlib.util
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from chia_ray import Handle, Loop

RULES = """\
bypass:
  simulate: {{bypass: true, check: {check}, ignore: log}}
  merge: {{bypass: true, check: {check}}}
cache:
  simulate: true
  merge: true
"""
SOURCE = '''\
import chia_ray

SCALE = 1


def scaled(x):
    {comment}return x * {scale}


@chia_ray.function(version={version!r})
def simulate(seed, factor=1, log="a"):
    """{doc}"""
    return scaled(seed{space} * factor){body}


@chia_ray.function
def merge(left, right):
    return (left, right)
'''
PLAIN = {"comment": "", "scale": 1, "version": "1", "doc": "Simulates.", "space": "", "body": ""}


class Change(NamedTuple):
    """A difference between two runs."""

    name: str
    # Of the source, the arguments, and the options of the rules.
    source: dict[str, Any] = {}  # noqa: RUF012
    kwargs: dict[str, Any] = {}  # noqa: RUF012
    check: str = "true"
    rules: str | None = None
    # Part of the reason why it runs; None if it is replayed.
    runs: str | None = None
    # What is served, and does not fit.
    stale: str | None = None


CHANGES = [
    Change("nothing"),
    Change("an argument", kwargs={"seed": 4}, runs="argument 1 `seed` was 3, is 4"),
    Change("a default", kwargs={"factor": 2}, runs="argument 2 `factor` was 1, is 2"),
    Change("a default that is spelled out", kwargs={"factor": 1}),
    Change("an ignored argument", kwargs={"log": "b"}),
    Change("the version", source={"version": "2"}, runs="the version was `1`, is `2`"),
    Change("the body", source={"body": " + 1"}, runs="its code has changed"),
    Change("a function that it calls", source={"scale": 2}, runs="its code has changed"),
    Change("a comment", source={"comment": "# scales\n    "}),
    Change("the docstring", source={"doc": "Simulates again."}),
    Change("the layout", source={"space": "\n        "}),
    Change("what is not checked", source={"body": " + 1"}, check="[arguments]", stale="its code has changed"),
    Change("without check", kwargs={"seed": 4}, check="false", stale="argument 1 `seed` was 3, is 4"),
    Change("the rules", rules="cache: {simulate: true}\n", runs=""),
]


def module(folder: Path, **source: Any) -> Any:
    """A module of a loop, from its source."""
    name = f"loop_{uuid.uuid4().hex}"
    (folder / f"{name}.py").write_text(SOURCE.format(**{**PLAIN, **source}))
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None and spec.loader is not None
    # It is not imported by its name: Ray ships its functions by value.
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def rules_of(folder: Path, change: Change) -> Path:
    path = folder / f"{uuid.uuid4().hex}.yaml"
    path.write_text(change.rules or RULES.format(check=change.check))
    return path


def simulated(start: Callable[[Path], Loop], folder: Path, change: Change) -> Handle[Any]:
    """A call of a run."""
    with start(rules_of(folder, change)) as loop:
        loop.replay("simulate")
        steps = module(folder, **change.source)
        handle = loop.call(steps.simulate, **{"seed": 3, **change.kwargs}, tag="s")
        handle.exception(300)
        return handle


def check_change(start: Callable[[Path], Loop], folder: Path, change: Change, caplog: Any) -> None:
    """Runs a loop, and again after the change."""
    first = simulated(start, folder, Change("first")).outcome
    assert first is not None and (first.became, first.written) == ("ran", "stored")
    second = simulated(start, folder, change).outcome
    assert second is not None and second.stale == change.stale
    assert second.became == ("replayed" if change.runs is None else "ran")
    if change.runs:
        assert change.runs in (second.missed or "")
    warned = [record for record in caplog.records if "was served from the cache, but" in record.message]
    assert len(warned) == (0 if change.stale is None else 1)
    assert all(f"simulate [s] was served from the cache, but {change.stale}" in one.message for one in warned)


def check_upstream(start: Callable[[Path], Loop], folder: Path) -> None:
    """A result of another call is compared by its value, in whatever call it was computed."""
    steps = module(folder)
    outcomes = []
    for seed, factor in ((3, 4), (4, 3), (5, 5)):
        with start(rules_of(folder, Change("upstream"))) as loop:
            loop.replay(steps.merge)
            left = loop.call(steps.simulate, seed, factor)
            handle = loop.call(steps.merge, left, right="r", tag="m")
            handle.result(300)
            outcomes.append(handle.outcome)
    assert [one.became for one in outcomes] == ["ran", "replayed", "ran"]
    assert outcomes[2].missed == "argument 1 `left` was 12, is 25"
