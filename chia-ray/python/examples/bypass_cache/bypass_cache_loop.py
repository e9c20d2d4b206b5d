"""A loop that fills the cache on its first run and replays it on the next: run it twice.

    python bypass_cache_loop.py --cache-dir /tmp/chia_cache      # cold: everything runs
    python bypass_cache_loop.py --cache-dir /tmp/chia_cache      # warm: nothing does

It prints one line a run, and writes nothing but the cache.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import ray
from chia.base.bypass import Bypass
from chia.base.cache import get_active_cache, start_cache, stop_cache
from chia.base.ChiaFunction import ChiaFunction, get

RULES = Path(__file__).with_name("rules.yaml")


@ChiaFunction(num_cpus=1)
def build_design(name: str) -> dict[str, Any]:
    """Stands for an hour of synthesis."""
    time.sleep(0.2)
    return {"design": name, "cells": 1000 * len(name), "built_at": time.time()}


@ChiaFunction(num_cpus=0.5)
def run_verilator_test(design: dict[str, Any], seed: int) -> dict[str, Any]:
    """Stands for a long simulation."""
    time.sleep(0.1)
    return {"seed": seed, "passed": seed % 3 != 0, "cells": design["cells"], "ran_at": time.time()}


def in_cache(tag: str | None, data_path: str | None, *args: Any, **kwargs: Any) -> bool:
    """The condition: replay only what is there. Everything else runs for real."""
    return bool(get(get_active_cache().has.chia_remote(tag)))


def from_cache(tag: str | None, data_path: str | None, *args: Any, **kwargs: Any) -> Any:
    """The provider: what the earlier run computed."""
    hit, value = get(get_active_cache().read.chia_remote(tag))
    if not hit:
        raise KeyError(f"cache miss for tag {tag!r}")
    return value


def run(iterations: int) -> tuple[int, int]:
    """The loop itself. It knows nothing of cache and bypass but its tags."""
    started = time.time()
    design = build_design.chia_remote("boom", _chia_tag="boom")
    tests = [
        run_verilator_test.chia_remote(design, seed, _chia_tag=f"iter{seed}") for seed in range(iterations)
    ]
    results = get(tests)
    computed = sum(result["ran_at"] >= started for result in results)
    return sum(result["passed"] for result in results), computed


def main() -> None:
    """Sets the loop up, runs it, and says what was computed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache-dir", required=True)
    parser.add_argument("--iterations", type=int, default=6)
    parser.add_argument("--address", help="of a running Ray cluster; a local one is started without it")
    args = parser.parse_args()

    ray.init(address=args.address, include_dashboard=False, log_to_driver=False)
    start_cache(size=1, units="GB", cache_dir_path=args.cache_dir, yaml_path=RULES)
    bypass = Bypass(yaml_path=RULES)
    for function in ("build_design", "run_verilator_test"):
        bypass.set_cond(function, in_cache)
        bypass.set_provider(function, from_cache)

    started = time.monotonic()
    passed, computed = run(args.iterations)
    seconds = time.monotonic() - started
    print(f"passed {passed} of {args.iterations}, computed {computed}, in {seconds:.1f} s")
    stop_cache()


if __name__ == "__main__":
    main()
