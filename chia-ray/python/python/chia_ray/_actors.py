"""Ray actors whose methods run in the program's own process."""

from __future__ import annotations

import concurrent.futures
import itertools
import os
import signal
import threading
from typing import Any

import ray

from chia_ray import _wire
from chia_ray._child import Child, outcome_of
from chia_ray._errors import ChiaError
from chia_ray._program import Program
from chia_ray._wire import Closed

# The number of the one actor that a process makes: its first order.
_MADE = 1
# The group of calls that others do not hold up.
CONTROL = "control"


def actor_class(program: Program, kind: str) -> Any:
    """The Ray class for actors of a kind; its constructor takes the job. That of a program travels
    with it, so that a restart needs no argument that lies in the object store; our own kinds need
    no program."""
    if kind == "chia.cache":
        from chia_ray.base._cache_actor import SharedCache

        return ray.remote(SharedCache)
    if kind == "chia.files":
        from chia_ray.base._files import SharedFiles

        return ray.remote(SharedFiles)

    class ChiaActor(ProgramActor):
        def __init__(self, job: bytes) -> None:
            super().__init__(program, job)

    # In a group of its own, a cancellation passes by the calls that wait for their turn.
    return ray.remote(concurrency_groups={CONTROL: 1})(ChiaActor)


class ProgramActor:
    """An actor of the program, in a process of its own. How many calls overlap is Ray's part."""

    def __init__(self, program: Program, job: bytes) -> None:
        self._failed: BaseException | None = None
        self._calls: dict[int, concurrent.futures.Future[bytes]] = {}
        self._cancelled: set[str] = set()
        self._ids = itertools.count(1)
        try:
            self._start(program, job)
        except Exception as error:
            # A constructor that raises would leave no more than a traceback of it.
            self._failed = error

    def _start(self, program: Program, job: bytes) -> None:
        from chia_ray._requests import WithFutures

        self._child = Child(program)
        self._requests = WithFutures(program, self._child.channel)
        threading.Thread(target=self._read, daemon=True).start()
        order = (*self._child.place_of(0), *_wire.blob(b""), *_wire.blob(job), *_wire.blobs(()))
        self._order(_wire.MAKE, order)

    def ready(self) -> bytes:
        """Returns, or raises what went wrong in the constructor."""
        if self._failed is not None:
            raise self._failed
        return b""

    def call(self, call: bytes, *args: bytes) -> bytes:
        """Runs a method, unless it was cancelled before its turn came."""
        self.ready()
        task = ray.get_runtime_context().get_task_id()
        if task in self._cancelled:
            self._cancelled.discard(task)
            raise ChiaError.new("cancelled", "the call was cancelled")
        order = (_wire.u64(_MADE), *_wire.blob(call), *_wire.blobs(args))
        return self._order(_wire.CALL, order)

    @ray.method(concurrency_group=CONTROL)  # type: ignore[untyped-decorator]
    def cancel(self, task: str) -> None:
        """Keeps a call from running whose turn has not come."""
        self._cancelled.add(task)

    def _order(self, kind: int, order: tuple[_wire.Part, ...]) -> bytes:
        id = next(self._ids)
        future = self._calls[id] = concurrent.futures.Future()
        self._child.channel.send(kind, id, *order)
        try:
            return future.result()
        finally:
            del self._calls[id]

    def _read(self) -> None:
        """Hands out answers and serves requests. The actor ends with its program: Ray restarts it,
        or not, as its options say."""
        try:
            while True:
                frame = self._child.channel.receive()
                assert frame is not None
                if frame.kind not in (_wire.RESULT, _wire.ERROR):
                    self._requests.handle(frame)
                    continue
                try:
                    self._calls[frame.id].set_result(outcome_of(frame))
                except Exception as error:
                    self._calls[frame.id].set_exception(error)
        except Closed:
            os.kill(os.getpid(), signal.SIGKILL)
