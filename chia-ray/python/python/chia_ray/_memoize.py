"""Functions that answer from a store."""

from __future__ import annotations

import functools
import hashlib
import inspect
import pickle
import time
import warnings
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from chia_ray._store import Store

_P = ParamSpec("_P")
_R = TypeVar("_R")


def memoized(
    store: Store, function: Callable[_P, _R], name: str | None, ignore: Collection[str]
) -> Callable[_P, _R]:
    """A function that answers from a store."""
    signature = inspect.signature(function)
    unknown = set(ignore) - set(signature.parameters)
    own = name or f"{function.__module__}.{function.__qualname__}"
    if unknown:
        raise ValueError(f"ignore: {own} has no parameter {', '.join(sorted(unknown))}")

    def key(*args: Any, **kwargs: Any) -> str:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        counted = [pair for pair in bound.arguments.items() if pair[0] not in ignore]
        return f"{own}:{hashlib.blake2b(pickle.dumps(counted, protocol=5), digest_size=16).hexdigest()}"

    @functools.wraps(function)
    def answered(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        own_key = key(*args, **kwargs)
        found = store._read(own_key)
        if found is not None:
            return found[0]  # type: ignore[no-any-return]
        start = time.perf_counter()
        value = function(*args, **kwargs)
        took = time.perf_counter() - start
        if not store.is_read_only and store.write(own_key, value, "real", own, took) == "too_large":
            warnings.warn(f"a result of {own} is larger than the whole store, and is not kept", stacklevel=2)
        return value

    answered.key = key  # type: ignore[attr-defined]
    return answered
