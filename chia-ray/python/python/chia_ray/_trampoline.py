"""On a Ray worker: runs tasks in the program's own process, and serves what they ask for."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ray

from chia_ray import _wire
from chia_ray._child import Child, outcome_of
from chia_ray._program import Program, Shared
from chia_ray._requests import Done, Outcome, Requests
from chia_ray._wire import Channel, Closed, Frame

# A cancelled task is noticed within this time, in seconds.
_NOTICE = 0.1
# A cancelled body has so long to end before its process is ended, in seconds.
_GRACE = 1.0
# A nested wait looks at the socket at these intervals, in seconds; they grow while nothing comes.
_PAUSE_MIN, _PAUSE_MAX = 0.001, 0.05
# So many shared blobs may be taken for known by the program, as the wire has it.
_SURE = 64


def run_task(program: Program, order: bytes, given: Sequence[Any], attempt: int = 0) -> bytes:
    """Runs a task in this worker's process of the program, which stays for the next one."""
    shared, job, args = Shared.brought(order, given)
    child = TaskChild.of_this_process(program)
    with _notified_of_cancellation() as cancelled:
        return child.run(shared, job, args, attempt, cancelled)


@contextlib.contextmanager
def _notified_of_cancellation() -> Iterator[threading.Event]:
    """Ray interrupts the main thread of a cancelled task: notes that where it does no harm."""
    cancelled = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: cancelled.set())
    try:
        yield cancelled
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _interrupted_by_cancellation(cancelled: threading.Event) -> Iterator[None]:
    """Lets a cancellation end what runs here, by KeyboardInterrupt."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if cancelled.is_set():
            raise KeyboardInterrupt
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Nested(Requests):
    """What tasks ask for. Waits are the main thread's: only then does Ray give the cpu back."""

    def __init__(self, program: Program, channel: Channel) -> None:
        super().__init__(program, channel)
        self._waiting: dict[ray.ObjectRef[bytes], list[Done]] = {}

    def when_done(self, ref: ray.ObjectRef[bytes], done: Done) -> None:
        self._waiting.setdefault(ref, []).append(done)

    def is_waiting(self) -> bool:
        """Whether an object is being waited for."""
        return bool(self._waiting)

    def wait(self, seconds: float) -> bool:
        """Hands out what is there, waiting up to ``seconds`` for the first."""
        ready, rest = ray.wait(list(self._waiting), timeout=seconds)
        if ready and rest:
            ready += ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        for ref in ready:
            value = _value(ref)
            for done in self._waiting.pop(ref):
                done(value)
        return bool(ready)


class TaskChild(Child):
    """The process that runs this worker's tasks, one at a time, from the main thread."""

    _here: TaskChild | None = None

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._requests = Nested(program, self.channel)
        self._known: list[bytes] = []
        self._next = 0
        # What the running task shares with others, and whether it is cancelled.
        self._task: tuple[Shared | None, threading.Event] = None, threading.Event()

    @classmethod
    def of_this_process(cls, program: Program) -> TaskChild:
        """The living child of this Ray worker, which serves one program."""
        child = cls._here
        if child is None or child.process.poll() is not None:
            child = cls._here = cls(program)
        return child

    def run(
        self,
        shared: Shared | None,
        job: bytes,
        args: Sequence[bytes],
        attempt: int,
        cancelled: threading.Event,
    ) -> bytes:
        """Runs a task and serves requests until its outcome is there."""
        self._task = shared, cancelled
        hash = self._share(shared)
        self._next += 1
        id = self._next
        place = self.place_of(attempt)
        order = (*place, *_wire.blob(hash), *_wire.blob(job), *_wire.blobs(args))
        self.channel.send(_wire.RUN, id, *order)
        try:
            answer = self._serve(id, cancelled.is_set)
        except Closed:
            raise self.death() from None
        if answer is None:
            self._stop(id)
            raise KeyboardInterrupt
        return outcome_of(answer)

    def _share(self, shared: Shared | None) -> bytes:
        """Sends a shared blob that the program has not seen. Returns its hash."""
        if shared is None:
            return b""
        self._requests.know(shared)
        if shared.hash not in self._known:
            self._known = [*self._known[1 - _SURE :], shared.hash]
            self.channel.send(_wire.SHARE, 0, shared.hash, shared.content())
        return shared.hash

    def _serve(self, id: int, is_over: Callable[[], bool]) -> Frame | None:
        """Serves requests until the answer to an order is there; None if it is over before."""
        pause = _PAUSE_MIN
        while not is_over():
            waiting = self._requests.is_waiting()
            frame = self.channel.receive(0 if waiting else _NOTICE)
            if frame is None:
                if waiting:
                    pause = _PAUSE_MIN if self._requests.wait(pause) else min(2 * pause, _PAUSE_MAX)
            elif frame.kind == _wire.FOREIGN:
                self._run_foreign(frame)
            elif frame.kind not in (_wire.RESULT, _wire.ERROR):
                self._requests.handle(frame)
            elif frame.id == id:
                return frame
        return None

    def _run_foreign(self, frame: Frame) -> None:
        """Runs a body in Python, here on the main thread, as Ray runs any other."""
        from chia_ray import _foreign

        shared, cancelled = self._task
        name, at = _wire.read_blob(frame.body, 0)
        args, _ = _wire.read_blobs(frame.body, at)
        try:
            with _interrupted_by_cancellation(cancelled):
                value = _foreign.run(name.decode(), args, shared)
            self.channel.send(_wire.RESULT, frame.id, *value)
        except KeyboardInterrupt:
            cancelled.set()
        except Exception as error:
            self._requests.answer(frame.id, error)

    def _stop(self, id: int) -> None:
        """Tells a body that it is cancelled. What it holds is held until it has ended, or was ended."""
        self.channel.send(_wire.STOP, id)
        end = time.monotonic() + _GRACE
        with contextlib.suppress(Closed):
            if self._serve(id, lambda: time.monotonic() > end) is None:
                self.kill()


def _value(ref: ray.ObjectRef[bytes]) -> Outcome:
    try:
        value: bytes = ray.get(ref)
        return value
    except Exception as error:
        return error


def counted_function(program: Program, counter: Any) -> Any:
    """As :func:`remote_function`, for tasks that may be tried again."""

    def chia_task(order: bytes, *args: Any) -> bytes:
        from chia_ray import _attempts
        from chia_ray._trampoline import run_task

        with _attempts.counted(counter) as attempt:
            return run_task(program, order, args, attempt)

    return ray.remote(chia_task)


def remote_function(program: Program) -> Any:
    """The Ray function that runs a program's tasks. It travels once, its calls are one blob each."""

    def chia_task(order: bytes, *args: Any) -> bytes:
        from chia_ray._trampoline import run_task

        return run_task(program, order, args)

    return ray.remote(chia_task)
