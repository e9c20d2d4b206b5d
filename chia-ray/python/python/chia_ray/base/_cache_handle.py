"""The handle of a cache: its methods, asked directly where that is possible."""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from chia_ray import _native
from chia_ray._work import Found, was_stored
from chia_ray.base import _direct, _scope, _writes
from chia_ray.base._actors import ChiaActorHandle, ChiaMethod
from chia_ray.base._refs import Answer, get, settled_answer
from chia_ray.base._scope import ANY_CACHE, Site
from chia_ray.base._values import encode, parts

_log = logging.getLogger("chia.cache")

# How long the cache is waited for, in seconds. After so many time-outs in a row it is not asked for a while.
_TIMEOUT, _TRIES, _PAUSE = 10.0, 2, 30.0
_MANUAL = _native.new_entry("manual")


class CacheHandle(ChiaActorHandle):
    """The cache, from driver and workers alike. Each method has ``chia_remote`` and ``remote``.

    ``write(tag, value)`` says whether it stored; ``read(tag)`` gives ``(hit, value)``; ``has(tag)``,
    ``evict(tag)``, ``flush()``, ``keys()``, ``size_bytes()``, ``facts(tag)``, ``stats()``; and
    ``get_config()`` gives the loop's cache rules.

    ``remote`` is a call of the Ray actor and returns its ObjectRef. ``chia_remote`` of ``write``,
    ``read`` and ``has`` asks the cache directly where it can, at a fraction of the cost: what it
    returns is for ``get``, ``chia_wait`` and as an argument of any call; a ``ray.put`` of it would cost
    more than is saved. These three wait 15 s at most: a cache that is dead or hangs is a miss, and a
    warning.
    """

    _site: Site

    def __init__(self, handle: Any, site: Site = ANY_CACHE) -> None:
        super().__init__(handle)
        self._site = site

    def __getattr__(self, name: str) -> Any:
        if self.__dict__.get("_handle") is None and not name.startswith("_"):
            raise _writes.NoCacheError(f"the cache is gone: `{name}` cannot be asked")
        return super().__getattr__(name)

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
        return _GetConfig(getattr(self._handle, "get_config", None))


class _Unanswered:
    """How often in a row the cache did not answer, and until when it is not asked."""

    in_a_row = 0
    until = 0.0
    is_reported = False


class _Direct(ChiaMethod):
    """A method of the actor that has a direct way beside it."""

    name: str
    # What a cache that cannot be reached answers.
    miss: Any

    def __init__(self, handle: Any, site: Site) -> None:
        super().__init__(getattr(handle, self.name, None))
        self._handle = handle
        self._site = site

    def is_left_to_ray(self, tag: object = None) -> bool:
        """Whether Ray is to wait: for a tag that is a reference, and for an event loop, which goes on."""
        if isinstance(tag, ray.ObjectRef):
            return True
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return False
        return True

    def ask(self, client: _native.DirectClient, timeout: float, *args: Any) -> Answer:
        """Asks directly."""
        raise NotImplementedError

    def chia_remote(self, /, *args: Any, **kwargs: Any) -> Any:
        """Asks the cache. ``get`` gives the answer."""
        if self.is_left_to_ray(*args[:1]):
            return self.remote(*args, **kwargs)
        if time.monotonic() < _Unanswered.until:
            return self._missed("it did not answer before")
        deadline = time.monotonic() + _TIMEOUT
        try:
            answer = self._ask(deadline, args, kwargs)
        except RayTaskError:
            raise
        except (OSError, RayError) as error:
            _Unanswered.in_a_row += 1
            if _Unanswered.in_a_row >= _TRIES:
                _Unanswered.in_a_row, _Unanswered.until = 0, time.monotonic() + _PAUSE
            return self._missed(str(error).strip().partition("\n")[0] or type(error).__name__)
        _Unanswered.in_a_row, _Unanswered.is_reported = 0, False
        return answer

    def _ask(self, deadline: float, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Answer:
        """Asks directly, or the actor; raises what says that neither answers."""
        client = _direct.client(self._site, _writes.reach)
        if client is not None:
            try:
                return self.ask(client, deadline - time.monotonic(), *args, **kwargs)
            except (OSError, _native.DispatchError) as error:
                # What the cache itself cannot do, the actor says.
                _log.debug("the cache does not answer directly: %s", error)
        if self._method is None:
            raise ConnectionError("it is gone")
        # A firewall may have swallowed the direct request; the actor gets its time too.
        timeout = max(deadline - time.monotonic(), _TIMEOUT / 2)
        return self.ask_actor(timeout, *args, **kwargs)

    def ask_actor(self, timeout: float, *args: Any, **kwargs: Any) -> Answer:
        """Asks the actor."""
        return Answer(_same, ray.get(self.remote(*args, **kwargs), timeout=timeout))

    def _missed(self, why: str) -> Answer:
        level = logging.DEBUG if _Unanswered.is_reported else logging.WARNING
        _Unanswered.is_reported = True
        _log.log(level, "the cache cannot be reached, which counts as a miss: %s", why)
        return Answer(_same, self.miss)

    def chia_remote_blocking(self, /, *args: Any, **kwargs: Any) -> Any:
        """Asks the cache and waits for the answer."""
        return get(self.chia_remote(*args, **kwargs))


class _Write(_Direct):
    name = "write"
    miss = False

    def ask(self, client: _native.DirectClient, timeout: float, tag: str, data: Any) -> Answer:
        written = client.write(timeout, tag, parts(encode(settled_answer(data))), _MANUAL)
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
    miss = (False, None)

    def chia_remote(self, tag: Any) -> Any:
        task = _scope.current().replaced
        if task is not None:
            task.check_rerun(tag)
        return super().chia_remote(tag)

    def ask(self, client: _native.DirectClient, timeout: float, tag: str | None) -> Answer:
        return self._compared(tag, None if tag is None else client.read(timeout, tag))

    def ask_actor(self, timeout: float, tag: str | None) -> Answer:
        if _scope.current().replaced is None:
            return super().ask_actor(timeout, tag)
        return self._compared(tag, ray.get(self._handle.read_entry.remote(tag), timeout=timeout))

    def remote(self, tag: Any) -> Any:
        # The actor cannot compare what a provider reads with the call of the provider.
        if _scope.current().replaced is not None and not isinstance(tag, ray.ObjectRef):
            return ray.put(get(self.chia_remote(tag)))
        return super().remote(tag)

    def is_left_to_ray(self, tag: object = None) -> bool:
        # A provider waits for its answer, in an event loop too: it is compared here.
        is_compared = _scope.current().replaced is not None and not isinstance(tag, ray.ObjectRef)
        return not is_compared and super().is_left_to_ray(tag)

    def _compared(self, tag: str | None, found: Found | None) -> Answer:
        task = _scope.current().replaced
        if found is not None and task is not None and tag is not None:
            task.compare_read(tag, found[1])
        return Answer(_found, None if found is None else found[0])


class _Replay(_Direct):
    name = "replay"
    miss = (None, "the cache cannot be reached")

    def ask(self, client: _native.DirectClient, timeout: float, tag: str, function: str) -> Answer:
        return Answer(_same, client.replay(timeout, tag, function))


def replayed(site: Site, tag: str, function: str) -> tuple[Found | None, str | None]:
    """The recorded result of a function; or why there is none, a cache that cannot be reached included."""
    try:
        handle = _writes.reach(site)
    except _writes.NoCacheError:
        handle = None
    answer: tuple[Found | None, str | None] = get(_Replay(handle, site).chia_remote(tag, function))
    return answer


class _Has(_Direct):
    name = "has"
    miss = False

    def ask(self, client: _native.DirectClient, timeout: float, tag: str | None) -> Answer:
        return Answer(bool, tag is not None and client.has(timeout, tag))


class _GetConfig(ChiaMethod):
    def remote(self) -> Any:
        cache = _scope.current().cache
        return self._method.remote(None if cache is None else cache.state.rules)


def _found(data: bytes | None) -> tuple[bool, Any]:
    return (False, None) if data is None else (True, pickle.loads(data))


def _same(value: Any) -> Any:
    return value
