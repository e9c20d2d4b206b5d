"""``python -m chia_ray._bridge CONFIG``: a Rust driver's way to Ray, over the socket that is its stdin.

CONFIG is JSON: ``{"address", "namespace", "program", "private"}``. ``address`` is ``auto`` or ``ip:port``;
``private`` holds ``{"resources": {…}}`` for a cluster of the driver's own, and is null otherwise.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from chia_ray import _wire
from chia_ray._wire import Channel, Closed

if TYPE_CHECKING:
    from chia_ray._errors import ChiaError
    from chia_ray._requests import Requests

# In seconds: a cluster that does not answer for this long is not there, or is lost.
_CONNECT = 40.0
_TOUCH = 2.0
_GREETING = 10.0
_WATCH_EVERY = 1.0
_MISSED = 3
# So long may bodies take to end at the end.
_FAREWELL = 3.0

# How a client of HTTP/2 begins, and a frame of settings: both peers send one first.
_SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS

_OLDEST, _NEWEST = (2, 54), (2, 60)


class Refused(Exception):
    """Why the bridge cannot serve: a kind of the wire's errors, and a sentence."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def form(self) -> bytes:
        """The body of an error frame."""
        form = {"kind": self.kind, "message": str(self), "function": None, "node": None}
        return json.dumps(form).encode()


def main() -> None:
    """Connects, then serves until the driver goes away."""
    sock = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    channel = Channel(sock)
    config = json.loads(sys.argv[1])
    deadline = threading.Timer(_CONNECT, _give_up, (channel, config))
    deadline.daemon = True
    deadline.start()
    try:
        _check_ray()
        _connect(config)
    except Refused as refused:
        channel.send(_wire.ERROR, 0, refused.form())
        return
    except Exception as error:
        text = f"Ray cannot be used: {type(error).__name__}: {error}"
        channel.send(_wire.ERROR, 0, Refused("unavailable", text).form())
        raise
    deadline.cancel()
    _serve(channel, config)


def _give_up(channel: Channel, config: dict[str, Any]) -> None:
    text = f"the cluster at {config['address']} did not let us in within {_CONNECT:.0f} s"
    channel.send(_wire.ERROR, 0, Refused("unavailable", text).form())
    os._exit(1)


def _check_ray() -> None:
    try:
        import ray
    except ImportError as error:
        text = (
            f"Ray is not installed for {sys.executable}: {error}; install ray "
            f"{_version(_OLDEST)} to {_version(_NEWEST)} there, or name another Python in CHIA_RAY_PYTHON"
        )
        raise Refused("unavailable", text) from None
    found = re.match(r"(\d+)\.(\d+)", ray.__version__)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if not _OLDEST <= version <= _NEWEST:
        text = (
            f"Ray {ray.__version__} is not supported; install ray {_version(_OLDEST)} to "
            f"{_version(_NEWEST)} for {sys.executable}"
        )
        raise Refused("unsupported", text)


def _version(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _connect(config: dict[str, Any]) -> None:
    import ray

    address = config["address"]
    options: dict[str, Any] = {
        "namespace": config["namespace"],
        "logging_level": logging.WARNING,
        "log_to_driver": True,
    }
    private = config["private"]
    if private is not None:
        resources = dict(private["resources"])
        options.update(
            address="local",
            num_cpus=resources.pop("cpu", None),
            num_gpus=resources.pop("gpu", None),
            include_dashboard=False,
        )
        # Ray refuses it among the other resources, and takes whole bytes only.
        memory = resources.pop("memory", None)
        if memory is not None:
            options["_memory"] = int(memory)
        options["resources"] = resources
    else:
        _greet(address)
        options["address"] = address
    try:
        ray.init(**options)
    except ConnectionError as error:
        raise Refused("unavailable", _no_cluster(address, error)) from None
    except RuntimeError as error:
        mismatch = "ersion mismatch" in str(error)
        text = " ".join(str(error).split())
        raise Refused("unsupported" if mismatch else "unavailable", text) from None
    except (ValueError, OSError) as error:
        raise Refused("unavailable", _no_cluster(address, error)) from None


def _greet(address: str) -> None:
    """Refuses an address where nobody speaks HTTP/2, as Ray does. Ray itself would try for long."""
    if address == "auto":
        return
    with _touch(address) as peer:
        if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
            return
        peer.settimeout(_GREETING)
        try:
            peer.sendall(_HTTP2)
            answer = peer.recv(len(_SETTINGS), socket.MSG_WAITALL)
        except OSError:
            answer = b""
    if answer[3:4] != _SETTINGS[3:4]:
        other = ConnectionError("what listens there is no Ray")
        raise Refused("unavailable", _no_cluster(address, other))


def _touch(address: str) -> socket.socket:
    """A connection to an address; it is refused where nobody listens."""
    host, _, port = address.rpartition(":")
    try:
        return socket.create_connection((host, int(port)), _TOUCH)
    except (OSError, ValueError, OverflowError) as error:
        raise Refused("unavailable", _no_cluster(address, error)) from None


def _no_cluster(address: str, error: Exception) -> str:
    where = "on this machine" if address == "auto" else f"at {address}"
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return f"there is no Ray cluster {where}: {first}"


def _serve(channel: Channel, config: dict[str, Any]) -> None:
    import ray

    from chia_ray import _nodes, _program
    from chia_ray._child import greeting
    from chia_ray._errors import to_wire
    from chia_ray._program import Program
    from chia_ray._requests import Outcome, WithFutures

    address = ray.get_runtime_context().gcs_address

    class FromDriver(WithFutures):
        def answer(self, request: int, outcome: Outcome) -> None:
            # When the control process dies, everything else dies of it.
            died = isinstance(outcome, ray.exceptions.RayError) and not isinstance(
                outcome, ray.exceptions.RayTaskError
            )
            if died and not _answers(address):
                channel.send(_wire.LOST, 0, to_wire(_lost(address)))
            else:
                super().answer(request, outcome)

    digest, content = _program.ship(config["program"])
    driver_node, head_node = _nodes.driver_and_head()
    program = Program(digest, content, config["namespace"], driver_node, head_node)
    channel.send(_wire.HELLO, 0, greeting())
    requests = FromDriver(program, channel)
    threading.Thread(target=_watch, args=(channel, driver_node), daemon=True).start()
    request = _requests_of_driver(channel, requests)
    # Bodies are notified before Ray ends their processes.
    requests.end(_FAREWELL)
    ray.shutdown()
    if request is not None:
        requests.answer(request, b"")


def _requests_of_driver(channel: Channel, requests: Requests) -> int | None:
    """Serves until the driver asks for the end, with this request, or goes away."""
    with contextlib.suppress(Closed, KeyboardInterrupt):
        while True:
            frame = channel.receive()
            assert frame is not None
            if frame.kind == _wire.SHUTDOWN:
                return frame.id
            if frame.kind != _wire.HELLO:
                requests.handle(frame)
    return None


def _watch(channel: Channel, driver_node: str) -> None:
    """Tells the driver about the nodes, and about the loss of the cluster's control process: Ray
    gives neither results nor errors then."""
    import ray

    from chia_ray import _nodes
    from chia_ray._errors import to_wire

    address = ray.get_runtime_context().gcs_address
    known = b""
    missed = 0
    while missed < _MISSED:
        try:
            _touch(address).close()
            nodes = _nodes.nodes_json(driver_node)
        except Exception:
            missed += 1
        else:
            missed = 0
            if nodes != known:
                known = nodes
                channel.send(_wire.NODES, 0, nodes)
        time.sleep(_WATCH_EVERY)
    channel.send(_wire.LOST, 0, to_wire(_lost(address)))
    os._exit(1)


def _answers(address: str) -> bool:
    try:
        _touch(address).close()
    except Refused:
        return False
    return True


def _lost(address: str) -> ChiaError:
    from chia_ray._errors import ChiaError

    text = f"the control process of the Ray cluster at {address} is gone"
    return ChiaError.new("backend_lost", text)


if __name__ == "__main__":
    main()
