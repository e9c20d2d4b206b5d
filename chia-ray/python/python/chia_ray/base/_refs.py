"""Waiting for results."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import ray

from chia_ray.base import _original


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
    """A reference with a callback. ``get`` gives what the callback makes of the value."""

    def __init__(self, ref: Any, callback: Callable[[Any], Any] | None = None) -> None:
        self.ref = ref
        self.callback = callback


def get(
    refs: Any,
    timeout: float | None = None,
    callback: Callable[[Any], Any] | None = None,
    _use_object_store: bool = False,
) -> Any:
    """The value of a reference, or the values of a list of them, within ``timeout`` seconds.

    With a ``callback`` the answer is what it returns for that. The callback of an ObjectRefCallback comes
    first. Raises what the call raised, and ``ray.exceptions.GetTimeoutError`` when time runs out; the
    call goes on then.
    """
    options = {"_use_object_store": True} if _use_object_store else {}
    if isinstance(refs, (list, tuple)):
        fetched = _values([_plain(ref) for ref in refs], timeout, options)
        value: Any = [_called_back(*pair) for pair in zip(refs, fetched, strict=True)]
    else:
        ref = _plain(refs)
        fetched = ref.value() if isinstance(ref, Answer) else ray.get(ref, timeout=timeout, **options)
        value = _called_back(refs, fetched)
    return value if callback is None else callback(value)


def _called_back(ref: Any, value: Any) -> Any:
    """A value as its reference's callback has it."""
    value = _original.fetched(_plain(ref), value)
    if isinstance(ref, ObjectRefCallback) and ref.callback is not None:
        return ref.callback(value)
    return value


def chia_wait(
    refs: Sequence[Any],
    num_returns: int = 1,
    timeout: float | None = None,
    fetch_local: bool = True,
    **stuck: Any,
) -> tuple[list[Any], list[Any]]:
    """As ``ray.wait``: those that are done, and the others. Takes ObjectRefCallbacks as well.

    ``TrackedRef``s, and the options for tasks that are stuck (``pending_timeout``, ``retry``,
    ``max_retries``, ``cancel_on_stuck``, …), are those of ``chia.base.chia_wait`` of chialoops, which does
    that waiting; without it they are an ImportError.
    """
    if stuck or any(hasattr(ref, "submit_fn") for ref in refs):
        waiting = _original.needed("chia.base.chia_wait", "waiting for tasks that may be stuck")
        return waiting.chia_wait(list(refs), num_returns=num_returns, timeout=timeout, **stuck)  # type: ignore[no-any-return]
    answers = [ref for ref in refs if isinstance(_plain(ref), Answer)]
    pending = [ref for ref in refs if not isinstance(_plain(ref), Answer)]
    if len(answers) >= num_returns:
        return answers[:num_returns], [*answers[num_returns:], *pending]
    given = {_plain(ref): ref for ref in pending}
    wanted = num_returns - len(answers)
    done, rest = ray.wait(list(given), num_returns=wanted, timeout=timeout, fetch_local=fetch_local)
    return answers + [given[ref] for ref in done], [given[ref] for ref in rest]


def chia_cancel(ref: Any, force: bool = False) -> None:
    """Cancels a call and ends the processes that its body has started, on whatever node.

    It is done by ``chia.base.pid_registry`` of chialoops; without it this is an ImportError, and
    ``ray.cancel`` cancels the call alone.
    """
    _original.needed("chia.base.pid_registry", "chia_cancel").chia_cancel(_plain(ref), force)


def _values(refs: list[Any], timeout: float | None, options: dict[str, bool]) -> list[Any]:
    pending = [ref for ref in refs if not isinstance(ref, Answer)]
    # Ray would start a cluster to get nothing.
    fetched = iter(ray.get(pending, timeout=timeout, **options) if pending else ())
    return [ref.value() if isinstance(ref, Answer) else next(fetched) for ref in refs]


def _plain(ref: Any) -> Any:
    return ref.ref if isinstance(ref, ObjectRefCallback) else ref
