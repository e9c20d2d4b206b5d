"""The original, chialoops, is installed beside our wheel, and our engine takes its place."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import chia_ray
import pytest
import ray

chia_ray.enable()
# What the original's tests start by name: `ray`.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


@pytest.fixture
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=300_000_000, namespace="compat")
    yield
    ray.shutdown()
