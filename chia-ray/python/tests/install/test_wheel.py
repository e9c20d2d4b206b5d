"""The wheel itself: what is in it, how large it is, and where it installs."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from conftest import Environment

# A wheel of the dev profile is larger than a released one; debug information would be twice as much again.
LIMIT = 12 << 20


@pytest.fixture
def archive(wheel: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(wheel)


def test_one_wheel_serves_every_python_from_3_10_on(wheel: str) -> None:
    assert re.fullmatch(r"chia_ray-[\d.]+-cp310-abi3-manylinux_2_\d+_x86_64.*\.whl", Path(wheel).name)


def test_it_is_stripped_and_small(archive: zipfile.ZipFile, wheel: str) -> None:
    library = archive.read("chia_ray/_native.abi3.so")
    # The names of its sections.
    assert b"\0.text\0" in library and b".debug_info\0" not in library and b".symtab\0" not in library
    assert Path(wheel).stat().st_size < LIMIT


def test_the_licences_and_the_types_are_inside(archive: zipfile.ZipFile) -> None:
    names = {name.partition("/")[2] if "dist-info" in name else name for name in archive.namelist()}
    assert {
        "licenses/LICENSE-MIT",
        "licenses/LICENSE-APACHE",
        "chia_ray/py.typed",
        "chia_ray/_native.pyi",
    } <= names
    assert not [name for name in names if "test" in name or name.endswith((".rs", ".toml"))]
    [metadata] = [name for name in archive.namelist() if name.endswith("dist-info/METADATA")]
    text = archive.read(metadata).decode()
    assert "License-Expression: MIT OR Apache-2.0" in text and "Provides-Extra: msgpack" in text


def test_a_free_threaded_build_is_refused_by_name(environment: Environment, wheel: str) -> None:
    environment.install(wheel)
    code = (
        "import sys\n"
        "sys.version = sys.version.replace('(main', 'free-threading build (main') + ' free-threading'\n"
        "try:\n  import chia_ray\nexcept ImportError as error: print(error)"
    )
    assert "does not support free-threaded builds" in environment.says(code)


def test_without_ray_the_store_works(environment: Environment, wheel: str) -> None:
    environment.install(wheel)
    code = "import chia_ray, tempfile; s = chia_ray.Store(tempfile.mkdtemp()); s['a'] = 1; print(s['a'])"
    assert environment.says(code) == "1"
