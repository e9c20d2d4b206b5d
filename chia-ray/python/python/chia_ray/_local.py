"""Calls on threads of this machine, or in processes beside them."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

from chia_ray import _native
from chia_ray._function import Function
from chia_ray._handle import Handle
from chia_ray._record import Entry, Report, listed
from chia_ray._settled import settled
from chia_ray._store import Store
from chia_ray._work import Found, Job, Outcome, Work, warn_written

_log = logging.getLogger("chia")
_R = TypeVar("_R")
# The name of this machine in the record of a run.
LOCAL = "local"


class WorkerDied(RuntimeError):
    """The process of a call ended before the call did."""


class LocalRunner:
    """Runs the calls of a loop on threads; their bodies in processes, if asked."""

    def __init__(
        self, rules: _native.Rules, store: Store | None, workers: int | None, processes: bool
    ) -> None:
        self.rules = rules
        self.set_provider = rules.set_provider
        self.set_replay = rules.set_replay
        self.set_condition = rules.set_condition
        self.store = store
        self.bodies = _Processes() if processes else None
        self._inside = _Inside()
        self._workers = workers or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._workers, "chia-loop")

    def start(
        self,
        function: Function[..., _R],
        job: Job,
        provider: Callable[..., Any] | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        report: Report,
    ) -> Handle[_R]:
        """Starts a call. One that is made inside of another runs here and now."""
        handle: Handle[_R] = Handle()
        call = _Call(self, function, job, provider, args, kwargs)
        if self._inside.report is not None:
            self._run(handle, call, report)
        else:
            self._pool.submit(self._run, handle, call, report)
        return handle

    def parent(self) -> Entry | None:
        """The recorded call that runs on this thread."""
        return None if self._inside.report is None else self._inside.report.entry

    def nodes(self) -> list[tuple[str, str]]:
        """The machine, with what it has to give."""
        return [(LOCAL, listed({"cpu": self._workers}))]

    def replay_miss(self, function: str, tag: str) -> str | None:
        """Why the cache would not serve a call; None if it would."""
        return "the loop has no cache" if self.store is None else self.store._replay_miss(tag, function)

    def close(self) -> None:
        """Waits for the calls that are under way."""
        self._pool.shutdown()
        if self.bodies is not None:
            self.bodies.close()

    def _run(self, handle: Handle[Any], call: _Call, report: Report) -> None:
        before, self._inside.report = self._inside.report, report
        try:
            if not handle.set_running_or_notify_cancel():
                report.fail(CancelledError("the call had not begun"), cancelled=True)
                return
            value, outcome = call.run()
        except BaseException as error:
            report.fail(error)
            handle.set_exception(error)
        else:
            report.end(outcome)
            handle._outcome = outcome
            handle.set_result(value)
        finally:
            self._inside.report = before


class _Inside(threading.local):
    """The call that runs on a thread."""

    report: Report | None = None


class _Call:
    """What a thread has at hand for a call."""

    def __init__(
        self,
        runner: LocalRunner,
        function: Function[..., Any],
        job: Job,
        provider: Callable[..., Any] | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.function = function
        self.identity = function.identity
        self.keep_if = function.keep_if
        self.rules = self.cache_rules = runner.rules
        self.run_id = runner.rules.run
        self.node = LOCAL
        self.is_raw = runner.store is not None and not runner.store._codec.pickles
        self._runner = runner
        self._job = job
        self._provider = provider
        self._args = args
        self._kwargs = kwargs

    def run(self) -> tuple[Any, Outcome]:
        """Gives the result, which is in the cache by then, and what became of the call."""
        # A Future that it waits for belongs to a call that began before.
        self._args = tuple(map(_value, self._args))
        self._kwargs = {name: _value(arg) for name, arg in self._kwargs.items()}
        return Work(self._job, self).run()

    def fingerprint(self) -> _native.Fingerprint:
        return self.identity.fingerprint(self._args, self._kwargs)

    def compute(self) -> Any:
        if self._runner.bodies is None:
            return settled(self.function.function(*self._args, **self._kwargs))
        return self._runner.bodies.run(self.function, self._args, self._kwargs)

    def provide(self) -> Any:
        assert self._provider is not None, "the caller saw a provider"
        return settled(self._provider(self._job.tag, self._job.data, *self._args, **self._kwargs))

    def read_file(self) -> str:
        assert self._job.data is not None, "the caller saw a file"
        return Path(self._job.data).read_text(encoding="utf-8")

    def replay(self, tag: str) -> tuple[Found | None, str | None]:
        store = self._runner.store
        return (None, "the loop has no cache") if store is None else store._replay(tag, self.function.name)

    def decode(self, value: Any) -> Any:
        assert self._runner.store is not None, "a value was read from it"
        return self._runner.store._codec.decode(value)

    def write(self, tag: str, value: Any, entry: bytes) -> str:
        store, name = self._runner.store, self.function.name
        assert store is not None, "a call that is written has a cache"
        try:
            written = store._write(tag, value, entry)
        except Exception as error:
            _log.warning("the result of %s [%s] is not cached: %s", name, tag, error)
            return "failed"
        warn_written(_log, written, name, tag)
        return written


def _value(given: Any) -> Any:
    return given.result() if isinstance(given, Future) else given


class _Processes:
    """A process for each thread of a loop: one that dies fails the call of its thread alone."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._lock = threading.Lock()
        self._pools: set[ProcessPoolExecutor] = set()

    def run(self, function: Function[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs a body in the process of this thread."""
        pool = getattr(self._own, "pool", None) or self._start()
        try:
            return pool.submit(_body, function, args, kwargs).result()
        except BrokenProcessPool:
            self._own.pool = None
            with self._lock:
                self._pools.discard(pool)
            raise WorkerDied(
                f"the process of {function.name} ended before the call did; a script that uses "
                'processes starts its loop under `if __name__ == "__main__":`'
            ) from None

    def close(self) -> None:
        """Ends the processes."""
        for pool in self._pools:
            pool.shutdown()

    def _start(self) -> ProcessPoolExecutor:
        # A fork would take the threads of the store along, which do not live on in it.
        pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        self._own.pool = pool
        with self._lock:
            self._pools.add(pool)
        return pool


def _body(function: Function[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return settled(function.function(*args, **kwargs))
