"""Values between tasks and the cache: pickled where they are made, unpickled where they are used."""

from __future__ import annotations

import pickle
from collections import ChainMap
from typing import Any, ClassVar, NoReturn

import ray
from ray import cloudpickle

# Values below this size travel as one bytes object, larger ones as buffers beside the message.
_JOINED = 256 * 1024


class HoldsReferenceError(TypeError):
    """A value holds references, which mean nothing to a later run."""


def _refuse(reference: object) -> NoReturn:
    raise HoldsReferenceError(f"it holds a {type(reference).__name__}")


_REFERENCES = (ray.ObjectRef, ray.ObjectRefGenerator, ray.actor.ActorHandle)
_REFUSED: dict[type, Any] = dict.fromkeys(_REFERENCES, _refuse)


class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]
    """Pickles functions and classes of a script by value, and refuses references."""

    dispatch_table: ClassVar = ChainMap(_REFUSED, cloudpickle.CloudPickler.dispatch_table)


class Buffers:
    """Buffers that belong together. They pickle out-of-band: Ray copies each once."""

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    def __reduce__(self) -> tuple[Any, ...]:
        return Buffers, ([pickle.PickleBuffer(part) for part in self.parts],)


class _Sink:
    """A file that keeps what is written, large buffers as they are."""

    def __init__(self) -> None:
        self.parts: list[Any] = []
        self.write = self.parts.append


def encode(value: object) -> bytes | Buffers:
    """The pickle of a value. Large arrays in it are not copied.

    Raises HoldsReferenceError, or what pickling raises.
    """
    sink = _Sink()
    Pickler(sink, protocol=5).dump(value)
    if sum(memoryview(part).nbytes for part in sink.parts) < _JOINED:
        return b"".join(sink.parts)
    return Buffers(sink.parts)


def parts(encoded: bytes | Buffers) -> list[Any]:
    """The buffers of an encoded value."""
    return encoded.parts if isinstance(encoded, Buffers) else [encoded]


class Stored:
    """A value as it lies in the cache. Its receiver gets the value, which is unpickled there."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __reduce__(self) -> tuple[Any, ...]:
        return pickle.loads, (pickle.PickleBuffer(self._data),)
