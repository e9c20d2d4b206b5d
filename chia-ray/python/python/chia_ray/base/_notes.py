"""What workers report of a run: stale results that were served, and replays that were refused.

The cache counts them, so that a user is warned once for each function of a run, whatever worker met it.
"""

from __future__ import annotations

import logging

import ray

from chia_ray._work import warn_stale
from chia_ray.base import _scope, _writes

_log = logging.getLogger("chia")
# How long the cache may take to count, in seconds.
_TIMEOUT = 5.0
_warned: set[tuple[str, str]] = set()


def note(run: str, function: str, kind: str, text: str) -> bool:
    """Counts what became of a call. Whether it is the first of its kind."""
    cache = _scope.current().cache
    known = (run, f"{function} {kind}") in _warned
    _warned.add((run, f"{function} {kind}"))
    if cache is None:
        return not known
    try:
        count = _writes.reach(cache.site).note.remote(run, function, kind, text)
        # It is counted before the result is seen: a report that is asked for then is whole.
        return int(ray.get(count, timeout=_TIMEOUT)) == 1
    except Exception as error:
        _log.debug("the cache does not count: %s", error)
        return not known


def stale(run: str, function: str, tag: str | None, differs: str) -> None:
    """Counts a stale result that was served, and warns of the first of a function."""
    if note(run, function, "stale", f"[{tag}] {differs}"):
        warn_stale(function, tag, differs)
