"""The folder of shipped programs on a node."""

from __future__ import annotations

import os
import time
from pathlib import Path

from chia_ray import _program


def program(folder: Path, name: str, size: int, age: float) -> None:
    path = folder / name
    with path.open("wb") as file:
        file.truncate(size)
    then = time.time() - age
    os.utime(path, (then, then))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_other_workers_are_writing_stays(tmp_path: Path) -> None:
    for number in range(20):
        program(tmp_path, f".new-{number}", 1000, age=number)
    program(tmp_path, ".new-leftover", 1000, age=2 * 3600)
    _program._prune(tmp_path)
    assert names(tmp_path) == {f".new-{number}" for number in range(20)}


def test_the_folder_is_bounded_by_bytes(tmp_path: Path) -> None:
    for number in range(20):
        program(tmp_path, f"p{number}", 150 << 20, age=100 + number)
    _program._prune(tmp_path)
    assert names(tmp_path) == {f"p{number}" for number in range(6)}


def test_a_program_that_is_in_use_stays(tmp_path: Path) -> None:
    for number in range(3):
        program(tmp_path, f"p{number}", 900 << 20, age=number)
    _program._prune(tmp_path)
    assert len(names(tmp_path)) == 3


def test_many_small_programs_stay(tmp_path: Path) -> None:
    for number in range(20):
        program(tmp_path, f"p{number}", 1000, age=1000 + number)
    _program._prune(tmp_path)
    assert len(names(tmp_path)) == 20
