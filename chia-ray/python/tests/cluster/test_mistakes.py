"""What is answered to mistakes: the argument is named, and nothing is silent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chia.base.bypass import Bypass
from chia.base.cache import Cache, start_cache
from chia.base.ChiaFunction import ChiaFunction, get


@ChiaFunction(num_cpus=0.1)
def simulate(x: int) -> int:
    return x


WRONG: dict[str, tuple[Any, str]] = {
    "size is a text": (lambda folder: start_cache("4", folder), "size: a number is needed, not str: '4'"),
    "size is none": (lambda folder: start_cache(None, folder), "size: a number is needed, not NoneType"),
    "size is a bool": (lambda folder: start_cache(True, folder), "size: a number is needed, not bool"),
    "units is a number": (
        lambda folder: start_cache(4, folder, 1024),
        "units: a text is needed, not int: 1024",
    ),
    "directory is a number": (lambda folder: start_cache(4, 7), "cache_dir_path: a path is needed, not int"),
    "durability is a bool": (
        lambda folder: start_cache(4, folder, durability=True),
        "durability: a text is needed, not bool",
    ),
    "size of a class": (lambda folder: Cache.remote(None, folder), "size: a number is needed"),
    "tag is a number": (
        lambda folder: simulate.chia_remote(1, _chia_tag=5),
        "_chia_tag: a text is needed, not int: 5",
    ),
    "tag of the options": (
        lambda folder: simulate.options(_chia_tag=["a"]).chia_remote(1),
        "_chia_tag: a text is needed, not list",
    ),
    "display name is a number": (
        lambda folder: simulate.chia_remote(1, _chia_display_name=0),
        "_chia_display_name: a text is needed, not int",
    ),
    "provider is a value": (
        lambda folder: Bypass(None).set_provider("simulate", 42),
        "a function is needed here, not 42",
    ),
    "condition is a value": (
        lambda folder: Bypass(None).set_cond("simulate", True),
        "a function is needed here, not True",
    ),
    "an argument too many": (lambda folder: simulate.chia_remote(1, 2), "too many positional arguments"),
    "an unknown argument": (
        lambda folder: simulate.chia_remote(1, tagg="a"),
        "unexpected keyword argument 'tagg'",
    ),
}


@pytest.mark.parametrize(("call", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_argument_is_named(call: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError) as raised:
        call(tmp_path)
    assert said in str(raised.value)


def test_units_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="XB"):
        start_cache(4, tmp_path, "XB")


@pytest.mark.parametrize("register", ["set_provider", "set_cond"])
def test_a_provider_or_condition_for_a_misspelt_function_is_warned_about(
    register: str, rules: Any, caplog: Any
) -> None:
    path = rules("bypass:\n  simulate: true\n")
    bypass = Bypass(path)
    getattr(bypass, register)("simulatte", lambda *args: True)
    bypass.set_provider("simulate", lambda *args: 42)
    assert get(simulate.chia_remote(1)) == 42
    assert "set for `simulatte`, which no function is called; did you mean `simulate`?" in caplog.text
    strict = Bypass(path, strict=True)
    getattr(strict, register)("simulatte", lambda *args: True)
    with pytest.raises(ValueError, match="did you mean `simulate`"):
        simulate.chia_remote(1)


def test_a_condition_that_forgets_to_get_is_an_error(rules: Any) -> None:
    bypass = Bypass(rules("bypass:\n  simulate: true\n"))
    bypass.set_provider("simulate", lambda *args: 42)
    bypass.set_cond("simulate", lambda *args: simulate.options(_chia_tag="inner").remote)
    assert get(simulate.chia_remote(1)) == 42, "what counts as true is true"
    plain = ChiaFunction(num_cpus=0)(lambda: False)
    bypass.set_cond("simulate", lambda *args: plain.chia_remote())
    with pytest.raises(TypeError, match=r"condition of `simulate` returned ObjectRef .* use get"):
        simulate.chia_remote(1)
    bypass.set_cond("simulate", lambda *args: None)
    assert get(simulate.chia_remote(1)) == 1


RESTART = """\
import sys, ray
from chia.base.bypass import Bypass
from chia.base.cache import get_active_cache, start_cache
from chia.base.ChiaFunction import ChiaFunction, get

@ChiaFunction(num_cpus=0.1)
def simulate(x):
    return x

def large(tag, data_path, *args, text="x" * 100_000):
    return len(text)

options = dict(num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
ray.init(**options)
start_cache(1, sys.argv[1], "MB", sys.argv[2])
Bypass(sys.argv[2]).set_provider("other", large)
print(get(simulate.chia_remote(1, _chia_tag="a")))
ray.shutdown()
ray.init(**options)
print(get(simulate.chia_remote(2, _chia_tag="a"), timeout=100))
print(get(get_active_cache().has.chia_remote("a")))
"""


def test_a_loop_goes_on_after_ray_was_started_again(rules: Any, tmp_path: Path) -> None:
    path = rules("bypass:\n  other: true\ncache:\n  simulate: true\n")
    command = [sys.executable, "-c", RESTART, str(tmp_path / "cache"), path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["1", "2", "False"], done.stdout + done.stderr
    assert "counts as a miss" in done.stderr
