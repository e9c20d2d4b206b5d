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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from chia_ray import _wire
from chia_ray._errors import ChiaError
from chia_ray._wire import Channel

# The programs that a node keeps: so many bytes, but never one that was used so many seconds ago.
_BUDGET, _RECENT = 1 << 30, 60.0
# Files that are still being written, and from which age, in seconds, one is a leftover.
_UNFINISHED, _LEFTOVER = ".new-", 3600.0
# A shared blob up to this size travels in each task.
_INLINE = 16 * 1024


@dataclass(frozen=True)
class Program:
    """A program, by the hash of its content; its bytes are an object of the cluster."""

    digest: str
    # In a tuple, so that Ray passes the reference on and not the bytes.
    content: tuple[ray.ObjectRef[bytes]]
    namespace: str
    driver_node: str
    head_node: str


class Shared:
    """A blob that many tasks share: small ones travel in each task, large ones are objects of the cluster."""

    def __init__(self, hash: bytes, content: bytes | None, put: list[ray.ObjectRef[bytes]]) -> None:
        self.hash = hash
        self._content = content
        # In a list, so that Ray passes the reference on and not the bytes.
        self.put = put

    @classmethod
    def of(cls, hash: bytes, content: bytes) -> Shared:
        """A blob that is to travel."""
        is_small = 0 < len(content) <= _INLINE
        return cls(hash, content, [] if is_small else [ray.put(content)])

    @classmethod
    def brought(cls, order: bytes, args: Sequence[Any]) -> tuple[Shared | None, bytes, Sequence[bytes]]:
        """The blob, the job and the arguments of a task that arrived."""
        hash, at = _wire.read_blob(order, 0)
        content, at = _wire.read_blob(order, at)
        job = order[at:]
        if not hash:
            return None, job, args
        if content:
            return cls(hash, content, []), job, args
        return cls(hash, None, args[0]), job, args[1:]

    def order(self, job: bytes) -> tuple[Any, ...]:
        """The first arguments of a task that runs a job with this blob."""
        content = b"" if self.put or self._content is None else self._content
        head = b"".join((*_wire.blob(self.hash), *_wire.blob(content), job))
        return (head, self.put) if self.put else (head,)

    def content(self) -> bytes:
        """The blob itself."""
        if self._content is None:
            self._content = ray.get(self.put[0])
        return self._content


# A task without a shared blob.
NO_SHARED = Shared(b"", b"", [])


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
    number, temporary = tempfile.mkstemp(dir=folder, prefix=_UNFINISHED)
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
    """Keeps the programs that were used last, within a budget of bytes."""
    now, room = time.time(), _BUDGET
    found = []
    for path in folder.iterdir():
        # Another worker may take it away at any moment.
        with contextlib.suppress(OSError):
            found.append((path.stat(), path))
    for stat, path in sorted(found, key=lambda one: one[0].st_mtime, reverse=True):
        age = now - stat.st_mtime
        if path.name.startswith(_UNFINISHED):
            is_kept = age < _LEFTOVER
        else:
            room -= stat.st_size
            is_kept = room >= 0 or age < _RECENT
        if not is_kept:
            with contextlib.suppress(OSError):
                path.unlink()


def start(program: Program) -> tuple[subprocess.Popen[bytes], Channel]:
    """Starts the program as a worker. Its socket is its standard input."""
    ours, theirs = socket.socketpair()
    environment = {**os.environ, "CHIA_WORKER": str(os.getpid())}
    path = local_path(program)
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
