"""``python -m chia_ray._guard FOLDER``: ends a cluster once its owner has closed our stdin, or has died.

The cluster is every process whose environment names a path in FOLDER or that has a file of FOLDER open,
with all below it. FOLDER is removed as well. A byte on stdout says that we are there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Final

# In seconds: a process in the kernel's hands may take a while to go.
_TIMEOUT: Final = 10.0


def main() -> None:
    """Waits for the end of the owner, then ends what it has started."""
    # A user who ends everything else leaves the tidying to this process.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.write(1, b"\n")
    os.close(1)
    sys.stdin.buffer.read()
    folder = sys.argv[1]
    _end(os.fsencode(f"{folder}/"))
    shutil.rmtree(folder, ignore_errors=True)


def _end(mark: bytes) -> None:
    """Kills until nobody is left. Ray's own end would wait for what runs; stores survive a kill."""
    deadline = time.monotonic() + _TIMEOUT
    known: set[int] = set()
    beyond: set[int] = set()
    while time.monotonic() < deadline:
        # Some of Ray's daemons overwrite their environment, and lose their parent when a node is killed:
        # they have logs open, and we remember who was below whom.
        parents = _parents()
        known |= {pid for pid in parents if mark in _environment(pid) or _has_open(pid, mark)}
        known |= {pid for pid in parents if _is_below(pid, known, parents)}
        left = (known & parents.keys()) - beyond
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            except PermissionError:
                # Somebody else's, who was started by ours.
                beyond.add(pid)
        time.sleep(0.02)


def _parents() -> dict[int, int]:
    """The parent of every process that lives."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                parents[int(path.name)] = int(parent)
    return parents


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _has_open(pid: int, mark: bytes) -> bool:
    """Whether a process has a file open whose path starts so."""
    folder = f"/proc/{pid}/fd".encode()
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                if os.readlink(folder + b"/" + name).startswith(mark):
                    return True
    return False


def _is_below(pid: int, above: set[int], parents: dict[int, int]) -> bool:
    while pid in parents:
        if pid in above:
            return True
        pid = parents[pid]
    return False


if __name__ == "__main__":
    main()
