"""What the bridge keeps for a client, without a cluster."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from chia_ray import _requests, _trampoline, _wire
from chia_ray._program import Program, Shared
from chia_ray._requests import Done, Requests


class Served(Requests):
    """Requests whose objects are done when a test says so."""

    def __init__(self) -> None:
        ours, self.client = socket.socketpair()
        super().__init__(Program("digest", (None,), "test", "node", "node"), _wire.Channel(ours))  # type: ignore[arg-type]
        self.pending: list[Done] = []

    def when_done(self, ref: Any, done: Done) -> None:
        self.pending.append(done)

    def frame(self, kind: int, id: int, *parts: _wire.Part) -> None:
        self.handle(_wire.Frame(kind, id, 0, b"".join(parts)))


class Remote:
    """A Ray function or class that remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def options(self, **options: Any) -> Remote:
        return self

    def remote(self, *args: Any) -> Any:
        self.calls.append(args)
        return self

    @property
    def ready(self) -> Remote:
        return self


OPTIONS = {
    "name": "f",
    "resources": {},
    "retries": 0,
    "placement": "Anywhere",
    "runtime_env": None,
}


@pytest.fixture
def puts(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    made: list[bytes] = []
    monkeypatch.setattr(_requests.ray, "put", lambda value: made.append(value) or f"ref {len(made)}")
    return made


def test_a_change_of_rules_leaves_neither_objects_nor_functions_behind(
    monkeypatch: pytest.MonkeyPatch, puts: list[bytes]
) -> None:
    functions: list[Remote] = []

    def function(*args: Any) -> Remote:
        functions.append(Remote())
        return functions[-1]

    monkeypatch.setattr(_trampoline, "remote_function", function)
    served = Served()
    options = json.dumps(OPTIONS).encode()
    for change in range(1000):
        hash = change.to_bytes(16, "big")
        served.frame(_wire.SHARE, 0, hash, b"rules %d" % change)
        body = (*_wire.blob(hash), *_wire.blob(options), _wire.u32(0), *_wire.blob(b"job"))
        served.frame(_wire.SUBMIT, change + 1, *body)
        served.frame(_wire.RELEASE, change + 1)
    assert len(functions) == 1 and len(functions[0].calls) == 1000 and puts == []
    assert len(served._shared) == 128 and not served._objects
    shared, job, args = Shared.brought(functions[0].calls[-1][0], ())
    assert shared is not None and (shared.content(), job, args) == (b"rules 999", b"job", ())


def test_a_large_shared_blob_is_an_object_that_is_given_up(puts: list[bytes]) -> None:
    served = Served()
    for change in range(200):
        served.frame(_wire.SHARE, 0, change.to_bytes(16, "big"), b"x" * 100_000)
    assert len(puts) == 200 and len(served._shared) == 128
    order = served._shared[(199).to_bytes(16, "big")].order(b"job")
    shared, job, args = Shared.brought(order[0], (*order[1:], b"argument"))
    assert shared is not None and shared.put == ["ref 200"] and (job, args) == (b"job", (b"argument",))


def test_a_blob_that_crosses_again_is_kept_like_a_new_one(puts: list[bytes]) -> None:
    served = Served()
    hashes = [number.to_bytes(16, "big") for number in range(200)]
    for hash in hashes:
        served.frame(_wire.SHARE, 0, hash, b"rules")
        served.frame(_wire.SHARE, 0, hashes[0], b"rules")
    assert hashes[0] in served._shared and hashes[1] not in served._shared


@pytest.mark.parametrize("name", ["", "shared"])
def test_a_release_that_overtakes_the_making_of_an_actor_leaves_none(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    killed: list[Any] = []
    monkeypatch.setattr(_requests.ray, "kill", killed.append)
    monkeypatch.setattr(_requests, "actor_class", lambda program, kind: Remote())
    served = Served()
    own = {"restarts": 0, "concurrent": 0, "detached": False, "name": name, "kind": "counter"}
    spec = json.dumps({"options": OPTIONS, **own}).encode()
    served.frame(_wire.ACTOR, 7, *_wire.blob(spec), *_wire.blob(b"job"))
    served.frame(_wire.RELEASE, 7)
    assert len(killed) == (0 if name else 1), "others may hold one that has a name"
    served.pending[0](b"")
    assert served._actors == {} and served._unmade == {}
    served.frame(_wire.ACTOR, 8, *_wire.blob(spec), *_wire.blob(b"job"))
    served.pending[1](b"")
    assert list(served._actors) == [8] and served._unmade == {}
