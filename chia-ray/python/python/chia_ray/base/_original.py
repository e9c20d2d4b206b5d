"""The original's other parts, used where chialoops is installed: its profiler, the registry of processes,
the dispatch proxy, and waiting for tasks that are stuck. Without it these are absent, and say so.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import ray

_PROFILER = "chia.trace.profiler"
# So many calls are known by their references, for the edges of a profile.
_KNOWN_CALLS = 4096


@functools.cache
def part(name: str) -> ModuleType | None:
    """A module of the original, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            return None
        raise


def needed(name: str, what: str) -> ModuleType:
    """A module of the original without which a feature is absent: then it raises ImportError."""
    found = part(name)
    if found is None:
        raise ImportError(f"{what} needs {name} of chialoops, which is not installed: pip install chialoops")
    return found


class Profile(NamedTuple):
    """What a profiled call brings along: its id, and what the profiler knew at the dispatch."""

    call_id: str
    resources: dict[str, float]
    dispatch: dict[str, Any]


# By the reference's bytes: the reference itself would hold its object.
_calls: OrderedDict[bytes, str] = OrderedDict()


def profiler() -> Any:
    """The profiler, if its collector runs; None otherwise, which is known at once in most processes."""
    module = sys.modules.get(_PROFILER)
    if module is None:
        return None
    found = module.get_profiler()
    return found if found.enabled else None


def profile_of(
    options: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any], display: str | None
) -> Profile | None:
    """The profile of a call that is about to be dispatched."""
    found = profiler()
    if found is None:
        return None
    dispatch = found.prepare_dispatch(options, args, kwargs, display)
    return Profile(found.next_call_id(), dict(options.get("resources") or {}), dispatch)


def dispatched(ref: Any, profile: Profile) -> None:
    """Remembers which call a reference is the result of."""
    _calls[ref.binary()] = profile.call_id
    while len(_calls) > _KNOWN_CALLS:
        _calls.popitem(last=False)


def fetched(ref: Any, value: Any) -> Any:
    """A value that came from a reference, as the profiler wants to know of it."""
    found = profiler()
    if found is None:
        return value
    value = found.on_remote_complete(value)
    call_id = _calls.get(ref.binary()) if isinstance(ref, ray.ObjectRef) else None
    if call_id is not None:
        found._register_result(value, call_id)
    return value


def profiled(profile: Profile, name: str, body: Callable[[], Any]) -> Any:
    """Runs a call on its worker, and tells the profiler of its start and its end."""
    importlib.import_module(_PROFILER)
    found = profiler()
    if found is None:
        return body()
    context = ray.get_runtime_context()
    where = (ray.util.get_node_ip_address(), context.get_worker_id(), context.get_node_id())
    dispatch = profile.dispatch
    display = dispatch.get("display_name", "")
    deps, caller = dispatch.get("obj_ref_deps", []), dispatch.get("caller_worker_id", "")
    found.on_worker_dispatch(profile.call_id, name, *where, profile.resources, deps, caller, display)
    found._pop_extra()
    start = time.perf_counter()
    value = body()
    took = time.perf_counter() - start
    extra = found._pop_extra()
    found.on_worker_complete(profile.call_id, name, time.time(), took, *where, extra, display)
    return value


def profiled_here(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs a local call, and tells the profiler."""
    found = profiler()
    if found is None:
        return function(*args, **kwargs)
    info = found.on_local_start(function, args, kwargs)
    value = function(*args, **kwargs)
    found.on_local_end(info, value)
    return value


class _Running(threading.local):
    """The body that runs on a thread: what is to end with it."""

    scope: contextlib.ExitStack | None = None
    tracks = False


_running = _Running()


@contextlib.contextmanager
def processes_tracked() -> Iterator[None]:
    """Registers the processes that a body starts, so that a cancellation or a stopped job ends them.

    The original's scope is entered when the body starts its first process: few bodies do, and the scope
    costs more than a call.
    """
    if not _hook_popen():
        yield
        return
    before = _running.scope, _running.tracks
    with contextlib.ExitStack() as scope:
        _running.scope, _running.tracks = scope, False
        try:
            yield
        finally:
            _running.scope, _running.tracks = before


@functools.cache
def _hook_popen() -> bool:
    """Makes the first process of a body enter the original's scope; False without the original."""
    registry = part("chia.base.pid_registry")
    if registry is None:
        return False
    registry._install_popen_hook()
    start = subprocess.Popen.__init__

    @functools.wraps(start)
    def tracked(self: Any, *args: Any, **kwargs: Any) -> None:
        if _running.scope is not None and not _running.tracks:
            _running.tracks = True
            _running.scope.enter_context(registry._pid_tracking_scope())
        start(self, *args, **kwargs)

    subprocess.Popen.__init__ = tracked  # type: ignore[method-assign]
    return True


@functools.cache
def prepare_driver() -> None:
    """Makes a stopped driver end the processes of its tasks, where the original is there to do it."""
    registry = part("chia.base.pid_registry")
    if registry is not None and threading.current_thread() is threading.main_thread():
        registry._install_driver_cleanup()


def relays(options: dict[str, Any]) -> bool:
    """Whether calls with these options are relayed through the head."""
    proxies = part("chia.base.dispatch_proxy")
    return proxies is not None and bool(proxies.should_proxy(options))


def relay(function: Any, options: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The reference of a call that had to be relayed through the head, on a cluster with tunnels; None for
    a call that can be dispatched directly.
    """
    proxies = part("chia.base.dispatch_proxy")
    if proxies is None or not relays(options):
        return None
    return proxies.get_dispatch_proxy().submit.remote(function, options, None, None, None, args, kwargs)
