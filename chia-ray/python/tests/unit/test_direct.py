"""The direct way to a cache, and answers in the place of references, without Ray."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from chia_ray import _native
from chia_ray.base._refs import Answer, ObjectRefCallback, chia_wait, get

LONG = 60.0
SECRET = bytes(range(32))


@pytest.fixture
def store(tmp_path: Path) -> _native.Store:
    return _native.Store(_native.cache_init(tmp_path, 1 << 30, "relaxed", 0.2))


@pytest.fixture
def client(store: _native.Store) -> _native.DirectClient:
    return _native.DirectClient(store.actor("127.0.0.1", SECRET).call("endpoint", b""))


@pytest.fixture
def silent(store: _native.Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[_native.DirectClient]:
    """A client of a port where nobody answers: the last bytes of an answer are port and secret."""
    endpoint = store.actor("127.0.0.1", SECRET).call("endpoint", b"")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        varint = bytes([port & 127 | 128, port >> 7 & 127 | 128, port >> 14])
        header = endpoint[12:18] + varint + SECRET
        yield _native.DirectClient(len(header).to_bytes(4, "little") + bytes(8) + header)


def test_r14_what_is_written_directly_is_in_the_store(
    store: _native.Store, client: _native.DirectClient
) -> None:
    array = np.arange(700_000, dtype=np.float64)
    assert client.write(LONG, "large", [b"head", array.data], _native.new_entry("real", "f", 1.5)) == "stored"
    assert client.write(LONG, "small", [b"ab", b"cd"], _native.new_entry("manual")) == "stored"
    large, small = client.read(LONG, "large"), client.read(LONG, "small")
    assert large is not None and large[0] == b"head" + array.tobytes() and large[2] == 1.5
    assert small is not None and small[0] == b"abcd" and client.read(LONG, "gone") is None
    assert client.has(LONG, "small") and not client.has(LONG, "gone")
    facts = store.facts("large")
    assert facts is not None
    assert (facts["function"], facts["origin"], facts["compute_seconds"]) == ("f", "real", 1.5)


def test_what_the_store_refuses_is_an_error_of_the_cache(
    store: _native.Store, client: _native.DirectClient
) -> None:
    store.close()
    with pytest.raises(_native.DispatchError):
        client.has(LONG, "t")
    assert client.is_open()


def test_r12_a_silent_cache_is_a_time_out(silent: _native.DirectClient) -> None:
    with pytest.raises(TimeoutError):
        silent.write(0.05, "t", [b"value"], _native.new_entry("manual"))
    assert not silent.is_open() and silent.wants_endpoint() and not silent.wants_endpoint()


def test_answers_are_taken_as_references_are() -> None:
    one, two = Answer(int, "1"), Answer(int, "2")
    assert get(one) == 1 and get([one, two], callback=lambda values: [*values, 3]) == [1, 2, 3]
    assert chia_wait([one, two]) == ([one], [two])
    wrapped = ObjectRefCallback(two, str)
    assert get(wrapped) == "2" and chia_wait([wrapped]) == ([wrapped], [])
    assert chia_wait([one, two], num_returns=2) == ([one, two], [])


def test_an_answer_is_decoded_where_it_is_used() -> None:
    broken = Answer(int, "x")
    with pytest.raises(ValueError, match="x"):
        get(broken)
