"""The worker's side of a call: the body or what replaces it, and the write of its result."""

from __future__ import annotations

import asyncio
import inspect
import logging
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ray import cloudpickle

from chia_ray.base import _original, _scope
from chia_ray.base._scope import Packed, Scope, Site
from chia_ray.base._writes import write_result

_log = logging.getLogger("chia")


class MissedError(Exception):
    """A replacement has nothing to give: the body is to run."""


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
    function: str = ""
    tag: str | None = None
    replaced: bool = False
    data: str | None = None
    write: Site | None = None
    hooks: bytes | None = None
    profile: _original.Profile | None = None

    def to_bytes(self) -> bytes:
        """As it travels."""
        return pickle.dumps(tuple(self), protocol=5)


def run(body: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs a call on its worker. ``args`` start with the ticket."""
    if not args[0]:
        with _scope.entered(Scope()):
            return _computed(body, Ticket(), args[1:], kwargs)
    ticket, scope, rest = _read(args)
    with _scope.entered(scope):
        return _call(body, ticket, rest, kwargs)


def run_generator(body: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Any]:
    """Runs a generator function on its worker."""
    ticket, scope, rest = _read(args) if args[0] else (Ticket(), Scope(), args[1:])
    with _scope.entered(scope):
        # Not `yield from`: Ray sends into its generators, which not every iterator takes.
        for value in _call(body, ticket, rest, kwargs):  # noqa: UP028
            yield value


def _read(args: tuple[Any, ...]) -> tuple[Ticket, Scope, tuple[Any, ...]]:
    """The ticket, its scope and the call's own arguments. A large state is an argument of its own."""
    ticket = Ticket(*pickle.loads(args[0]))
    if not ticket.hash:
        return ticket, Scope(), args[1:]
    put, rest = (None, args[1:]) if ticket.state is not None else (args[1][0], args[2:])
    return ticket, Scope.brought(Packed(ticket.hash, ticket.state, put)), rest


def _call(body: Callable[..., Any], ticket: Ticket, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if ticket.profile is None:
        return _answered(body, ticket, args, kwargs)
    profile = _original.Profile(*ticket.profile)
    return _original.profiled(profile, ticket.function, lambda: _answered(body, ticket, args, kwargs))


def _answered(body: Callable[..., Any], ticket: Ticket, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result, of the body or of what replaces it, once it is in the cache."""
    started = time.monotonic()
    replaced = _replacement(ticket, args, kwargs) if ticket.replaced else None
    value, origin = replaced or (_computed(body, ticket, args, kwargs), "real")
    if ticket.write is not None and ticket.tag is not None:
        seconds = time.monotonic() - started if origin == "real" else None
        write_result(ticket.write, ticket.tag, ticket.function, value, origin, seconds)
    return value


def _computed(body: Callable[..., Any], ticket: Ticket, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with _original.processes_tracked():
        if ticket.hooks is None:
            return settled(body(*args, **kwargs))
        return _with_hooks(body, Hooks(*cloudpickle.loads(ticket.hooks)), args, kwargs)


def _replacement(ticket: Ticket, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, str] | None:
    """What the provider gives, or the recorded file; None for the body to run. The decision was the
    caller's.
    """
    bypass = _scope.current().bypass
    assert bypass is not None, "a replaced call brings its rules"
    provider = bypass.get_provider_info(ticket.function)[0]
    if provider is not None:
        try:
            return settled(provider(ticket.tag, ticket.data, *args, **kwargs)), "provider"
        except MissedError as missed:
            _log.debug("%s runs: %s", ticket.function, missed)
            return None
    assert ticket.data is not None, "a call is replaced by a provider or by a file"
    return bypass.file_server().get_text(ticket.data), "file"


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


def settled(value: Any) -> Any:
    """The value, awaited if it is a coroutine, wherever an event loop may be running."""
    if not inspect.iscoroutine(value):
        return value
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(value)
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def beside() -> None:
        try:
            outcome.append(asyncio.run(value))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=beside)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
