"""The direct way to the shared cache, on a cluster."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import ray
from chia.base.bypass import Bypass
from chia.base.cache import get_active_cache, start_cache
from chia.base.ChiaFunction import ChiaFunction, chia_wait, get
from chia_ray.base import _cache_handle
from chia_ray.base._refs import Answer
from waiting import LONG


@ChiaFunction(num_cpus=0.1)
def work(x: Any) -> Any:
    return x


@ChiaFunction(num_cpus=0.1)
def ways(tag: str) -> list[bool]:
    """Whether this worker asks the cache directly."""
    cache = get_active_cache()
    asked = [cache.write.chia_remote(tag, 1), cache.read.chia_remote(tag), cache.has.chia_remote(tag)]
    assert get(asked) == [True, (True, 1), True]
    return [is_direct(answer) for answer in asked]


def is_direct(answer: Any) -> bool:
    """Whether the cache answered over its own socket: the actor's answers need no decoding."""
    return isinstance(answer, Answer) and answer._decode is not _cache_handle._same


@ChiaFunction(num_cpus=0.1)
def quick(x: int) -> int:
    return x


@pytest.fixture(autouse=True)
def cache(rules: Any, tmp_path: Path) -> Any:
    path = rules("cache:\n  work: true\n")
    return start_cache(1, tmp_path / "cache", "GB", path, durability="relaxed", write_timeout=LONG)


def test_r21_driver_and_workers_ask_the_cache_directly(cache: Any) -> None:
    assert get(ways.chia_remote("t")) == [True] * 3
    assert is_direct(cache.has.chia_remote("t"))
    assert cache.read.chia_remote_blocking("t") == (True, 1)
    assert cache.read.chia_remote_blocking(None) == (False, None)


def test_remote_gives_ray_s_own_references(cache: Any) -> None:
    assert ray.get(cache.write.remote("t", 2)) is True
    assert ray.get([cache.read.remote("t"), cache.has.remote("t")]) == [(True, 2), True]


def test_answers_mix_with_references(cache: Any) -> None:
    get(work.chia_remote(5, _chia_tag="t"))
    found, pending = cache.read.chia_remote("t"), work.chia_remote(6)
    assert get([pending, found]) == [6, (True, 5)]
    done, rest = chia_wait([pending, found], num_returns=2, timeout=LONG)
    assert {id(ref) for ref in done} == {id(pending), id(found)} and rest == []
    assert get(work.chia_remote(found)) == (True, 5), "an argument arrives as its value"
    bare = ray.remote(num_cpus=0.1)(lambda given: given)
    assert ray.get(bare.remote([found])) == [(True, 5)], "for Ray's own functions, too"
    assert get(work.chia_remote(cache)).has.chia_remote_blocking("t")


def test_a_value_of_a_reference_is_written(cache: Any) -> None:
    assert get(cache.write.chia_remote("t", work.chia_remote(7))) is True
    assert get(cache.read.chia_remote("t")) == (True, 7)


def test_r21_a_restarted_cache_is_found_at_its_new_endpoint(cache: Any) -> None:
    get(work.chia_remote(1, _chia_tag="before"))
    actor = ray.get_actor("chia.cache", namespace="chia")
    os.kill(ray.get(actor.__ray_call__.remote(lambda _: os.getpid())), signal.SIGKILL)
    assert get(work.chia_remote(2, _chia_tag="after"), timeout=LONG) == 2

    deadline = time.monotonic() + LONG
    while not (is_direct(answer := cache.has.chia_remote("before")) and get(answer)):
        assert time.monotonic() < deadline, "the new endpoint is not found"
        time.sleep(0.05)


def test_r21_a_cache_that_hangs_is_a_miss_in_bounded_time(
    cache: Any, rules: Any, monkeypatch: Any, caplog: Any
) -> None:
    monkeypatch.setattr(_cache_handle, "_TIMEOUT", 1.0)
    monkeypatch.setattr(_cache_handle, "_PAUSE", 2.0)
    monkeypatch.setattr(_cache_handle._Unanswered, "until", 0.0)
    actor = ray.get_actor("chia.cache", namespace="chia")
    pid = ray.get(actor.__ray_call__.remote(lambda _: os.getpid()))
    bypass = Bypass(rules("bypass:\n  quick: true\n"))
    bypass.set_cond("quick", lambda tag, data_path, *args: get(get_active_cache().has.chia_remote(tag)))
    bypass.set_provider("quick", lambda tag, data_path, *args: "provided")
    os.kill(pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        assert get([quick.chia_remote(i, _chia_tag="t") for i in range(4)]) == [0, 1, 2, 3]
        assert time.monotonic() - start < 30
        assert get(get_active_cache().read.chia_remote("t")) == (False, None)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "the cache cannot be reached, which counts as a miss" in caplog.text
    deadline = time.monotonic() + LONG
    while not get(cache.write.chia_remote("t", 1)):
        assert time.monotonic() < deadline, "the cache is not asked again"
        time.sleep(0.1)


def test_r21_a_cache_that_is_gone_is_a_miss(cache: Any, rules: Any) -> None:
    bypass = Bypass(rules("bypass:\n  quick: true\n"))
    bypass.set_cond("quick", lambda tag, data_path, *args: get(get_active_cache().has.chia_remote(tag)))
    bypass.set_provider("quick", lambda tag, data_path, *args: "provided")
    ray.kill(cache.actor)
    assert get(quick.chia_remote(7, _chia_tag="t"), timeout=LONG) == 7
