"""A loop on this machine, without Ray: calls on threads, with rules and a cache."""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from chia_ray import _native
from chia_ray._function import Function
from chia_ray._store import Store

_log = logging.getLogger("chia")
_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclasses.dataclass
class Counts:
    """What became of the calls of one function."""

    ran: int = 0
    replayed: int = 0
    provided: int = 0
    recorded: int = 0
    written: int = 0
    failed: int = 0


class Loop:
    """Calls functions on threads of this machine, and skips what the rules and the cache make needless.

    ::

        with chia_ray.Loop(rules="rules.yaml", cache="results", size="4 GB") as loop:
            loop.replay(simulate)
            handles = [loop.call(simulate, seed, tag=f"iter{seed}") for seed in range(8)]
            print([handle.result() for handle in handles], loop.summary())

    Threads suit bodies that wait for other programs: builds, simulations, LLM calls. For a cluster there is
    ``chia_ray.base.ChiaFunction``, with the same rules file and the same cache directory.

    Args:
        rules: The rules file; without one every call runs.
        cache: The directory of the cache, or a Store; without one nothing is written or replayed.
        size: The budget of the cache, as for a Store.
        workers: How many calls run at once; as many as there are processors unless given.
        strict: Makes an error of what is else a warning: a bypassed function with nothing to replace it.

    Raises:
        ConfigError: The rules are wrong; the message has every problem.
        CacheError: The directory of the cache cannot be used.

    """

    def __init__(
        self,
        rules: str | os.PathLike[str] | None = None,
        cache: str | os.PathLike[str] | Store | None = None,
        *,
        size: int | float | str = "1 GB",
        workers: int | None = None,
        strict: bool = False,
    ) -> None:
        self._rules = _native.Rules(rules)
        for warning in self._rules.warnings():
            _log.warning("%s", warning)
        self._owns_store = not isinstance(cache, Store)
        self._store = cache if isinstance(cache, Store) or cache is None else Store(cache, size)
        self._strict = strict
        self._replayed: set[str] = set()
        self._counts: dict[str, Counts] = {}
        self._lock = threading.Lock()
        self._inside = threading.local()
        self._pool = ThreadPoolExecutor(workers or os.cpu_count() or 1, "chia-loop")

    def replay(self, function: Function[..., Any] | str) -> None:
        """Serves the calls of a function that the rules bypass from the cache; what is not there runs."""
        if self._store is None:
            raise ValueError("replay needs a cache: Loop(cache=...)")
        name = _name(function)
        self._replayed.add(name)
        self._rules.set_provider(name, _no_provider)

    def provide(self, function: Function[..., Any] | str, provider: Callable[..., Any]) -> None:
        """Sets what replaces a function: ``provider(tag, data_path, *args, **kwargs)``, on its worker."""
        name = _name(function)
        self._replayed.discard(name)
        self._rules.set_provider(name, provider)

    def condition(self, function: Function[..., Any] | str, condition: Callable[..., bool]) -> None:
        """Sets the last gate of a function: ``condition(tag, data_path, *args, **kwargs)``, on the caller.
        A call of the loop among the arguments is shown as its Future.
        """
        self._rules.set_condition(_name(function), condition)

    def call(
        self, function: Function[..., _R], /, *args: Any, tag: str | None = None, **kwargs: Any
    ) -> Future[_R]:
        """Starts a call, and returns at once. The Future gives its result, or raises what the call raised.

        Futures of other calls are arguments as their results are. A call that is made inside of another
        one runs on its thread, before this returns, so that the loop never waits for itself. A function
        whose own parameter is called ``tag`` takes it by position.
        """
        if not isinstance(function, Function):
            raise TypeError(f"{function!r} cannot be called by a loop: decorate it with @chia_ray.function")
        if tag is not None and not isinstance(tag, str):
            raise TypeError(f"tag: a text is needed, not {type(tag).__name__}: {tag!r}")
        decision = self._decide(function.name, tag, args, kwargs)
        if not getattr(self._inside, "is_worker", False):
            return self._pool.submit(self._run, function, decision, tag, args, kwargs)
        done: Future[_R] = Future()
        try:
            done.set_result(self._run(function, decision, tag, args, kwargs))
        except Exception as error:
            done.set_exception(error)
        return done

    def explain(self, function: Function[..., Any] | str, tag: str | None = None) -> str:
        """Why a call would run or be replaced, without making it; a condition is not asked."""
        return self._rules.explain(_name(function), tag)[0]

    def dry_run(
        self, calls: Iterable[tuple[Function[..., Any] | str, str | None]]
    ) -> list[tuple[str, str | None, str]]:
        """What would become of calls, given as pairs of function and tag: each with its reason."""
        return [(_name(function), tag, self.explain(function, tag)) for function, tag in calls]

    def summary(self) -> dict[str, Counts]:
        """What became of the calls so far, by function."""
        with self._lock:
            return {name: dataclasses.replace(counts) for name, counts in self._counts.items()}

    def close(self) -> None:
        """Waits for the calls that are under way, and closes the cache that the loop opened."""
        self._pool.shutdown()
        if self._owns_store and self._store is not None:
            self._store.close()

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _decide(
        self, name: str, tag: str | None, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> _native.Decision | None:
        decision = self._rules.decide(name, tag)
        if decision is None:
            return None
        if decision.condition is not None:
            data = None if decision.data is None else str(decision.data)
            answer = bool(decision.condition(tag, data, *args, **kwargs))
            decision = self._rules.resolve(name, tag, answer)
        if decision.unreplaced and self._strict:
            raise _native.ConfigError(decision.reason)
        if decision.notice:
            _log.warning("%s", decision.reason)
        return decision if decision.replaced else None

    def _run(
        self,
        function: Function[..., _R],
        decision: _native.Decision | None,
        tag: str | None,
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> _R:
        """Runs a call on its thread: the body, or what replaces it; and writes the result."""
        before = getattr(self._inside, "is_worker", False)
        self._inside.is_worker = True
        try:
            given = [_value(arg) for arg in args]
            named = {name: _value(arg) for name, arg in kwargs.items()}
            start = time.perf_counter()
            value, became = self._answer(function, decision, tag, given, named)
            self._count(function.name, became)
            if became != "replayed":
                self._write(function.name, tag, value, became, time.perf_counter() - start)
            return value  # type: ignore[no-any-return]
        except BaseException:
            self._count(function.name, "failed")
            raise
        finally:
            self._inside.is_worker = before

    def _answer(
        self,
        function: Function[..., _R],
        decision: _native.Decision | None,
        tag: str | None,
        args: list[Any],
        kwargs: dict[str, Any],
    ) -> tuple[Any, str]:
        """The value of a call, and the count that it belongs to."""
        if decision is not None and function.name in self._replayed:
            found = None if tag is None or self._store is None else self._store.replayed(tag, function.name)
            if found is not None:
                return found[0], "replayed"
        elif decision is not None and decision.provider is not None:
            data = None if decision.data is None else str(decision.data)
            return decision.provider(tag, data, *args, **kwargs), "provided"
        elif decision is not None and decision.data is not None:
            return Path(decision.data).read_text(encoding="utf-8"), "recorded"
        return function(*args, **kwargs), "ran"

    def _write(self, name: str, tag: str | None, value: Any, became: str, seconds: float) -> None:
        """Writes a result before its caller sees it. A failure fails no call: it is reported."""
        if self._store is None or tag is None or not self._rules.writes(name, tag):
            return
        origin = {"ran": "real", "provided": "provider", "recorded": "file"}[became]
        try:
            written = self._store.write(tag, value, origin, name, seconds if became == "ran" else None)
        except Exception as error:
            _log.warning("the result of %s [%s] is not cached: %s", name, tag, error)
            return
        if written == "too_large":
            _log.warning("the result of %s [%s] is larger than the whole cache", name, tag)
            return
        if written == "collision":
            _log.warning("the result of %s took the place of another function's under [%s]", name, tag)
        self._count(name, "written")

    def _count(self, name: str, what: str) -> None:
        with self._lock:
            counts = self._counts.setdefault(name, Counts())
            setattr(counts, what, getattr(counts, what) + 1)


def _name(function: Function[..., Any] | str) -> str:
    return function if isinstance(function, str) else function.name


def _value(given: Any) -> Any:
    """An argument as the body gets it. A Future that it waits for belongs to a call that began before."""
    return given.result() if isinstance(given, Future) else given


def _no_provider(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("a replay is served by the loop")
