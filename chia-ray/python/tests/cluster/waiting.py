"""Waiting for what Ray does in its own time, on machines of any speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NoReturn, TypeVar

import ray

# In seconds: longer than any step takes on a machine that builds meanwhile.
LONG = 300.0
_PAUSE = 0.05

_R = TypeVar("_R")


def answered(call: Callable[[], _R]) -> _R:
    """What a call gives as soon as its actor, which is being restarted, answers again."""
    deadline = time.monotonic() + LONG
    while True:
        try:
            return call()
        except ray.exceptions.RayActorError:
            assert time.monotonic() < deadline, "the actor did not come back"
            time.sleep(_PAUSE)


def repeated(call: Callable[[], object]) -> NoReturn:
    """Calls until it raises: an actor that was killed may answer for a while."""
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline:
        call()
        time.sleep(_PAUSE)
    raise AssertionError("the call goes on answering")
