"""The cache: results on disk, under tags, shared by every loop of the cluster."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from chia_ray import _native, _rules
from chia_ray._record import Place
from chia_ray._store import base_of
from chia_ray.base import _driver, _scope, _writes
from chia_ray.base._cache_actor import CONCURRENCY, CacheActor
from chia_ray.base._cache_handle import CacheHandle
from chia_ray.base._scope import ANY_CACHE, CACHE, NAMESPACE, Site
from chia_ray.base._writes import NoCacheError

__all__ = ["Cache", "CacheHandle", "get_active_cache", "is_cached", "start_cache", "stop_cache"]

_log = logging.getLogger("chia.cache")

# How long an opener waits for another holder of the directory, in seconds.
_LOCK_WAIT = 10.0
# How long an actor may take to go away, and how often to look, in seconds.
_END, _PAUSE = 60.0, 0.02


class _CacheClass:
    """The class of caches that are actors of their own, apart from the shared one.

    ``Cache.remote(size, cache_dir_path, units="B", yaml_path=None)`` makes an anonymous one on this
    cluster; it ends with its handle or by ``ray.kill(handle.actor)``, and its entries stay on disk. So does
    the original's ``Cache.remote(cache_dir_path, budget_bytes, config)``, where ``config`` says for each
    function whether its results are cached: ``True``, or a list of patterns. That form returns Ray's own
    handle, as the original does; ``chia_actor`` gives it ``chia_remote``.
    """

    def __init__(self, options: dict[str, Any] | None = None) -> None:
        self._options = {"num_cpus": 0, "max_concurrency": CONCURRENCY, **(options or {})}

    def options(self, **options: Any) -> _CacheClass:
        """The same with Ray's options for the actor."""
        return _CacheClass({**self._options, **options})

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        """Makes the actor. What goes wrong with the directory is raised by its methods."""
        is_original = isinstance(args[0], str | os.PathLike) if args else "budget_bytes" in kwargs
        init, rules = (_original_init if is_original else _own_init)(*args, **kwargs)
        actor = ray.remote(CacheActor).options(**self._options).remote(init, rules.to_bytes())
        return actor if is_original else CacheHandle(actor)

    chia_remote = remote


def _own_init(
    size: float,
    cache_dir_path: str | os.PathLike[str],
    units: str = "B",
    yaml_path: str | os.PathLike[str] | None = None,
) -> tuple[bytes, _native.Rules]:
    return _init(size, cache_dir_path, units, "durable"), _native.Rules(yaml_path)


def _original_init(
    cache_dir_path: str | os.PathLike[str],
    budget_bytes: int,
    config: Mapping[str, bool | Sequence[str]] | None = None,
) -> tuple[bytes, _native.Rules]:
    given = (config or {}).items()
    section = {
        name: rule if isinstance(rule, bool) else {"cache": True, "tags": list(rule)} for name, rule in given
    }
    return _init(budget_bytes, cache_dir_path, "B", "durable"), _scope.rules_of({"cache": section})


Cache = _CacheClass()


def start_cache(
    size: float,
    cache_dir_path: str | os.PathLike[str],
    units: str = "B",
    yaml_path: str | os.PathLike[str] | None = None,
    namespace: str | None = None,
    *,
    durability: str = "durable",
    write_timeout: float = 10.0,
    overlay_of: str | os.PathLike[str] | None = None,
    record: Place = True,
) -> CacheHandle:
    """Starts the cache of the cluster on its head node, or attaches to the living one.

    Attaching with another size resizes it; with another directory or durability it is an error.
    The ``cache:`` section of ``yaml_path`` says which results of this loop are written.

    Args:
        size: The budget, in ``units``.
        cache_dir_path: A directory of the head node.
        units: B, KB, MB, GB, TB, KiB … TiB, powers of 1024, in any case.
        yaml_path: The rules file, the one that Bypass gets.
        namespace: Ray's namespace of the actor; one for all loops unless given.
        durability: ``durable``: a write survives power loss. ``relaxed``: it survives the death of
            the process, and the last second may be lost with the power; faster.
        write_timeout: How many seconds a finished task waits for its result to be written.
        overlay_of: The directory of another cache on the head node, the base of this one: what is not here
            is read from it, and everything is written here, within the size. The base stays as it is; reads
            count as use there, unless another process owns it. The directory stays an overlay: later loops
            need not say it.
        record: Where the record of this run goes, which ``chia-cache report`` and ``why`` read: ``runs`` in
            the directory of the cache (True), nowhere (False), or into this folder. ``CHIA_RUNS`` names
            another folder, or is ``off``. This process writes it.

    Raises:
        ValueError: The rules are wrong, or the size is no size.
        RuntimeError: The directory cannot be used, or the living cache differs; the base is gone or is the
            cache itself.

    """
    rules = _rules.load(yaml_path, _log)
    init = _init(size, cache_dir_path, units, durability, overlay_of)
    handle, site = _attached(init, namespace or NAMESPACE, write_timeout)
    _scope.current().cache = _scope.Cache(site, rules, Path(cache_dir_path).absolute(), record)
    return CacheHandle(handle, site)


def attached(dir: str | os.PathLike[str], size: int, base: str | os.PathLike[str] | None) -> tuple[Any, Site]:
    """The actor of the cluster's cache, started unless it lives, and where it is."""
    return _attached(_init(size, dir, "B", "durable", base), NAMESPACE, ANY_CACHE.write_timeout)


def _attached(init: bytes, namespace: str, write_timeout: float) -> tuple[Any, Site]:
    handle, endpoint = _start(CACHE, namespace, init)
    return handle, Site(CACHE, namespace, write_timeout, endpoint)


def _init(
    size: float,
    dir: str | os.PathLike[str],
    units: str,
    durability: str,
    base: str | os.PathLike[str] | None = None,
) -> bytes:
    if isinstance(size, bool) or not isinstance(size, int | float):
        raise TypeError(f"size: a number is needed, not {type(size).__name__}: {size!r}")
    for name, text in (("units", units), ("durability", durability)):
        if not isinstance(text, str):
            raise TypeError(f"{name}: a text is needed, not {type(text).__name__}: {text!r}")
    if not isinstance(dir, str | os.PathLike):
        raise TypeError(f"cache_dir_path: a path is needed, not {type(dir).__name__}: {dir!r}")
    budget = _native.parse_size(size, units)
    return _native.cache_init(Path(dir).absolute(), budget, durability, _LOCK_WAIT, base_of(base))


def _start(name: str, namespace: str, init: bytes) -> tuple[Any, bytes]:
    options: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "lifetime": "detached",
        "get_if_exists": True,
        "num_cpus": 0,
        "max_restarts": -1,
        "max_concurrency": CONCURRENCY,
        # Ray gives its head node this resource: the least amount of it pins the actor there.
        "resources": {"node:__internal_head__": 0.001},
    }
    deadline = time.monotonic() + _END
    while True:
        handle = ray.remote(CacheActor).options(**options).remote(init)
        try:
            _answer(handle.ready.remote())
        except RayActorError:
            # The name is still that of one which is going away.
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        except Exception:
            ray.kill(handle)
            raise
        else:
            endpoint: bytes = _answer(handle.attach.remote(init))
            return handle, endpoint


def _answer(ref: Any) -> Any:
    """Waits for an answer; what went wrong is raised as it is, without the actor's own traceback."""
    try:
        return ray.get(ref)
    except RayTaskError as error:
        raise error.cause or error from None


def stop_cache(namespace: str | None = None) -> None:
    """Ends the cache, for every loop that shares it. Its entries stay on disk."""
    scope = _scope.current()
    site = _site(namespace)
    if scope is _scope.driver():
        _driver.finish()
    if scope.cache is not None and scope.cache.site == site:
        scope.cache = None
    _writes.forget(site)
    handle = _living(site)
    if handle is None:
        return
    try:
        ray.get(handle.close.remote(), timeout=_END)
    except RayActorError:
        _log.debug("the cache was going away already")
    finally:
        ray.kill(handle)
    deadline = time.monotonic() + _END
    while _living(site) is not None and time.monotonic() < deadline:
        time.sleep(_PAUSE)


def _site(namespace: str | None) -> Site:
    """Where the cache of this loop is, or that of a namespace."""
    cache = _scope.current().cache
    if cache is not None and namespace in (None, cache.site.namespace):
        return cache.site
    return ANY_CACHE if namespace is None else ANY_CACHE._replace(namespace=namespace)


def _living(site: Site) -> Any:
    """The actor of that name, or None."""
    try:
        return ray.get_actor(site.name, site.namespace)
    except ValueError:
        return None


def get_active_cache(namespace: str | None = None) -> CacheHandle | None:
    """The cache of this loop, or of the cluster, or of a namespace; None when none is running.

    The cache that this loop has started may be gone: then whatever is looked up in it is a miss.
    """
    site = _site(namespace)
    try:
        return CacheHandle(_writes.reach(site), site)
    except NoCacheError:
        cache = _scope.current().cache
        return None if cache is None or cache.site != site else CacheHandle(None, site)


def _load_cache_config(yaml_path: str | os.PathLike[str]) -> dict[str, bool | list[str]]:
    """The original's name for what a rules file says of the cache."""
    return _native.Rules(yaml_path).cache_rules()


def is_cached(func_name: str, tag: str | None = None) -> bool:
    """Whether the result of a call is written to the cache, by the rules of this loop."""
    cache = _scope.current().cache
    return cache is not None and cache.rules.writes(func_name, tag)
