"""One quiet Ray cluster for the tests of this folder; each test leaves no cache behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from chia.base.cache import stop_cache
from chia_ray.base import _scope


def start() -> Any:
    """Starts Ray. It gives its own processes 30 s, which a machine that builds meanwhile may exceed."""
    for attempt in range(3):
        try:
            return ray.init(
                num_cpus=2,
                resources={"adder": 8},
                include_dashboard=False,
                object_store_memory=500_000_000,
            )
        except Exception:
            ray.shutdown()
            if attempt == 2:
                raise
    raise AssertionError("the last attempt returns or raises")


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    # Workers import what the tests define, as they do for a driver's own folder.
    known = os.environ.get("PYTHONPATH", "")
    here = Path(__file__).parent
    own = [str(here), str(here.parent / "shared")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*own, known]))
    context = start()
    yield str(context.address_info["address"])
    ray.shutdown()


@pytest.fixture(autouse=True)
def fresh(cluster: str) -> Iterator[None]:
    _scope.current().bypass = None
    yield
    stop_cache()
    _scope.current().bypass = None


@pytest.fixture
def rules(tmp_path: Path) -> Any:
    def write(text: str) -> str:
        path = tmp_path / "rules.yaml"
        path.write_text(text)
        return str(path)

    return write
