"""The handle of a cache: its methods, asked directly where that is possible."""

from __future__ import annotations

import logging
from typing import Any

import ray

from chia import _native
from chia.base import _lines, _scope, _writes
from chia.base._actors import ChiaActorHandle, ChiaMethod
from chia.base._refs import get
from chia.base._scope import ANY_CACHE, Site
from chia.base._values import Stored, encode, parts, was_stored

_log = logging.getLogger("chia.cache")

# After so many seconds without a direct answer the actor is asked.
_PATIENCE = 60.0


class CacheHandle(ChiaActorHandle):
    """The cache, from driver and workers alike. Each method has ``chia_remote`` and ``remote``.

    ``write(tag, value)`` tells whether it stored; ``read(tag)`` gives ``(hit, value)``; ``has(tag)``,
    ``evict(tag)``, ``flush()``, ``keys()``, ``size_bytes()``, ``facts(tag)``, ``stats()``; and
    ``get_config()`` gives the loop's cache rules.

    ``remote`` is a call of the Ray actor. ``chia_remote`` of ``write``, ``read`` and ``has`` asks the
    cache directly where it can, at a fraction of the cost, and returns when it has answered. Both give
    a plain ObjectRef.
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


class _Direct(ChiaMethod):
    """A method of the actor that has a direct way beside it."""

    name: str

    def __init__(self, handle: Any, site: Site) -> None:
        super().__init__(getattr(handle, self.name))
        self._handle = handle
        self._site = site

    def ask(self, line: _native.Line, *args: Any) -> Any:
        """The answer, asked directly."""
        raise NotImplementedError

    def chia_remote(self, /, *args: Any, **kwargs: Any) -> Any:
        """Asks the cache. Returns a reference to the answer."""
        line = _lines.line(self._site, _writes.reach)
        if line is not None:
            try:
                answer = self.ask(line, *args, **kwargs)
            except (OSError, _native.DispatchError) as error:
                # What the cache itself cannot do, the actor will say to whoever gets it.
                _log.debug("the cache does not answer directly: %s", error)
            else:
                return ray.put(answer)
        return self.remote(*args, **kwargs)

    def chia_remote_blocking(self, /, *args: Any, **kwargs: Any) -> Any:
        """Asks the cache and waits for the answer."""
        return get(self.chia_remote(*args, **kwargs))


class _Write(_Direct):
    name = "write"

    def ask(self, line: _native.Line, tag: str, data: Any) -> bool:
        return was_stored(line.write(_PATIENCE, tag, parts(encode(data)), ("manual", None, None)))

    def chia_remote(self, tag: str, data: Any) -> Any:
        # The value of a reference need not travel through here.
        pending = isinstance(data, ray.ObjectRef)
        return self.remote(tag, data) if pending else super().chia_remote(tag, data)

    def remote(self, tag: str, data: Any) -> Any:
        if isinstance(data, ray.ObjectRef):
            return self._method.remote(tag, data)
        return self._handle.write_manual.remote(tag, encode(data))


class _Read(_Direct):
    name = "read"

    def ask(self, line: _native.Line, tag: str | None) -> tuple[bool, Any]:
        data = None if tag is None else line.read(_PATIENCE, tag)
        return (False, None) if data is None else (True, Stored(data))


class _Has(_Direct):
    name = "has"

    def ask(self, line: _native.Line, tag: str | None) -> bool:
        return tag is not None and line.has(_PATIENCE, tag)


class _GetConfig(ChiaMethod):
    def remote(self) -> Any:
        cache = _scope.current().cache
        return self._method.remote(None if cache is None else cache.state.rules)
