"""A run that is killed after twelve of its sixteen calls, and a run that forks from it at the ninth."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import chia_ray

LIMIT = 300.0
RULES = "cache: {step: true}\nbypass: {step: true}\n"
# Each run computes bytes of its own. `argv` has the directory of the cache, its base or nothing, the number
# of the call after which the loop stays, and what else the loop needs.
STEP = """
import hashlib, os, sys, time

def step(x):
    return os.urandom(x * 200)

def end_of_call(x, value):
    print("call", x, hashlib.sha256(value).hexdigest(), flush=True)
    if x == int(sys.argv[3]):
        time.sleep(600)

directory, base = sys.argv[1], sys.argv[2] or None
"""


def calls(lines: Iterable[str], most: int) -> list[str]:
    """The hashes of the values that a loop sees next."""
    found = (line.split() for line in lines)
    seen = list(itertools.islice((words[2] for words in found if words[:1] == ["call"]), most))
    assert len(seen) == most, seen
    return seen


def contents(directory: Path) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Everything in a cache, but when it was last read."""
    with chia_ray.Store(directory, read_only=True) as store:
        facts = {key: store.facts(key) or {} for key in store}
        return {
            key: (store[key], {name: fact for name, fact in known.items() if name != "last_read"})
            for key, known in facts.items()
        }


def check_fork(loop: str, folder: Path, *more: str, after_kill: Callable[[], None] = lambda: None) -> None:
    """Kills a run of a loop, given as source that follows ``STEP``, and forks from it."""
    script, rules = folder / "loop.py", folder / "rules.yaml"
    script.write_text(STEP + loop)
    rules.write_text(RULES)
    base, fork = folder / "base", folder / "fork"

    def command(directory: Path, of: str, stop: int) -> list[str]:
        return [sys.executable, str(script), str(directory), of, str(stop), str(rules), *more]

    with subprocess.Popen(command(base, "", 12), stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        before = calls(iter(killed.stdout.readline, ""), 12)
        killed.send_signal(signal.SIGKILL)
    after_kill()
    recorded = contents(base)
    assert set(recorded) == {f"call{x}" for x in range(1, 13)}

    env = {**os.environ, "CHIA_FROM": "call9"}
    forked = subprocess.run(
        command(fork, str(base), 0), env=env, capture_output=True, text=True, timeout=LIMIT
    )
    assert forked.returncode == 0, forked.stderr
    after = calls(forked.stdout.splitlines(), 16)
    assert after[:8] == before[:8], "replayed, identical to the byte"
    assert not set(after[8:]) & set(before), "run again"
    after_kill()
    assert contents(base) == recorded, "the entries of the first run are as they were"
    assert set(contents(fork)) == {f"call{x}" for x in range(9, 17)}
