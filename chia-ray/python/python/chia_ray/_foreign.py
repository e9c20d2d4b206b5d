"""Python functions that loops in Rust call, by ``module:name``."""

from __future__ import annotations

import functools
import importlib
import json
import logging
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ray.exceptions import RayError, RayTaskError

from chia_ray import _native, _wire
from chia_ray._errors import ChiaError
from chia_ray._options import OWN
from chia_ray._program import Shared
from chia_ray._settled import settled
from chia_ray.base import _scope
from chia_ray.base._scope import BypassState, Cache, Scope, Site
from chia_ray.base._values import encode, parts
from chia_ray.base.bypass import Bypass

_log = logging.getLogger("chia")
# The rules of so many loops are kept decoded in a worker.
_KEPT = 16
# The parts of a loop's rules that both languages compile alike.
_RULES = ("config", "settings", "check_by_default", "run")


def run(name: str, args: Sequence[bytes], shared: Shared | None) -> list[memoryview]:
    """Runs a function on pickled arguments and returns its pickled result, in pieces.

    The calls that it makes see the rules of the loop in Rust. Raises ChiaError, or Ray's own errors.
    """
    function = _find(name)
    try:
        with _scope.entered(_scope_of(shared)):
            value = settled(function(*map(pickle.loads, args)))
    except (Exception, SystemExit) as error:
        _log.error("%s failed", name, exc_info=error)
        raise _reported(error) from None
    return _pickled(name, value)


def _find(name: str) -> Callable[..., Any]:
    module, colon, path = name.rpartition(":")
    if not colon:
        raise ChiaError.new("not_registered", f"`{name}` is no Python function: name it `module:name`")
    try:
        found: Any = importlib.import_module(module)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        text = f"the Python module of `{name}` cannot be imported on its worker: {why}"
        raise ChiaError.new("not_registered", text) from None
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ChiaError.new("not_registered", f"the Python module `{module}` has no function `{path}`")
    return found  # type: ignore[no-any-return]


def _pickled(name: str, value: object) -> list[memoryview]:
    try:
        pieces = [memoryview(part).cast("B") for part in parts(encode(value))]
    except Exception as error:
        text = f"the result of `{name}` cannot be pickled: {error}"
        raise ChiaError.new("encode", text) from None
    size = sum(piece.nbytes for piece in pieces)
    if size > _wire.MAX_BODY:
        text = f"the result of `{name}` has {size} bytes; the limit is {_wire.MAX_BODY}"
        raise ChiaError.new("encode", text)
    return pieces


def _reported(error: BaseException) -> BaseException:
    """The error as Rust gets it: a failure of the body names its Python type."""
    while isinstance(error, RayTaskError) and error.cause is not None:
        error = error.cause
    if isinstance(error, ChiaError | RayError):
        return error
    return ChiaError.new("task_failed", f"{type(error).__name__}: {error}")


@dataclass(frozen=True)
class OnlyInRust:
    """Stands for a provider or a condition of the Rust program, which nothing in Python can ask."""

    what: str
    name: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Says so."""
        raise RuntimeError(
            f"the {self.what} `{self.name}` is in the Rust program: a call that is made from Python "
            "cannot ask it; set one in Python, with Bypass, or leave the function out of `bypass:`"
        )


def _scope_of(shared: Shared | None) -> Scope:
    """A scope with the rules of the loop in Rust."""
    if shared is None:
        return Scope()
    state, rules, site = _brought(shared.content())
    return Scope(Bypass._brought(state, rules), None if site is None else Cache(site, rules))


@functools.lru_cache(maxsize=_KEPT)
def _brought(content: bytes) -> tuple[BypassState, _native.Rules, Site | None]:
    loop = json.loads(content)
    providers: dict[str, Callable[..., Any]] = {}
    replays: dict[str, bool] = {}
    for function, how in loop["replacements"].items():
        if "Replay" in how:
            replays[function] = how["Replay"]["or_fail"]
        else:
            providers[function] = OnlyInRust("provider", how["Provider"]["name"])
    conditions: dict[str, Callable[..., Any]] = {
        function: OnlyInRust("condition", chosen["name"]) for function, chosen in loop["conditions"].items()
    }
    rules = json.dumps({part: loop[part] for part in _RULES}).encode()
    state = BypassState(rules, providers, conditions, loop["files"], loop["strict"], replays)
    compiled = _scope.compiled(state)
    cache, timeout = loop["cache"], loop["write_timeout"]
    if cache is None:
        return state, compiled, None
    seconds = timeout["secs"] + timeout["nanos"] / 1e9
    return state, compiled, Site(cache["name"], OWN, seconds, bytes(cache["endpoint"]))
