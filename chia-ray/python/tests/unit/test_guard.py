"""The end of a cluster whose owner is gone."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

# A daemon as Ray's agents are: of a session of its own, without a parent, its environment overwritten.
DAEMON = """\
import os, sys, time
if os.fork():
    sys.exit()
os.setsid()
print(os.getpid(), flush=True)
log = open(sys.argv[1], "w")
time.sleep(600)
"""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_daemon_that_is_known_by_its_log_alone_is_ended(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    command = [sys.executable, "-m", "chia_ray._guard", str(folder)]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert guard.stdin is not None and guard.stdout is not None
    guard.stdout.read(1)
    daemon = subprocess.Popen(
        [sys.executable, "-c", DAEMON, str(folder / "agent.log")], env={}, stdout=subprocess.PIPE, text=True
    )
    assert daemon.stdout is not None
    pid = int(daemon.stdout.readline())
    daemon.wait()
    while not (folder / "agent.log").exists():
        time.sleep(0.01)
    assert lives(pid)
    guard.stdin.close()
    guard.wait(30)
    assert not lives(pid) and not folder.exists()
