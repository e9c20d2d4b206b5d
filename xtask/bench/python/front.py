"""The Python front beside a bare `@ray.remote`, on one cluster, in turns. One JSON figure a line."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import ray

from chia.base.bypass import Bypass
from chia.base.cache import get_active_cache, start_cache, stop_cache
from chia.base.ChiaFunction import ChiaFunction, get

RULES = """\
cache:
  cached: true
  array: true
bypass:
  replayed: true
"""
ROUNDS, CALLS = 25, 20
MEGABYTES = 300


def show(case: str, unit: str, ours: float, reference: float | None = None, aim: float | None = None) -> None:
    figure = {"case": case, "unit": unit, "ours": ours, "reference": reference, "ratio_at_most": aim}
    print(json.dumps(figure), flush=True)


def body(x: int) -> int:
    return x


bare = ray.remote(body)
plain = ChiaFunction()(body)


@ChiaFunction()
def cached(x: int) -> int:
    return x


@ChiaFunction()
def replayed(x: int) -> int:
    raise AssertionError("it is replayed")


def in_turns(sides: list[Callable[[], Any]], calls: int) -> list[float]:
    """Nanoseconds a call of each side: the median over rounds, sides in turns. What a side returns is
    fetched after its turn, off the clock."""
    for side in sides:
        settle([side() for _ in range(calls)])
    samples: list[list[float]] = [[] for _ in sides]
    for number in range(ROUNDS):
        for turn in range(len(sides)):
            at = (number + turn) % len(sides)
            started = time.perf_counter_ns()
            returned = [sides[at]() for _ in range(calls)]
            samples[at].append((time.perf_counter_ns() - started) / calls)
            settle(returned)
    return [statistics.median(sample) for sample in samples]


def settle(returned: list[Any]) -> None:
    """Waits for what is still running."""
    ray.get([value for value in returned if isinstance(value, ray.ObjectRef)])


def fresh(prefix: str) -> Callable[[], str]:
    """Tags that were never used."""
    count = iter(range(10**9))
    return lambda: f"{prefix}{next(count)}"


def calls(durability: str) -> None:
    """Whole calls: dispatched, run, fetched."""
    tag, other = fresh(durability), fresh("u")
    get(get_active_cache().write.chia_remote("kept", 1))
    sides: list[Callable[[], Any]] = [
        lambda: ray.get(bare.remote(1)),
        lambda: get(plain.chia_remote(1)),
        lambda: get(plain.chia_remote(1, _chia_tag=other())),
        lambda: get(cached.chia_remote(1, _chia_tag=tag())),
        lambda: get(replayed.chia_remote(1, _chia_tag="kept")),
    ]
    reference, untagged, tagged, written, replay = in_turns(sides, CALLS)
    if durability == "relaxed":
        show("a call, untagged", "ns", untagged, reference, 1.1)
        show("a call, tagged, not cached", "ns", tagged, reference, 1.1)
        show("a call, replayed with a condition", "ns", replay, reference, 1.7)
    show(f"a call, cached, {durability}", "ns", written, reference, 1.5 if durability == "relaxed" else None)


def dispatch() -> None:
    """The caller's part alone."""
    other = fresh("d")
    sides: list[Callable[[], Any]] = [
        lambda: bare.remote(1),
        lambda: plain.chia_remote(1),
        lambda: plain.chia_remote(1, _chia_tag=other()),
    ]
    reference, untagged, tagged = in_turns(sides, CALLS)
    show("dispatch alone, untagged", "ns", untagged, reference, 1.15)
    show("dispatch alone, tagged", "ns", tagged, reference, 1.2)


@ChiaFunction()
def array(megabytes: int) -> Any:
    return np.ones(megabytes << 17, dtype=np.float64)


def peak(pid: int) -> int:
    """The most memory of its own that a process had, in bytes: shared pages of the object store aside."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["RssAnon"].split()[0]) * 1024


def actor_pid() -> int:
    actor = ray.get_actor("chia.cache", namespace="chia")
    return int(ray.get(actor.__ray_call__.remote(lambda _: os.getpid())))


def large(durability: str) -> None:
    """A large array: time, memory of the actor, and `has` meanwhile."""
    tag = fresh(f"large-{durability}")
    ray.get(array.chia_remote(1))
    pid, done, latencies, memory = actor_pid(), threading.Event(), [], [0]
    before = peak(pid)

    def watch() -> None:
        while not done.is_set():
            started = time.perf_counter_ns()
            get(get_active_cache().has.chia_remote("kept"))
            latencies.append(time.perf_counter_ns() - started)
            # A look now and then: it must not be the load that it measures.
            time.sleep(0.02)
            memory[0] = max(memory[0], peak(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(3):
        for keep in (False, True):
            started = time.perf_counter_ns()
            ref = array.chia_remote(MEGABYTES, _chia_tag=tag() if keep else None)
            ray.wait([ref])
            times[keep].append(time.perf_counter_ns() - started)
            del ref
    done.set()
    watcher.join()
    uncached, kept = statistics.median(times[False]), statistics.median(times[True])
    show(f"{MEGABYTES} MB array, cached, {durability}, beside uncached", "ns", kept, uncached, 1.5)
    show(f"growth of the actor's own memory, {durability}", "B", max(memory[0] - before, 0))
    show(f"`has` meanwhile, slowest of {len(latencies)}, {durability}", "ns", max(latencies))


def main() -> None:
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=2 << 30, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.yaml"
        rules.write_text(RULES)
        for durability in ("relaxed", "durable"):
            start_cache(4, Path(folder) / durability, "GB", rules, durability=durability)
            bypass = Bypass(rules)

            def hit(tag: str, data_path: str | None, x: int) -> bool:
                return bool(get(get_active_cache().has.chia_remote(tag)))

            def replay(tag: str, data_path: str | None, x: int) -> Any:
                return get(get_active_cache().read.chia_remote(tag))[1]

            bypass.set_cond("replayed", hit)
            bypass.set_provider("replayed", replay)
            calls(durability)
            if durability == "relaxed":
                dispatch()
            large(durability)
            stop_cache()
    ray.shutdown()


if __name__ == "__main__":
    sys.exit(main())
