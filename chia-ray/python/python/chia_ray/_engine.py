"""The choice between this engine and an installed original, here and on Ray workers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chia_ray import __version__, _finder

if TYPE_CHECKING:
    from chia_ray._identity import Identity

# The major version of the original that this engine was measured against.
_MAJOR = "2"
# Ray calls the function that this variable names on the runtime environment of a job.
_HOOK, _HOOK_FUNCTION = "RAY_RUNTIME_ENV_HOOK", "chia_ray._engine.runtime_env"


def enable() -> None:
    """Serves ``chia.base.ChiaFunction``, ``chia.base.bypass`` and ``chia.base.cache`` from this engine.

    It is needed only where chialoops is installed as well, and does what ``CHIA_ENGINE=rust`` does: the
    other modules of chialoops stay its own, and find this engine under these three names. Call it
    before anything imports one of them. It holds for this process, for the processes that it starts,
    and for the Ray workers of its jobs.

    Raises:
        RuntimeError: One of the three modules of chialoops is already imported.
        ImportError: The installed chialoops is one that this engine does not fit.

    """
    for name in _finder.MODULES:
        module = sys.modules.get(name)
        if module is not None and not module.__name__.startswith("chia_ray."):
            raise RuntimeError(
                f"{name} of chialoops is already imported: set CHIA_ENGINE=rust, or "
                "call chia_ray.enable() before the first import of it"
            )
    _finder.install()
    replace_original()
    os.environ[_finder.VARIABLE] = "rust"


def replace_original() -> None:
    """Prepares to take the place of an installed original. Raises ImportError where it does not fit."""
    from importlib import metadata

    try:
        version = metadata.version("chialoops")
    except metadata.PackageNotFoundError:
        # A checkout on the path, say.
        version = _MAJOR
    if version.split(".")[0] != _MAJOR:
        raise ImportError(
            f"chialoops {version} is installed, and chia-ray {__version__} takes the place of the engine of "
            f"chialoops {_MAJOR} only; install one of these, or unset {_finder.VARIABLE}"
        )
    # The Ray jobs of this process pass the choice on to their workers.
    os.environ.setdefault(_HOOK, _HOOK_FUNCTION)


def runtime_env(given: dict[str, Any] | None) -> dict[str, Any]:
    """The runtime environment of a Ray job with the choice of the engine. Ray calls it."""
    env = dict(given or {})
    engine = os.environ.get(_finder.VARIABLE)
    if engine:
        env["env_vars"] = {_finder.VARIABLE: engine, **(env.get("env_vars") or {})}
    return env


class Shipped:
    """A function on its way to a worker, with what its results depend on and what is worth keeping of
    them. There the engine is chosen first, as here, and then the function is unpickled, since that may
    import the original's names.
    """

    def __init__(
        self, function: Any, identity: Identity, keep_if: Callable[[Any], object] | None = None
    ) -> None:
        self.function = function
        self.identity = identity
        self.keep_if = keep_if

    def __reduce__(self) -> tuple[Any, ...]:
        from ray import cloudpickle

        parts = self.function, self.identity, self.keep_if
        return _arrive, (__version__, _finder.is_enabled(), cloudpickle.dumps(parts))


def _arrive(version: str, enabled: bool, pickled: bytes) -> Shipped:
    from ray import cloudpickle

    if version != __version__:
        raise RuntimeError(
            f"the loop runs chia-ray {version}, this node has {__version__}: install the same on every node"
        )
    if enabled:
        enable()
    return Shipped(*cloudpickle.loads(pickled))
