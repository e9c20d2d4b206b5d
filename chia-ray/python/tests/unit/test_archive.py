"""Files and directories as arguments and results."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import chia_ray
import pytest
from chia_ray import ArchiveError, Directory, File, Loop

RULES = "bypass: {build: {bypass: true, check: true}}\ncache: {build: true}\n"


@chia_ray.function
def build(sources: Directory, folder: Path) -> File:
    """A program from its sources."""
    sources.put_at(folder / "src", replace=True)
    text = "".join(path.read_text() for path in sorted((folder / "src").iterdir()))
    (folder / "a.out").write_text(text)
    (folder / "a.out").chmod(0o755)
    return File.pack(folder / "a.out")


@pytest.mark.parametrize("backend", ["threads", "processes"])
def test_the_content_of_a_directory_is_what_is_compared(tmp_path: Path, backend: str) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "a.c").write_text("one")
    became = []
    for change in ("nothing", "times", "content"):
        if change == "times":
            os.utime(sources / "a.c", (0, 0))
        if change == "content":
            (sources / "b.c").write_text("two")
        with Loop(tmp_path / "rules.yaml", tmp_path / "cache", backend=backend) as loop:  # type: ignore[arg-type]
            loop.replay(build)
            work = tmp_path / "work"
            work.mkdir(exist_ok=True)
            handle = loop.call(build, Directory(sources), work, tag="build")
            handle.result().put_at(tmp_path / change)
            assert handle.outcome is not None
            became.append(handle.outcome.became)
    assert became == ["ran", "replayed", "ran"]
    assert "argument 1 `sources` was Directory(" in (handle.outcome.missed or "")
    assert (tmp_path / "times").read_text() == "one" and (tmp_path / "content").read_text() == "onetwo"
    assert os.access(tmp_path / "times", os.X_OK)


def test_what_is_in_the_way_and_what_is_hostile_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    file = File(tmp_path / "a")
    with pytest.raises(ArchiveError) as refused:
        file.put_at(tmp_path / "b")
    assert refused.value.kind == "exists"
    file.put_at(tmp_path / "b", replace=True)
    assert (tmp_path / "b").read_text() == "a"
    again = pickle.loads(pickle.dumps(file, protocol=2))
    assert again == file and len({again, file}) == 1 and again.size == 1
    data = bytearray(file.to_bytes())
    data[-3] ^= 0xFF
    with pytest.raises(ArchiveError):
        File.from_bytes(data).put_at(tmp_path / "c")
    with pytest.raises(ArchiveError, match="a file, not a directory"):
        Directory.from_bytes(file.to_bytes())
    with pytest.raises(ArchiveError):
        File.from_bytes(b"nothing")
    with pytest.raises(ArchiveError):
        File(tmp_path / "gone")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
