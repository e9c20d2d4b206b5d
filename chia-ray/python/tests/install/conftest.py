"""Environments with real installations of our wheel and of the original. `CHIA_WHEEL` names the wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ORIGINAL = "chialoops==2.0.1"


def run(program: Path | str, *args: str, **variables: str) -> str:
    """What a command says; its failure is ours."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CHIA_ENGINE")
    }
    done = subprocess.run(
        [str(program), *args], env={**environment, **variables}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def pip(*args: str) -> None:
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", *args)


class Environment:
    """A virtual environment without any other package than those that a test installs."""

    def __init__(self, folder: Path) -> None:
        self.python = folder / "bin/python"
        run(sys.executable, "-m", "venv", "--without-pip", str(folder))

    def install(self, *args: str) -> None:
        pip("--python", str(self.python), "install", "--quiet", "--no-deps", *args)

    def uninstall(self, name: str) -> None:
        pip("--python", str(self.python), "uninstall", "--quiet", "--yes", name)

    def says(self, code: str, **variables: str) -> str:
        """What a program prints."""
        return run(self.python, "-c", code, **variables)

    def engine(self, name: str = "ChiaFunction", **variables: str) -> str:
        """Whose module a name of the original is: `ours`, `theirs` or `none`."""
        code = (
            "import importlib.util as util\n"
            "def find(name):\n"
            "    try:\n"
            "        return util.find_spec(name)\n"
            "    except ModuleNotFoundError:\n"
            "        return None\n"
            f"spec = find('chia.base.{name}')\n"
            "print('none' if spec is None else 'ours' if spec.origin.startswith('chia_ray') else 'theirs')"
        )
        return self.says(code, **variables)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "venv")


@pytest.fixture(scope="session")
def wheel() -> str:
    return os.environ["CHIA_WHEEL"]


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The wheel of the original, from the registry."""
    folder = tmp_path_factory.mktemp("original")
    pip("download", "--quiet", "--no-deps", "--dest", str(folder), ORIGINAL)
    return str(next(folder.glob("*.whl")))


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the original, as a checkout has them."""
    folder = tmp_path_factory.mktemp("sources")
    options = ("--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(folder))
    pip("download", *options, ORIGINAL)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())
