"""What loops for the Python original rely on, a fault of an earlier release a test."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import ray
from chia.base.bypass import Bypass
from chia.base.cache import Cache, get_active_cache, start_cache, stop_cache
from chia.base.ChiaFunction import (
    ChiaCallRemote,
    ChiaFunction,
    ObjectRefCallback,
    chia_actor,
    chia_cancel,
    chia_wait,
    get,
)


class Node:
    def __init__(self, name: str = "node") -> None:
        self.name = name

    @ChiaFunction(num_cpus=0.5)
    def build(self, factor: int = 1, offset: int = 0) -> tuple[str, int, int]:
        return self.name, factor, offset

    @ChiaFunction()
    def merge(self, other: Node) -> str:
        return self.name + other.name

    @ChiaFunction()
    def both(self, other: Node | None = None) -> str:
        return self.name


@ChiaFunction(num_cpus=0.25, max_retries=2)
def double(x: int, y: int = 0) -> int:
    """Doubles."""
    return 2 * x + y


CALLS: dict[str, Any] = {
    "chia_remote": lambda node, *args: get(node.build.chia_remote(*args)),
    "blocking": lambda node, *args: node.build.chia_remote_blocking(*args),
    "options": lambda node, *args: get(node.build.options(num_cpus=0.1).chia_remote(*args)),
    "ChiaCallRemote": lambda node, *args: get(ChiaCallRemote(node.build, *args)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_r42_a_methods_object_is_passed_once_whether_it_is_named_or_not(call: Any) -> None:
    node = Node()
    assert call(node, node, 5) == ("node", 5, 0)
    assert call(node, 5) == ("node", 5, 0)
    assert call(node, node) == ("node", 1, 0)


def test_r42_another_object_may_be_named_and_what_is_ambiguous_is_refused() -> None:
    one, two = Node("one"), Node("two")
    assert get(one.merge.chia_remote(two)) == "onetwo"
    assert get(one.merge.chia_remote(one, two)) == "onetwo"
    assert get(one.merge.chia_remote(two, one)) == "twoone"
    assert get(one.merge.chia_remote(self=two, other=one)) == "twoone"
    assert get(one.build.chia_remote(two, 1, 2)) == ("two", 1, 2)
    assert get(one.build.chia_remote(ray.put(two), 1, 2)) == ("two", 1, 2)
    with pytest.raises(TypeError, match=r"both.chia_remote\(object"):
        one.both.chia_remote(two)
    assert get(Node.both.chia_remote(two)) == "two"


def test_r42_get_gives_what_the_callbacks_make_of_the_value() -> None:
    refs = [double.chia_remote(i) for i in range(3)]
    assert get(refs[1], callback=lambda value: ("got", value)) == ("got", 2)
    assert get(ObjectRefCallback(refs[1], lambda value: value * 10)) == 20
    assert get(ObjectRefCallback(refs[1], lambda value: value * 10), callback=str) == "20"
    assert get([refs[0], ObjectRefCallback(refs[1], str)], callback=len) == 2
    assert get([refs[0], ObjectRefCallback(refs[1], str)]) == [0, "2"]
    assert get(refs[2], _use_object_store=False) == 4


def test_r42_a_set_up_hook_that_raises_skips_the_clean_up(tmp_path: Path) -> None:
    mark = tmp_path / "cleaned"

    def fail() -> None:
        raise OSError("no licence")

    with pytest.raises(OSError, match="no licence"):
        get(double.chia_remote(1, _chia_setup=fail, _chia_cleanup=mark.touch))
    assert not mark.exists()
    get(double.chia_remote(1, _chia_cleanup=mark.touch))
    assert mark.exists()


def test_r42_the_blocking_form_has_the_signature_of_the_function() -> None:
    blocking = double.chia_remote_blocking
    assert inspect.signature(blocking) == inspect.signature(double._chia_original)
    assert blocking.__name__ == "double" and blocking.__doc__ == "Doubles."
    assert list(inspect.signature(Node().build.chia_remote_blocking).parameters) == [
        "self",
        "factor",
        "offset",
    ]


def test_r42_the_originals_names_for_options_and_function() -> None:
    assert double._chia_options == {"num_cpus": 0.25, "max_retries": 2}
    assert double._chia_original(4, 1) == 9
    assert get(double.options(num_cpus=0.1).remote(2)) == 4
    assert get(double.options(max_retries=None).chia_remote(3)) == 6


def test_r42_no_cache_is_none(tmp_path: Path) -> None:
    assert get_active_cache() is None
    start_cache(1, str(tmp_path), "MB", namespace="elsewhere")
    assert get_active_cache("nowhere") is None
    found = get_active_cache("elsewhere")
    assert found is not None and get(found.has.chia_remote("x")) is False
    stop_cache(namespace="elsewhere")
    assert get_active_cache("elsewhere") is None and get_active_cache() is None


def test_r42_a_cache_of_its_own_is_made_as_in_the_original(tmp_path: Path) -> None:
    config = {"build": True, "test": ["iter.*"]}
    cache = Cache.remote(str(tmp_path), 1000, config)
    assert get(cache.get_config.remote()) == config
    assert get(chia_actor(cache).write.chia_remote("t", 1)) is True
    assert get(cache.write.remote("big", b"x" * 2000)) is False
    assert isinstance(chia_actor(cache).actor, ray.actor.ActorHandle)
    ray.kill(cache)


def test_r42_a_cache_handle_is_an_argument_of_a_plain_ray_function(tmp_path: Path) -> None:
    cache = start_cache(1, str(tmp_path), "MB")

    @ray.remote(num_cpus=0)
    def write(handle: Any) -> tuple[str, bool]:
        return type(handle).__name__, get(handle.write.chia_remote("far", 7))

    assert ray.get(write.remote(cache)) == ("CacheHandle", True)
    assert get(cache.read.chia_remote("far")) == (True, 7)
    assert type(ray.get(ray.put(cache))).__name__ == "CacheHandle"


def test_r42_the_state_of_a_bypass_is_a_dictionary(rules: Any) -> None:
    path = rules("bypass:\n  double: {bypass: true, tags: ['a.*'], data: /tmp/x}\n  other: false\n")
    bypass = Bypass(path)
    bypass.set_provider("double", lambda tag, data_path, *args: "provided")
    state = bypass.get_state()
    assert state["bypass"]["double"] is True and not state["bypass"].get("other")
    assert state["data_paths"] == {"double": "/tmp/x"} and state["tag_patterns"] == {"double": ["a.*"]}
    assert list(state["providers"]) == ["double"] and state["conds"] == {}
    other = Bypass(None)
    other.load_state(state)
    assert get(double.chia_remote(1, _chia_tag="a1")) == "provided"
    assert get(double.chia_remote(1, _chia_tag="b1")) == 2


def test_r42_files_below_a_data_directory_are_served(rules: Any, tmp_path: Path) -> None:
    (tmp_path / "recorded/deep").mkdir(parents=True)
    (tmp_path / "recorded/deep/one.txt").write_text("one")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "recorded/link.txt").symlink_to(tmp_path / "secret.txt")
    bypass = Bypass(rules(f"bypass:\n  double: {{bypass: true, data: {tmp_path}/recorded}}\n"))

    def from_folder(tag: str, data_path: str, *args: Any) -> Any:
        return bypass.file_server().get_text(f"{data_path}/{tag}")

    bypass.set_provider("double", from_folder)
    assert get(double.chia_remote(1, _chia_tag="deep/one.txt")) == "one"
    for tag in ("../secret.txt", "link.txt", "deep/../../secret.txt"):
        with pytest.raises(Exception, match=r"secret.txt|link.txt"):
            get(double.chia_remote(1, _chia_tag=tag))


@pytest.mark.parametrize(
    "feature",
    [
        lambda: chia_cancel(double.chia_remote(1)),
        lambda: chia_wait([double.chia_remote(1)], pending_timeout=1.0),
        lambda: __import__("chia.base.ChiaFunction", fromlist=["x"]).TrackedRef,
    ],
    ids=["chia_cancel", "chia_wait", "TrackedRef"],
)
def test_r42_what_only_the_original_has_is_absent_with_a_clear_error(feature: Any) -> None:
    with pytest.raises(ImportError, match="of chialoops, which is not installed"):
        feature()
