"""Values and bounded writes, without a cluster."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import ray
from chia_ray import _native
from chia_ray.base import _writes
from chia_ray.base._scope import Site
from chia_ray.base._values import Buffers, HoldsReferenceError, Stored, encode, parts
from ray.exceptions import GetTimeoutError

SITE = Site("chia.cache", "chia", 0.1, b"")


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> _writes.Writes:
    fresh = _writes.Writes()
    monkeypatch.setattr(_writes, "writes", fresh)
    return fresh


def write(value: object = 1) -> None:
    _writes.write_result(SITE, "t", "f", value, _native.new_entry("real", "f", 0.1))


def test_r12_after_two_time_outs_in_a_row_writes_are_skipped_for_a_while(
    writes: _writes.Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def never(*args: Any) -> str:
        asked.append(args)
        raise GetTimeoutError("late")

    monkeypatch.setattr(_writes, "_send", never)
    for _ in range(5):
        write()
    assert len(asked) == 2 and (writes.failed, writes.skipped) == (2, 3)
    writes.paused_until = 0
    monkeypatch.setattr(_writes, "_send", lambda *args: "stored")
    write()
    assert writes.written == 1


def test_r12_a_success_in_between_forgives_a_time_out(
    writes: _writes.Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers(*answers: Any) -> Any:
        left = list(answers)

        def send(*args: Any) -> Any:
            answer = left.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return send

    late = GetTimeoutError("late")
    monkeypatch.setattr(_writes, "_send", answers(late, "stored", late, "stored"))
    for _ in range(4):
        write()
    assert (writes.failed, writes.written, writes.skipped) == (2, 2, 0)


def test_r13_what_cannot_be_written_is_reported_and_counted(
    writes: _writes.Writes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any) -> str:
        raise RuntimeError("no cache is running")

    monkeypatch.setattr(_writes, "_send", broken)
    write()
    write(value=(item for item in [1]))
    assert writes.failed == 2
    assert "no cache is running" in caplog.text and "cannot be pickled" in caplog.text
    monkeypatch.setattr(_writes, "_send", lambda *args: "too_large")
    write()
    assert "larger than the whole cache" in caplog.text


def test_a_large_array_is_encoded_without_a_copy() -> None:
    array = np.arange(1_000_000)
    encoded = encode({"array": array})
    assert isinstance(encoded, Buffers)
    shared = [part for part in parts(encoded) if np.shares_memory(np.frombuffer(part, np.uint8), array)]
    assert len(shared) == 1
    value = pickle.loads(b"".join(parts(encoded)))
    assert np.array_equal(value["array"], array)


def test_small_values_are_one_pickle_that_anyone_reads() -> None:
    value = {"a": [1, 2.5, None, "x"], "b": b"bytes"}
    encoded = encode(value)
    assert isinstance(encoded, bytes) and pickle.loads(encoded) == value
    assert pickle.loads(pickle.dumps(Stored(encoded), protocol=5)) == value


def test_values_with_references_are_refused() -> None:
    with pytest.raises(HoldsReferenceError, match="ObjectRef"):
        encode({"ref": ray.ObjectRef(b"x" * 28)})


def test_r12_behind_a_silent_endpoint_the_actor_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def write(self, *args: Any) -> str:
            raise TimeoutError("nobody answers")

    class Actor:
        @property
        def write_encoded(self) -> Actor:
            return self

        def remote(self, *args: Any) -> str:
            return "stored"

    monkeypatch.setattr(_writes._direct, "client", lambda *args: Silent())
    monkeypatch.setattr(_writes, "reach", lambda site: Actor())
    monkeypatch.setattr(ray, "get", lambda outcome, timeout: outcome)
    entry = _native.new_entry("real", "f", 0.1)
    assert _writes._send(SITE._replace(write_timeout=60.0), "t", b"value", entry) == "stored"
    with pytest.raises(GetTimeoutError):
        _writes._send(SITE._replace(write_timeout=0.0), "t", b"value", entry)
