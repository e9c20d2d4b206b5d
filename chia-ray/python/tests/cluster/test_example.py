"""The example loop, run cold and warm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from waiting import LONG

LOOP = Path(__file__).parents[2] / "examples/bypass_cache/bypass_cache_loop.py"


def test_the_second_run_computes_nothing(cluster: str, tmp_path: Path) -> None:
    command = [sys.executable, str(LOOP), "--cache-dir", str(tmp_path), "--address", cluster]
    lines = []
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONG)
        assert done.returncode == 0, done.stderr
        lines.append(done.stdout.strip().splitlines()[-1])
    assert lines[0].startswith("passed 4 of 6, computed 6"), lines
    assert lines[1].startswith("passed 4 of 6, computed 0"), lines
