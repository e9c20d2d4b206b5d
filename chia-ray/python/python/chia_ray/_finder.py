"""Serves the original's module names ``chia.base.{ChiaFunction,bypass,cache}`` from ``chia_ray``.

The rule: a module that another distribution or path provides is theirs, unless ``CHIA_ENGINE=rust`` is
set; a module that nobody else provides is ours. All other modules are left alone.

``chia_ray.pth``, beside the package, adds the finder whenever Python starts. It holds no more than a look
at the name, and imports this module when one of the names is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PACKAGES = ("chia", "chia.base")
MODULES = ("chia.base.ChiaFunction", "chia.base.bypass", "chia.base.cache")
VARIABLE = "CHIA_ENGINE"


class ChiaRayFinder:
    """The finder for processes that started without ``chia_ray.pth``: with the package on their path."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As :func:`find_spec`."""
        return find_spec(name, path, target)


def install() -> None:
    """Adds the finder unless this process has it."""
    if not any(map(_is_ours, sys.meta_path)):
        sys.meta_path.insert(0, ChiaRayFinder)


def _is_ours(finder: object) -> bool:
    return getattr(finder, "__name__", "") == ChiaRayFinder.__name__


def is_enabled() -> bool:
    """Whether this engine takes the place of an installed original."""
    engine = os.environ.get(VARIABLE, "")
    if engine not in ("", "python", "rust"):
        raise ImportError(f"{VARIABLE}={engine}: the engines are `rust` (chia-ray) and `python` (chialoops)")
    return engine == "rust"


def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    """The spec of one of our names; None for every other module."""
    if name not in PACKAGES and name not in MODULES:
        return None
    theirs = _original(name, path, target)
    if name in PACKAGES:
        return theirs or ModuleSpec(name, _Package(), is_package=True)  # type: ignore[arg-type]
    if theirs is not None:
        if not is_enabled():
            return theirs
        from chia_ray import _engine

        _engine.replace_original()
    return ModuleSpec(name, _Alias(), origin=_own_name(name))  # type: ignore[arg-type]


def _original(name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    """The spec of a module as every other finder sees it."""
    for finder in sys.meta_path:
        find: Any = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = None if find is None or _is_ours(finder) else find(name, path, target)
        if spec is not None:
            return spec
    return None


def _own_name(name: str) -> str:
    return f"chia_ray.{name.removeprefix('chia.')}"


class _Package:
    """Loads an empty package."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leaves the module to Python."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Has nothing to run."""


class _Alias:
    """Loads one of our modules under the original's name: it is the same module object."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Imports the module under its own name."""
        module = import_module(_own_name(spec.name))
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Gives the module its own spec back, which the import system has replaced."""
        module.__spec__ = self._spec
