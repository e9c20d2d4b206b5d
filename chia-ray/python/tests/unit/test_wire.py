"""Frames over a socket."""

from __future__ import annotations

import socket
import threading

from chia_ray import _wire


def test_a_body_of_many_parts_arrives_whole() -> None:
    ours, theirs = socket.socketpair()
    parts = [bytes([number % 251]) * (number % 700) for number in range(5000)]
    writer = threading.Thread(target=_wire.Channel(ours).send, args=(_wire.RESULT, 7, *parts))
    writer.start()
    frame = _wire.Channel(theirs).receive(30)
    writer.join()
    assert frame is not None and (frame.kind, frame.id) == (_wire.RESULT, 7)
    assert frame.body == b"".join(parts)


def test_a_closed_peer_is_the_readers_business() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    _wire.Channel(ours).send(_wire.RESULT, 1, b"nobody reads it")
