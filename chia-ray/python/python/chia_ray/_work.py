"""One call on its worker: the body or what replaces it, and what becomes of the result."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from chia_ray import _native
from chia_ray._identity import Identity

_log = logging.getLogger("chia")


class ReplayMiss(LookupError):
    """A call must be replayed, by the mode of the run, and the cache cannot serve it."""


class MissedError(Exception):
    """A replacement has nothing to give: the body is to run."""


class Job(NamedTuple):
    """What was decided about a call."""

    function: str
    tag: str | None = None
    # As ``_native.Decision.action``.
    action: str = "run"
    data: str | None = None
    write: bool = False
    # Whether the tag is made from the arguments.
    auto_tag: bool = False
    # Why the call runs again if its provider would serve it from the cache.
    rerun: str | None = None


class Outcome(NamedTuple):
    """What became of a call."""

    # ``ran``, ``replayed``, ``provided``, ``recorded`` (from a file) or ``rehearsed``.
    became: str
    tag: str | None
    seconds: float = 0.0
    # The compute time that a replay saved.
    saved: float = 0.0
    # What differs from the recorded call whose result was served.
    stale: str | None = None
    # Why nothing was replayed.
    missed: str | None = None
    # Whether a recorded result was there, and was refused because something differs.
    refused: bool = False
    # What the write did; None for a result that is not written.
    written: str | None = None
    # Where the call ran, and when it started there, in seconds since 1970.
    node: str = ""
    started: float = 0.0
    # The bytes of a recorded result that was served; 0 where that is not known.
    size: int = 0
    # The hashes of the arguments, where they were needed.
    arguments: tuple[int, ...] = ()


def was_stored(written: str | None) -> bool:
    """Whether the value is in the cache now, from what a write says it did."""
    return written in ("stored", "refreshed", "collision")


def warn_written(log: logging.Logger, written: str, function: str, tag: str) -> None:
    """Warns of a write that did not do what its user expects."""
    if written == "too_large":
        log.warning("the result of %s [%s] is larger than the whole cache", function, tag)
    elif written == "collision":
        log.warning("the result of %s took the place of another function's under [%s]", function, tag)


def warn_stale(function: str, tag: str | None, differs: str) -> None:
    """Warns of a stale result that was served."""
    _log.warning(
        "%s [%s] was served from the cache, but %s; set `check: true` in its rule to run such calls "
        "(this is said once for each function)",
        function, tag, differs,
    )  # fmt: skip


class _Miss(NamedTuple):
    """Why nothing is replayed."""

    why: str
    refused: bool = False


# A value with its packed facts and the seconds that it took; and why there is none.
Found = tuple[Any, bytes, "float | None"]


class Means(Protocol):
    """What a worker has at hand for a call."""

    identity: Identity
    keep_if: Callable[[Any], object] | None
    # The run that writes the result.
    run_id: str
    # Whether the cache has plain bytes, and not pickles.
    is_raw: bool
    # The node that this worker is on.
    node: str

    @property
    def rules(self) -> _native.Rules:
        """The rules that compare."""
        ...

    @property
    def cache_rules(self) -> _native.Rules:
        """The rules that make tags."""
        ...

    def fingerprint(self) -> _native.Fingerprint:
        """The fingerprint of the call."""
        ...

    def compute(self) -> Any:
        """Runs the body."""
        ...

    def provide(self) -> Any:
        """Asks the provider. Raises MissedError for the body to run."""
        ...

    def read_file(self) -> str:
        """Reads the recorded file."""
        ...

    def replay(self, tag: str) -> tuple[Found | None, str | None]:
        """Looks for the recorded result; else says why there is none."""
        ...

    def decode(self, value: Any) -> Any:
        """Decodes a recorded value."""
        ...

    def write(self, tag: str, value: Any, entry: bytes) -> str:
        """Writes a result, and says what was done. A failure is reported, and never raised."""
        ...


class Work:
    """One call under way."""

    def __init__(self, job: Job, means: Means) -> None:
        self._job = job
        self._means = means
        self._tag = job.tag
        self._fingerprint: _native.Fingerprint | None = None
        has_tag = job.tag is not None or job.auto_tag
        if has_tag and (job.write or job.action in ("replay", "must_replay", "rehearse")):
            self._fingerprint = means.fingerprint()
            if job.tag is None and job.auto_tag:
                self._tag = means.cache_rules.auto_tag(job.function, self._fingerprint)

    def run(self) -> tuple[Any, Outcome]:
        """Gives the result, which is in the cache by then, and what became of the call."""
        clock, started = time.time(), time.monotonic()
        value, outcome = self._produce()
        hashes = () if self._fingerprint is None else tuple(self._fingerprint.hashes())
        outcome = outcome._replace(node=self._means.node, started=clock, arguments=hashes)
        if outcome.became != "rehearsed":
            outcome = outcome._replace(seconds=time.monotonic() - started)
        if outcome.became not in ("replayed", "rehearsed") and self._job.write and self._tag is not None:
            outcome = outcome._replace(written=self._write(self._tag, value, outcome))
        return value, outcome

    def _produce(self) -> tuple[Any, Outcome]:
        action, means = self._job.action, self._means
        missed, refused = None, False
        if action == "rehearse":
            return self._rehearse()
        if action in ("replay", "must_replay"):
            answer = self._replay()
            if not isinstance(answer, _Miss):
                return answer
            missed, refused = answer
            if action == "must_replay":
                raise ReplayMiss(f"nothing to replay for `{self._tag}`: {missed}")
            _log.info("%s [%s] runs: %s", self._job.function, self._tag, missed)
        elif action == "provider":
            try:
                return means.provide(), Outcome("provided", self._tag)
            except MissedError as error:
                missed, refused = str(error), self._job.rerun is None
        elif action == "file":
            return means.read_file(), Outcome("recorded", self._tag)
        return means.compute(), Outcome("ran", self._tag, missed=missed, refused=refused)

    def _replay(self) -> tuple[Any, Outcome] | _Miss:
        """The recorded result, or why it is not served."""
        if self._tag is None:
            return _Miss("the call has no tag")
        found, why = self._means.replay(self._tag)
        if found is None:
            return _Miss(why or "the cache has nothing")
        data, facts, seconds = found
        assert self._fingerprint is not None
        serves, differs = self._means.rules.compare(self._job.function, self._fingerprint, facts)
        if not serves:
            return _Miss(differs or "it differs", refused=True)
        try:
            value = self._means.decode(data)
        except Exception as error:
            _log.warning("%s [%s] is not replayed: %r", self._job.function, self._tag, error)
            return _Miss(f"its value cannot be decoded: {error!r}")
        size = memoryview(data).nbytes
        return value, Outcome("replayed", self._tag, saved=seconds or 0.0, stale=differs, size=size)

    def _rehearse(self) -> tuple[Any, Outcome]:
        """The recorded value, after the time that the rule says."""
        answer = self._replay()
        if isinstance(answer, _Miss):
            if not self._means.identity.returns_nothing:
                raise ReplayMiss(f"nothing to rehearse for `{self._tag}`: {answer.why}")
            answer = None, Outcome("rehearsed", self._tag)
        value, outcome = answer
        wait = self._means.rules.rehearsal_wait(self._job.function, outcome.saved or None)
        if wait is None:
            raise _native.ConfigError(
                f"`{self._job.function}` cannot be rehearsed: no compute time is recorded, and its rule "
                "states no `duration`"
            )
        time.sleep(wait)
        saved = max(outcome.saved - wait, 0.0)
        return value, outcome._replace(became="rehearsed", seconds=wait, saved=saved)

    def _write(self, tag: str, value: Any, outcome: Outcome) -> str:
        if not self._is_worth_keeping(value):
            return "rejected"
        origin = {"ran": "real", "provided": "provider", "recorded": "file"}[outcome.became]
        seconds = outcome.seconds if origin == "real" else None
        means, function = self._means, self._job.function
        entry = _native.new_entry(origin, function, seconds, self._fingerprint, means.run_id, means.is_raw)
        return self._means.write(tag, value, entry)

    def _is_worth_keeping(self, value: Any) -> bool:
        """What the function's ``keep_if`` says. Its error counts as no."""
        keep_if = self._means.keep_if
        if keep_if is None:
            return True
        try:
            return bool(keep_if(value))
        except Exception as error:
            _log.warning(
                "keep_if of %s [%s] failed, and the result is not written: %r",
                self._job.function, self._tag, error,
            )  # fmt: skip
            return False
