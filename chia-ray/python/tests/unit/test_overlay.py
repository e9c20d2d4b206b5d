"""A cache that reads what it has not from another one, its base."""

from __future__ import annotations

import os
from pathlib import Path

import chia_ray
import pytest
from chia_ray import CacheError, Loop, Store
from forked import check_fork

RULES = "bypass: {step: true}\ncache: {step: true}\n"


@chia_ray.function
def step(x: int) -> bytes:
    return os.urandom(8)


def run(place: Path, cache: str, tags: list[str], base: str | None = None) -> list[tuple[bytes, str]]:
    """Values of calls, and what became of them."""
    (place / "rules.yaml").write_text(RULES)
    overlay_of = None if base is None else place / base
    with Loop(place / "rules.yaml", place / cache, overlay_of=overlay_of, workers=1) as loop:
        loop.replay(step)
        handles = [loop.call(step, 0, tag=tag) for tag in tags]
        return [
            (handle.result(), handle.outcome.became)
            for handle in handles
            if handle.exception() is None and handle.outcome
        ]


def test_r29_reads_fall_through_and_writes_stay(tmp_path: Path) -> None:
    first = run(tmp_path, "base", ["a", "b"])
    forked = run(tmp_path, "fork", ["a", "c", "c"], "base")
    assert forked[0] == (first[0][0], "replayed") and [became for _, became in forked[1:]] == [
        "ran",
        "replayed",
    ]
    with Store(tmp_path / "fork", overlay_of=tmp_path / "base") as store:
        assert list(store) == ["a", "b", "c"] and len(store) == 3 and "b" in store
        assert store["b"] == first[1][0] and (store.facts("b") or {})["function"] == "step"
        assert store.stats()["entries"] == 1
        store["b"] = b"own"
        assert store["b"] == b"own"
        with pytest.raises(KeyError):
            del store["a"]
        del store["b"]
        assert store["b"] == first[1][0], "the base's again"
        store.clear()
        assert list(store) == ["a", "b"]
    with Store(tmp_path / "base") as base:
        assert {key: base[key] for key in base} == {"a": first[0][0], "b": first[1][0]}
    # The directory stays an overlay.
    assert run(tmp_path, "fork", ["a"]) == [(first[0][0], "replayed")]


def test_a_base_in_use_is_read(tmp_path: Path) -> None:
    with Store(tmp_path / "base") as base:
        base["a"] = 1
        with Store(tmp_path / "fork", overlay_of=tmp_path / "base") as store:
            assert store["a"] == 1
            with Store(tmp_path / "second", overlay_of=tmp_path / "fork") as second:
                assert second["a"] == 1, "an overlay may be a base"


def test_overlays_that_cannot_be_are_refused(tmp_path: Path) -> None:
    def refused(words: str, cache: str, base: str | None) -> None:
        overlay_of = None if base is None else tmp_path / base
        with pytest.raises(CacheError, match=words):
            Store(tmp_path / cache, overlay_of=overlay_of)

    Store(tmp_path / "base").close()
    refused("it is its own base", "base", "base")
    refused("gone is gone: bring it back", "fork", "gone")
    with Store(tmp_path / "fork", overlay_of=tmp_path / "base") as store:
        store["own"] = 1
    refused("in a circle", "base", "fork")
    Store(tmp_path / "other").close()
    refused("is an overlay of", "fork", "other")
    (tmp_path / "base").rename(tmp_path / "moved")
    refused("is gone", "fork", None)
    with Store(tmp_path / "fork", overlay_of=tmp_path / "moved") as store:
        assert dict(store) == {"own": 1}, "nothing is lost"
    with pytest.raises(TypeError, match="overlay_of: a path is needed, not int"):
        Store(tmp_path / "fork", overlay_of=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="looked at"):
        Store(tmp_path / "fork", overlay_of=tmp_path / "moved", read_only=True)
    for cache in (None, Store(tmp_path / "mine")):
        with pytest.raises(ValueError, match="overlay_of"):
            Loop(cache=cache, overlay_of=tmp_path / "moved")


LOOP = """
import chia_ray

step = chia_ray.function(step)

with chia_ray.Loop(sys.argv[4], directory, overlay_of=base, workers=1) as loop:
    loop.replay(step)
    for x in range(1, 17):
        end_of_call(x, loop.call(step, x, tag=f"call{x}").result())
"""


def test_r29_a_fork_replays_what_was_before_it_and_leaves_the_first_run_as_it_was(tmp_path: Path) -> None:
    check_fork(LOOP, tmp_path)
