"""The direct way to the cache, beside calls of its actor."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import ray

from chia_ray import _native
from chia_ray.base._scope import Site

# How long to wait for a cache to tell its new door, in seconds.
_TELL = 1.0

_lines: dict[bytes, _native.Line] = {}
# A connection serves one process: answers to two of them would be mixed up.
os.register_at_fork(after_in_child=_lines.clear)


def line(site: Site, reach: Callable[[Site], Any]) -> _native.Line | None:
    """The direct way to a cache, if it is open. ``reach`` gives the actor, which is asked now and then
    for a door that was lost.
    """
    if site.door is None:
        return None
    known = _lines.get(site.door)
    if known is None:
        known = _lines[site.door] = _native.Line(site.door)
    if not known.is_open() and known.wants_door():
        with contextlib.suppress(Exception):
            known.learn(ray.get(reach(site).door.remote(), timeout=_TELL))
    return known if known.is_open() else None
