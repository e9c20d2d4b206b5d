"""The record of a run whose driver calls functions by ``chia_remote``.

A run begins with the first call under a Bypass and a cache. It ends with the process, with ``stop_cache``,
or with the first call under another Bypass or cache. Calls that give one value are recorded. Generators,
calls with several results, and calls that the original's profiler or its dispatch proxy handles are not.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

from ray.exceptions import TaskCancelledError

from chia_ray import _native
from chia_ray._identity import Identity
from chia_ray._nodes import recorded_nodes
from chia_ray._record import Record, Report, RunFacts, demanded
from chia_ray._work import Job, Outcome
from chia_ray.base import _scope

# What tells runs apart: the runs of the rules of bypass and cache.
_Key = tuple[str, str]


class _Driver:
    """The record of this driver's run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: _Key | None = None
        self._record: Record | None = None

    def record(self, scope: _scope.Scope) -> Record | None:
        """The record of the run that a call belongs to. Tasks have none."""
        rules = None if scope is not _scope.driver() else _rules(scope)
        if rules is None:
            return None
        key = rules[0].run, rules[1].run
        with self._lock:
            if key != self._key:
                self._finish()
                self._key, self._record = key, _started(scope, rules)
            return self._record

    def finish(self) -> None:
        """Ends the record of the run, if there is one."""
        with self._lock:
            self._finish()

    def _finish(self) -> None:
        if self._record is not None:
            self._record.finish(self._record.unused())
        self._key = self._record = None


_driver = _Driver()
finish = _driver.finish


def begin(
    scope: _scope.Scope,
    identity: Identity,
    job: Job,
    decision: _native.Decision | None,
    options: dict[str, Any],
) -> Report | None:
    """Records a call that is about to be dispatched; None where its run leaves no record."""
    record = _driver.record(scope)
    if record is None:
        return None
    entry = record.begin(identity, job, decision, demanded(options))
    return Report(job.function, None, record, entry)


def watch(outcome: Any, report: Report) -> None:
    """Reports the outcome of a call as soon as it is there."""

    def done(future: Future[Any]) -> None:
        error = future.exception()
        if error is not None:
            report.fail(error, cancelled=isinstance(error, TaskCancelledError))
        else:
            report.end(Outcome(*future.result()))

    outcome.future().add_done_callback(done)


def _rules(scope: _scope.Scope) -> tuple[_native.Rules, _native.Rules] | None:
    """The rules of bypass and cache; those of the one that there is stand for both."""
    bypass, cache = scope.bypass, scope.cache
    if bypass is None:
        return None if cache is None else (cache.rules, cache.rules)
    return bypass.rules, bypass.rules if cache is None else cache.rules


def _started(scope: _scope.Scope, rules: tuple[_native.Rules, _native.Rules]) -> Record | None:
    cache = scope.cache
    place, dir = (True, None) if cache is None else (cache.record, cache.dir)
    record = Record.start(place, RunFacts(rules, dir, recorded_nodes))
    if record is not None:
        bypass = scope.bypass
        # Registering a provider makes the rules of a bypass anew.
        record.unused = rules[1].unused if bypass is None else bypass.unused
    return record
