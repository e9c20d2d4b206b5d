"""Waiting for results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ray


class ObjectRefCallback:
    """A reference with a callback that sees its value when ``get`` has it."""

    def __init__(self, ref: Any, callback: Callable[[Any], object] | None = None) -> None:
        self.ref = ref
        self.callback = callback


def get(refs: Any, timeout: float | None = None, callback: Callable[[Any], object] | None = None) -> Any:
    """The value of a reference, or the values of a list of them, within ``timeout`` seconds.

    ``callback``, if given, is called with what is returned. Raises what the call raised, and
    ``ray.exceptions.GetTimeoutError`` when time runs out; the call goes on then.
    """
    if isinstance(refs, (list, tuple)):
        values = ray.get([_plain(ref) for ref in refs], timeout=timeout)
        pairs = zip(refs, values, strict=True)
    else:
        values = ray.get(_plain(refs), timeout=timeout)
        pairs = zip([refs], [values], strict=True)
    for ref, value in pairs:
        if isinstance(ref, ObjectRefCallback) and ref.callback is not None:
            ref.callback(value)
    if callback is not None:
        callback(values)
    return values


def chia_wait(
    refs: Sequence[Any],
    num_returns: int = 1,
    timeout: float | None = None,
    fetch_local: bool = True,
) -> tuple[list[Any], list[Any]]:
    """As ``ray.wait``: those that are done, and the others. Takes ObjectRefCallbacks as well."""
    given = {_plain(ref): ref for ref in refs}
    done, rest = ray.wait(list(given), num_returns=num_returns, timeout=timeout, fetch_local=fetch_local)
    return [given[ref] for ref in done], [given[ref] for ref in rest]


def _plain(ref: Any) -> Any:
    return ref.ref if isinstance(ref, ObjectRefCallback) else ref
