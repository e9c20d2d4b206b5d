"""A cache of a cluster that reads what it has not from another one, its base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chia.base.bypass import Bypass
from chia.base.cache import get_active_cache, start_cache, stop_cache
from chia.base.ChiaFunction import ChiaFunction, get
from chia_ray import Loop
from chia_ray.base import _direct
from forked import check_fork


def ask_all(cache: Any) -> list[Any]:
    """What a cache says of two tags of its base."""
    asked = [cache.read.chia_remote("a"), cache.has.chia_remote("a"), cache.keys.chia_remote()]
    answers: list[Any] = get(asked)
    return [*answers, get(cache.facts.chia_remote("a"))["function"]]


def test_r29_reads_fall_through_and_writes_stay(
    rules: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = ChiaFunction(num_cpus=0.1)(lambda x: x)
    path = rules("cache: {'<lambda>': true}\nbypass: {'<lambda>': true}\n")
    start_cache(1, tmp_path / "base", "GB", path)
    assert get([step.chia_remote(n, _chia_tag=tag) for n, tag in enumerate("ab")]) == [0, 1]
    stop_cache()

    cache = start_cache(1, tmp_path / "fork", "GB", path, overlay_of=tmp_path / "base")
    Bypass(path).set_replay("<lambda>")
    assert get([step.chia_remote(7, _chia_tag=tag) for tag in "ac"]) == [0, 7]
    directly = ask_all(cache)
    assert directly == [(True, 0), True, ["a", "b", "c"], "<lambda>"]
    monkeypatch.setattr(_direct, "client", lambda site, reach: None)
    assert ask_all(cache) == directly, "the actor reads the base too"
    monkeypatch.undo()
    get(cache.write.chia_remote("b", "own"))
    assert get(cache.read.chia_remote("b")) == (True, "own")
    with pytest.raises(RuntimeError, match=r"this loop asks for the base .*other"):
        start_cache(1, tmp_path / "fork", "GB", path, overlay_of=tmp_path / "other")
    stop_cache()

    cache = start_cache(1, tmp_path / "base", "GB", path)
    assert get(cache.keys.chia_remote()) == ["a", "b"] and get(cache.read.chia_remote("b")) == (True, 1)


def test_an_overlay_that_cannot_be_leaves_no_cache_behind(rules: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="gone is gone: bring it back"):
        start_cache(1, tmp_path / "fork", overlay_of=tmp_path / "gone")
    assert get_active_cache() is None
    with pytest.raises(TypeError, match="overlay_of: a path is needed, not int"):
        start_cache(1, tmp_path / "fork", overlay_of=3)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="gone is gone: bring it back"):
        Loop(cache=tmp_path / "fork", overlay_of=tmp_path / "gone", backend="ray")


BY_LOOP = """
import chia_ray, ray

step = chia_ray.function(step, num_cpus=0.1)
ray.init(sys.argv[5], log_to_driver=False)

with chia_ray.Loop(sys.argv[4], directory, overlay_of=base, backend="ray") as loop:
    loop.replay(step)
    for x in range(1, 17):
        end_of_call(x, loop.call(step, x, tag=f"call{x}").result())
"""

BY_FUNCTION = """
import ray
from chia.base.bypass import Bypass
from chia.base.cache import start_cache
from chia.base.ChiaFunction import ChiaFunction

step = ChiaFunction(num_cpus=0.1)(step)
ray.init(sys.argv[5], log_to_driver=False)
start_cache(1, directory, "GB", sys.argv[4], overlay_of=base)
Bypass(sys.argv[4]).set_replay("step")
for x in range(1, 17):
    end_of_call(x, step.chia_remote_blocking(x, _chia_tag=f"call{x}"))
"""


@pytest.mark.parametrize("loop", [BY_LOOP, BY_FUNCTION], ids=["Loop", "ChiaFunction"])
def test_r29_a_fork_replays_what_was_before_it_and_leaves_the_first_run_as_it_was(
    loop: str, cluster: str, tmp_path: Path
) -> None:
    # The cache outlives the driver that was killed: another directory needs it to end.
    check_fork(loop, tmp_path, cluster, after_kill=stop_cache)
