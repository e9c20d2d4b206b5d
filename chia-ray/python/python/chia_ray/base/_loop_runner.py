"""Calls of a loop on Ray."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import ray
from ray.exceptions import TaskCancelledError

from chia_ray import _native
from chia_ray._function import Function
from chia_ray._handle import Handle
from chia_ray._nodes import recorded_nodes
from chia_ray._record import Entry, Report
from chia_ray._store import parse_size
from chia_ray._work import Job, Outcome
from chia_ray.base import _scope
from chia_ray.base.bypass import Bypass
from chia_ray.base.cache import attached
from chia_ray.base.ChiaFunction import RemoteFunction

_log = logging.getLogger("chia")
_R = TypeVar("_R")


class RayHandle(Handle[_R]):
    """The handle of a call on Ray. Its value stays on the cluster until it is asked for."""

    def __init__(self, ref: Any) -> None:
        super().__init__()
        self.ref = ref

    def result(self, timeout: float | None = None) -> _R:
        """The value; raises what the call raised."""
        super().result(timeout)
        value: _R = ray.get(self.ref, timeout=timeout)
        return value

    def cancel(self) -> bool:
        """Cancels the call where it has not begun, or its body takes a KeyboardInterrupt."""
        if self.done():
            return False
        ray.cancel(self.ref)
        return True


class RayRunner:
    """Runs the calls of a loop on Ray."""

    def __init__(
        self,
        rules: _native.Rules,
        cache: str | os.PathLike[str] | None,
        size: int | float | str,
        base: str | os.PathLike[str] | None,
    ) -> None:
        self._lock = threading.Lock()
        self._functions: dict[Function[..., Any], RemoteFunction[..., Any]] = {}
        self._pending: set[RayHandle[Any]] = set()
        self._bypass = Bypass.of_loop(rules)
        self.set_provider = self._bypass.set_provider
        self.set_replay = self._bypass.set_replay
        self.set_condition = self._bypass.set_cond
        self._scope = _scope.Scope(self._bypass)
        self._cache: Any = None
        if cache is not None:
            self._cache, site = attached(cache, parse_size(size), base)
            self._scope.cache = _scope.Cache(site, rules)

    @property
    def rules(self) -> _native.Rules:
        """The rules with what was set."""
        return self._bypass.rules

    def start(
        self,
        function: Function[..., _R],
        job: Job,
        provider: Callable[..., Any] | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        report: Report,
    ) -> Handle[_R]:
        """Starts a call."""
        given = tuple(map(_ref, args))
        named = {name: _ref(value) for name, value in kwargs.items()}
        with self._lock, _scope.entered(self._scope):
            remote = self._functions.get(function)
            if remote is None:
                remote = self._functions[function] = RemoteFunction._of(function)
            value, outcome = remote.dispatch_decided(job, given, named)
        handle: RayHandle[_R] = RayHandle(value)
        self._pending.add(handle)
        handle.set_running_or_notify_cancel()
        outcome.future().add_done_callback(lambda done: self._finish(handle, done, report))
        return handle

    def parent(self) -> Entry | None:
        """No call: bodies on the cluster cannot make calls of the loop."""
        return None

    def nodes(self) -> list[tuple[str, str]]:
        """The nodes of the cluster, with what each has to give."""
        return recorded_nodes()

    def replay_miss(self, function: str, tag: str) -> str | None:
        """Why the cache would not serve a call; None if it would."""
        if self._cache is None:
            return "the loop has no cache"
        why: str | None = ray.get(self._cache.replay_miss.remote(tag, function))
        return why

    def close(self) -> None:
        """Waits for the calls that are under way. The cache of the cluster lives on."""
        for handle in list(self._pending):
            handle.exception()

    def _finish(self, handle: RayHandle[Any], done: Future[Any], report: Report) -> None:
        error = done.exception()
        if error is not None:
            report.fail(error, cancelled=isinstance(error, TaskCancelledError))
        else:
            handle._outcome = Outcome(*done.result())
            report.end(handle._outcome)
        self._pending.discard(handle)
        # A thread that waits goes on now.
        handle.set_result(None) if error is None else handle.set_exception(error)


def _ref(value: Any) -> Any:
    """The reference of a handle, in the place of it: the value does not travel through here."""
    if isinstance(value, RayHandle):
        return value.ref
    return value.result() if isinstance(value, Future) else value
