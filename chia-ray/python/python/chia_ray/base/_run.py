"""The worker's side of a call: the body or what replaces it, and the write of its result."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import ray
from ray import cloudpickle

from chia_ray import _native
from chia_ray._engine import Shipped
from chia_ray._settled import settled
from chia_ray._work import Found, Job, MissedError, Outcome, Work
from chia_ray.base import _notes, _original, _scope
from chia_ray.base._scope import Packed, Scope, Site
from chia_ray.base._values import Pickler
from chia_ray.base._writes import write_result

__all__ = ["Hooks", "MissedError", "Ticket", "run", "run_generator", "run_recorded", "run_reported"]

_log = logging.getLogger("chia")


class Hooks(NamedTuple):
    """What runs around a body, on its worker."""

    setup: Callable[..., object] | None
    setup_args: tuple[Any, ...]
    cleanup: Callable[..., object] | None
    cleanup_args: tuple[Any, ...]


class Ticket(NamedTuple):
    """What a call brings along beside its arguments. An empty one is no bytes at all."""

    hash: bytes = b""
    state: bytes | None = None
    job: Job = Job("")
    # Where the result is written to, and the id of the run that writes it.
    site: Site | None = None
    run: str = ""
    # Whether the run has reached its first call to run.
    from_reached: bool = False
    hooks: bytes | None = None
    profile: _original.Profile | None = None

    def to_bytes(self) -> bytes:
        """As it travels."""
        return pickle.dumps((tuple(self.job), *self[:2], *self[3:]), protocol=5)

    @classmethod
    def from_bytes(cls, packed: bytes) -> Ticket:
        """As it arrived."""
        job, hash, state, *rest = pickle.loads(packed)
        return cls(hash, state, Job(*job), *rest)


def run(body: Shipped, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs a call on its worker. ``args`` start with the ticket."""
    if not args[0]:
        with _scope.entered(Scope()):
            return _computed(body, Ticket(), args[1:], kwargs)
    ticket, scope, rest = _read(args)
    with _scope.entered(scope):
        value, outcome = _call(body, ticket, rest, kwargs)
        _note(ticket, outcome)
        return value


def run_recorded(body: Shipped, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Outcome]:
    """As ``run``, with what became of the call."""
    ticket, scope, rest = _read(args)
    with _scope.entered(scope):
        value, outcome = _call(body, ticket, rest, kwargs)
        _note(ticket, outcome)
        return value, outcome


def run_reported(body: Shipped, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Outcome]:
    """As ``run_recorded``, for a loop that counts by itself."""
    ticket, scope, rest = _read(args)
    with _scope.entered(scope):
        return _call(body, ticket, rest, kwargs)


def run_generator(body: Shipped, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Any]:
    """Runs a generator function on its worker."""
    ticket, scope, rest = _read(args) if args[0] else (Ticket(), Scope(), args[1:])
    with _scope.entered(scope):
        # Not `yield from`: Ray sends into its generators, which not every iterator takes.
        for value in _call(body, ticket, rest, kwargs)[0]:  # noqa: UP028
            yield value


def _read(args: tuple[Any, ...]) -> tuple[Ticket, Scope, tuple[Any, ...]]:
    """The ticket, its scope and the call's own arguments. A large state is an argument of its own."""
    ticket = Ticket.from_bytes(args[0])
    if not ticket.hash:
        return ticket, Scope(), args[1:]
    put, rest = (None, args[1:]) if ticket.state is not None else (args[1][0], args[2:])
    scope = Scope.brought(Packed(ticket.hash, ticket.state, put))
    if ticket.from_reached and scope.bypass is not None:
        scope.bypass.rules.set_from_reached()
    return ticket, scope, rest


def _call(
    body: Shipped, ticket: Ticket, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Outcome]:
    task = _Task(body, ticket, args, kwargs)
    if ticket.profile is None:
        return task.run()
    profile = _original.Profile(*ticket.profile)
    return _original.profiled(profile, ticket.job.function, task.run)  # type: ignore[no-any-return]


def _note(ticket: Ticket, outcome: Outcome) -> None:
    """Reports what differed to who asks for it later."""
    function = ticket.job.function
    if outcome.stale is not None:
        _notes.stale(ticket.run, function, outcome.tag, outcome.stale)
    elif outcome.refused:
        _notes.note(ticket.run, function, "refused", f"[{outcome.tag}] {outcome.missed}")


class _Task:
    """What a Ray worker has at hand for a call."""

    is_raw = False

    def __init__(self, body: Shipped, ticket: Ticket, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.identity = body.identity
        self.keep_if = body.keep_if
        self.run_id = ticket.run
        self.node = str(ray.get_runtime_context().get_node_id())
        self._body = body
        self._ticket = ticket
        self._args = args
        self._kwargs = kwargs

    def run(self) -> tuple[Any, Outcome]:
        """Gives the result, once it is in the cache, and what became of the call."""
        return Work(self._ticket.job, self).run()

    @property
    def rules(self) -> _native.Rules:
        """The rules that compare."""
        bypass = _scope.current().bypass
        return self.cache_rules if bypass is None else bypass.rules

    @property
    def cache_rules(self) -> _native.Rules:
        """The rules that make tags."""
        scope = _scope.current()
        assert scope.cache is not None or scope.bypass is not None, "a call is decided by rules"
        return scope.cache.rules if scope.cache is not None else scope.bypass.rules  # type: ignore[union-attr]

    def fingerprint(self) -> _native.Fingerprint:
        return self.identity.fingerprint(self._args, self._kwargs, Pickler)

    def compute(self) -> Any:
        return _computed(self._body, self._ticket, self._args, self._kwargs)

    def provide(self) -> Any:
        job, scope = self._ticket.job, _scope.current()
        assert scope.bypass is not None, "a replaced call brings its rules"
        provider = scope.bypass.get_provider_info(job.function)[0]
        assert provider is not None, "the caller saw a provider"
        scope.replaced = self
        try:
            return settled(provider(job.tag, job.data, *self._args, **self._kwargs))
        finally:
            scope.replaced = None

    def check_rerun(self, tag: object) -> None:
        """Raises MissedError where a provider may not serve the cached result of its call: it runs again."""
        job = self._ticket.job
        if job.rerun is not None and tag == job.tag:
            raise MissedError(job.rerun)

    def compare_read(self, tag: str, facts: bytes) -> None:
        """Compares what a provider has read from the cache under the tag of its call: the provider serves
        it. Raises MissedError where the rules forbid that.
        """
        job = self._ticket.job
        if tag != job.tag:
            return
        serves, differs = self.rules.compare(job.function, self.fingerprint(), facts)
        if not serves:
            raise MissedError(differs)
        if differs is not None:
            _notes.stale(self._ticket.run, job.function, tag, differs)

    def read_file(self) -> str:
        job, scope = self._ticket.job, _scope.current()
        assert scope.bypass is not None and job.data is not None, "the caller saw a file"
        text: str = scope.bypass.file_server().get_text(job.data)
        return text

    def replay(self, tag: str) -> tuple[Found | None, str | None]:
        from chia_ray.base._cache_handle import replayed

        cache = _scope.current().cache
        if cache is None:
            return None, "the loop has no cache: call start_cache"
        return replayed(cache.site, tag, self._ticket.job.function)

    def decode(self, value: Any) -> Any:
        return pickle.loads(value)

    def write(self, tag: str, value: Any, entry: bytes) -> str:
        assert self._ticket.site is not None, "a call that is written knows its cache"
        return write_result(self._ticket.site, tag, self._ticket.job.function, value, entry)


def _computed(body: Shipped, ticket: Ticket, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with _original.processes_tracked():
        if ticket.hooks is None:
            return settled(body.function(*args, **kwargs))
        return _with_hooks(body.function, Hooks(*cloudpickle.loads(ticket.hooks)), args, kwargs)


def _with_hooks(body: Callable[..., Any], hooks: Hooks, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A set-up that raises skips body and clean-up; a clean-up that raises never masks the result."""
    if hooks.setup is not None:
        settled(hooks.setup(*hooks.setup_args))
    try:
        return settled(body(*args, **kwargs))
    finally:
        if hooks.cleanup is not None:
            try:
                settled(hooks.cleanup(*hooks.cleanup_args))
            except Exception:
                _log.exception("the clean-up hook failed")
