"""The direct way to the shared cache, on a cluster."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import ray
from chia.base._cache_handle import CacheHandle
from chia.base.cache import get_active_cache, start_cache
from chia.base.ChiaFunction import ChiaFunction, chia_wait, get
from waiting import LONG


@ChiaFunction(num_cpus=0.1)
def work(x: Any) -> Any:
    return x


class Nobody:
    """An actor that must not be asked."""

    def __getattr__(self, name: str) -> Nobody:
        return self

    def remote(self, *args: Any) -> None:
        """Fails the test."""
        raise AssertionError("the actor was asked")


def direct() -> CacheHandle:
    """The cache, through its door alone."""
    return CacheHandle(Nobody(), get_active_cache()._site)


@ChiaFunction(num_cpus=0.1)
def ask(tag: str) -> list[Any]:
    """Asks the cache directly from a worker."""
    cache = direct()
    asked = [cache.write.chia_remote(tag, 1), cache.read.chia_remote(tag), cache.has.chia_remote(tag)]
    return list(ray.get(asked))


@pytest.fixture(autouse=True)
def cache(rules: Any, tmp_path: Path) -> Any:
    path = rules("cache:\n  work: true\n")
    return start_cache(1, tmp_path / "cache", "GB", path, durability="relaxed", write_timeout=LONG)


def test_r21_driver_and_workers_ask_the_cache_directly(cache: Any) -> None:
    assert get(ask.chia_remote("t")) == [True, (True, 1), True]
    assert get(direct().has.chia_remote("t")) is True
    assert cache.read.chia_remote_blocking("t") == (True, 1)
    assert cache.read.chia_remote_blocking(None) == (False, None)


def test_remote_gives_ray_s_own_references(cache: Any) -> None:
    assert ray.get(cache.write.remote("t", 2)) is True
    assert ray.get([cache.read.remote("t"), cache.has.remote("t")]) == [(True, 2), True]


def test_answers_are_plain_references(cache: Any) -> None:
    get(work.chia_remote(5, _chia_tag="t"))
    found, pending = cache.read.chia_remote("t"), work.chia_remote(6)
    assert type(found) is ray.ObjectRef
    assert get([pending, found]) == [6, (True, 5)]
    done, rest = chia_wait([pending, found], num_returns=2, timeout=LONG)
    assert set(done) == {pending, found} and rest == []
    assert get(work.chia_remote(found)) == (True, 5), "an argument arrives as its value"
    assert get(work.chia_remote(cache)).has.chia_remote_blocking("t")


def test_a_value_of_a_reference_is_written(cache: Any) -> None:
    assert get(cache.write.chia_remote("t", work.chia_remote(7))) is True
    assert get(cache.read.chia_remote("t")) == (True, 7)


def test_r21_a_restarted_cache_is_found_at_its_new_door(cache: Any) -> None:
    get(work.chia_remote(1, _chia_tag="before"))
    actor = ray.get_actor("chia.cache", namespace="chia")
    os.kill(ray.get(actor.__ray_call__.remote(lambda _: os.getpid())), signal.SIGKILL)
    assert get(work.chia_remote(2, _chia_tag="after"), timeout=LONG) == 2

    deadline = time.monotonic() + LONG
    while True:
        with contextlib.suppress(AssertionError):
            assert get(direct().has.chia_remote("before")) is True
            break
        assert time.monotonic() < deadline, "the new door is not found"
        time.sleep(0.05)
