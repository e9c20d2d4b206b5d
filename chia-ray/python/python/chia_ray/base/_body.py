"""A function as Ray takes it, and the arguments of ours that calls take beside its own."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

from chia_ray._engine import Shipped
from chia_ray.base._run import run, run_generator

HOOKS = ("_chia_setup", "_chia_setup_args", "_chia_cleanup", "_chia_cleanup_args")
# What belongs to the function, and not to one call of it.
DECLARED = ("_chia_version", "_chia_keep_if")
RESERVED = frozenset(("_chia_tag", "_chia_display_name", "_chia_fresh", *DECLARED, *HOOKS))


def text_option(name: str, kwargs: dict[str, Any], options: dict[str, Any]) -> str | None:
    """One of our own arguments, of the call or of its function's options. An empty text is none."""
    given = kwargs.pop(name, None)
    if given is None:
        given = options.get(name)
    if given is not None and not isinstance(given, str):
        raise TypeError(f"{name}: a text is needed, not {type(given).__name__}: {given!r}")
    return given or None


def remote_body(shipped: Shipped, runs: Callable[..., Any] = run) -> Callable[..., Any]:
    """What Ray runs: it takes anything, so that no name of ours meets one of the user's. ``runs`` is one of
    the functions of ``_run``.
    """
    function = shipped.function
    if inspect.isgeneratorfunction(function):

        def body(*args: Any, **kwargs: Any) -> Any:
            yield from run_generator(shipped, args, kwargs)
    else:

        def body(*args: Any, **kwargs: Any) -> Any:
            return runs(shipped, args, kwargs)

    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(body, name, getattr(function, name, None) or "call")
    return body


def positional(signature: inspect.Signature | None) -> range:
    """How many arguments without a name are right, where no others are given: the usual case, which is
    checked at a glance.
    """
    known = list(signature.parameters.values()) if signature is not None else []
    named = [one for one in known if one.kind is one.KEYWORD_ONLY]
    if any(one.default is one.empty for one in named):
        return range(0)
    places = [one for one in known if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    needed = [one for one in places if one.default is one.empty]
    endless = any(one.kind is one.VAR_POSITIONAL for one in known)
    return range(len(needed), sys.maxsize if endless else len(places) + 1)


def flag_option(name: str, kwargs: dict[str, Any], options: dict[str, Any]) -> bool:
    """A yes or no of ours, of the call or of its function's options."""
    given = kwargs.pop(name, None)
    if given is None:
        given = options.get(name, False)
    if not isinstance(given, bool):
        raise TypeError(f"{name}: True or False is needed, not {type(given).__name__}: {given!r}")
    return given
