"""The program's own process on a worker: its start, its greeting and its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from typing import Final

import ray

from chia_ray import _program, _wire
from chia_ray._errors import ChiaError, WorkerDied
from chia_ray._program import Program
from chia_ray._wire import Closed, Frame

# In seconds.
_GREETING: Final = 30.0
_END_TIMEOUT: Final = 5.0


class Child:
    """The program in worker mode."""

    def __init__(self, program: Program) -> None:
        self.node = str(ray.get_runtime_context().get_node_id())
        self._node = _wire.blob(self.node.encode())
        self.process, self.channel = _program.start(program)
        self._greet()

    def _greet(self) -> None:
        self.channel.send(_wire.HELLO, 0, greeting())
        try:
            frame = self.channel.receive(_GREETING)
        except Closed:
            text = f"{self._end()} before its greeting; does its main call chia_ray::main first?"
            raise ChiaError.new("unavailable", text, self.node) from None
        if frame is None or frame.kind != _wire.HELLO:
            self.process.kill()
            text = "the program does not greet; does its main call chia_ray::main first?"
            raise ChiaError.new("unavailable", text, self.node)
        spoken = json.loads(frame.body).get("protocol")
        if spoken != _wire.PROTOCOL:
            self.process.kill()
            text = (
                f"the program speaks protocol {spoken}, the package chia-ray on this node protocol "
                f"{_wire.PROTOCOL}; install the same version on both sides"
            )
            raise ChiaError.new("unsupported", text, self.node)

    def place_of(self, attempt: int) -> tuple[bytes, bytes, bytes]:
        """Where it runs, and how often it was started before, as an order begins."""
        return _wire.u32(attempt), *self._node

    def kill(self) -> None:
        """Ends the process and all that it started, at once."""
        # It leads a group of its own; it may have ended before.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def death(self) -> WorkerDied:
        """The error that tells how the process ended."""
        return WorkerDied.new("worker_died", self._end(), self.node)

    def _end(self) -> str:
        try:
            code = self.process.wait(_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if code < 0:
            how = f"was killed by signal {-code} ({signal.Signals(-code).name})"
        else:
            how = f"ended with exit code {code}"
        return f"the program's process on the worker {how}"


def greeting() -> bytes:
    """What the serving side says: the name and the capabilities of the backend."""
    capabilities = {
        "isolates_crashes": True,
        "retries": True,
        "restarts_actors": True,
        "detached_actors": True,
        "runtime_env": True,
        "enforces_memory": False,
    }
    hello = {"protocol": _wire.PROTOCOL, "name": "ray", "capabilities": capabilities}
    return json.dumps(hello).encode()


def outcome_of(frame: Frame) -> bytes:
    """The bytes of a result; an error is raised."""
    if frame.kind == _wire.RESULT:
        return frame.body
    raise ChiaError(frame.body.decode())
