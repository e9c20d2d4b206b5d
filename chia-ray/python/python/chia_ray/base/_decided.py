"""The decision about a call, where it is made, and the arguments that travel with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ray

from chia_ray import _native, _rules
from chia_ray._identity import Identity
from chia_ray._work import Job
from chia_ray.base import _scope
from chia_ray.base._run import Ticket

# Every function of this process, by the name that rules know it by.
_names: set[str] = set()


def add_function(name: str) -> None:
    """Records a function of this process."""
    _names.add(name)


def decided(
    identity: Identity,
    is_cachable: Callable[[], bool],
    scope: _scope.Scope,
    named: tuple[str | None, bool],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Ticket, _native.Decision | None]:
    """Decides a call, here and now. ``named`` is its tag, and whether it is fresh."""
    tag, fresh = named
    job = Job(identity.name, tag)
    decision, bypass, cache = None, scope.bypass, scope.cache
    if bypass is not None and bypass.active:
        bypass.names.check(bypass.rules, _names)
        decision = bypass.decide(job.function, tag, args, kwargs, fresh)
        if decision is not None:
            bypass.names.check_arguments(bypass.rules, identity)
            data = None if decision.data is None else str(decision.data)
            action = bypass.action(job.function, decision)
            rerun = _rules.rerun(bypass.rules, action, tag, fresh)
            job = job._replace(action=action, data=data, rerun=rerun)
    run, reached = "", False
    if bypass is not None:
        run, reached = bypass.rules.run, bypass.rules.from_reached
    site = None
    if cache is not None:
        run = run or cache.rules.run
        auto_tag = tag is None and cache.rules.makes_tags(job.function)
        # Most calls have no tag, and get none.
        if auto_tag or tag is not None:
            writes = _is_written(scope, job.function, tag, decision) and is_cachable()
            site = cache.site if writes else None
            job = job._replace(auto_tag=auto_tag, write=writes)
    return Ticket(job=job, site=site, run=run, from_reached=reached), decision


def _is_written(
    scope: _scope.Scope, function: str, tag: str | None, decision: _native.Decision | None
) -> bool:
    """Whether the result goes into the cache."""
    bypass, cache = scope.bypass, scope.cache
    if cache is None or (bypass is not None and bypass.rules.mode == "off"):
        return False
    return cache.rules.writes(function, tag, None if decision is None else decision.explanation)


def travelling(ticket: Ticket, packed: _scope.Packed | None) -> tuple[Any, ...]:
    """A ticket as arguments of the call: itself, and a large state."""
    if packed is not None and ticket.state is None:
        # In a list, so that Ray passes the reference on and not the state.
        return ticket.to_bytes(), [packed.put]
    return (ticket.to_bytes(),)


def with_object(
    bound: Any, identity: Identity, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    """The arguments with a method's object in front. It may be among them, as the original wants it:
    ``node.build.chia_remote(node)``.
    """
    parameters = identity.signature.parameters if identity.signature is not None else {}
    if (args and args[0] is bound) or next(iter(parameters), "") in kwargs:
        return args
    both = (bound, *args)
    if not args or not isinstance(args[0], (type(bound), ray.ObjectRef)):
        return both
    if not _takes(identity, args, kwargs):
        return both
    if not _takes(identity, both, kwargs):
        return args
    if isinstance(args[0], ray.ObjectRef):
        return both
    raise TypeError(
        f"{identity.name}: the first argument may be the object of the method or another one; write "
        f"object.{method}.chia_remote(object, ...) or {type(args[0]).__name__}."
        f"{method}.chia_remote(object, ...)"
    )


def _takes(identity: Identity, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the function can be called so."""
    if identity.signature is None:
        return False
    try:
        identity.signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True
