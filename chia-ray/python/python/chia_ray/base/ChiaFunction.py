"""ChiaFunction: a function that is dispatched on Ray, with its cache and its bypass."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, overload

import ray
from ray import cloudpickle

from chia_ray._engine import Shipped
from chia_ray._function import Function, rule_name
from chia_ray._identity import Identity
from chia_ray._record import Report
from chia_ray._work import Job
from chia_ray.base import _driver, _original, _scope
from chia_ray.base._actors import ChiaActorHandle, ChiaMethod, chia_actor
from chia_ray.base._body import DECLARED, HOOKS, RESERVED, flag_option, positional, remote_body, text_option
from chia_ray.base._decided import add_function, decided, travelling, with_object
from chia_ray.base._refs import ObjectRefCallback, chia_cancel, chia_wait, get, settled_answer
from chia_ray.base._run import Hooks, Ticket, run, run_recorded, run_reported

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

_uncached: set[str] = set()


class RemoteFunction(Generic[_P, _R]):
    """A function that is called here by ``f(...)`` and on the cluster by ``f.chia_remote(...)``.

    Calls take, beside the function's own arguments: ``_chia_tag``, the name of this call in the rules and
    in the cache; ``_chia_display_name``, its name in Ray's views; and the hooks ``_chia_setup``,
    ``_chia_setup_args``, ``_chia_cleanup``, ``_chia_cleanup_args``, which run around the body on its
    worker, and not when the call is bypassed; and ``_chia_fresh=True``, which runs a call that would be
    replayed. The function itself declares ``_chia_version``, a text to change with what it computes, and
    ``_chia_keep_if``, which says of a result whether it is worth writing to the cache.
    """

    # What runs on the worker. All but `run` return what became of the call as a second result.
    _runs: Callable[..., Any] = staticmethod(run)

    def __init__(
        self, function: Callable[_P, _R], options: dict[str, Any], bound: tuple[Any, ...] = ()
    ) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._options = options
        self._bound = bound
        self._prepare()

    def _prepare(self) -> None:
        if self.__dict__.get("_identity") is None:
            name = rule_name(self._function)
            self._identity = Identity(self._function, name, self._options.get("_chia_version"))
        self._name = self._identity.name
        self._signature = self._identity.signature
        self._positional = positional(self._signature)
        self._ray_options = {
            name: value for name, value in self._options.items() if name not in RESERVED and value is not None
        }
        self._remote: Any = None
        returns = self._options.get("num_returns", 1)
        self._gives_one_value = returns == 1 and not inspect.isgeneratorfunction(self._function)
        # What bound copies share: the variant whose calls report their end.
        self._shared: dict[str, RemoteFunction[..., _R]] = {}
        add_function(self._name)
        self._bind_calls()

    def _bind_calls(self) -> None:
        """Makes ``f.chia_remote`` the same object at each look: the original's modules compare it."""
        self.__dict__.pop("chia_remote_blocking", None)
        self.__dict__.pop("chia_remote", None)
        self.__dict__["chia_remote"] = self.chia_remote

    def __call__(self, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Calls the function here, as it is."""
        own = {name: value for name, value in kwargs.items() if name not in RESERVED}
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
        own = ("_function", "_options", "_bound", "_identity")
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
        tag = text_option("_chia_tag", kwargs, self._options)
        display = text_option("_chia_display_name", kwargs, self._options)
        fresh = flag_option("_chia_fresh", kwargs, self._options)
        hooks = self._hooks(kwargs)
        if self._bound:
            args = with_object(self._bound[0], self._identity, self.__name__, args, kwargs)  # type: ignore[attr-defined]
        args = tuple(map(settled_answer, args))
        kwargs = {name: settled_answer(value) for name, value in kwargs.items()}
        if self._signature is not None and (kwargs or len(args) not in self._positional):
            self._signature.bind(*args, **kwargs)
        profile = _original.profile_of(self._ray_options, args, kwargs, display)
        given, report = self._packed((tag, fresh), hooks, profile, args, kwargs)
        if report is not None:
            return self._recorded(report, display, *given, kwargs)
        ref = self._dispatch(display, *given, kwargs)
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

    def _packed(
        self,
        named: tuple[str | None, bool],
        hooks: bytes | None,
        profile: _original.Profile | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> tuple[tuple[Any, ...], Report | None]:
        """What travels: the ticket, which is empty for most calls, a large state, and the arguments. Also
        where the call reports its end, if it is recorded.
        """
        scope, report = _scope.current(), None
        packed = scope.packed()
        if packed is None and hooks is None and profile is None:
            return (b"", *args), None
        if packed is None:
            ticket = Ticket(job=Job(self._name, named[0]), hooks=hooks, profile=profile)
        else:
            ticket, decision = decided(self._identity, self._is_cachable, scope, named, args, kwargs)
            if profile is None and self._is_recorded:
                report = _driver.begin(scope, self._identity, ticket.job, decision, self._options)
            ticket = ticket._replace(hash=packed.hash, state=packed.inline, hooks=hooks, profile=profile)
        return (*travelling(ticket, packed), *args), report

    def _recorded(self, report: Report, display: str | None, *args: Any) -> Any:
        """Dispatches a call that reports its end to the record of the run."""
        if "twin" not in self._shared:
            twin = RemoteFunction.__new__(RemoteFunction)
            twin.__dict__.update(self.__dict__, _runs=run_recorded, _remote=None)
            self._shared["twin"] = twin
        try:
            value, outcome = self._shared["twin"]._dispatch(display, *args)
        except BaseException as error:
            report.fail(error)
            raise
        _driver.watch(outcome, report)
        return value

    @property
    def _is_recorded(self) -> bool:
        """Whether calls can report their end: they give one value, on their own way."""
        return self._gives_one_value and not _original.relays(self._ray_options)

    def dispatch_decided(self, job: Job, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Dispatches a call that a loop has decided."""
        if self._signature is not None:
            self._signature.bind(*args, **kwargs)
        scope = _scope.current()
        packed = scope.packed()
        assert packed is not None and scope.bypass is not None, "a loop has rules, if empty ones"
        site = scope.cache.site if scope.cache is not None and job.write else None
        rules = scope.bypass.rules
        ticket = Ticket(packed.hash, packed.inline, job, site, rules.run, rules.from_reached)
        return self._dispatch(None, *travelling(ticket, packed), *args, kwargs)

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
        for name in DECLARED:
            if name in kwargs:
                raise TypeError(f"{name} belongs to the function: @ChiaFunction({name}=...), or options()")
        given = [kwargs.pop(name, None) or self._options.get(name) for name in HOOKS]
        setup, setup_args, cleanup, cleanup_args = given
        if setup is None and cleanup is None:
            return None
        hooks = Hooks(setup, tuple(setup_args or ()), cleanup, tuple(cleanup_args or ()))
        pickled: bytes = cloudpickle.dumps(tuple(hooks))
        return pickled

    def _is_cachable(self) -> bool:
        """Whether the result is one value; warns once where it is not."""
        if self._gives_one_value:
            return True
        if self._name not in _uncached:
            _uncached.add(self._name)
            _log.warning("%s gives several results, which are not cached", self._name)
        return False

    def _ray_function(self) -> Any:
        if self._remote is None:
            shipped = Shipped(self._function, self._identity, self._options.get("_chia_keep_if"))
            self._body = remote_body(shipped, self._runs)
            options = self._ray_options if self._runs is run else {**self._ray_options, "num_returns": 2}
            self._remote = ray.remote(**options)(self._body) if options else ray.remote(self._body)
        return self._remote

    @classmethod
    def _of(cls, function: Function[_P, _R]) -> RemoteFunction[_P, _R]:
        """A function of a loop on Ray, whose calls return what became of them as a second result."""
        remote = cls.__new__(cls)
        remote.__dict__.update(
            _function=function.function, _bound=(), _identity=function.identity, _runs=run_reported,
            _options={**function.options, "_chia_keep_if": function.keep_if},
        )  # fmt: skip
        functools.update_wrapper(remote, function.function)
        remote._prepare()
        return remote


# The original's name for what a decorated function is.
ChiaWrapped = RemoteFunction


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
