"""The ``chia_remote`` surface for Ray actors."""

from __future__ import annotations

from typing import Any

import ray
from ray.actor import ActorHandle


class ChiaMethod:
    """A method of an actor, called by ``chia_remote`` or ``remote``."""

    def __init__(self, method: Any) -> None:
        self._method = method

    def remote(self, /, *args: Any, **kwargs: Any) -> Any:
        """Calls the method. Returns a Ray ObjectRef."""
        return self._method.remote(*args, **kwargs)

    def chia_remote(self, /, *args: Any, **kwargs: Any) -> Any:
        """Calls the method. Returns a Ray ObjectRef."""
        return self.remote(*args, **kwargs)

    def chia_remote_blocking(self, /, *args: Any, **kwargs: Any) -> Any:
        """Calls the method and waits for its result."""
        return ray.get(self.remote(*args, **kwargs))

    def options(self, **options: Any) -> ChiaMethod:
        """The same method with Ray's options for this call."""
        return ChiaMethod(self._method.options(**options))


class ChiaActorHandle:
    """A Ray actor handle whose methods have ``chia_remote`` beside ``remote``.

    It arrives as what it is wherever it is sent. Ray itself, ``ray.kill`` say, takes ``handle.actor``.
    """

    _handle: Any

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    @property
    def actor(self) -> Any:
        """Ray's own handle."""
        return self._handle

    def __getattr__(self, name: str) -> Any:
        if name == "_handle":
            raise AttributeError(name)
        found = getattr(self._handle, name)
        return found if name.startswith("_") else ChiaMethod(found)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._handle,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._handle!r})"

    def __eq__(self, other: object) -> bool:
        return bool(self._handle == getattr(other, "_handle", other))

    def __hash__(self) -> int:
        return hash(self._handle)


class ChiaActorClass:
    """A Ray actor class whose instances have the ``chia_remote`` surface."""

    def __init__(self, remote_class: Any) -> None:
        self._class = remote_class

    def options(self, **options: Any) -> ChiaActorClass:
        """The same class with Ray's options for its actors."""
        return ChiaActorClass(self._class.options(**options))

    def remote(self, /, *args: Any, **kwargs: Any) -> ChiaActorHandle:
        """Makes an actor."""
        return ChiaActorHandle(self._class.remote(*args, **kwargs))

    def chia_remote(self, /, *args: Any, **kwargs: Any) -> ChiaActorHandle:
        """Makes an actor."""
        return self.remote(*args, **kwargs)


def chia_actor(actor: Any) -> Any:
    """Gives a Ray actor, or a class of Ray actors, the ``chia_remote`` surface."""
    if isinstance(actor, ChiaActorHandle):
        return actor
    return ChiaActorHandle(actor) if isinstance(actor, ActorHandle) else ChiaActorClass(actor)
