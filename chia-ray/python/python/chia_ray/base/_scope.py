"""The rules and the cache that calls see: a driver's own, or those that a task brought along."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import ray
from ray import cloudpickle

from chia_ray import _native
from chia_ray._record import Place
from chia_ray._rules import new_run

if TYPE_CHECKING:
    from chia_ray.base._run import _Task
    from chia_ray.base.bypass import Bypass

# A state up to this size travels in each call; a larger one is put once.
_INLINE = 16 * 1024
# So many states are kept decoded in a worker.
_KEPT = 16


class Site(NamedTuple):
    """Where the cache is, and how long a write may take, in seconds."""

    name: str
    namespace: str
    write_timeout: float
    # Where it can be reached directly, which is another place at each start; None for whichever runs.
    endpoint: bytes | None = None

    def __repr__(self) -> str:
        # The endpoint holds a secret.
        return f"Site({self.name!r}, {self.namespace!r})"


# The one cache of a cluster, for loops in Python and in Rust.
CACHE, NAMESPACE = "chia.cache", "chia"
# Whichever cache runs on the cluster.
ANY_CACHE = Site(CACHE, NAMESPACE, 10.0)


class BypassState(NamedTuple):
    """What travels of a Bypass."""

    rules: bytes
    providers: dict[str, Callable[..., Any]]
    conditions: dict[str, Callable[..., Any]]
    files: str | None
    strict: bool = False
    # The functions that are replayed, and whether a miss of theirs is an error.
    replays: dict[str, bool] = {}  # noqa: RUF012 - it is never changed


class CacheState(NamedTuple):
    """What travels of a started cache."""

    site: Site
    rules: bytes


class Packed(NamedTuple):
    """A state as it travels: its hash, and itself or a reference to it."""

    hash: bytes
    inline: bytes | None
    put: Any


@dataclass
class Cache:
    """The cache as the calls of a scope see it."""

    site: Site
    rules: _native.Rules
    # Its directory, and where the record of the run goes, in the driver that started it.
    dir: Path | None = None
    record: Place = True

    @property
    def state(self) -> CacheState:
        """As it travels."""
        return CacheState(self.site, self.rules.to_bytes())


@dataclass
class Scope:
    """The rules of a driver, or of one task."""

    _bypass: Bypass | None = None
    _cache: Cache | None = None
    _brought: bytes = b""
    _packed: Packed | None = None
    _packed_for: tuple[Any, ...] = field(default=(None, 0, None, None))
    # The task whose provider is being asked.
    replaced: _Task | None = None

    @classmethod
    def brought(cls, packed: Packed) -> Scope:
        """The scope of a task. It is decoded when something looks at it: few tasks do."""
        scope = cls()
        scope._packed, scope._brought = packed, packed.hash
        return scope

    @property
    def bypass(self) -> Bypass | None:
        """The active Bypass."""
        self._decode()
        return self._bypass

    @bypass.setter
    def bypass(self, bypass: Bypass | None) -> None:
        self._decode()
        self._bypass = bypass

    @property
    def cache(self) -> Cache | None:
        """The active cache."""
        self._decode()
        return self._cache

    @cache.setter
    def cache(self, cache: Cache | None) -> None:
        self._decode()
        self._cache = cache

    def packed(self) -> Packed | None:
        """The state as it travels with calls; None when there is none. Made anew after a change."""
        if self._brought:
            return self._packed
        bypass, cache = self._bypass, self._cache
        if bypass is not None:
            bypass._serve_files()
        made_for = (bypass, bypass.changes if bypass else 0, cache, self._cluster())
        if made_for != self._packed_for:
            self._packed = _pack(bypass, cache)
            self._packed_for = (*made_for[:3], self._cluster())
        return self._packed

    def _cluster(self) -> tuple[str, str] | None:
        """The node and the job that hold a large state: it is gone after ``ray.shutdown``."""
        if self._packed is None or self._packed.put is None:
            return None
        context = ray.get_runtime_context()
        return str(context.get_node_id()), str(context.get_job_id())

    def _decode(self) -> None:
        if not self._brought:
            return
        from chia_ray.base.bypass import Bypass

        assert self._packed is not None
        bypass, self._cache = _unpacked(self._packed)
        self._bypass = None if bypass is None else Bypass._brought(*bypass)
        self._brought = b""
        self._packed_for = (self._bypass, 0, self._cache, self._cluster())


def _pack(bypass: Bypass | None, cache: Cache | None) -> Packed | None:
    if bypass is None and cache is None:
        return None
    state = (bypass and bypass._state(), cache and cache.state)
    blob = cloudpickle.dumps(state)
    hash = hashlib.blake2b(blob, digest_size=16).digest()
    if len(blob) <= _INLINE:
        return Packed(hash, blob, None)
    return Packed(hash, None, ray.put(blob))


_decoded: OrderedDict[bytes, tuple[Any, Cache | None]] = OrderedDict()


def _unpacked(packed: Packed) -> tuple[Any, Cache | None]:
    """The rules of a packed state with what they were made of; they are never changed in place."""
    known = _decoded.get(packed.hash)
    if known is None:
        blob = packed.inline if packed.inline is not None else ray.get(packed.put)
        bypass, cache = cloudpickle.loads(blob)
        rules = None
        if bypass is not None:
            state = BypassState(*bypass)
            rules = (state, compiled(state))
        known = rules, cache and Cache(Site(*cache[0]), _native.Rules.from_bytes(cache[1]))
        _decoded[packed.hash] = known
        while len(_decoded) > _KEPT:
            _decoded.popitem(last=False)
    return known


def rules_of(sections: dict[str, Any]) -> _native.Rules:
    """Rules that are given as Python objects, as the YAML file would have them."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        # JSON is YAML.
        json.dump(sections, file)
        file.flush()
        return _native.Rules(file.name, run=new_run())


def compiled(state: BypassState) -> _native.Rules:
    """Rules with their providers, replays and conditions."""
    rules = _native.Rules.from_bytes(state.rules)
    for function, provider in state.providers.items():
        rules.set_provider(function, provider)
    for function in state.replays:
        rules.set_replay(function)
    for function, condition in state.conditions.items():
        rules.set_condition(function, condition)
    return rules


# A worker runs one task at a time, and threads that a task starts belong to it.
_driver = _current = Scope()


def driver() -> Scope:
    """The scope of the driver."""
    return _driver


def current() -> Scope:
    """The scope of the running task, or of the driver."""
    return _current


@contextlib.contextmanager
def entered(scope: Scope) -> Iterator[None]:
    """Makes a scope the current one for a while."""
    global _current
    before, _current = _current, scope
    try:
        yield
    finally:
        _current = before
