"""ChiaFunction: a function that is dispatched on Ray, with its cache and its bypass."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, overload

import ray
from ray import cloudpickle

from chia_ray._engine import Shipped
from chia_ray._function import rule_name
from chia_ray.base import _original, _scope
from chia_ray.base._actors import ChiaActorHandle, ChiaMethod, chia_actor
from chia_ray.base._refs import ObjectRefCallback, chia_cancel, chia_wait, get, settled_answer
from chia_ray.base._run import Hooks, Ticket, run, run_generator

__all__ = [
    "ChiaActorHandle",
    "ChiaCallRemote",
    "ChiaFunction",
    "ChiaMethod",
    "ChiaWrapped",
    "ObjectRefCallback",
    "RemoteFunction",
    "chia_actor",
    "chia_cancel",
    "chia_wait",
    "get",
]

_log = logging.getLogger("chia")
_P = ParamSpec("_P")
_R = TypeVar("_R")

_HOOKS = ("_chia_setup", "_chia_setup_args", "_chia_cleanup", "_chia_cleanup_args")
_RESERVED = frozenset(("_chia_tag", "_chia_display_name", *_HOOKS))
# Every function of this process, by the name that rules know it by.
_names: set[str] = set()
_uncached: set[str] = set()


class RemoteFunction(Generic[_P, _R]):
    """A function that is called here by ``f(...)`` and on the cluster by ``f.chia_remote(...)``.

    Calls take, beside the function's own arguments: ``_chia_tag``, the name of this call in the rules and
    in the cache; ``_chia_display_name``, its name in Ray's views; and the hooks ``_chia_setup``,
    ``_chia_setup_args``, ``_chia_cleanup``, ``_chia_cleanup_args``, which run around the body on its
    worker, and not when the call is bypassed.
    """

    def __init__(
        self, function: Callable[_P, _R], options: dict[str, Any], bound: tuple[Any, ...] = ()
    ) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._options = options
        self._bound = bound
        self._prepare()

    def _prepare(self) -> None:
        self._name = rule_name(self._function)
        self._signature = _signature(self._function)
        self._positional = _positional(self._signature)
        self._ray_options = {
            name: value
            for name, value in self._options.items()
            if name not in _RESERVED and value is not None
        }
        self._remote: Any = None
        _names.add(self._name)
        self._bind_calls()

    def _bind_calls(self) -> None:
        """Makes ``f.chia_remote`` the same object at each look: the original's modules compare it."""
        self.__dict__.pop("chia_remote_blocking", None)
        self.__dict__.pop("chia_remote", None)
        self.__dict__["chia_remote"] = self.chia_remote

    def __call__(self, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Calls the function here, as it is."""
        own = {name: value for name, value in kwargs.items() if name not in _RESERVED}
        if _original.profiler() is not None:
            return _original.profiled_here(self._function, (*self._bound, *args), own)  # type: ignore[no-any-return]
        return self._function(*self._bound, *args, **own)  # type: ignore[arg-type]

    def __get__(self, instance: object, owner: type | None = None) -> RemoteFunction[..., _R]:
        """As a method: bound to its object, which travels with the call."""
        if instance is None:
            return self
        bound = RemoteFunction.__new__(RemoteFunction)
        bound.__dict__.update(self.__dict__)
        bound._bound = (instance,)
        bound._remote, bound._body = self._ray_function(), self._body
        bound._bind_calls()
        return bound

    def __getstate__(self) -> dict[str, Any]:
        own = ("_function", "_options", "_bound")
        return {name: self.__dict__[name] for name in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        functools.update_wrapper(self, self._function)
        self._prepare()

    def options(self, **options: Any) -> RemoteFunction[_P, _R]:
        """The same function with other options: any of ``ray.remote``, or a default for a ``_chia_`` name."""
        return RemoteFunction(self._function, {**self._options, **options}, self._bound)

    def chia_remote(self, /, *args: Any, **kwargs: Any) -> Any:
        """Dispatches a call. Returns a plain Ray ObjectRef, without waiting for anything."""
        tag = _text("_chia_tag", kwargs, self._options)
        display = _text("_chia_display_name", kwargs, self._options)
        hooks = self._hooks(kwargs)
        args = tuple(map(settled_answer, self._with_object(args, kwargs)))
        kwargs = {name: settled_answer(value) for name, value in kwargs.items()}
        if self._signature is not None and (kwargs or len(args) not in self._positional):
            self._signature.bind(*args, **kwargs)
        profile = _original.profile_of(self._ray_options, args, kwargs, display)
        ref = self._dispatch(display, *self._packed(tag, hooks, profile, args, kwargs), kwargs)
        if profile is not None:
            _original.dispatched(ref, profile)
        return ref

    remote = chia_remote

    @functools.cached_property
    def chia_remote_blocking(self) -> Callable[_P, _R]:
        """Dispatches a call and waits for its result. It has the signature of the function."""

        def blocking(*args: Any, **kwargs: Any) -> Any:
            return get(self.chia_remote(*args, **kwargs))

        return functools.update_wrapper(blocking, self._function)

    @property
    def _chia_options(self) -> dict[str, Any]:
        """The original's name for the options."""
        return dict(self._options)

    @property
    def _chia_original(self) -> Callable[_P, _R]:
        """The original's name for the function."""
        return self._function

    def _with_object(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments with a method's object in front. It may be among them, as the original wants it:
        ``node.build.chia_remote(node)``.
        """
        if not self._bound or (args and args[0] is self._bound[0]) or self._object_name in kwargs:
            return args
        both = (*self._bound, *args)
        if not args or not isinstance(args[0], (type(self._bound[0]), ray.ObjectRef)):
            return both
        if not self._takes(args, kwargs):
            return both
        if not self._takes(both, kwargs):
            return args
        if isinstance(args[0], ray.ObjectRef):
            return both
        raise TypeError(
            f"{self._name}: the first argument may be the object of the method or another one; write "
            f"object.{self.__name__}.chia_remote(object, ...) or {type(args[0]).__name__}."  # type: ignore[attr-defined]
            f"{self.__name__}.chia_remote(object, ...)"  # type: ignore[attr-defined]
        )

    @property
    def _object_name(self) -> str:
        return next(iter(self._signature.parameters), "") if self._signature is not None else ""

    def _takes(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether the function can be called so."""
        if self._signature is None:
            return False
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError:
            return False
        return True

    def _packed(
        self,
        tag: str | None,
        hooks: bytes | None,
        profile: _original.Profile | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> tuple[Any, ...]:
        """What travels: the ticket, which is empty for most calls, a large state, and the arguments."""
        scope = _scope.current()
        packed = scope.packed()
        if packed is None and hooks is None and profile is None:
            return b"", *args
        ticket = self._ticket(scope, packed, tag, hooks, args, kwargs)._replace(profile=profile)
        if packed is not None and ticket.state is None:
            # In a list, so that Ray passes the reference on and not the state.
            return ticket.to_bytes(), [packed.put], *args
        return ticket.to_bytes(), *args

    def _dispatch(self, display: str | None, *args: Any) -> Any:
        *given, kwargs = args
        _original.prepare_driver()
        remote = self._remote or self._ray_function()
        if display is not None:
            remote = remote.options(name=display)
        options = self._ray_options if display is None else {**self._ray_options, "name": display}
        relayed = _original.relay(self._body, options, tuple(given), kwargs)
        return remote.remote(*given, **kwargs) if relayed is None else relayed

    def _hooks(self, kwargs: dict[str, Any]) -> bytes | None:
        given = [kwargs.pop(name, None) or self._options.get(name) for name in _HOOKS]
        setup, setup_args, cleanup, cleanup_args = given
        if setup is None and cleanup is None:
            return None
        hooks = Hooks(setup, tuple(setup_args or ()), cleanup, tuple(cleanup_args or ()))
        pickled: bytes = cloudpickle.dumps(tuple(hooks))
        return pickled

    def _ticket(
        self,
        scope: _scope.Scope,
        packed: _scope.Packed | None,
        tag: str | None,
        hooks: bytes | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Ticket:
        """Decides the call, here and now, and packs what its worker needs."""
        if packed is None:
            return Ticket(function=self._name, tag=tag, hooks=hooks)
        replaced, data = False, None
        bypass = scope.bypass
        if bypass is not None and bypass.active:
            bypass._check_names(_names)
            decision = bypass._decide(self._name, tag, args, kwargs)
            if decision is not None:
                replaced, data = True, None if decision.data is None else str(decision.data)
        cache = scope.cache
        write = None
        if cache is not None and cache.rules.writes(self._name, tag) and self._is_cachable():
            write = cache.site
        return Ticket(packed.hash, packed.inline, self._name, tag, replaced, data, write, hooks)

    def _is_cachable(self) -> bool:
        """Whether the result is one value; warns once where it is not."""
        if self._options.get("num_returns", 1) == 1 and not inspect.isgeneratorfunction(self._function):
            return True
        if self._name not in _uncached:
            _uncached.add(self._name)
            _log.warning("%s gives several results, which are not cached", self._name)
        return False

    def _ray_function(self) -> Any:
        if self._remote is None:
            self._body = _remote_body(self._function)
            options = self._ray_options
            self._remote = ray.remote(**options)(self._body) if options else ray.remote(self._body)
        return self._remote


# The original's name for what a decorated function is.
ChiaWrapped = RemoteFunction


def _text(name: str, kwargs: dict[str, Any], options: dict[str, Any]) -> str | None:
    """One of our own arguments, of the call or of its function's options. An empty text is none."""
    given = kwargs.pop(name, None)
    if given is None:
        given = options.get(name)
    if given is not None and not isinstance(given, str):
        raise TypeError(f"{name}: a text is needed, not {type(given).__name__}: {given!r}")
    return given or None


def _remote_body(function: Callable[..., Any]) -> Callable[..., Any]:
    """What Ray runs: it takes anything, so that no name of ours meets one of the user's."""
    shipped = Shipped(function)
    if inspect.isgeneratorfunction(function):

        def body(*args: Any, **kwargs: Any) -> Any:
            yield from run_generator(shipped.function, args, kwargs)
    else:

        def body(*args: Any, **kwargs: Any) -> Any:
            return run(shipped.function, args, kwargs)

    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(body, name, getattr(function, name, None) or "call")
    return body


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _positional(signature: inspect.Signature | None) -> range:
    """How many arguments without a name are right, where no others are given: the usual case, which is
    checked at a glance.
    """
    known = list(signature.parameters.values()) if signature is not None else []
    named = [one for one in known if one.kind is one.KEYWORD_ONLY]
    if any(one.default is one.empty for one in named):
        return range(0)
    places = [one for one in known if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    needed = [one for one in places if one.default is one.empty]
    endless = any(one.kind is one.VAR_POSITIONAL for one in known)
    return range(len(needed), sys.maxsize if endless else len(places) + 1)


@overload
def ChiaFunction(function: Callable[_P, _R], /) -> RemoteFunction[_P, _R]: ...


@overload
def ChiaFunction(
    **options: Any,
) -> Callable[[Callable[_P, _R]], RemoteFunction[_P, _R]]: ...


def ChiaFunction(function: Any = None, /, **options: Any) -> Any:  # noqa: N802
    """Makes a function one that can be dispatched: ``@ChiaFunction`` or ``@ChiaFunction(num_cpus=2)``.

    Takes any option of ``ray.remote``. Works on functions, methods, and both of them async.
    """
    if function is not None:
        return RemoteFunction(function, {})
    return lambda decorated: RemoteFunction(decorated, options)


def ChiaCallRemote(function: Any, /, *args: Any, **kwargs: Any) -> Any:  # noqa: N802
    """Dispatches a call of a ChiaFunction, a Ray function, or an actor's method. Returns a Ray ObjectRef."""
    call = getattr(function, "chia_remote", None) or getattr(function, "remote", None)
    if call is None:
        raise TypeError(f"{function!r} cannot be dispatched: decorate it with @ChiaFunction()")
    return call(*args, **kwargs)


def __getattr__(name: str) -> Any:
    if name == "TrackedRef":
        return _original.needed("chia.base.chia_wait", name).TrackedRef
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _chia_trampoline(body: Any, state: object, hooks: object, /, *args: Any, **kwargs: Any) -> Any:
    """What the original's dispatch proxy runs. A call of ours brings its state along in its ticket."""
    return body(*args, **kwargs)


def _chia_trampoline_profiled(
    body: Any, call_id: object, dispatch: object, state: object, hooks: object, /, *args: Any, **kwargs: Any
) -> Any:
    """As ``_chia_trampoline``; a call of ours brings its profile along too."""
    return body(*args, **kwargs)
