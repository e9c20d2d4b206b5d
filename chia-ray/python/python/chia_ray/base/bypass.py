"""Bypass: a provider, or a recorded file, in the place of a function's computation."""

from __future__ import annotations

import functools
import logging
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ray

from chia_ray import _native, _rules
from chia_ray.base import _files, _scope, _writes
from chia_ray.base._files import FileServerHandle
from chia_ray.base._names import Names
from chia_ray.base._refs import Answer
from chia_ray.base._scope import BypassState

__all__ = ["Bypass", "FileServerHandle", "get_active_bypass"]

_log = logging.getLogger("chia.bypass")
_warned: set[str] = set()

Provider = Callable[..., Any]
Condition = Callable[..., Any]


class Bypass:
    """The bypass rules of a loop, with its providers and conditions.

    The last one made is the active one: calls from then on follow it, and so do the calls that
    they make on workers. One made inside of a task holds for that task. ``yaml_path`` is the rules
    file; without one the bypass does nothing. ``strict`` makes an error, a ValueError at the call, of
    what else is a warning: a function that is bypassed with nothing to replace it, a name in the file
    that no function has by then.

    ``mode`` is ``auto`` (the rules decide), ``off`` (nothing is replaced or written), ``record`` (nothing
    is replaced), ``replay`` (what the rules select must be replaced) or ``refresh`` (what would be replayed
    runs again). Calls whose tag matches ``rerun`` run again; from the first call on whose tag matches
    ``run_from``, all do. Their results are written. The environment variables ``CHIA_MODE``,
    ``CHIA_RERUN`` and ``CHIA_FROM`` override the three. ``check_by_default`` compares a recorded call with
    this one, as ``check: true`` does, where a rule does not say.
    """

    def __init__(
        self,
        yaml_path: str | os.PathLike[str] | None = None,
        *,
        strict: bool = False,
        mode: str | None = None,
        rerun: str | None = None,
        run_from: str | None = None,
        check_by_default: bool = False,
    ) -> None:
        rules = _rules.load(
            yaml_path, _log, mode=mode, rerun=rerun, run_from=run_from, check_by_default=check_by_default
        )
        self._restore(rules, BypassState(rules.to_bytes(), {}, {}, None, strict))
        self.names = Names(strict, yaml_path is not None)
        _scope.current().bypass = self

    def _restore(self, rules: _native.Rules, state: BypassState) -> None:
        self.rules = rules
        self._text = state.rules
        self._replays = dict(state.replays)
        self._providers = dict(state.providers)
        self._conditions = dict(state.conditions)
        self._allowed: list[str] = []
        self._has_files = bool(rules.data_paths())
        self._files = state.files
        self._strict = state.strict
        self._file_actor: Any = None
        self.names = Names(state.strict)
        self.changes = 0

    @classmethod
    def of_loop(cls, rules: _native.Rules) -> Bypass:
        """The bypass of a loop that has loaded its rules. It is not the active one by itself."""
        return cls._brought(BypassState(rules.to_bytes(), {}, {}, None), rules)

    @classmethod
    def _brought(cls, state: BypassState, rules: _native.Rules) -> Bypass:
        """The bypass that a task brought along."""
        bypass = cls.__new__(cls)
        bypass._restore(rules, state)
        return bypass

    def set_provider(self, func_name: str, provider: Provider) -> None:
        """Registers what replaces a function: ``provider(tag, data_path, *args, **kwargs)``, run on the
        worker. Any callable that cloudpickle takes, sync or async.
        """
        self._providers[func_name] = _checked(provider)
        self._replays.pop(func_name, None)
        self.names.add("provider", func_name)
        self._changed()

    def set_replay(self, func_name: str, *, or_fail: bool = False) -> None:
        """Serves the calls of a function from the cache; what the cache cannot serve runs, or is a
        ``ReplayMiss``. It compares the recorded call with this one, as the rules say.
        """
        self._providers.pop(func_name, None)
        self._replays[func_name] = or_fail
        self.names.add("replay", func_name)
        self._changed()

    def set_cond(self, func_name: str, cond: Condition) -> None:
        """Registers the last gate of a function: ``cond(tag, data_path, *args, **kwargs) -> bool``, run on
        the caller, sync or async. Arguments that are pending are shown as references.
        """
        self._conditions[func_name] = _checked(cond)
        self.names.add("condition", func_name)
        self._changed()

    def allow_file(self, path: str | os.PathLike[str]) -> None:
        """Lets the file server serve one more file of this node."""
        self._allowed.append(str(Path(path).absolute()))
        self._files = self._file_actor = None
        self.changes += 1

    @property
    def active(self) -> bool:
        """Whether any function is bypassed at all."""
        return self.rules.active

    def is_bypassed(self, func_name: str, tag: str | None = None, *args: Any, **kwargs: Any) -> bool:
        """Whether a call is replaced. A condition is asked, with the arguments."""
        return self._decide(func_name, tag, args, kwargs) is not None

    def get_provider_info(self, func_name: str) -> tuple[Provider | None, str | None]:
        """The provider of a function, and the ``data:`` path of its rule."""
        bare = func_name.rpartition(".")[2]
        provider = self._providers.get(func_name) or self._providers.get(bare)
        data = self.rules.data(func_name)
        return provider, None if data is None else str(data)

    def report(self) -> dict[str, dict[str, Any]]:
        """What the calls of this run met, by function: how often a stale result was served (``stale``) and
        how often one was refused, so that the call ran (``refused``); and what differed in the first
        (``example``).
        """
        cache = _scope.current().cache
        if cache is None:
            return {}
        notes = ray.get(_writes.reach(cache.site).notes.remote(self.rules.run))
        found: dict[str, dict[str, Any]] = {}
        for (function, kind), (count, first) in notes.items():
            found.setdefault(function, {"stale": 0, "refused": 0, "example": first})[kind] = count
        return found

    def unused(self) -> list[str]:
        """The parts of the rules that had no effect so far: rules that no call met, patterns that matched
        nothing, providers and conditions that were never asked.
        """
        return self.rules.unused()

    def explain(self, func_name: str, tag: str | None = None) -> str:
        """Why a call would run or be replaced, without making it; a condition is not asked."""
        return self.rules.explain(func_name, tag)[0]

    def file_server(self) -> FileServerHandle:
        """The reader of recorded files, for providers: from any node, what the rules name or
        ``allow_file`` added. Files are read on the node that set up the bypass.
        """
        self._serve_files(always=True)
        if self._file_actor is None:
            self._file_actor = ray.get_actor(self._files, namespace=_files.NAMESPACE)
        return FileServerHandle(self._file_actor)

    def _serve_files(self, always: bool = False) -> None:
        """Starts the file server here, if there is something to serve and none runs yet."""
        if self._files is None and (always or self._has_files or self._allowed):
            self._files = f"chia.files.{uuid.uuid4().hex}"
            allowed = [*map(str, self.rules.data_paths()), *self._allowed]
            self._file_actor = _files.start(allowed, self._files)
            self.changes += 1

    def get_state(self) -> dict[str, Any]:
        """The rules as the original shows them, by function: ``bypass`` (whether it is on), ``data_paths``
        and ``tag_patterns``; ``providers`` and ``conds``; the ``file_server``; and whether they are
        ``strict``.
        """
        own = {"providers": dict(self._providers), "conds": dict(self._conditions)}
        return {**self.rules.bypass_rules(), **own, "file_server": self._files, "strict": self._strict}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Takes over the state of another bypass, as ``get_state`` gives it."""
        data, tags = state.get("data_paths", {}), state.get("tag_patterns", {})
        section: dict[str, Any] = {}
        for function, is_on in state.get("bypass", {}).items():
            rule = {"bypass": is_on, "data": data.get(function), "tags": tags.get(function)}
            section[function] = {key: value for key, value in rule.items() if value is not None}
        rules = _scope.rules_of({"bypass": section}).to_bytes()
        own = dict(state.get("providers", {})), dict(state.get("conds", {}))
        changes = self.changes
        taken = BypassState(rules, *own, state.get("file_server"), state.get("strict", False))
        self._restore(_scope.compiled(taken), taken)
        self.changes = changes + 1

    # The original's own names for its rules, which its tests read and set.
    _bypass = property(
        lambda self: self.get_state()["bypass"],
        lambda self, rules: self.load_state({**self.get_state(), "bypass": rules}),
    )
    _tag_patterns = property(
        lambda self: self.get_state()["tag_patterns"],
        lambda self, tags: self.load_state({**self.get_state(), "tag_patterns": tags}),
    )

    def _state(self) -> BypassState:
        """What travels to workers: rules, providers, conditions and the file server."""
        own = self._text, dict(self._providers), dict(self._conditions)
        return BypassState(*own, self._files, self._strict, dict(self._replays))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self._state(),)

    def _changed(self) -> None:
        # Rules are shared with other scopes of this process: they are made anew, never changed.
        reached = self.rules.from_reached
        self.rules = _scope.compiled(self._state())
        if reached:
            self.rules.set_from_reached()
        self.changes += 1

    def _decide(
        self, func_name: str, tag: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> _native.Decision | None:
        """The decision to replace a call, or None. Asks the condition."""
        decision = self.decide(func_name, tag, args, kwargs)
        return None if decision is None or decision.action == "run" else decision

    def decide(
        self,
        func_name: str,
        tag: str | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        fresh: bool = False,
    ) -> _native.Decision | None:
        """What becomes of a call; None where no rule names its function. Asks the condition."""
        answer_of = functools.partial(_answer_of, func_name)
        decision = _rules.decide(self.rules, self._strict, (func_name, tag, fresh), args, kwargs, answer_of)
        if decision is not None and decision.notice and func_name not in _warned:
            _warned.add(func_name)
            _log.warning("%s", decision.reason)
        return decision

    def action(self, func_name: str, decision: _native.Decision) -> str:
        """What is done about a call: as decided, but for replays that must not miss."""
        replays = self._replays.get(func_name, self._replays.get(func_name.rpartition(".")[2], False))
        return "must_replay" if replays and decision.action == "replay" else decision.action


def _answer_of(function: str, answer: Any) -> bool:
    """What a condition says. A reference would always count as yes."""
    if isinstance(answer, ray.ObjectRef | Answer):
        raise TypeError(
            f"the condition of `{function}` returned {type(answer).__name__} instead of a bool: use get(...)"
        )
    return bool(answer)


def _rebuilt(state: BypassState) -> Bypass:
    return Bypass._brought(state, _scope.compiled(state))


def _checked(function: Callable[..., Any]) -> Callable[..., Any]:
    if not callable(function):
        raise TypeError(f"a function is needed here, not {function!r}")
    return function


def get_active_bypass() -> Bypass | None:
    """The bypass that calls made here follow: the driver's, or the one that the task brought along."""
    return _scope.current().bypass
