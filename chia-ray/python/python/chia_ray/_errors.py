"""Errors between Ray and the wire."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ray import exceptions

from chia_ray import _native, _wire

if TYPE_CHECKING:
    from typing_extensions import Self


class ChiaError(Exception):
    """An error in the wire's form: a kind, a message, and where it happened.

    ``args`` is the one JSON text that travels, so that Ray can pickle it as it is.
    """

    @classmethod
    def new(cls, kind: str, message: str, node: str | None = None) -> Self:
        """An error of a kind."""
        form = {"kind": kind, "message": message, "function": None, "node": node}
        return cls(json.dumps(form))

    @property
    def form(self) -> dict[str, str | None]:
        """The fields of the wire's form."""
        form: dict[str, str | None] = json.loads(self.args[0])
        return form

    def __str__(self) -> str:
        form = self.form
        function = f"{form['function']}: " if form.get("function") else ""
        return f"{function}{form['message']}"


class WorkerDied(ChiaError):
    """The program's own process died on its worker. Ray tries such a task again."""


# The first that matches counts.
_KINDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (exceptions.TaskCancelledError, "cancelled"),
    (exceptions.TaskUnschedulableError, "infeasible"),
    (exceptions.ActorUnschedulableError, "infeasible"),
    (exceptions.RuntimeEnvSetupError, "unavailable"),
    (exceptions.NodeDiedError, "node_died"),
    (exceptions.LocalRayletDiedError, "node_died"),
    (exceptions.OwnerDiedError, "worker_died"),
    (exceptions.ObjectLostError, "node_died"),
    (exceptions.OutOfMemoryError, "worker_died"),
    (exceptions.WorkerCrashedError, "worker_died"),
    (exceptions.RayActorError, "actor_died"),
    (exceptions.ObjectStoreFullError, "io"),
    (exceptions.OutOfDiskError, "io"),
    (exceptions.RaySystemError, "backend_lost"),
)


def to_wire(error: BaseException) -> bytes:
    """The body of an error frame."""
    while isinstance(error, exceptions.RayTaskError) and error.cause is not None:
        error = error.cause
    if isinstance(error, ChiaError):
        return str(error.args[0]).encode()
    kind = next((kind for cls, kind in _KINDS if isinstance(error, cls)), "task_failed")
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] == "chia_ray":
        kind, text = "unavailable", "the package chia-ray is not installed on every node"
    else:
        text = _text(error)
    return str(ChiaError.new(kind, text).args[0]).encode()


def _text(error: BaseException) -> str:
    """What an error says, without Ray's advice below the first lines."""
    text = str(error).strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:4]) or type(error).__name__


def call_native(actor: _native.Actor, call: bytes, args: tuple[bytes, ...]) -> bytes:
    """Runs a method of an actor of chia-services for a loop in Rust; its errors come as ours."""
    method, payload = _wire.read_call(call)
    try:
        return actor.call(method, payload, args)
    except _native.DispatchError as error:
        raise ChiaError.new(error.kind, str(error)) from None
