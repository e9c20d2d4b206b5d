"""The direct way to the cache, beside calls of its actor."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import ray

from chia_ray import _native
from chia_ray.base._scope import Site

# How long to wait for a cache to say where its endpoint is now, in seconds.
_TIMEOUT = 1.0

_clients: dict[bytes, _native.DirectClient] = {}
# A connection serves one process: answers to two of them would be mixed up.
os.register_at_fork(after_in_child=_clients.clear)


def client(site: Site, reach: Callable[[Site], Any]) -> _native.DirectClient | None:
    """The direct way to a cache, if it is open. ``reach`` gives the actor, which is asked now and then
    for an endpoint that was lost.
    """
    if site.endpoint is None:
        return None
    known = _clients.get(site.endpoint)
    if known is None:
        known = _clients[site.endpoint] = _native.DirectClient(site.endpoint)
    if not known.is_open() and known.wants_endpoint():
        with contextlib.suppress(Exception):
            known.learn(ray.get(reach(site).endpoint.remote(), timeout=_TIMEOUT))
    return known if known.is_open() else None
