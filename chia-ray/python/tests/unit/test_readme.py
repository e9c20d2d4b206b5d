"""The README's programs that need no Ray, as they are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_programs_without_ray_run_twice(tmp_path: Path) -> None:
    text = README.read_text()
    rules, *_ = re.findall("```yaml\n(.*?)```", text, re.DOTALL)
    found = re.findall("```python\n(.*?)```", text, re.DOTALL)
    programs = [program for program in found if program.startswith("import chia_ray")]
    assert len(programs) == 2
    for number, program in enumerate(programs):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "rules.yaml").write_text(rules)
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 0, done.stderr
    assert "[0, 1, 4, 9, 16, 25, 36, 49]" in done.stdout
