"""What the result of a call depends on: its arguments, its function's version and code."""

from __future__ import annotations

import inspect
import logging
import os
import pickle
from collections.abc import Callable, Iterator
from typing import Any

from chia_ray import _native
from chia_ray._archive import _Archived
from chia_ray._code import code_hash

_log = logging.getLogger("chia")
# Arguments up to this size are compared as plain data; larger ones as they pickle.
_SMALL = 1 << 20
# Text is made of what pickles to so few bytes.
_SHOWN = 256
_warned: set[tuple[str, str | None]] = set()


class Identity:
    """A function, as far as its results depend on it."""

    def __init__(self, function: Callable[..., Any], name: str, version: str | None = None) -> None:
        if version is not None and not isinstance(version, str):
            raise TypeError(f"version: a text is needed, not {type(version).__name__}: {version!r}")
        self.name = name
        self.version = version
        self._function = function
        self._code: tuple[int | None] | None = None
        self._signature: tuple[inspect.Signature | None] | None = None

    @property
    def code(self) -> int | None:
        """The hash of its code."""
        if self._code is None:
            self._code = (code_hash(self._function),)
        return self._code[0]

    @property
    def returns_nothing(self) -> bool:
        """Whether it is annotated to return None."""
        annotated = getattr(self._function, "__annotations__", {})
        return annotated.get("return", "") in (None, "None")

    @property
    def parameters(self) -> list[str | None]:
        """The names of its parameters; what takes any number of arguments has none."""
        if self.signature is None:
            return [None]
        several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        known = self.signature.parameters.values()
        return [None if one.kind in several else one.name for one in known]

    @property
    def signature(self) -> inspect.Signature | None:
        """Its signature, if it has one."""
        if self._signature is None:
            try:
                self._signature = (inspect.signature(self._function),)
            except (TypeError, ValueError):
                self._signature = (None,)
        return self._signature[0]

    def fingerprint(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], pickler: type[pickle.Pickler] = pickle.Pickler
    ) -> _native.Fingerprint:
        """The fingerprint of a call."""
        given = [(name, *self._encoded(name, value, pickler)) for name, value in self._named(args, kwargs)]
        return _native.Fingerprint(given, self.version, self.code)

    def _named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[str | None, Any]]:
        """The arguments in the order of the parameters, defaults among them."""
        signature = self.signature
        try:
            if signature is None:
                raise TypeError
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            yield from ((None, value) for value in args)
            yield from sorted(kwargs.items())
            return
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            kind = signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                yield from ((None, one) for one in value)
            elif kind is inspect.Parameter.VAR_KEYWORD:
                yield from sorted(value.items())
            else:
                yield name, value

    def _encoded(
        self, name: str | None, value: Any, pickler: type[pickle.Pickler]
    ) -> tuple[list[Any], str | None]:
        if isinstance(value, _Archived):
            # Its content counts, and not how it is packed.
            return [bytes.fromhex(value.digest), b""], repr(value)
        try:
            parts = _encoded(value, pickler)
        except Exception as error:
            if (self.name, name) not in _warned:
                _warned.add((self.name, name))
                what = "an argument" if name is None else f"the argument `{name}`"
                _log.warning(
                    "%s of `%s` cannot be pickled, so that it counts as changed in each call; "
                    "list it under `ignore`: %s", what, self.name, error,
                )  # fmt: skip
            return [os.urandom(16), b""], None
        return parts, _text(value) if len(parts) == 1 and len(parts[0]) <= _SHOWN else None

    def __getstate__(self) -> dict[str, Any]:
        # Where it arrives, its source may not be.
        return {**self.__dict__, "_code": (self.code,), "_signature": None}


class _Full(Exception):
    pass


class _Sink:
    """A file that keeps what is written, up to a size."""

    def __init__(self, room: float = float("inf")) -> None:
        self.parts: list[Any] = []
        self.room = room

    def write(self, part: Any) -> int:
        size = memoryview(part).nbytes
        self.room -= size
        if self.room < 0:
            raise _Full
        self.parts.append(part)
        return size


def _encoded(value: Any, pickler: type[pickle.Pickler]) -> list[Any]:
    """A value as one small pickle without memo, which is the same for equal plain data; or in several
    buffers, as it pickles.
    """
    small = _Sink(_SMALL)
    try:
        plain = pickle.Pickler(small, protocol=5)
        plain.fast = True
        plain.dump(value)
    except Exception:
        # It is large, refers to itself, or is for the other pickler alone.
        large = _Sink()
        buffers: list[pickle.PickleBuffer] = []
        pickler(large, protocol=5, buffer_callback=buffers.append).dump(value)
        return [b"".join(large.parts), b"", *(buffer.raw() for buffer in buffers)]
    return [b"".join(small.parts)]


def _text(value: Any) -> str | None:
    """A value as Python writes it, where that says what it is."""
    try:
        text = repr(value)
    except Exception:
        return None
    return None if " at 0x" in text else text
