"""Our wheel beside the original: nobody's files are touched, and the engine is chosen by its rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Environment

NAMES = ("ChiaFunction", "bypass", "cache")
RUST = {"CHIA_ENGINE": "rust"}
FILES = "from importlib.metadata import files; print(*(f for f in files('{}') if 'pycache' not in str(f)))"


def test_r42_alone_our_wheel_serves_the_originals_names_always(environment: Environment, wheel: str) -> None:
    environment.install(wheel)
    assert {environment.engine(name) for name in NAMES} == {"ours"}
    said = environment.says(
        "import chia.base\ntry:\n  import chia.trace\nexcept ModuleNotFoundError as e: print(e)"
    )
    assert said == "No module named 'chia.trace'"


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_r42_in_any_order_the_original_keeps_its_files_and_its_names(
    environment: Environment, wheel: str, original: str, first: str
) -> None:
    for path in (wheel, original) if first == "ours" else (original, wheel):
        environment.install(path)
    ours = set(environment.says(FILES.format("chia-ray")).split())
    theirs = set(environment.says(FILES.format("chialoops")).split())
    assert not ours & theirs and not [path for path in ours if path.startswith("chia/")]
    assert {environment.engine(name) for name in NAMES} == {"theirs"}
    assert {environment.engine(name, CHIA_ENGINE="python") for name in NAMES} == {"theirs"}
    assert {environment.engine(name, **RUST) for name in NAMES} == {"ours"}
    for module in ("chia.trace.profiler", "chia.base.pid_registry", "chia.chipyard"):
        where = f"import importlib.util as u; print(u.find_spec('{module}').origin)"
        assert "site-packages/chia/" in environment.says(where, **RUST)


@pytest.mark.parametrize("gone", ["chia-ray", "chialoops"])
def test_r42_uninstalling_one_leaves_the_other_whole(
    environment: Environment, wheel: str, original: str, gone: str
) -> None:
    environment.install(wheel)
    environment.install(original)
    environment.uninstall(gone)
    left = "theirs" if gone == "chia-ray" else "ours"
    assert {environment.engine(name) for name in NAMES} == {left}
    assert environment.engine(**RUST) == left


def test_r42_an_editable_original_keeps_its_modules(
    environment: Environment, wheel: str, checkout: Path
) -> None:
    environment.install(wheel)
    environment.install("--editable", str(checkout))
    assert environment.engine() == "theirs" and environment.engine(**RUST) == "ours"
    where = "import importlib.util as u; print(u.find_spec('chia.trace.profiler').origin)"
    assert str(checkout) in environment.says(where, **RUST)


def test_r42_a_checkout_on_the_path_keeps_its_modules(
    environment: Environment, wheel: str, checkout: Path
) -> None:
    environment.install(wheel)
    path = {"PYTHONPATH": str(checkout)}
    assert environment.engine(**path) == "theirs" and environment.engine(**path, **RUST) == "ours"
    where = "import importlib.util as u; print(u.find_spec('chia.chipyard').origin)"
    assert str(checkout) in environment.says(where, **path, **RUST)


def test_an_unrelated_folder_or_package_of_that_name_changes_nothing(
    environment: Environment, wheel: str, tmp_path: Path
) -> None:
    environment.install(wheel)
    (tmp_path / "empty/chia").mkdir(parents=True)
    assert environment.engine(PYTHONPATH=str(tmp_path / "empty")) == "ours"
    package = tmp_path / "coins/chia"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("coins = 1")
    said = environment.says("import chia, chia.base; print(chia.coins)", PYTHONPATH=str(tmp_path / "coins"))
    assert said == "1"


def test_enable_is_as_good_as_the_variable(environment: Environment, wheel: str, original: str) -> None:
    environment.install(wheel)
    environment.install(original)
    code = (
        "import chia_ray, os, importlib.util as u\n"
        "chia_ray.enable()\n"
        "print(u.find_spec('chia.base.bypass').origin, os.environ['CHIA_ENGINE'])"
    )
    assert environment.says(code) == "chia_ray.base.bypass rust"


def test_what_does_not_fit_is_said(environment: Environment, wheel: str, original: str) -> None:
    environment.install(wheel)
    environment.install(original)
    attempt = "try:\n  {}\nexcept Exception as error: print(type(error).__name__, error)"
    said = environment.says(attempt.format("import chia.base.cache"), CHIA_ENGINE="rsut")
    assert said == "ImportError CHIA_ENGINE=rsut: the engines are `rust` (chia-ray) and `python` (chialoops)"
    late = "import sys, types, chia_ray; sys.modules['chia.base.cache'] = types.ModuleType('chia.base.cache')"
    said = environment.says(f"{late}\n" + attempt.format("chia_ray.enable()"))
    assert said.startswith("RuntimeError chia.base.cache of chialoops is already imported")
    metadata = next(environment.python.parent.parent.glob("lib/*/site-packages/chialoops-*/METADATA"))
    metadata.write_text(metadata.read_text().replace("Version: 2.0.1", "Version: 3.1.0"))
    said = environment.says(attempt.format("import chia.base.cache"), **RUST)
    assert said.startswith("ImportError chialoops 3.1.0 is installed, and chia-ray")


def test_a_start_of_python_costs_no_more_than_a_millisecond(environment: Environment, wheel: str) -> None:
    environment.install(wheel)
    code = (
        "import time, pathlib, sysconfig\n"
        "line = (pathlib.Path(sysconfig.get_path('purelib')) / 'chia_ray.pth').read_text()\n"
        "costs = []\n"
        "for _ in range(50):\n"
        "    start = time.perf_counter(); exec(line); costs.append(time.perf_counter() - start)\n"
        "print(min(costs))"
    )
    assert float(environment.says(code)) < 1e-3
    assert environment.says("import sys; print([n for n in sys.modules if n.startswith('chia')])") == "[]"
