"""The example loop, run cold and warm."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from waiting import LONG

PACKAGE = Path(__file__).parents[2]
LOOP = PACKAGE / "examples/bypass_cache/bypass_cache_loop.py"
README = PACKAGE / "README.md"


def test_the_readmes_loop_runs_as_it_is(cluster: str, tmp_path: Path) -> None:
    text = README.read_text()
    rules, *_ = re.findall("```yaml\n(.*?)```", text, re.DOTALL)
    loop, *_ = re.findall("```python\n(.*?)```", text, re.DOTALL)
    ran = tmp_path / "ran"
    for words, here in {
        'ray.init(resources={"adder": 2})': f"ray.init({cluster!r})",
        "/data/chia_cache": str(tmp_path / "cache"),
        'print(f"adding {x} and {y}")': f'open({str(ran)!r}, "a").write("x")',
    }.items():
        assert words in loop
        loop = loop.replace(words, here)
    (tmp_path / "rules.yaml").write_text(rules)
    (tmp_path / "loop.py").write_text(loop)
    for _ in range(2):
        command = [sys.executable, "loop.py"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LONG)
        assert done.returncode == 0, done.stderr
        assert "[10, 11, 12, 13]" in done.stdout and "warning:" not in done.stderr, done.stderr
        assert ran.read_text() == "xxxx", "each of the four was computed once, in the first run"


def test_the_second_run_computes_nothing(cluster: str, tmp_path: Path) -> None:
    command = [sys.executable, str(LOOP), "--cache-dir", str(tmp_path), "--address", cluster]
    lines = []
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONG)
        assert done.returncode == 0, done.stderr
        lines.append(done.stdout.strip().splitlines()[-1])
    assert lines[0].startswith("passed 4 of 6, computed 6"), lines
    assert lines[1].startswith("passed 4 of 6, computed 0"), lines
