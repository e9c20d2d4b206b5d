"""How values of a store become bytes, and bytes values."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Codec(NamedTuple):
    """A way to encode values: ``encode`` gives buffers that belong together, ``decode`` takes their bytes.
    ``pickles`` says that what it makes is one pickle, which other readers of the directory may unpickle.
    """

    encode: Callable[[Any], Sequence[Any]]
    decode: Callable[[bytes], Any]
    pickles: bool = False


class _Sink:
    """A file that keeps what is written, large buffers as they are."""

    def __init__(self) -> None:
        self.parts: list[Any] = []
        self.write = self.parts.append


def _pickled(value: Any) -> Sequence[Any]:
    """The pickle of a value; large arrays and bytes in it are not copied."""
    sink = _Sink()
    pickle.Pickler(sink, protocol=5).dump(value)
    return sink.parts


def _json(value: Any) -> Sequence[Any]:
    return (json.dumps(value, allow_nan=False, separators=(",", ":")).encode(),)


def _buffer(value: Any) -> Sequence[Any]:
    try:
        return (memoryview(value).cast("B"),)
    except TypeError:
        raise TypeError(f"a store of bytes takes bytes-like values, not {type(value).__name__}") from None


def _same(data: bytes) -> bytes:
    return data


def _msgpack() -> Any:
    try:
        import msgpack
    except ImportError:
        raise ImportError("codec: msgpack is not installed: pip install 'chia-ray[msgpack]'") from None
    return msgpack


def _packed(value: Any) -> Sequence[Any]:
    return (_msgpack().packb(value),)


def _unpacked(data: bytes) -> Any:
    return _msgpack().unpackb(data, strict_map_key=False)


CODECS = {
    "pickle": Codec(_pickled, pickle.loads, pickles=True),
    "json": Codec(_json, json.loads),
    "msgpack": Codec(_packed, _unpacked),
    "bytes": Codec(_buffer, _same),
}


def codec(named: str | Codec) -> Codec:
    """The codec of a name, or the one that is given."""
    if isinstance(named, Codec):
        return named
    found = CODECS.get(named)
    if found is None:
        raise ValueError(f"codec: {named!r} is none of {', '.join(CODECS)}")
    if named == "msgpack":
        _msgpack()
    return found
