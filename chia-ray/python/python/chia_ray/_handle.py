"""The handle of a call, and what is counted of calls."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import Future
from typing import NamedTuple, TypeVar

from chia_ray._work import Outcome, warn_stale, was_stored

_R = TypeVar("_R")


class Handle(Future[_R]):
    """The handle of a call: a Future, which also says what became of the call."""

    def __init__(self) -> None:
        super().__init__()
        self._outcome: Outcome | None = None

    @property
    def outcome(self) -> Outcome | None:
        """What became of the call: whether it ran, what differed, why nothing was replayed; None until it
        is done, and for one that failed.
        """
        return self._outcome


@dataclasses.dataclass
class Counts:
    """What became of the calls of one function."""

    ran: int = 0
    replayed: int = 0
    provided: int = 0
    recorded: int = 0
    rehearsed: int = 0
    # Served from the cache although something differs.
    stale: int = 0
    written: int = 0
    # Not written, because `keep_if` said so.
    rejected: int = 0
    failed: int = 0


class Progress(NamedTuple):
    """How far a loop is."""

    calls: int
    done: int
    failed: int
    # The compute time that replays saved so far, in seconds.
    saved: float


class Forecast(NamedTuple):
    """What would become of a call."""

    function: str
    tag: str | None
    # ``replay``, ``miss`` (it would be replayed, and the cache cannot), ``replace``, ``run``, ``ask`` (its
    # condition decides) or ``fail``.
    answer: str
    why: str


class Tally:
    """Counts of the calls of a loop, for all of its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counts] = {}
        self._calls = self._done = self._failed = 0
        self._saved = 0.0

    def begin(self) -> None:
        """Counts a call that is dispatched."""
        with self._lock:
            self._calls += 1

    def end(self, function: str, outcome: Outcome) -> None:
        """Counts a call that is done, and warns of the first stale result of its function."""
        with self._lock:
            self._done += 1
            self._saved += outcome.saved
            counts = self._of(function)
            setattr(counts, outcome.became, getattr(counts, outcome.became) + 1)
            counts.written += was_stored(outcome.written)
            counts.rejected += outcome.written == "rejected"
            counts.stale += outcome.stale is not None
            is_first = counts.stale == 1
        if outcome.stale is not None and is_first:
            warn_stale(function, outcome.tag, outcome.stale)

    def fail(self, function: str) -> None:
        """Counts a call that failed."""
        with self._lock:
            self._done += 1
            self._failed += 1
            self._of(function).failed += 1

    def summary(self) -> dict[str, Counts]:
        """The counts by function."""
        with self._lock:
            return {name: dataclasses.replace(counts) for name, counts in self._counts.items()}

    def progress(self) -> Progress:
        """How far the loop is."""
        with self._lock:
            return Progress(self._calls, self._done, self._failed, self._saved)

    def _of(self, name: str) -> Counts:
        return self._counts.setdefault(name, Counts())
