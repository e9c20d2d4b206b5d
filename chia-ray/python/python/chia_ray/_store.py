"""The store for Python alone: a mapping on disk with a budget of bytes. It needs no Ray."""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Callable, Collection, Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from chia_ray import _native
from chia_ray._codecs import Codec, codec

if TYPE_CHECKING:
    from chia_ray._work import Found

_P = ParamSpec("_P")
_R = TypeVar("_R")
_SIZE = re.compile(r"\s*([0-9.]+)\s*([A-Za-z]*)\s*")
_open: weakref.WeakSet[Store] = weakref.WeakSet()


class Store(MutableMapping[str, Any]):
    """Values under keys of text, in a directory, least recently used out first when the budget is full.

    ::

        with chia_ray.Store("results", "4 GB") as store:
            store["build-7"] = {"cells": 41_000}
            store.get("build-8")

    It is safe to use from several threads. One process at a time owns a directory: another one that opens
    it waits ``wait`` seconds for the owner to go away, and then gets a CacheError that names the owner.
    With ``read_only`` any number of processes look at it meanwhile, without changing a byte: they see what
    it held when they opened it, or at their last ``refresh``; what an overlay reads from its base is not
    shown. A process that was forked must open the
    directory for itself, once its parent has closed it.

    Args:
        path: The directory; it is made if it is not there.
        size: The budget: a number of bytes, or a text like ``"500 MB"``; units are powers of 1024.
        codec: ``pickle`` (any value); ``json``, ``msgpack`` (``pip install 'chia-ray[msgpack]'``) or
            ``bytes``, for those who refuse pickle; or a Codec. A value is decoded when it is asked for, and
            never before.
        durability: ``durable``: a write that returned survives power loss. ``relaxed``: it survives the
            death of the process, and the last second may be lost with the power; faster.
        wait: How long to wait for another owner of the directory, in seconds.
        overlay_of: The directory of another store, the base of this one: what is not here is read from it,
            and everything is written here, within the size. The base stays as it is; reads count as use
            there, unless another process owns it. The directory stays an overlay: it need not be said again.
        read_only: Looks at the directory, and changes nothing: what would is a CacheError (``kind`` is
            ``read_only``), and memoised functions compute what is not there.

    Raises:
        ValueError: The size, the codec or the durability is none.
        CacheError: The directory cannot be used, or another process owns it (``kind`` is ``locked``); the
            base is gone, is this store itself, or is another one than before.

    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        size: int | float | str = "1 GB",
        *,
        codec: str | Codec = "pickle",
        durability: str = "durable",
        wait: float = 10.0,
        overlay_of: str | os.PathLike[str] | None = None,
        read_only: bool = False,
    ) -> None:
        self._codec = _codec(codec)
        self._path = Path(path).absolute()
        base = base_of(overlay_of)
        if read_only and base is not None:
            raise ValueError("overlay_of: a store that is only looked at becomes no overlay")
        init = _native.cache_init(self._path, parse_size(size), durability, wait, base)
        self._native: _native.Store | _native.StoreView | None
        if read_only:
            self._native = _native.StoreView(self._path)
        else:
            self._native = _opened(init)
        self._why = "is closed"
        _open.add(self)

    @property
    def path(self) -> Path:
        """The directory."""
        return self._path

    def __getitem__(self, key: str) -> Any:
        """The value of a key, which counts as used. Raises KeyError without one."""
        found = self._read(_text(key))
        if found is None:
            raise KeyError(key)
        return found[0]

    def __setitem__(self, key: str, value: Any) -> None:
        """Keeps a value. Raises ValueError for one that is larger than the whole budget."""
        if self.write(_text(key), value) == "too_large":
            raise ValueError(f"the value of {key!r} is larger than the whole budget of the store")

    def __delitem__(self, key: str) -> None:
        """Removes a key. Raises KeyError without one, and for one that only the base has."""
        if not self._owned("delete").evict(_text(key)):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        """Whether there is a value. It does not count as used."""
        return isinstance(key, str) and self._living.has(key)

    def __iter__(self) -> Iterator[str]:
        """The keys as they are now, sorted."""
        return iter(self._living.keys())

    def __len__(self) -> int:
        """How many entries there are."""
        store = self._living
        return store.count() if isinstance(store, _native.Store) else store.stats()["entries"]

    def clear(self) -> None:
        """Removes every entry. Those of a base stay."""
        self._owned("clear").flush()

    def refresh(self) -> None:
        """Shows what the directory holds now, where it is only looked at; the owner always sees that."""
        if isinstance(self._living, _native.StoreView):
            self._living.refresh()

    def export(self, folder: str | os.PathLike[str]) -> int:
        """Writes every entry to a folder as a file of the Python original, which opens it as its cache: a
        pickle of ``(key, value)``. Values of other codecs than ``pickle`` are bytes there. Returns how many
        there are.
        """
        return self._owned("export").export(folder)

    def facts(self, key: str) -> dict[str, Any] | None:
        """What is known of an entry without decoding it: its size, when it was made, what made it."""
        return self._living.facts(_text(key))

    @property
    def size_bytes(self) -> int:
        """What the entries count against the budget, in bytes."""
        return self._living.size_bytes()

    def stats(self) -> dict[str, int]:
        """The state of the store, and its counters since it was opened: hits, misses, evictions, …"""
        return self._living.stats()

    @overload
    def memoize(self, function: Callable[_P, _R], /) -> Callable[_P, _R]: ...

    @overload
    def memoize(
        self, function: None = None, /, *, name: str | None = None, ignore: Collection[str] = ()
    ) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]: ...

    def memoize(
        self, function: Any = None, /, *, name: str | None = None, ignore: Collection[str] = ()
    ) -> Any:
        """Makes a function answer from the store: ``@store.memoize`` or ``@store.memoize(ignore={"log"})``.

        The key is ``name``, which is the function's own unless given, with a hash of the arguments as they
        pickle; defaults count as if they were written. Parameters in ``ignore`` do not count. The result
        has ``key(*args)``, and ``__wrapped__``, the function itself.
        """
        # Only memoisation needs it, and what it imports takes a third of the time of the import.
        from chia_ray._memoize import memoized

        if function is None:
            return lambda decorated: memoized(self, decorated, name, ignore)
        return memoized(self, function, name, ignore)

    def close(self) -> None:
        """Stops the store cleanly. Every use after that is a ValueError."""
        if self._native is not None:
            self._native.close()
            self._native = None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({str(self._path)!r})"

    # A store is what it is, and is not compared by what it holds.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def _living(self) -> _native.Store | _native.StoreView:
        if self._native is None:
            raise ValueError(f"the store in {self._path} {self._why}")
        return self._native

    def _owned(self, what: str) -> _native.Store:
        """The store, if it may be changed."""
        store = self._living
        if isinstance(store, _native.StoreView):
            text = f"{what}: the store in {self._path} is open to be looked at only; leave read_only out"
            raise cache_error(text, "read_only")
        return store

    def write(
        self,
        key: str,
        value: Any,
        origin: str = "manual",
        function: str | None = None,
        seconds: float | None = None,
    ) -> str:
        """Writes a value with what produced it: its origin (``real``, ``manual``, ``provider`` or ``file``),
        its function and the seconds that it took. Returns what was done: ``stored``, ``refreshed``,
        ``collision``, ``kept_real`` or ``too_large``.
        """
        entry = _native.new_entry(origin, function, seconds, raw=not self._codec.pickles)
        return self._write(key, value, entry)

    @property
    def is_read_only(self) -> bool:
        """Whether it is only looked at."""
        return isinstance(self._living, _native.StoreView)

    def _write(self, key: str, value: Any, entry: bytes) -> str:
        """As ``write``, with a packed entry."""
        store = self._owned("write")
        return store.write(_text(key), list(self._codec.encode(value)), entry)

    def _read(self, key: str) -> tuple[Any] | None:
        """The value of a key, alone in a tuple, if there is one."""
        found = self._living.get(key)
        return None if found is None else (self._codec.decode(found),)

    def _replay(self, key: str, function: str) -> tuple[Found | None, str | None]:
        """The encoded value of a key with its packed facts, if it may stand for a computation of
        ``function``; else why not.
        """
        return self._living.replay(_text(key), function)

    def _replay_miss(self, key: str, function: str) -> str | None:
        """Why an entry would not be replayed for ``function``; None if it would."""
        return self._living.replay_miss(_text(key), function)


def parse_size(size: int | float | str) -> int:
    """The number of bytes that a budget is: ``500``, ``"500 MB"``."""
    if isinstance(size, bool) or not isinstance(size, int | float | str):
        raise TypeError(f"size: a number of bytes or a text like '4 GB' is needed, not {size!r}")
    if not isinstance(size, str):
        return _native.parse_size(size, "B")
    found = _SIZE.fullmatch(size)
    if found is None:
        raise ValueError(f"size: {size!r} is no size; write it like '500 MB'")
    try:
        return _native.parse_size(float(found[1]), found[2] or "B")
    except ValueError as error:
        raise ValueError(f"size: {size!r} is no size: {error}") from None


def export_cache(path: str | os.PathLike[str], folder: str | os.PathLike[str], *, wait: float = 10.0) -> int:
    """Writes every entry of a cache directory to a folder as files of the Python original, which opens it as
    its cache. Returns how many there are. The directory must have no owner meanwhile: of a running cache of
    a cluster, call ``get_active_cache().export.chia_remote_blocking(folder)``.

    Raises:
        CacheError: The directory cannot be used, or another process owns it (``kind`` is ``locked``).

    """
    if not Path(path).is_dir():
        raise cache_error(f"there is no cache in {path}", "not_a_directory")
    # As large as it is: an export evicts nothing.
    with Store(path, 1 << 62, wait=wait) as store:
        return store.export(folder)


def base_of(overlay_of: str | os.PathLike[str] | None) -> Path | None:
    """The directory that a cache is to be an overlay of."""
    if overlay_of is not None and not isinstance(overlay_of, str | os.PathLike):
        raise TypeError(f"overlay_of: a path is needed, not {type(overlay_of).__name__}: {overlay_of!r}")
    return None if overlay_of is None else Path(overlay_of).absolute()


def _opened(init: bytes) -> _native.Store:
    try:
        store = _native.Store(init)
        store.open_base()
        return store
    except _native.DispatchError as error:
        is_locked = "in use" in str(error) or "locked" in str(error)
        advice = "; read_only=True looks at it meanwhile" if is_locked else ""
        raise cache_error(f"{error}{advice}", "locked" if is_locked else error.kind) from None


def cache_error(message: str, kind: str) -> _native.CacheError:
    """An error of the store."""
    error = _native.CacheError(message)
    error.kind = kind
    return error


_codec = codec


def _text(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the keys of a store are text, not {type(key).__name__}: {key!r}")
    return key


def _forked() -> None:
    """A child has the store's memory, and not its threads: it must not touch the directory."""
    for store in _open:
        # Never dropped here: that would close the directory under the parent.
        _left_to_the_parent.append(store._native)
        store._native, store._why = None, "belongs to the process that this one was forked from; open it here"


_left_to_the_parent: list[Any] = []
os.register_at_fork(after_in_child=_forked)
