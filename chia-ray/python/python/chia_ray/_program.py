"""The program that workers run: how it reaches a node, and how it is started there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import ray

from chia_ray._errors import ChiaError
from chia_ray._wire import Channel

_KEPT = 8


@dataclass(frozen=True)
class Program:
    """A program, by the hash of its content; its bytes are an object of the cluster."""

    digest: str
    # In a tuple, so that Ray passes the reference on and not the bytes.
    content: tuple[ray.ObjectRef[bytes]]
    namespace: str
    driver_node: str
    head_node: str


@dataclass(frozen=True)
class Shared:
    """A blob that many tasks share, as an object of the cluster."""

    hash: bytes
    # In a tuple, as above.
    content: tuple[ray.ObjectRef[bytes]]


def ship(path: str) -> tuple[str, tuple[ray.ObjectRef[bytes]]]:
    """Makes an object of a program file. Returns its hash and the reference."""
    content = Path(path).read_bytes()
    return hashlib.sha256(content).hexdigest(), (ray.put(content),)


def local_path(program: Program) -> str:
    """Where this node has the program; fetches it if it has not."""
    folder = _folder()
    path = folder / program.digest
    if path.exists():
        os.utime(path)
        return str(path)
    content = ray.get(program.content[0])
    if hashlib.sha256(content).hexdigest() != program.digest:
        raise ChiaError.new("protocol", "the program changed on its way to this node")
    number, temporary = tempfile.mkstemp(dir=folder)
    with os.fdopen(number, "wb") as file:
        file.write(content)
    os.chmod(temporary, 0o700)
    os.replace(temporary, path)
    _prune(folder)
    return str(path)


def _folder() -> Path:
    base = os.environ.get("CHIA_RAY_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "chia-ray"
    )
    folder = Path(base)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _prune(folder: Path) -> None:
    """Keeps the programs that were used last."""
    with contextlib.suppress(OSError):
        by_use = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in by_use[_KEPT:]:
            old.unlink(missing_ok=True)


def start(program: Program) -> tuple[subprocess.Popen[bytes], Channel]:
    """Starts the program as a worker. Its socket is its standard input."""
    path = local_path(program)
    ours, theirs = socket.socketpair()
    environment = {**os.environ, "CHIA_WORKER": str(os.getpid())}
    try:
        process = _spawn(path, theirs, environment)
    except OSError as error:
        ours.close()
        raise _cannot_start(path, error) from error
    finally:
        theirs.close()
    return process, Channel(ours)


def _spawn(path: str, stdin: socket.socket, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    for attempt in range(20):
        try:
            return subprocess.Popen([path], stdin=stdin.fileno(), env=environment)
        except OSError as error:
            # Another process was forked while the file was being written, and holds it for a moment.
            if error.errno != errno.ETXTBSY or attempt == 19:
                raise
            time.sleep(0.01)
    raise AssertionError("the last attempt returns or raises")


def _cannot_start(path: str, error: OSError) -> ChiaError:
    machine = os.uname()
    node = ray.get_runtime_context().get_node_id()
    if error.errno == errno.ENOEXEC:
        text = (
            f"the program is not made for this node, which runs {machine.sysname} on "
            f"{machine.machine}; build it for this platform, or keep its tasks on nodes like the driver's"
        )
    else:
        text = f"the program cannot be started on {machine.nodename}: {path}: {error.strerror}"
    return ChiaError.new("unavailable", text, node)
