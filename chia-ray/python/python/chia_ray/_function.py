"""Functions that a loop calls."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, overload

from chia_ray._identity import Identity

_P = ParamSpec("_P")
_R = TypeVar("_R")


def rule_name(function: Callable[..., Any]) -> str:
    """``f``, or ``Type.f`` for a method, wherever it is defined: what the rules call a function."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name.rpartition("<locals>.")[2])


class Function(Generic[_P, _R]):
    """A function with the name that rules know it by. Called, it is the function."""

    def __init__(
        self,
        function: Callable[_P, _R],
        name: str | None = None,
        version: str | None = None,
        keep_if: Callable[[_R], object] | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = name or rule_name(function)
        self.keep_if = keep_if
        self.options = options or {}
        self.identity = Identity(function, self.name, version)

    @property
    def _chia_original(self) -> Callable[_P, _R]:
        return self.function

    def __call__(self, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Calls the function here, as it is."""
        return self.function(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        """Arrives in another process as the function of the same module."""
        place = self.function.__module__, self.function.__qualname__
        if "<locals>" in place[1] or "<lambda>" in place[1]:
            raise TypeError(
                f"{self.name} cannot be sent to another process: define it at the top level of a module"
            )
        return _found, place

    def __repr__(self) -> str:
        return f"<function {self.name} of a loop>"


def _found(module: str, path: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


@overload
def function(decorated: Callable[_P, _R], /) -> Function[_P, _R]: ...


@overload
def function(
    decorated: None = None,
    /,
    *,
    name: str | None = None,
    version: str | None = None,
    keep_if: Callable[[Any], object] | None = None,
    **options: Any,
) -> Callable[[Callable[_P, _R]], Function[_P, _R]]: ...


def function(
    decorated: Any = None,
    /,
    *,
    name: str | None = None,
    version: str | None = None,
    keep_if: Callable[[Any], object] | None = None,
    **options: Any,
) -> Any:
    """Makes a function one that a Loop calls: ``@chia_ray.function``, or with options.

    ``name`` is what the rules call it. ``version`` is a text to change with what it computes. ``keep_if``
    says of a result whether it is worth writing to the cache. Other options are those of ``ray.remote``,
    for loops on Ray.
    """

    def made(given: Any) -> Any:
        return Function(given, name, version, keep_if, options)

    return made if decorated is None else made(decorated)
