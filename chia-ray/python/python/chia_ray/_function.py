"""Functions that a loop calls."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, overload

_P = ParamSpec("_P")
_R = TypeVar("_R")


def rule_name(function: Callable[..., Any]) -> str:
    """``f``, or ``Type.f`` for a method, wherever it is defined: what the rules call a function."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name.rpartition("<locals>.")[2])


class Function(Generic[_P, _R]):
    """A function with the name that rules know it by. Called, it is the function."""

    def __init__(self, function: Callable[_P, _R], name: str | None = None) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = name or rule_name(function)

    def __call__(self, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Calls the function here, as it is."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<function {self.name} of a loop>"


@overload
def function(decorated: Callable[_P, _R], /) -> Function[_P, _R]: ...


@overload
def function(
    decorated: None = None, /, *, name: str | None = None
) -> Callable[[Callable[_P, _R]], Function[_P, _R]]: ...


def function(decorated: Any = None, /, *, name: str | None = None) -> Any:
    """Makes a function one that a Loop calls: ``@chia_ray.function``, or with the ``name`` of its rules."""
    if decorated is not None:
        return Function(decorated, name)
    return lambda given: Function(given, name)
