"""Frames over a socket, as ``chia-dispatch/wire/docs/WIRE.md`` has them."""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

PROTOCOL: Final = 1

HELLO: Final = 1
SUBMIT: Final = 10
PUT: Final = 11
GET: Final = 12
READY: Final = 13
CANCEL: Final = 14
RELEASE: Final = 15
SHARE: Final = 16
ACTOR: Final = 20
FIND_ACTOR: Final = 21
CALL_ACTOR: Final = 22
KILL_ACTOR: Final = 23
NODES: Final = 24
SHUTDOWN: Final = 25
FOREIGN: Final = 26
RESULT: Final = 40
ERROR: Final = 41
LOST: Final = 42
RUN: Final = 50
MAKE: Final = 51
CALL: Final = 52
STOP: Final = 53

# The longest body of a frame, in bytes.
MAX_BODY: Final = 0x7FFF_FFFF

Part = bytes | bytearray | memoryview

# Linux takes so many buffers at a time.
_PARTS: Final = 1024
_HEAD: Final = struct.Struct("<IBQQ")
_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")
_READ: Final = 1 << 16


class Frame(NamedTuple):
    """One frame as it was received."""

    kind: int
    id: int
    task: int
    body: bytes


class Closed(Exception):
    """The peer closed the socket."""


def u32(number: int) -> bytes:
    """A number as the wire has it."""
    return _U32.pack(number)


def u64(number: int) -> bytes:
    """A number as the wire has it."""
    return _U64.pack(number)


def read_u32(body: bytes, at: int) -> tuple[int, int]:
    """The number at an offset, and the offset behind it."""
    (number,) = _U32.unpack_from(body, at)
    return number, at + 4


def read_u64(body: bytes, at: int) -> tuple[int, int]:
    """The number at an offset, and the offset behind it."""
    (number,) = _U64.unpack_from(body, at)
    return number, at + 8


def read_blob(body: bytes, at: int) -> tuple[bytes, int]:
    """The blob at an offset, and the offset behind it."""
    length, at = read_u32(body, at)
    return body[at : at + length], at + length


def read_blobs(body: bytes, at: int) -> tuple[list[bytes], int]:
    """The list of blobs at an offset, and the offset behind it."""
    count, at = read_u32(body, at)
    items = []
    for _ in range(count):
        item, at = read_blob(body, at)
        items.append(item)
    return items, at


def read_ids(body: bytes, at: int) -> tuple[Sequence[int], int]:
    """The list of numbers at an offset, and the offset behind it."""
    count, at = read_u32(body, at)
    if not count:
        return (), at
    return struct.unpack_from(f"<{count}Q", body, at), at + 8 * count


def blob(item: bytes) -> tuple[bytes, bytes]:
    """Bytes behind their length."""
    return u32(len(item)), item


def blobs(items: Sequence[bytes]) -> list[Part]:
    """Several blobs behind their count."""
    parts: list[Part] = [u32(len(items))]
    for item in items:
        parts += blob(item)
    return parts


def read_job(job: bytes) -> tuple[str, bytes]:
    """The entry and the payload of a job."""
    entry, at = read_blob(job, 0)
    _, at = read_blob(job, at)
    return entry.decode(), job[at:]


def read_call(call: bytes) -> tuple[str, bytes]:
    """The method and the payload of a call."""
    method, at = read_blob(call, 0)
    return method.decode(), call[at:]


class Channel:
    """Our end of a socket. One thread reads; any thread writes."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._write_lock = threading.Lock()
        self._data = b""
        self._at = 0
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def fileno(self) -> int:
        """The socket's number."""
        return self._sock.fileno()

    def close(self) -> None:
        """Closes the socket."""
        self._sock.close()

    def send(self, kind: int, id: int, *body: Part) -> None:
        """Writes a frame whose body has these parts. A closed peer is the reader's business."""
        head = _HEAD.pack(17 + sum(map(len, body)), kind, id, 0)
        with self._write_lock, contextlib.suppress(ConnectionError):
            self._write([head, *body])

    def _write(self, parts: list[Part]) -> None:
        left = deque(memoryview(part) for part in parts if len(part))
        while left:
            sent = self._sock.sendmsg(list(itertools.islice(left, _PARTS)))
            while left and sent >= len(left[0]):
                sent -= len(left.popleft())
            if sent:
                left[0] = left[0][sent:]

    def receive(self, timeout: float | None = None) -> Frame | None:
        """The next frame; None when there is none for ``timeout`` seconds."""
        # A frame that has begun is read to its end.
        begun = len(self._data) > self._at
        if timeout is not None and not begun and not self._poll.poll(timeout * 1000):
            return None
        length, kind, id, task = _HEAD.unpack(self._take(_HEAD.size))
        return Frame(kind, id, task, self._take(length - 17))

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end <= len(self._data):
            taken = self._data[self._at : end]
            self._at = end
            return taken
        parts = [self._data[self._at :]]
        missing = size - len(parts[0])
        self._data, self._at = b"", 0
        while missing > _READ:
            parts.append(self._recv(missing, socket.MSG_WAITALL))
            missing -= len(parts[-1])
        while missing > 0:
            data = self._recv(_READ)
            parts.append(data[:missing])
            self._data, self._at = data, min(missing, len(data))
            missing -= len(parts[-1])
        return b"".join(parts)

    def _recv(self, size: int, flags: int = 0) -> bytes:
        try:
            data = self._sock.recv(size, flags)
        except ConnectionError:
            data = b""
        if not data:
            raise Closed
        return data
