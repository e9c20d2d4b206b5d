"""Serves the wire's requests with Ray. The driver's bridge and a worker's trampoline both do."""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeAlias

import ray

from chia_ray import _attempts, _nodes, _wire
from chia_ray._actors import actor_class
from chia_ray._errors import ChiaError, to_wire
from chia_ray._options import actor_options, namespace_of, task_options
from chia_ray._program import NO_SHARED, Program, Shared
from chia_ray._wire import Channel, Frame

Outcome: TypeAlias = bytes | BaseException
Object: TypeAlias = "ray.ObjectRef[bytes] | BaseException"
Done: TypeAlias = Callable[[Outcome], None]

_PREPARED = 4096
# So many shared blobs are kept; the client counts on half of them.
_SHARED = 128
# Seconds until a killed actor counts as gone in any case.
_KILL = 10.0
# Seconds until an actor has been notified of a cancellation, at most.
_KNOWN = 2.0


def _unknown(frame: Frame) -> None:
    text = f"a request of kind {frame.kind} is not served here; bodies in Python run in tasks, not in actors"
    raise ChiaError.new("unsupported", text)


class Requests(ABC):
    """What one client has asked for: its objects and actors, by the client's numbers."""

    def __init__(self, program: Program, channel: Channel) -> None:
        self.program = program
        self.channel = channel
        self._objects: dict[int, Object] = {}
        self._actors: dict[int, Any] = {}
        # Actors whose constructors run: what to kill if they are released before they are there.
        self._unmade: dict[int, Any] = {}
        # Of which actor a call was made, by the number of its result.
        self._called: dict[int, int] = {}
        self._gets: dict[int, set[int]] = {}
        self._shared: OrderedDict[bytes, Shared] = OrderedDict()
        self._functions: dict[bool, Any] = {}
        self._counter: Any = None
        self._silent: set[int] = set()
        self._prepared: dict[bytes, Callable[..., Any]] = {}
        self._serve: dict[int, Callable[[Frame], None]] = {
            _wire.SUBMIT: self._submit,
            _wire.PUT: self._put,
            _wire.GET: self._get,
            _wire.READY: self._ready,
            _wire.CANCEL: self._cancel,
            _wire.RELEASE: self._release,
            _wire.SHARE: self._share,
            _wire.ACTOR: self._actor,
            _wire.FIND_ACTOR: self._find_actor,
            _wire.CALL_ACTOR: self._call_actor,
            _wire.KILL_ACTOR: self._kill_actor,
            _wire.NODES: self._send_nodes,
        }

    @abstractmethod
    def when_done(self, ref: ray.ObjectRef[bytes], done: Done) -> None:
        """Calls ``done`` with the value or the error of an object, once it is there."""

    def know(self, shared: Shared) -> None:
        """Makes a shared blob known, as the last one that crossed the socket."""
        self._shared[shared.hash] = shared
        self._shared.move_to_end(shared.hash)
        while len(self._shared) > _SHARED:
            self._shared.popitem(last=False)

    def handle(self, frame: Frame) -> None:
        """Serves one request. What goes wrong is the answer, or the error of the new object."""
        try:
            self._serve.get(frame.kind, _unknown)(frame)
        except Exception as error:
            if frame.kind in (_wire.SUBMIT, _wire.PUT, _wire.CALL_ACTOR):
                self._objects[frame.id] = error
            else:
                self.answer(frame.id, error)

    def answer(self, request: int, outcome: Outcome) -> None:
        """Answers a request."""
        if isinstance(outcome, bytes):
            self.channel.send(_wire.RESULT, request, outcome)
        else:
            self.channel.send(_wire.ERROR, request, to_wire(outcome))

    def _submit(self, frame: Frame) -> None:
        body = frame.body
        hash, at = _wire.read_blob(body, 0)
        options, at = _wire.read_blob(body, at)
        ids, at = _wire.read_ids(body, at)
        call = self._prepared.get(options) or self._prepare(options)
        shared = self._shared[hash] if hash else NO_SHARED
        self._objects[frame.id] = call(*shared.order(body[at + 4 :]), *self._args(ids))

    def _prepare(self, raw: bytes) -> Callable[..., Any]:
        """The remote function with the options of a task, kept for the next call."""
        options = json.loads(raw)
        if len(self._prepared) >= _PREPARED:
            self._prepared.clear()
        function = self._function(options["retries"] > 0)
        call = function.options(**task_options(options, self.program)).remote
        self._prepared[raw] = call
        return call  # type: ignore[no-any-return]

    def _function(self, counted: bool) -> Any:
        """The remote function of the program."""
        from chia_ray._trampoline import counted_function, remote_function

        if counted not in self._functions:
            if counted:
                self._counter = _attempts.counter()
                self._functions[True] = counted_function(self.program, self._counter)
            else:
                self._functions[False] = remote_function(self.program)
        return self._functions[counted]

    def _args(self, ids: Any) -> list[ray.ObjectRef[bytes]]:
        refs = []
        for id in ids:
            known = self._objects[id]
            if isinstance(known, BaseException):
                raise known
            refs.append(known)
        return refs

    def _put(self, frame: Frame) -> None:
        self._objects[frame.id] = ray.put(frame.body)

    def _get(self, frame: Frame) -> None:
        id, _ = _wire.read_u64(frame.body, 0)
        known = self._objects[id]
        if isinstance(known, BaseException):
            self.answer(frame.id, known)
            return
        waiting = self._gets.setdefault(id, set())
        waiting.add(frame.id)

        def done(outcome: Outcome) -> None:
            waiting.discard(frame.id)
            if not waiting and self._gets.get(id) is waiting:
                self._gets.pop(id, None)
            actor = self._actors.get(self._called.get(id, 0))
            if actor is not None and isinstance(outcome, ray.exceptions.RayActorError):
                self._answer_of_dead(frame.id, actor, outcome)
            else:
                self.answer(frame.id, outcome)

        self.when_done(known, done)

    def _answer_of_dead(self, request: int, actor: Any, outcome: Outcome) -> None:
        """Tells of an actor's death once Ray has taken note: the next call is the next one's."""

        def tell() -> None:
            _until_settled(actor)
            self.answer(request, outcome)

        threading.Thread(target=tell, daemon=True).start()

    def _ready(self, frame: Frame) -> None:
        id, _ = _wire.read_u64(frame.body, 0)
        self.answer(frame.id, b"\1" if self._is_ready(self._objects[id]) else b"\0")

    def _is_ready(self, known: Object) -> bool:
        if isinstance(known, BaseException):
            return True
        return bool(ray.wait([known], timeout=0, fetch_local=False)[0])

    def _cancel(self, frame: Frame) -> None:
        known = self._objects.get(frame.id)
        if known is None or isinstance(known, BaseException) or self._is_ready(known):
            return
        cancelled = ChiaError.new("cancelled", "the task was cancelled")
        self._objects[frame.id] = cancelled
        number = self._called.get(frame.id, 0)
        actor = self._actors.get(number)
        if hasattr(actor, "cancel"):
            self._cancel_call(number, actor, known)
        else:
            ray.cancel(known, recursive=False)
        for request in tuple(self._gets.pop(frame.id, ())):
            self.answer(request, cancelled)

    def _cancel_call(self, number: int, actor: Any, call: ray.ObjectRef[bytes]) -> None:
        """Returns when the actor knows: from then on the call does not begin."""
        notified = actor.cancel.remote(call.task_id().hex())
        if number in self._silent:
            return
        try:
            ray.get(notified, timeout=_KNOWN)
        except ray.exceptions.GetTimeoutError:
            # Nobody else waits behind an actor that is being restarted, say, more than once.
            self._silent.add(number)
        except ray.exceptions.RayActorError:
            return

    def end(self, within: float) -> None:
        """Cancels all that runs or waits, and waits until it has ended or the time is over."""
        refs = [known for known in self._objects.values() if not isinstance(known, BaseException)]
        if refs:
            _, refs = ray.wait(refs, num_returns=len(refs), timeout=0, fetch_local=False)
        # The newest first: what waits must not take the place of what ends.
        for ref in reversed(refs):
            ray.cancel(ref)
        if refs:
            ray.wait(refs, num_returns=len(refs), timeout=within, fetch_local=False)

    def _release(self, frame: Frame) -> None:
        self._objects.pop(frame.id, None)
        self._called.pop(frame.id, None)
        unmade = self._unmade.pop(frame.id, None)
        self._actors.pop(frame.id, None)
        self._silent.discard(frame.id)
        if unmade is not None:
            ray.kill(unmade)

    def _share(self, frame: Frame) -> None:
        hash = frame.body[:16]
        self.know(self._shared.get(hash) or Shared.of(hash, frame.body[16:]))

    def _actor(self, frame: Frame) -> None:
        raw, at = _wire.read_blob(frame.body, 0)
        job = frame.body[at + 4 :]
        spec = json.loads(raw)
        options = actor_options(spec, self.program)
        handle = actor_class(self.program, spec["kind"]).options(**options).remote(job)

        # Others may hold one that has a name.
        self._unmade[frame.id] = None if spec["name"] else handle

        def done(outcome: Outcome) -> None:
            self._actors[frame.id] = handle
            if frame.id not in self._unmade:
                # It was released meanwhile.
                self._actors.pop(frame.id, None)
            elif isinstance(outcome, BaseException):
                self._actors.pop(frame.id, None)
                self._kill(frame.id, handle, outcome)
            else:
                self.answer(frame.id, outcome)
            self._unmade.pop(frame.id, None)

        self.when_done(handle.ready.remote(), done)

    def _find_actor(self, frame: Frame) -> None:
        raw, _ = _wire.read_blob(frame.body, 0)
        name = raw.decode()
        try:
            handle = ray.get_actor(name, namespace=namespace_of(name, self.program))
        except ValueError:
            self.answer(frame.id, b"\0")
            return
        self._actors[frame.id] = handle
        self.answer(frame.id, b"\1")

    def _call_actor(self, frame: Frame) -> None:
        actor, at = _wire.read_u64(frame.body, 0)
        ids, at = _wire.read_ids(frame.body, at)
        call = self._actors[actor].call.remote
        self._objects[frame.id] = call(frame.body[at + 4 :], *self._args(ids))
        self._called[frame.id] = actor

    def _kill_actor(self, frame: Frame) -> None:
        actor, _ = _wire.read_u64(frame.body, 0)
        self._kill(frame.id, self._actors[actor], b"")

    def _kill(self, request: int, handle: Any, outcome: Outcome) -> None:
        """Kills an actor, then answers. On a thread of its own: it waits for Ray, whose thread we may
        be on."""

        def kill() -> None:
            _kill_and_wait(handle)
            self.answer(request, outcome)

        threading.Thread(target=kill, daemon=True).start()

    def _send_nodes(self, frame: Frame) -> None:
        self.answer(frame.id, _nodes.nodes_json(self.program.driver_node))


def _kill_and_wait(handle: Any) -> None:
    """Kills an actor and waits until its calls fail: only then is its name free."""
    ray.kill(handle)
    _until_settled(handle, may_live=False)


def _until_settled(handle: Any, *, may_live: bool = True) -> None:
    """Waits until an actor is dead for good, or lives again."""
    deadline = time.monotonic() + _KILL
    while time.monotonic() < deadline:
        try:
            ray.get(handle.ready.remote(), timeout=1)
            if may_live:
                return
        except ray.exceptions.ActorDiedError:
            return
        except Exception as error:
            # One whose constructor fails answers so, and lives.
            if may_live and isinstance(error, ray.exceptions.RayTaskError):
                return
            time.sleep(0.01)


class WithFutures(Requests):
    """Waits on Ray's own thread: right for a driver and for actors."""

    def when_done(self, ref: ray.ObjectRef[bytes], done: Done) -> None:
        def finished(future: Any) -> None:
            error = future.exception()
            done(future.result() if error is None else error)

        ref.future().add_done_callback(finished)
