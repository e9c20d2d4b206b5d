"""Cache and bypass for loops on Ray, on the engine of the Rust crates of the same name."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if "free-threading" in sys.version:
    raise ImportError("chia-ray does not support free-threaded builds of Python; use the regular build")

if TYPE_CHECKING:
    from chia_ray._archive import Directory, File
    from chia_ray._codecs import Codec
    from chia_ray._engine import enable
    from chia_ray._function import Function, function
    from chia_ray._handle import Counts, Forecast, Handle, Progress
    from chia_ray._local import WorkerDied
    from chia_ray._loop import Loop
    from chia_ray._native import ArchiveError, CacheError, ConfigError
    from chia_ray._store import Store, export_cache
    from chia_ray._work import Outcome, ReplayMiss

__version__ = "0.1.0"
__all__ = [
    "ArchiveError",
    "CacheError",
    "Codec",
    "ConfigError",
    "Counts",
    "Directory",
    "File",
    "Forecast",
    "Function",
    "Handle",
    "Loop",
    "Outcome",
    "Progress",
    "ReplayMiss",
    "Store",
    "WorkerDied",
    "__version__",
    "enable",
    "export_cache",
    "function",
]

# Where each public name is. They are imported when they are first used, so that `import chia_ray` is quick.
_PUBLIC = {
    "ArchiveError": "_native",
    "CacheError": "_native",
    "Codec": "_codecs",
    "ConfigError": "_native",
    "Counts": "_handle",
    "Directory": "_archive",
    "File": "_archive",
    "Forecast": "_handle",
    "Function": "_function",
    "Handle": "_handle",
    "Loop": "_loop",
    "Outcome": "_work",
    "Progress": "_handle",
    "ReplayMiss": "_work",
    "Store": "_store",
    "WorkerDied": "_local",
    "enable": "_engine",
    "export_cache": "_store",
    "function": "_function",
}


def __getattr__(name: str) -> Any:
    module = _PUBLIC.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
