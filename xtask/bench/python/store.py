"""`chia_ray.Store` beside diskcache, from Python, in turns. One JSON figure a line."""

from __future__ import annotations

import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chia_ray
import diskcache

ROUNDS, KEYS, BUDGET = 7, 64, 4 << 30
SIZES = {"100 B": 100, "4 KiB": 4 << 10, "1 MiB": 1 << 20}
# The operations of one round.
TIMES = {100: 400, 4 << 10: 400, 1 << 20: 16}
READERS = 8

Op = Callable[[int], Any]


def show(case: str, ours: float, reference: float, aim: float | None) -> None:
    figure = {"case": case, "unit": "ns", "ours": ours, "reference": reference, "ratio_at_most": aim}
    print(json.dumps(figure), flush=True)


def took(op: Op, times: int) -> float:
    """Nanoseconds an operation."""
    started = time.perf_counter_ns()
    for at in range(times):
        op(at)
    return (time.perf_counter_ns() - started) / times


def in_turns(ours: Op, theirs: Op, times: int) -> tuple[float, float]:
    """The medians over rounds."""
    samples: tuple[list[float], list[float]] = [], []
    for _ in range(ROUNDS):
        for op, sample in ((ours, samples[0]), (theirs, samples[1])):
            sample.append(took(op, times))
    return statistics.median(samples[0]), statistics.median(samples[1])


def values(size: int) -> Callable[[], bytes]:
    """Never the same value twice, as a cache could take a shortcut."""
    count = iter(range(1 << 60))
    return lambda: next(count).to_bytes(8, "little") + bytes(size - 8)


def one_process(folder: Path, name: str, size: int) -> None:
    """Sets, gets and memoised calls."""
    aim = 0.2 if size < 1 << 20 else None
    times, value = TIMES[size], values(size)
    theirs = diskcache.Cache(str(folder / "theirs"), size_limit=BUDGET)
    with chia_ray.Store(folder / "ours", BUDGET, durability="relaxed") as ours:
        keys = [f"key{at}" for at in range(KEYS)]
        sets = in_turns(
            lambda at: ours.__setitem__(keys[at % KEYS], value()),
            lambda at: theirs.set(keys[at % KEYS], value()),
            times,
        )
        show(f"Store: set, {name}, relaxed / diskcache", *sets, aim)
        gets = in_turns(lambda at: ours[keys[at % KEYS]], lambda at: theirs[keys[at % KEYS]], times)
        show(f"Store: get, {name} / diskcache", *gets, aim)

        def made(at: int) -> bytes:
            return bytes(size)

        mine, their = ours.memoize(name="made")(made), theirs.memoize(name="made")(made)
        for at in range(KEYS):
            mine(at), their(at)
        memoized = in_turns(lambda at: mine(at % KEYS), lambda at: their(at % KEYS), times)
        show(f"Store: memoize, a hit, {name} / diskcache", *memoized, aim)
    theirs.close()


def read_ours(folder: str, times: int) -> float:
    with chia_ray.Store(folder, read_only=True) as store:
        return took(lambda at: store[f"key{at % KEYS}"], times)


def read_theirs(folder: str, times: int) -> float:
    with diskcache.Cache(folder) as cache:
        return took(lambda at: cache[f"key{at % KEYS}"], times)


def many_processes(folder: Path, name: str, size: int) -> None:
    """Gets of eight processes at once: of ours beside the owner."""
    times = TIMES[size]
    with (
        multiprocessing.get_context("spawn").Pool(READERS) as pool,
        chia_ray.Store(folder / "ours", BUDGET),
    ):
        samples: dict[str, list[float]] = {"ours": [], "theirs": []}
        for _ in range(3):
            for side, read in (("ours", read_ours), ("theirs", read_theirs)):
                given = [(str(folder / side), times)] * READERS
                samples[side].append(statistics.mean(pool.starmap(read, given, chunksize=1)))
    ours, theirs = (statistics.median(sample) for sample in samples.values())
    show(f"Store: get, {name}, {READERS} processes / diskcache", ours, theirs, None)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, size in SIZES.items():
            place = Path(folder) / name.replace(" ", "")
            one_process(place, name, size)
            many_processes(place, name, size)


if __name__ == "__main__":
    sys.exit(main())
