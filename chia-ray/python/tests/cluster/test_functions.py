"""ChiaFunction on a cluster: options, methods, async, names, hooks, results."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import time
from pathlib import Path
from typing import Any

import pytest
import ray
from chia.base.ChiaFunction import (
    ChiaCallRemote,
    ChiaFunction,
    chia_actor,
    chia_wait,
    get,
)
from ray import cloudpickle
from waiting import LONG, repeated


@ChiaFunction(num_cpus=0.5, resources={"adder": 1})
def add(x: int, y: int = 10) -> int:
    """Adds."""
    return x + y


class Chip:
    def __init__(self, size: int) -> None:
        self.size = size

    @ChiaFunction
    def area(self, factor: int) -> int:
        return self.size * self.size * factor


def test_a_function_is_called_here_and_there() -> None:
    assert add(1, 2) == 3 and add(1, _chia_tag="t") == 11 and add.__doc__ == "Adds."
    ref = add.chia_remote(1, y=2)
    assert type(ref) is ray.ObjectRef and ray.get(ref) == 3
    assert add.chia_remote_blocking(2) == 12
    assert get(add.options(num_cpus=0.1, name="other").chia_remote(3, 4)) == 7
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        add.chia_remote()


def test_methods_travel_with_their_object() -> None:
    chip = Chip(3)
    assert chip.area(2) == 18
    assert get(chip.area.chia_remote(2)) == 18
    assert get(Chip.area.chia_remote(Chip(2), 1)) == 4


def test_async_functions_and_generators() -> None:
    @ChiaFunction()
    async def slow(x: int) -> int:
        await asyncio.sleep(0.01)
        return x + 1

    @ChiaFunction()
    def count(n: int) -> Any:
        yield from range(n)

    @ChiaFunction(num_returns=2)
    def two() -> tuple[int, int]:
        return 1, 2

    assert get(slow.chia_remote(1)) == 2 and asyncio.run(slow(2)) == 3
    assert [ray.get(ref) for ref in count.chia_remote(3)] == [0, 1, 2]
    assert get(two.chia_remote()) == [1, 2]


def test_parameters_may_have_any_name() -> None:
    @ChiaFunction()
    def names(
        tag: int,
        func_name: int,
        provider: int,
        data_path: int,
        name: int,
        args: int,
        function: int,
        self: int,
    ) -> list[int]:
        return [tag, func_name, provider, data_path, name, args, function, self]

    given = {"tag": 1, "func_name": 2, "provider": 3, "data_path": 4}
    more = {"name": 5, "args": 6, "function": 7, "self": 8}
    assert get(names.chia_remote(**given, **more, _chia_tag="t")) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert names(**given, **more) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_function_may_call_itself_and_others_from_its_worker() -> None:
    @ChiaFunction(num_cpus=0.1)
    def down(n: int) -> int:
        return 0 if n == 0 else 1 + int(get(down.chia_remote(n - 1)))

    assert get(down.chia_remote(3)) == 3


def test_r23_references_are_arguments_and_results_are_passed_on() -> None:
    assert get(add.chia_remote(add.chia_remote(1, 2), y=add.chia_remote(3, 4))) == 10


def test_get_takes_lists_and_times() -> None:
    refs = [add.chia_remote(i) for i in range(3)]
    done, rest = chia_wait(refs, num_returns=3, timeout=LONG)
    assert done == refs and rest == []

    @ChiaFunction(num_cpus=0)
    def sleep() -> None:
        time.sleep(60)

    ref: Any = sleep.chia_remote()
    with pytest.raises(ray.exceptions.GetTimeoutError):
        get(ref, timeout=0.1)
    ray.cancel(ref, force=True)


def test_hooks_run_on_the_worker_around_the_body(tmp_path: Path, capfd: Any) -> None:
    log = tmp_path / "log"

    def note(text: str) -> None:
        with log.open("a") as file:
            file.write(f"{text}@{os.getpid()} ")

    def fail(text: str) -> None:
        note(text)
        raise OSError(text)

    @ChiaFunction()
    def body() -> int:
        note("body")
        return 1

    hooks: dict[str, Any] = {"_chia_setup": note, "_chia_setup_args": ("up",)}
    hooks.update(_chia_cleanup=fail, _chia_cleanup_args=("down",))
    assert get(body.chia_remote(**hooks)) == 1
    words = [word.split("@") for word in log.read_text().split()]
    assert [word for word, _ in words] == ["up", "body", "down"]
    assert len({pid for _, pid in words}) == 1 and words[0][1] != str(os.getpid())
    log.unlink()
    with pytest.raises(OSError, match="up"):
        get(body.chia_remote(_chia_setup=fail, _chia_setup_args=("up",)))
    assert log.read_text().startswith("up@") and "body" not in log.read_text()


def test_anything_can_be_dispatched_and_any_actor_wrapped() -> None:
    @ray.remote
    class Counter:
        def __init__(self, at: int) -> None:
            self.at = at

        def add(self, n: int) -> int:
            self.at += n
            return self.at

    raw = Counter.remote(1)
    assert get(chia_actor(raw).add.chia_remote(2)) == 3
    made = chia_actor(Counter).options(num_cpus=0).chia_remote(5)
    assert get(made.add.remote(1)) == 6

    @ChiaFunction(num_cpus=0)
    def from_worker(counter: Any) -> int:
        return int(get(counter.add.chia_remote(1)))

    assert get(from_worker.chia_remote(made)) == 7
    assert get(ChiaCallRemote(add, 1, 2)) == 3
    assert get(ChiaCallRemote(raw.add, 1)) == 4
    with pytest.raises(TypeError, match="decorate it with @ChiaFunction"):
        ChiaCallRemote(len, [1, 2])
    ray.kill(made.actor)
    with pytest.raises(ray.exceptions.RayActorError):
        repeated(lambda: get(made.add.remote(1)))


def test_the_display_name_is_rays_name() -> None:
    @ChiaFunction()
    def who() -> str:
        return str(ray.get_runtime_context().get_task_name())

    assert get(who.chia_remote(_chia_display_name="step 7")) == "step 7"
    assert get(who.chia_remote()).endswith("who")


def test_errors_reach_the_caller_as_what_they_are(caplog: Any) -> None:
    @ChiaFunction()
    def broken() -> None:
        raise KeyError("gone")

    caplog.set_level(logging.WARNING)
    with pytest.raises(KeyError, match="gone"):
        get(broken.chia_remote())
    assert pickle.loads(cloudpickle.dumps(add))(1) == 11
