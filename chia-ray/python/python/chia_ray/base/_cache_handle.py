"""The handle of a cache: its methods, asked directly where that is possible."""

from __future__ import annotations

import asyncio
import logging
import pickle
from typing import Any

import ray

from chia_ray import _native
from chia_ray.base import _lines, _scope, _writes
from chia_ray.base._actors import ChiaActorHandle, ChiaMethod
from chia_ray.base._refs import Answer, get, settled_answer
from chia_ray.base._scope import ANY_CACHE, Site
from chia_ray.base._values import encode, parts, was_stored

_log = logging.getLogger("chia.cache")

# After so many seconds without a direct answer the actor is asked.
_PATIENCE = 10.0


class CacheHandle(ChiaActorHandle):
    """The cache, from driver and workers alike. Each method has ``chia_remote`` and ``remote``.

    ``write(tag, value)`` tells whether it stored; ``read(tag)`` gives ``(hit, value)``; ``has(tag)``,
    ``evict(tag)``, ``flush()``, ``keys()``, ``size_bytes()``, ``facts(tag)``, ``stats()``; and
    ``get_config()`` gives the loop's cache rules.

    ``remote`` is a call of the Ray actor and returns its ObjectRef. ``chia_remote`` of ``write``,
    ``read`` and ``has`` asks the cache directly where it can, at a fraction of the cost: what it
    returns is for ``get``, ``chia_wait`` and as an argument of any call; a ``ray.put`` of it would cost
    more than is saved.
    """

    _site: Site

    def __init__(self, handle: Any, site: Site = ANY_CACHE) -> None:
        super().__init__(handle)
        object.__setattr__(self, "_site", site)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._handle, self._site)

    @property
    def write(self) -> ChiaMethod:
        """Keeps a value by hand: ``write(tag, value)``. It is pickled here, once."""
        return _Write(self._handle, self._site)

    @property
    def read(self) -> ChiaMethod:
        """Whether there is a value, and the value: ``read(tag)``."""
        return _Read(self._handle, self._site)

    @property
    def has(self) -> ChiaMethod:
        """Whether there is a value: ``has(tag)``. Does not count as use."""
        return _Has(self._handle, self._site)

    @property
    def get_config(self) -> ChiaMethod:
        """The cache rules of this loop."""
        return _GetConfig(self._handle.get_config)


def _must_not_wait(tag: object = None) -> bool:
    """Whether Ray is to wait: for a tag that is a reference, and for an event loop, which goes on."""
    if isinstance(tag, ray.ObjectRef):
        return True
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _Direct(ChiaMethod):
    """A method of the actor that has a direct way beside it."""

    name: str

    def __init__(self, handle: Any, site: Site) -> None:
        super().__init__(getattr(handle, self.name))
        self._handle = handle
        self._site = site

    def ask(self, line: _native.Line, *args: Any) -> Answer:
        """Asks directly."""
        raise NotImplementedError

    def chia_remote(self, /, *args: Any, **kwargs: Any) -> Any:
        """Asks the cache. ``get`` gives the answer."""
        if _must_not_wait(*args[:1]):
            return self.remote(*args, **kwargs)
        line = _lines.line(self._site, _writes.reach)
        if line is not None:
            try:
                return self.ask(line, *args, **kwargs)
            except (OSError, _native.DispatchError) as error:
                # What the cache itself cannot do, the actor will say to whoever gets it.
                _log.debug("the cache does not answer directly: %s", error)
        return self.remote(*args, **kwargs)

    def chia_remote_blocking(self, /, *args: Any, **kwargs: Any) -> Any:
        """Asks the cache and waits for the answer."""
        return get(self.chia_remote(*args, **kwargs))


class _Write(_Direct):
    name = "write"

    def ask(self, line: _native.Line, tag: str, data: Any) -> Answer:
        written = line.write(_PATIENCE, tag, parts(encode(settled_answer(data))), ("manual", None, None))
        return Answer(was_stored, written)

    def chia_remote(self, tag: str, data: Any) -> Any:
        # The value of a reference need not travel through here.
        pending = isinstance(data, ray.ObjectRef)
        return self.remote(tag, data) if pending else super().chia_remote(tag, data)

    def remote(self, tag: str, data: Any) -> Any:
        if isinstance(data, ray.ObjectRef):
            return self._method.remote(tag, data)
        return self._handle.write_manual.remote(tag, encode(settled_answer(data)))


class _Read(_Direct):
    name = "read"

    def ask(self, line: _native.Line, tag: str | None) -> Answer:
        return Answer(_found, None if tag is None else line.read(_PATIENCE, tag))


class _Has(_Direct):
    name = "has"

    def ask(self, line: _native.Line, tag: str | None) -> Answer:
        return Answer(bool, tag is not None and line.has(_PATIENCE, tag))


class _GetConfig(ChiaMethod):
    def remote(self) -> Any:
        cache = _scope.current().cache
        return self._method.remote(None if cache is None else cache.state.rules)


def _found(data: bytes | None) -> tuple[bool, Any]:
    return (False, None) if data is None else (True, pickle.loads(data))
