"""The cache on a cluster: what is written, when, and what happens when it fails."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from chia.base.bypass import Bypass
from chia.base.cache import Cache, get_active_cache, is_cached, start_cache, stop_cache
from chia.base.ChiaFunction import ChiaFunction, get
from waiting import LONG, answered, repeated

RULES = "cache:\n  work: true\n  several: true\n  holds: true\n  large: true\n"


@ChiaFunction(num_cpus=0.1)
def work(x: Any) -> Any:
    return x


@pytest.fixture
def cache(rules: Any, tmp_path: Path) -> Any:
    folder = tmp_path / "cache"
    return start_cache(1, folder, "GB", rules(RULES), durability="relaxed", write_timeout=LONG)


def ask(method: str, *args: Any) -> Any:
    return get(getattr(get_active_cache(), method).chia_remote(*args))


def test_r11_tagged_results_are_written_with_their_facts(cache: Any) -> None:
    refs = [work.chia_remote(i, _chia_tag=f"t{i}") for i in range(3)]
    get([*refs, work.chia_remote(7)])
    assert ask("keys") == ["t0", "t1", "t2"]
    assert ask("read", "t1") == (True, 1) and ask("read", "gone") == (False, None)
    facts = ask("facts", "t1")
    assert (facts["function"], facts["origin"]) == ("work", "real") and facts["compute_seconds"] >= 0
    assert is_cached("work", "t") and not is_cached("work") and not is_cached("other", "t")


def test_r12_a_result_is_in_the_cache_before_it_is_seen(cache: Any) -> None:
    ref = work.chia_remote("v", _chia_tag="t")
    assert type(ref) is ray.ObjectRef
    ray.wait([ref])
    assert ask("has", "t")


def test_r14_the_handles_methods(cache: Any) -> None:
    assert get(cache.write.chia_remote("m", {"a": [1]})) is True
    assert get(cache.write.remote("ref", ray.put(5))) is True
    assert get(cache.read.remote("m")) == (True, {"a": [1]}) and ask("read", "ref") == (True, 5)
    assert ask("size_bytes") > 0 and ask("stats")["entries"] == 2
    assert ask("evict", "m") is True and ask("flush") == 1 and ask("keys") == []

    @ChiaFunction(num_cpus=0.1)
    def through(handle: Any) -> Any:
        get(handle.write.chia_remote("far", 1))
        return get(handle.read.chia_remote("far")), get(get_active_cache().has.chia_remote("far"))

    assert get(through.chia_remote(cache)) == ((True, 1), True)


def test_r11_a_replacement_never_displaces_a_result(cache: Any, rules: Any) -> None:
    get(work.chia_remote("real", _chia_tag="t"))
    bypass = Bypass(rules("bypass:\n  work: true\n" + RULES))
    bypass.set_provider("work", lambda tag, data_path, x: "provided")
    assert get([work.chia_remote(1, _chia_tag="t"), work.chia_remote(1, _chia_tag="u")]) == ["provided"] * 2
    assert ask("read", "t") == (True, "real")
    assert ask("facts", "u")["origin"] == "provider"


def test_what_is_several_values_or_holds_references_is_not_cached(cache: Any, caplog: Any) -> None:
    @ChiaFunction(num_cpus=0.1, num_returns=2)
    def several() -> tuple[int, int]:
        return 1, 2

    @ChiaFunction(num_cpus=0.1)
    def holds() -> Any:
        return {"ref": ray.put(1)}

    assert get(several.chia_remote(_chia_tag="s")) == [1, 2]
    assert get(get(holds.chia_remote(_chia_tag="h"))["ref"]) == 1
    assert ask("keys") == []
    assert any("several" in record.getMessage() for record in caplog.records)


def test_a_value_is_unpickled_where_it_is_received_and_not_in_the_actor(cache: Any) -> None:
    class Where:
        def __reduce__(self) -> Any:
            return os.getpid, ()

    get(cache.write.chia_remote("t", Where()))
    assert ask("read", "t") == (True, os.getpid())


def test_large_arrays_come_back_whole(cache: Any) -> None:
    array = np.arange(3_000_000, dtype=np.int64)

    @ChiaFunction(num_cpus=0.1)
    def large() -> Any:
        return {"array": np.arange(3_000_000, dtype=np.int64), "bytes": b"x" * 1_000_000}

    get(large.chia_remote(_chia_tag="big"))
    hit, value = ask("read", "big")
    assert hit and np.array_equal(value["array"], array) and len(value["bytes"]) == 1_000_000


def test_r21_starting_again_attaches_resizes_or_refuses(cache: Any, rules: Any, tmp_path: Path) -> None:
    get(cache.write.chia_remote("t", 1))
    again = start_cache(2, tmp_path / "cache", "GB", durability="relaxed")
    assert get(again.stats.chia_remote())["budget"] == 2 << 30 and get(again.has.chia_remote("t"))
    with pytest.raises(RuntimeError, match=r"^a cache is running with directory .*elsewhere"):
        start_cache(2, tmp_path / "elsewhere", "GB", durability="relaxed")
    with pytest.raises(Exception, match="durability"):
        start_cache(2, tmp_path / "cache", "GB")


def test_r21_a_directory_that_cannot_be_is_refused_with_the_reason() -> None:
    with pytest.raises(RuntimeError, match=r"^cannot create /proc/no.*: No such file"):
        start_cache(1, "/proc/no/such", "GB")


def test_r21_a_cache_that_is_going_away_stops_no_one(cache: Any, tmp_path: Path) -> None:
    for tag in ("a", "b", "c"):
        get(cache.write.chia_remote(tag, 1))
        kill(cache)
        cache = start_cache(1, tmp_path / "cache", "GB", durability="relaxed")
    assert ask("keys") == ["a", "b", "c"]
    ray.kill(cache.actor)
    stop_cache()


def kill(cache: Any) -> None:
    ray.kill(cache.actor)
    with pytest.raises(ray.exceptions.RayActorError):
        repeated(lambda: get(cache.size_bytes.chia_remote()))


def test_r16_stopped_and_started_it_has_every_entry(cache: Any, tmp_path: Path) -> None:
    get([work.chia_remote(i, _chia_tag=f"t{i}") for i in range(5)])
    stop_cache()
    assert get_active_cache() is None
    start_cache(1, tmp_path / "cache", "GB")
    assert len(ask("keys")) == 5


def test_cache_is_a_class_for_anonymous_actors(tmp_path: Path, rules: Any) -> None:
    path = rules("cache:\n  f: {cache: true, tags: [a]}\n")
    first = Cache.remote(1, str(tmp_path / "own"), "MB", path)
    assert get(first.write.chia_remote("t", 5)) is True
    assert get(first.get_config.chia_remote()) == {"f": ["a"]}
    ray.kill(first.actor)
    second = Cache.options(num_cpus=0).chia_remote(1, str(tmp_path / "own"), "MB")
    assert get(second.read.chia_remote("t")) == (True, 5)
    ray.kill(second.actor)
    broken = Cache.remote(1, "/proc/no/such")
    with pytest.raises(Exception, match="/proc/no/such"):
        get(broken.keys.chia_remote())


def test_r16_opening_runs_nothing_that_lies_in_the_directory(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "sprung",)

    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/evil.pkl").write_bytes(pickle.dumps(("evil", Trap()), protocol=4))
    start_cache(1, tmp_path / "cache", "GB")
    assert ask("keys") == ["evil"] and ask("has", "evil")
    assert not (tmp_path / "sprung").exists()


def test_r13_a_dead_cache_fails_no_call(cache: Any) -> None:
    get(work.chia_remote(1, _chia_tag="before"))
    kill(cache)
    assert get([work.chia_remote(i, _chia_tag=f"t{i}") for i in range(4)], timeout=LONG) == [0, 1, 2, 3]


def test_r13_a_killed_cache_comes_back_and_loses_nothing(cache: Any) -> None:
    get(work.chia_remote(1, _chia_tag="before"))
    actor = ray.get_actor("chia.cache", namespace="chia")
    os.kill(ray.get(actor.__ray_call__.remote(lambda _: os.getpid())), signal.SIGKILL)
    refs = [work.chia_remote(i, _chia_tag=f"t{i}") for i in range(4)]
    assert get(refs, timeout=LONG) == [0, 1, 2, 3]
    keys = answered(lambda: ask("keys"))
    assert set(keys) >= {"before", "t0", "t1", "t2", "t3"}


def test_r12_results_of_a_killed_driver_are_in_the_cache(cluster: str, rules: Any, tmp_path: Path) -> None:
    program = textwrap.dedent(
        f"""
        import os, signal, sys, time, ray
        from chia.base.cache import start_cache
        from chia.base.ChiaFunction import ChiaFunction
        ray.init(address={cluster!r}, log_to_driver=False)
        start_cache(1, {str(tmp_path / "cache")!r}, "GB", {rules(RULES)!r}, write_timeout={LONG})
        @ChiaFunction(num_cpus=0.1)
        def work(x):
            return x
        refs = [work.chia_remote(i, _chia_tag=f"t{{i}}") for i in range(20)]
        ray.wait(refs, num_returns=20, fetch_local=False)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    killed = subprocess.run([sys.executable, "-c", program], timeout=LONG)
    assert killed.returncode == -signal.SIGKILL
    handle = start_cache(1, tmp_path / "cache", "GB")
    assert sorted(get(handle.keys.chia_remote())) == sorted(f"t{i}" for i in range(20))


def test_r20_a_running_cache_is_exported_for_the_original(tmp_path: Path) -> None:
    cache = start_cache(1, tmp_path / "cache", "GB")
    assert get(cache.write.chia_remote("a", {"x": 1}))
    assert cache.export.chia_remote_blocking(str(tmp_path / "theirs")) == 1
    [file] = (tmp_path / "theirs").glob("*.pkl")
    assert pickle.loads(file.read_bytes()) == ("a", {"x": 1})
