"""The quick look at a call's arguments, beside what Python says."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from chia_ray.base._body import positional

FUNCTIONS: list[Callable[..., Any]] = [
    lambda: 0,
    lambda x: x,
    lambda x, y=1: x,
    lambda x, /, y: x,
    lambda *rest: rest,
    lambda x, *rest, k=1: x,
    lambda x, *, k: x,
    lambda **rest: rest,
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_count_that_is_taken_at_a_glance_is_right(function: Callable[..., Any]) -> None:
    signature = inspect.signature(function)
    for count in range(5):
        try:
            signature.bind(*range(count))
        except TypeError:
            assert count not in positional(signature)
        else:
            assert count in positional(signature)
