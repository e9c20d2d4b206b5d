"""Writing results to the cache from the worker that made them, within bounds."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError

from chia_ray._work import warn_written
from chia_ray.base import _direct
from chia_ray.base._scope import Site
from chia_ray.base._values import HoldsReferenceError, encode, parts

_log = logging.getLogger("chia.cache")

# After so many time-outs in a row writes are skipped for a while, in seconds.
_TRIES, _PAUSE = 2, 30.0
# How long to wait before a cache that is being restarted is asked again, in seconds.
_RESTART = 0.1


class NoCacheError(RuntimeError):
    """No cache is running where one is looked for."""


@dataclass
class Writes:
    """What became of this process's cache writes."""

    written: int = 0
    failed: int = 0
    skipped: int = 0
    timeouts_in_a_row: int = 0
    paused_until: float = 0.0


writes = Writes()
_handles: dict[Site, Any] = {}


def reach(site: Site) -> Any:
    """The actor of the cache. Raises NoCacheError when none is running."""
    handle = _handles.get(site)
    if handle is None:
        try:
            handle = ray.get_actor(site.name, site.namespace)
        except ValueError:
            raise NoCacheError("no cache is running: call start_cache first") from None
        if site.endpoint is not None:
            _handles[site] = handle
    return handle


def forget(site: Site) -> None:
    """Looks the actor up again at the next use."""
    _handles.pop(site, None)


def write_result(site: Site, tag: str, function: str, value: object, entry: bytes) -> str:
    """Writes a result before anyone sees it. Returns what was done. A failure never fails the call: it is
    reported and counted.
    """
    if time.monotonic() < writes.paused_until:
        writes.skipped += 1
        return "skipped"
    try:
        data = encode(value)
    except HoldsReferenceError as error:
        _log.warning("the result of %s [%s] is not cached: %s", function, tag, error)
        return "failed"
    except Exception as error:
        _failed(function, tag, f"it cannot be pickled: {error!r}")
        return "failed"
    try:
        outcome = _send(site, tag, data, entry)
    except GetTimeoutError:
        _timed_out(site, function, tag)
        return "failed"
    except Exception as error:
        _failed(function, tag, str(error).strip().splitlines()[0])
        return "failed"
    writes.written += 1
    writes.timeouts_in_a_row = 0
    warn_written(_log, outcome, function, tag)
    return outcome


def _send(site: Site, tag: str, data: Any, entry: bytes) -> str:
    """Sends a write: directly, or as calls of the actor as long as time lasts, since it may be being
    restarted.
    """
    deadline = time.monotonic() + site.write_timeout
    client = _direct.client(site, reach)
    if client is not None:
        try:
            return client.write(deadline - time.monotonic(), tag, parts(data), entry)
        except OSError as error:
            # An endpoint behind a firewall is silent; the actor may have time left to answer.
            if time.monotonic() >= deadline:
                raise GetTimeoutError(str(error)) from None
            _log.debug("the cache does not answer directly: %s", error)
    while True:
        try:
            ref = reach(site).write_encoded.remote(tag, data, entry)
            outcome: str = ray.get(ref, timeout=max(deadline - time.monotonic(), 0.001))
            return outcome
        except RayActorError:
            forget(site)
            if time.monotonic() + _RESTART > deadline:
                raise
            time.sleep(_RESTART)


def _timed_out(site: Site, function: str, tag: str) -> None:
    _failed(function, tag, f"the cache did not answer within {site.write_timeout} s")
    writes.timeouts_in_a_row += 1
    if writes.timeouts_in_a_row >= _TRIES:
        writes.timeouts_in_a_row = 0
        writes.paused_until = time.monotonic() + _PAUSE
        _log.warning("the cache does not answer: writes are skipped for %s s", _PAUSE)


def _failed(function: str, tag: str, why: str) -> None:
    writes.failed += 1
    _log.warning("the result of %s [%s] is not cached (failure %d): %s", function, tag, writes.failed, why)
