"""The store as a mapping, without Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import chia_ray
import numpy as np
import pytest
from chia_ray import CacheError, Store


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store(tmp_path / "store", "64 MB", durability="relaxed") as opened:
        yield opened


def test_it_is_a_mapping(store: Store) -> None:
    store["a"], store["b"] = 1, {"x": [1, 2]}
    assert store["a"] == 1 and store["b"] == {"x": [1, 2]} and store.get("c", 7) == 7
    assert (
        list(store) == ["a", "b"] and len(store) == 2 and "a" in store and "c" not in store and 3 not in store
    )
    assert dict(store.items()) == {"a": 1, "b": {"x": [1, 2]}}
    assert store.pop("a") == 1 and store.setdefault("d", 4) == 4
    store.update(e=5)
    del store["e"]
    for missing in (lambda: store["e"], lambda: store.__delitem__("e")):
        with pytest.raises(KeyError):
            missing()
    store.clear()
    assert len(store) == 0 and store.size_bytes == 0


def test_it_is_there_again_with_everything(tmp_path: Path) -> None:
    array = np.arange(1_000_000, dtype=np.float64)
    with Store(tmp_path, "64 MB") as store:
        store["array"] = array
    with Store(tmp_path, "64 MB") as store:
        assert np.array_equal(store["array"], array)
        facts = store.facts("array")
        assert facts is not None and facts["size"] > array.nbytes and facts["origin"] == "manual"
        assert store.stats()["entries"] == 1


def test_the_budget_holds_and_what_is_too_large_is_said(tmp_path: Path) -> None:
    with Store(tmp_path, "1 KB", codec="bytes", durability="relaxed") as store:
        for number in range(10):
            store[f"k{number}"] = b"x" * 400
        assert len(store) == 2 and store.size_bytes <= 1024
        with pytest.raises(ValueError, match="'big' is larger than the whole budget"):
            store["big"] = b"x" * 2000


def test_codecs_refuse_what_they_do_not_take(tmp_path: Path) -> None:
    with Store(tmp_path / "json", codec="json") as store:
        store["a"] = {"x": [1, None, "é"]}
        assert store["a"] == {"x": [1, None, "é"]}
        with pytest.raises(TypeError):
            store["b"] = object()
        assert "b" not in store
    with Store(tmp_path / "bytes", codec="bytes") as store:
        store["a"] = memoryview(b"abc")
        assert store["a"] == b"abc"
        with pytest.raises(TypeError, match="bytes-like"):
            store["b"] = "text"
    with pytest.raises(ValueError, match="codec: 'yaml' is none of pickle, json, msgpack, bytes"):
        Store(tmp_path, codec="yaml")


@pytest.mark.parametrize("size", ["many", "4 QB", "-1 GB", ""])
def test_a_wrong_size_is_named(tmp_path: Path, size: str) -> None:
    with pytest.raises(ValueError, match="size"):
        Store(tmp_path, size)


def test_wrong_types_are_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="size: a number of bytes"):
        Store(tmp_path, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="keys of a store are text, not int: 3"):
        store[3] = 1  # type: ignore[index]
    with pytest.raises(ValueError, match="neither `durable` nor `relaxed`"):
        Store(tmp_path / "other", durability="none")


def test_memoize_asks_the_function_once(store: Store) -> None:
    calls: list[Any] = []

    @store.memoize
    def area(x: int, y: int = 2) -> int:
        calls.append((x, y))
        return x * y

    assert [area(3), area(3, 2), area(3, y=2), area(x=3), area(4)] == [6, 6, 6, 6, 8]
    assert calls == [(3, 2), (4, 2)]
    facts = store.facts(area.key(3))  # type: ignore[attr-defined]
    assert facts is not None and facts["function"].endswith("area") and facts["origin"] == "real"

    @store.memoize(name="none", ignore={"log"})
    def nothing(x: int, log: Any) -> None:
        calls.append(x)

    assert nothing(1, print) is None and nothing(1, len) is None and calls[2:] == [1]
    with pytest.raises(ValueError, match="has no parameter lg"):
        store.memoize(ignore={"lg"})(nothing)


def test_threads_share_it(store: Store) -> None:
    def work(number: int) -> None:
        for turn in range(200):
            store[f"{number}-{turn % 7}"] = turn
            store.get(f"{(number + 1) % 8}-{turn % 7}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store) == 56 and store["3-3"] == 199


def test_another_process_gets_an_error_that_names_the_owner(store: Store) -> None:
    code = (
        "import chia_ray, sys\n"
        "try:\n    chia_ray.Store(sys.argv[1], wait=0.1)\n"
        "except chia_ray.CacheError as error:\n    print(error.kind, error)"
    )
    said = subprocess.run([sys.executable, "-c", code, str(store.path)], capture_output=True, text=True)
    assert said.stdout.startswith("locked ") and str(os.getpid()) in said.stdout, said


def test_a_forked_process_is_asked_to_open_it_for_itself(store: Store) -> None:
    store["a"] = 1
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            store["a"]
        except ValueError as error:
            os.write(writer, str(error).encode())
        os._exit(0)
    os.wait()
    assert b"forked" in os.read(reader, 1000)
    assert store["a"] == 1


def test_a_forked_child_neither_undoes_writes_nor_keeps_the_store_of_its_dead_parent(tmp_path: Path) -> None:
    code = (
        "import chia_ray, os, sys, time\n"
        "store = chia_ray.Store(sys.argv[1])\n"
        "store['before'] = 1\n"
        "child = os.fork()\n"
        "if child == 0:\n    time.sleep(60)\n    os._exit(0)\n"
        "store['after'] = 2\n"
        "print(child, flush=True)\n"
        "os._exit(0)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.wait()
    try:
        os.kill(child, 0)
        with Store(tmp_path) as store:
            assert dict(store) == {"before": 1, "after": 2}
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.close()
    store.close()
    with pytest.raises(ValueError, match="is closed"):
        store["a"]


def test_the_package_is_imported_without_ray_and_quickly() -> None:
    code = (
        "import sys, time; start = time.process_time()\n"
        "import chia_ray; chia_ray.Store\n"
        "print(time.process_time() - start, 'ray' in sys.modules)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(5)]
    seconds, has_ray = min(run.stdout.split() for run in runs)
    assert has_ray == "False" and float(seconds) < 0.06, seconds


def test_public_names_are_there() -> None:
    assert issubclass(CacheError, RuntimeError) and set(chia_ray.__all__) <= set(dir(chia_ray))
    for name in chia_ray.__all__:
        assert getattr(chia_ray, name) is not None
