"""The record of a run: a file of JSON Lines with a line when a call starts, and one when it ends."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from chia_ray import _native
from chia_ray._work import Job, Outcome

if TYPE_CHECKING:
    from chia_ray._handle import Tally
    from chia_ray._identity import Identity

_log = logging.getLogger("chia")

# Where a record goes: beside the cache (True), nowhere (False), or into a folder.
Place = bool | str | os.PathLike[str]
# A call in the record: its id, and when it was dispatched.
Entry = tuple[int, int]


class RunFacts(NamedTuple):
    """What the header of a record says of a run."""

    # The rules of the bypass, and those of the cache.
    rules: tuple[_native.Rules, _native.Rules]
    # The directory of the cache, if there is one.
    cache: str | os.PathLike[str] | None
    # Each node with what it has to give.
    nodes: Callable[[], list[tuple[str, str]]]


class Record:
    """The record of a run, for all threads. It ends with the process, unless it is ended before."""

    def __init__(self, native: _native.RunRecord) -> None:
        self._native = native
        self._lock = threading.Lock()
        self._open = 0
        # What had no effect, once the run is over but for the calls that are still under way.
        self._unused: list[str] | None = None
        # Asks for what had no effect.
        self.unused: Callable[[], list[str]] = list
        atexit.register(self._exit)

    @classmethod
    def start(cls, place: Place, facts: RunFacts) -> Record | None:
        """Starts a record where one is wanted. One that cannot be written is warned about."""
        if place is False:
            return None
        chosen = None if place is True else place
        folder = _native.runs_folder(chosen, facts.cache)
        if folder is None:
            return None
        program = Path(sys.argv[0] if sys.argv else "").stem or "python"
        native, warnings = _native.RunRecord.create(folder, program, facts.rules, facts.cache, facts.nodes())
        for warning in warnings:
            _log.warning("%s", warning)
        return None if native is None else cls(native)

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self._native.path)

    def begin(
        self,
        identity: Identity,
        job: Job,
        decision: _native.Decision | None,
        resources: str | None = None,
        parent: Entry | None = None,
    ) -> Entry:
        """Reports a call that is about to be dispatched."""
        with self._lock:
            self._open += 1
        explained = None if decision is None else decision.explanation
        return self._native.begin(
            job.function, job.tag, job.action, explained, identity.version, resources, parent
        )

    def end(self, entry: Entry, outcome: Outcome) -> None:
        """Reports the end of a call: it is in the file when this returns."""
        self._native.end(entry, outcome)
        self._ended()

    def fail(self, entry: Entry, error: BaseException, cancelled: bool) -> None:
        """Reports a call that raised, or was cancelled."""
        # Ray's error has the traceback of a worker for its text.
        cause = getattr(error, "cause", None) or error
        self._native.fail(entry, f"{type(cause).__name__}: {cause}", cancelled)
        self._ended()

    def finish(self, unused: list[str]) -> None:
        """Ends the record of a run that ended in order, as soon as its last call is reported."""
        with self._lock:
            self._unused = unused
        self._finish_if_idle()

    def give_up(self) -> None:
        """Leaves the record as it is: the run did not end in order."""
        atexit.unregister(self._exit)

    def _ended(self) -> None:
        with self._lock:
            self._open -= 1
        self._finish_if_idle()

    def _finish_if_idle(self) -> None:
        with self._lock:
            if self._unused is None or self._open > 0:
                return
            unused = self._unused
        self._close(unused)

    def _close(self, unused: list[str]) -> None:
        atexit.unregister(self._exit)
        for warning in self._native.finish(unused):
            _log.warning("%s", warning)

    def _exit(self) -> None:
        # Python sets this for a program that ends with an exception.
        if not hasattr(sys, "last_value"):
            self._close(self.unused() if self._unused is None else self._unused)


class Report:
    """Where one call reports how it ended: to the counts of its loop, and to the record of the run."""

    def __init__(
        self, function: str, tally: Tally | None, record: Record | None, entry: Entry | None
    ) -> None:
        self.entry = entry
        self._function = function
        self._tally = tally
        self._record = record

    def end(self, outcome: Outcome) -> None:
        """Reports the outcome of a call."""
        if self._record is not None and self.entry is not None:
            self._record.end(self.entry, outcome)
        if self._tally is not None:
            self._tally.end(self._function, outcome)

    def fail(self, error: BaseException, cancelled: bool = False) -> None:
        """Reports a call that raised, or was cancelled."""
        if self._record is not None and self.entry is not None:
            self._record.fail(self.entry, error, cancelled)
        if self._tally is not None:
            self._tally.fail(self._function)


def demanded(options: Mapping[str, Any]) -> str | None:
    """What a call asks for besides one cpu, as a record has it: ``cpu=2 gpu=1``."""
    amounts = {
        "cpu": options.get("num_cpus"),
        "gpu": options.get("num_gpus"),
        "memory": options.get("memory"),
    }
    amounts.update(options.get("resources") or {})
    given = {name: amount for name, amount in amounts.items() if amount}
    if given in ({}, {"cpu": 1}):
        return None
    return listed(given)


def listed(amounts: Mapping[str, float]) -> str:
    """``cpu=2 gpu=1``."""
    return " ".join(f"{name}={amount:g}" for name, amount in amounts.items())
