"""Waiting for results."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import ray


class Answer:
    """What the cache has answered already. ``get`` and ``chia_wait`` take it as they take a reference."""

    def __init__(self, decode: Callable[..., Any], *given: Any) -> None:
        self._decode = decode
        self._given = given

    def value(self) -> Any:
        """The answer, decoded where it is used."""
        return self._decode(*self._given)

    def __reduce__(self) -> tuple[Any, ...]:
        """Arrives as its value, wherever it is sent."""
        return self._decode, self._given

    def __await__(self) -> Generator[Any, None, Any]:
        """As a reference in an async task."""
        return self.value()
        yield


def settled_answer(given: Any) -> Any:
    """The value of an answer, in the place of it; anything else as it is."""
    return given.value() if isinstance(given, Answer) else given


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
        values = _values([_plain(ref) for ref in refs], timeout)
        pairs = zip(refs, values, strict=True)
    else:
        ref = _plain(refs)
        values = ref.value() if isinstance(ref, Answer) else ray.get(ref, timeout=timeout)
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
    answers = [ref for ref in refs if isinstance(_plain(ref), Answer)]
    pending = [ref for ref in refs if not isinstance(_plain(ref), Answer)]
    if len(answers) >= num_returns:
        return answers[:num_returns], [*answers[num_returns:], *pending]
    given = {_plain(ref): ref for ref in pending}
    wanted = num_returns - len(answers)
    done, rest = ray.wait(list(given), num_returns=wanted, timeout=timeout, fetch_local=fetch_local)
    return answers + [given[ref] for ref in done], [given[ref] for ref in rest]


def _values(refs: list[Any], timeout: float | None) -> list[Any]:
    pending = [ref for ref in refs if not isinstance(ref, Answer)]
    fetched = iter(ray.get(pending, timeout=timeout))
    return [ref.value() if isinstance(ref, Answer) else next(fetched) for ref in refs]


def _plain(ref: Any) -> Any:
    return ref.ref if isinstance(ref, ObjectRefCallback) else ref
