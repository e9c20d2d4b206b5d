"""The store through the native module, without Ray."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from chia_ray import _native


def open_store(dir: Path, budget: int = 1 << 30, durability: str = "relaxed") -> _native.Store:
    return _native.Store(_native.cache_init(dir, budget, durability, 0.2))


def test_r14_what_is_written_is_read_with_its_facts(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    entry = _native.new_entry("real", "f", 1.5)
    assert store.write("t", [b"ab", memoryview(b"cd")], entry) == "stored"
    found, facts = store.read("t"), store.facts("t")
    assert found is not None and facts is not None
    assert found[0] == b"abcd" and found[2] == 1.5
    assert (facts["function"], facts["origin"], facts["size"]) == ("f", "real", 4)
    assert facts["compute_seconds"] == 1.5
    assert store.has("t") and store.keys() == ["t"] and store.size_bytes() == 5
    assert store.evict("t") and not store.evict("t")
    assert store.read("t") is None


def test_large_buffers_of_any_layout_stream_into_the_store(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    array = np.arange(700_000, dtype=np.float64).reshape(700, 1000)
    assert store.write("t", [b"head", array.data, b"", b"tail"]) == "stored"
    found = store.read("t")
    assert found is not None
    assert found[0] == b"head" + array.tobytes() + b"tail"


def test_r16_values_survive_and_are_never_decoded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (str(tmp_path / "sprung"),)

    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "evil.pkl").write_bytes(pickle.dumps(("evil", Trap()), protocol=4))
    store = open_store(folder)
    assert store.keys() == ["evil"]
    assert store.read("evil") is not None
    assert not (tmp_path / "sprung").exists()


def test_r18_a_second_owner_is_refused_and_sees_the_first(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(_native.DispatchError, match="in use by") as refused:
        open_store(tmp_path)
    assert refused.value.kind == "cache"
    store.close()
    with pytest.raises(_native.CacheError) as closed:
        store.write("t", [b"x"])
    assert closed.value.kind == "closed"
    open_store(tmp_path)


def test_r15_sizes_are_powers_of_1024() -> None:
    assert _native.parse_size(4, "gb") == 4 << 30
    assert _native.parse_size(1.5, "KiB") == 1536
    with pytest.raises(ValueError, match="4 XB"):
        _native.parse_size(4, "XB")


def test_r13_what_exceeds_the_budget_is_not_stored(tmp_path: Path) -> None:
    store = open_store(tmp_path, budget=100)
    assert store.write("t", [b"x" * 200]) == "too_large"
    assert not store.has("t")


def test_r21_the_actor_of_a_store_serves_the_same_entries(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    actor = store.actor("127.0.0.1", bytes(32))
    assert actor.call("size_bytes", b"")[12:] == b"\0"
    store.write("t", [b"12345"])
    assert actor.call("size_bytes", b"")[12:] == b"\6"
    with pytest.raises(_native.DispatchError, match="no method `dance`") as unknown:
        actor.call("dance", b"")
    assert unknown.value.kind == "not_registered"


def test_r21_a_node_without_an_ip_address_has_a_cache_without_an_endpoint(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.warns(UserWarning, match="`head.local` is no IP address"):
        actor = store.actor("head.local", bytes(32))
    assert actor.call("endpoint", b"")[12:] == b"\0"


def test_r25_calls_of_a_store_overlap(tmp_path: Path) -> None:
    store = open_store(tmp_path, durability="durable")
    done: list[str] = []

    def write(name: str) -> None:
        done.extend(store.write(f"{name}{i}", [b"x" * 100_000]) for i in range(20))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == ["stored"] * 80 and len(store.keys()) == 80


def test_r07_a_file_server_serves_what_it_was_made_for(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"\xffdata")
    (tmp_path / "out").write_text("secret")
    server = _native.FileServer([tmp_path / "in", tmp_path / "gone"], "node")
    assert server.get_bytes(tmp_path / "in") == b"\xffdata"
    assert server.exists(tmp_path / "in") and not server.exists(tmp_path / "out")
    for name in ("out", "gone"):
        with pytest.raises(_native.DispatchError, match=name) as refused:
            server.get_bytes(tmp_path / name)
        assert refused.value.kind == "data_file"
