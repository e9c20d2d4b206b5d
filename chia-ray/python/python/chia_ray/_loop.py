"""A loop: calls with rules and a cache, on this machine or on Ray."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from typing import Any, Literal, NoReturn, ParamSpec, Protocol, TypeVar

from chia_ray import _native, _rules
from chia_ray._function import Function
from chia_ray._handle import Counts, Forecast, Handle, Progress, Tally
from chia_ray._record import Entry, Place, Record, Report, RunFacts, demanded
from chia_ray._store import Store
from chia_ray._work import Job

_log = logging.getLogger("chia")
_P = ParamSpec("_P")
_R = TypeVar("_R")
Backend = Literal["threads", "processes", "ray"]


class Runner(Protocol):
    """What runs the calls of a loop, and has its rules."""

    @property
    def rules(self) -> _native.Rules:
        """The rules with what was set."""
        ...

    @property
    def set_provider(self) -> Callable[[str, Callable[..., Any]], None]:
        """Sets what replaces a function."""
        ...

    @property
    def set_replay(self) -> Callable[[str], None]:
        """Serves a function from the cache."""
        ...

    @property
    def set_condition(self) -> Callable[[str, Callable[..., Any]], None]:
        """Sets the last gate of a function."""
        ...

    def start(
        self,
        function: Function[..., _R],
        job: Job,
        provider: Callable[..., Any] | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        report: Report,
    ) -> Handle[_R]:
        """Starts a call, which reports its end."""
        ...

    def parent(self) -> Entry | None:
        """The recorded call that makes calls here, if one does."""
        ...

    def nodes(self) -> list[tuple[str, str]]:
        """The nodes, with what each has to give."""
        ...

    def replay_miss(self, function: str, tag: str) -> str | None:
        """Why the cache would not serve a call; None if it would."""
        ...

    def close(self) -> None:
        """Waits for the calls that are under way."""
        ...


class Loop:
    """Calls functions, and skips what the rules and the cache make needless.

    ::

        with chia_ray.Loop(rules="rules.yaml", cache="results", size="4 GB") as loop:
            loop.replay(simulate)
            handles = [loop.call(simulate, seed, tag=f"iter{seed}") for seed in range(8)]
            print([handle.result() for handle in handles], loop.summary())

    On ``threads``, which suit bodies that wait for other programs: builds, simulations, LLM calls. On
    ``processes``, for bodies that compute in Python: functions, arguments and results must pickle, and the
    bodies cannot make calls of the loop. On ``ray``: on the cluster that ``ray.init`` joined, with the
    cluster's cache, shared with loops that use ``chia_ray.base.ChiaFunction``.

    Args:
        rules: The rules file; without one every call runs.
        cache: The directory of the cache, or a Store; without one nothing is written or replayed.
        size: The budget of the cache, as for a Store.
        overlay_of: The directory of another cache, the base of this one, as for a Store: calls replay what
            the base has, and results are written here. With ``run_from`` a run forks from another one.
        backend: ``threads``, ``processes`` or ``ray``.
        workers: How many calls run at once; as many as there are processors unless given. Not for Ray.
        strict: Makes an error of what is else a warning: a bypassed function with nothing to replace it.
        mode: ``auto`` (the rules decide), ``off`` (nothing is replaced or written), ``record`` (nothing is
            replaced), ``replay`` (what the rules select must be replaced) or ``refresh`` (what would be
            replayed runs again). ``CHIA_MODE`` overrides it.
        rerun: Calls whose whole tag matches this pattern run again. ``CHIA_RERUN`` overrides it.
        run_from: From the first call on whose whole tag matches, calls run. ``CHIA_FROM`` overrides it.
        check_by_default: Compares a recorded call with this one, as ``check: true`` does, where a rule
            does not say.
        record: Where the record of the run goes, which ``chia-cache report`` and ``why`` read: ``runs`` in
            the directory of the cache (True), nowhere (False), or into this folder. ``CHIA_RUNS`` names
            another folder, or is ``off``.

    Raises:
        ConfigError: The rules or the mode are wrong; the message has every problem.
        CacheError: The directory of the cache cannot be used.

    """

    def __init__(
        self,
        rules: str | os.PathLike[str] | None = None,
        cache: str | os.PathLike[str] | Store | None = None,
        *,
        size: int | float | str = "1 GB",
        overlay_of: str | os.PathLike[str] | None = None,
        backend: Backend = "threads",
        workers: int | None = None,
        strict: bool = False,
        mode: str | None = None,
        rerun: str | None = None,
        run_from: str | None = None,
        check_by_default: bool = False,
        record: Place = True,
    ) -> None:
        loaded = _rules.load(
            rules, _log, mode=mode, rerun=rerun, run_from=run_from, check_by_default=check_by_default
        )
        self._strict = strict
        self._has_cache = cache is not None
        self._tally = Tally()
        self._checked: set[str] = set()
        self._opened: Store | None = None
        if overlay_of is not None and (cache is None or isinstance(cache, Store)):
            raise ValueError("overlay_of: it is the base of the cache whose directory is `cache`")
        self._runner = self._start(loaded, backend, cache, (size, overlay_of), workers)
        dir = _directory(cache)
        self._record = Record.start(record, RunFacts((loaded, loaded), dir, self._runner.nodes))
        if self._record is not None:
            self._record.unused = self.unused

    @property
    def _rules(self) -> _native.Rules:
        return self._runner.rules

    def _start(
        self,
        rules: _native.Rules,
        backend: str,
        cache: str | os.PathLike[str] | Store | None,
        kind: tuple[int | float | str, str | os.PathLike[str] | None],
        workers: int | None,
    ) -> Runner:
        """The runner. A cache that it opens is of a size, and perhaps an overlay."""
        size, base = kind
        if backend == "ray":
            from chia_ray.base._loop_runner import RayRunner

            if isinstance(cache, Store):
                raise TypeError("cache: a loop on Ray needs a directory of the head node, not a Store")
            return RayRunner(rules, cache, size, base)
        if backend not in ("threads", "processes"):
            raise ValueError(f"backend: {backend!r} is none of threads, processes, ray")
        from chia_ray._local import LocalRunner

        if cache is not None and not isinstance(cache, Store):
            cache = self._opened = Store(cache, size, overlay_of=base)
        return LocalRunner(rules, cache, workers, backend == "processes")

    def replay(self, function: Function[..., Any] | str) -> None:
        """Serves the calls of a function that the rules bypass from the cache; what is not there runs."""
        if not self._has_cache:
            raise ValueError("replay needs a cache: Loop(cache=...)")
        self._runner.set_replay(_name(function))

    def provide(self, function: Function[..., Any] | str, provider: Callable[..., Any]) -> None:
        """Sets what replaces a function: ``provider(tag, data_path, *args, **kwargs)``. It runs on the
        worker; beside processes, on a thread of the loop.
        """
        self._runner.set_provider(_name(function), _callable(provider))

    def condition(self, function: Function[..., Any] | str, condition: Callable[..., bool]) -> None:
        """Sets the last gate of a function: ``condition(tag, data_path, *args, **kwargs)``, on the caller.
        A call of the loop among the arguments is shown as its handle.
        """
        self._runner.set_condition(_name(function), _callable(condition))

    def call(
        self,
        function: Function[..., _R],
        /,
        *args: Any,
        tag: str | None = None,
        fresh: bool = False,
        **kwargs: Any,
    ) -> Handle[_R]:
        """Starts a call, and returns at once. The handle, a Future, gives its result, or raises what the
        call raised. A ``fresh`` call runs although it would be replayed.

        Handles of other calls are arguments as their results are. A call that is made inside of another
        one runs on its thread, before this returns, so that the loop never waits for itself. A function
        whose own parameter is called ``tag`` or ``fresh`` takes it by position.
        """
        if not isinstance(function, Function):
            raise TypeError(f"{function!r} cannot be called by a loop: decorate it with @chia_ray.function")
        if tag is not None and not isinstance(tag, str):
            raise TypeError(f"tag: a text is needed, not {type(tag).__name__}: {tag!r}")
        job, decision = self._decide(function, tag, fresh, args, kwargs)
        self._tally.begin()
        report = Report(function.name, self._tally, self._record, self._entry(function, job, decision))
        provider = None if decision is None else decision.provider
        try:
            return self._runner.start(function, job, provider, args, kwargs, report)
        except BaseException as error:
            report.fail(error)
            raise

    def explain(self, function: Function[..., Any] | str, tag: str | None = None) -> str:
        """Why a call would run or be replaced, without making it; a condition is not asked."""
        return self._rules.explain(_name(function), tag)[0]

    def dry_run(self, calls: Iterable[tuple[Function[..., Any] | str, str | None]]) -> list[Forecast]:
        """What would become of calls, given as pairs of function and tag, without making them. It looks
        into the cache, and does not see arguments; a condition is not asked.
        """
        pairs = [(_name(function), tag) for function, tag in calls]
        answers = self._rules.forecast(pairs, self._runner.replay_miss)
        return [Forecast(*pair, *answer) for pair, answer in zip(pairs, answers, strict=True)]

    def summary(self) -> dict[str, Counts]:
        """What became of the calls so far, by function."""
        return self._tally.summary()

    def progress(self) -> Progress:
        """How far the loop is: calls, done, failed, and the compute time that replays saved."""
        return self._tally.progress()

    def unused(self) -> list[str]:
        """The parts of the rules that had no effect so far: rules that no call met, patterns that matched
        nothing, providers and conditions that were never asked.
        """
        return self._rules.unused()

    def close(self) -> None:
        """Waits for the calls that are under way, ends the record of the run, and closes the cache that the
        loop opened.
        """
        self._end()

    def _end(self, in_order: bool = True) -> None:
        self._runner.close()
        if self._record is not None:
            self._record.finish(self.unused()) if in_order else self._record.give_up()
        if self._opened is not None:
            self._opened.close()

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, *raised: object) -> None:
        self._end(in_order=raised[0] is None)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Loop stays in its process: a body in another process cannot make calls of it")

    def _decide(
        self,
        function: Function[..., Any],
        tag: str | None,
        fresh: bool,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> tuple[Job, _native.Decision | None]:
        name = function.name
        decision = _rules.decide(self._rules, self._strict, (name, tag, fresh), args, kwargs)
        if decision is None:
            return self._job(name, tag, None), None
        rerun = _rules.rerun(self._rules, decision.action, tag, fresh)
        self._check_arguments(function)
        if decision.notice:
            _log.warning("%s", decision.reason)
        return self._job(name, tag, decision)._replace(rerun=rerun), decision

    def _job(self, name: str, tag: str | None, decision: _native.Decision | None) -> Job:
        if decision is None:
            job, decided = Job(name, tag), None
        else:
            data = None if decision.data is None else str(decision.data)
            job, decided = Job(name, tag, decision.action, data), decision.explanation
        auto_tag = tag is None and self._rules.makes_tags(name)
        return job._replace(
            write=self._has_cache and self._rules.writes(name, tag, decided), auto_tag=auto_tag
        )

    def _entry(
        self, function: Function[..., Any], job: Job, decision: _native.Decision | None
    ) -> Entry | None:
        if self._record is None:
            return None
        resources = demanded(function.options)
        return self._record.begin(function.identity, job, decision, resources, self._runner.parent())

    def _check_arguments(self, function: Function[..., Any]) -> None:
        """Warns, once, of parameters that the rules ignore and a function does not have."""
        if function.name in self._checked:
            return
        self._checked.add(function.name)
        unknown = self._rules.check_arguments(function.name, function.identity.parameters)
        if unknown and self._strict:
            raise _native.ConfigError("\n".join(unknown))
        for warning in unknown:
            _log.warning("%s", warning)


def _directory(cache: str | os.PathLike[str] | Store | None) -> str | os.PathLike[str] | None:
    """The directory of a cache, where something may be written beside it."""
    if isinstance(cache, Store):
        return None if cache.is_read_only else cache._path
    return cache


def _name(function: Function[..., Any] | str) -> str:
    return function if isinstance(function, str) else function.name


def _callable(given: Callable[..., _R]) -> Callable[..., _R]:
    if not callable(given):
        raise TypeError(f"a function is needed here, not {given!r}")
    return given
