"""Bypass on a cluster: gates, conditions, files, nesting."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
import ray
from chia.base.bypass import Bypass, get_active_bypass
from chia.base.ChiaFunction import ChiaFunction, get
from waiting import LONG


@ChiaFunction(num_cpus=0.1)
def step(x: int) -> str:
    return f"ran {x}"


@ChiaFunction(num_cpus=0.1)
def outer(x: int) -> str:
    return str(get(step.chia_remote(x, _chia_tag="inner")))


class Kit:
    word = "kit"

    def provide(self, tag: str, data_path: str | None, x: int) -> str:
        return f"{self.word} {tag} {data_path} {x}"


def test_r01_without_rules_everything_runs() -> None:
    bypass = Bypass()
    bypass.set_provider("step", lambda *args: "no")
    assert not bypass.active and not bypass.is_bypassed("step", "t")
    assert get(step.chia_remote(1, _chia_tag="t")) == "ran 1"


def test_r06_providers_of_every_kind_run_on_the_worker(rules: Any) -> None:
    bypass = Bypass(rules("bypass:\n  step: {bypass: true, tags: ['a.*']}\n"))
    word = "closure"
    here = os.getpid()

    async def later(tag: str, data_path: str | None, x: int) -> str:
        return f"{word} {os.getpid() != here} {x}"

    kinds: list[tuple[Any, str]] = [
        (lambda tag, data_path, x: f"{word} {tag} {x}", "closure a1 5"),
        (functools.partial(lambda p, tag, data_path, x: f"{p} {x}", "part"), "part 5"),
        (Kit().provide, "kit a1 None 5"),
        (later, "closure True 5"),
    ]
    for provider, wanted in kinds:
        bypass.set_provider("step", provider)
        assert get(step.chia_remote(5, _chia_tag="a1")) == wanted
    assert get(step.chia_remote(5, _chia_tag="b")) == "ran 5"
    assert get(step.chia_remote(5)) == "ran 5"
    with pytest.raises(TypeError, match="a function is needed"):
        bypass.set_provider("step", 3)  # type: ignore[arg-type]


def test_r05_the_condition_is_the_last_gate_on_the_caller(rules: Any) -> None:
    bypass = Bypass(rules("bypass:\n  step: {bypass: true, tags: ['a.*']}\n"))
    bypass.set_provider("step", lambda *args: "provided")
    asked: list[Any] = []

    def cond(tag: str, data_path: str | None, x: Any) -> bool:
        asked.append((tag, x, os.getpid()))
        return tag == "a1"

    bypass.set_cond("step", cond)
    pending = step.chia_remote(0)
    assert get(step.chia_remote(1, _chia_tag="a1")) == "provided"
    assert get(step.chia_remote(pending, _chia_tag="a2")) == "ran ran 0"
    get(step.chia_remote(1, _chia_tag="other"))
    assert asked == [("a1", 1, os.getpid()), ("a2", pending, os.getpid())]

    async def later(tag: str, data_path: str | None, x: int) -> bool:
        return True

    bypass.set_cond("step", later)
    assert bypass.is_bypassed("step", "a9", 1)
    bypass.set_cond("step", lambda *args: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        step.chia_remote(1, _chia_tag="a1")


def test_r07_files_are_served_as_named_and_nothing_else(rules: Any, tmp_path: Path) -> None:
    (tmp_path / "rec.md").write_text("recorded")
    (tmp_path / "extra").write_bytes(b"\xff")
    (tmp_path / "secret").write_text("no")
    bypass = Bypass(
        rules("bypass:\n  step: {bypass: true, data: rec.md}\n  outer: {bypass: true, data: gone}\n")
    )
    assert bypass.get_provider_info("step") == (None, str(tmp_path / "rec.md"))
    assert get(step.chia_remote(1)) == "recorded"
    with pytest.raises(Exception, match="gone"):
        get(outer.chia_remote(1))

    def reading(tag: str, data_path: str, x: int) -> Any:
        active = get_active_bypass()
        assert active is not None
        server = active.file_server()
        kept = [server.exists(str(tmp_path / name)) for name in ("rec.md", "extra", "secret")]
        return server.get_text(data_path), kept, server.get_bytes(tmp_path / "extra")

    bypass.allow_file(tmp_path / "extra")
    bypass.set_provider("step", reading)
    assert get(step.chia_remote(1)) == ("recorded", [True, True, False], b"\xff")
    with pytest.raises(Exception, match="not UTF-8"):
        bypass.file_server().get_text(tmp_path / "extra")
    with pytest.raises(Exception, match="no rule names it"):
        bypass.file_server().get_text(tmp_path / "secret")


def test_r08_nothing_to_replace_with_runs_and_says_so_once(rules: Any, caplog: Any) -> None:
    @ChiaFunction(num_cpus=0.1)
    def lonely() -> int:
        return 1

    Bypass(rules("bypass:\n  lonely: true\n"))
    assert get([lonely.chia_remote(), lonely.chia_remote()]) == [1, 1]
    warned = [r for r in caplog.records if "neither a provider nor a data file" in r.getMessage()]
    assert len(warned) == 1


def test_r08_under_strict_rules_nothing_runs_that_should_be_replaced(rules: Any) -> None:
    bypass = Bypass(rules("bypass:\n  step: true\n"), strict=True)
    for _ in range(2):
        with pytest.raises(ValueError, match="neither a provider nor a data file"):
            step.chia_remote(1)
    # A call from inside a task is as strict.
    with pytest.raises(ValueError, match="neither a provider nor a data file"):
        get(outer.chia_remote(1))
    bypass.set_provider("step", lambda *args: "provided")
    assert get(outer.chia_remote(1)) == "provided"


def test_r09_nested_calls_follow_and_a_reused_worker_forgets(rules: Any, tmp_path: Path) -> None:
    bypass = Bypass(rules("bypass:\n  step: true\n"))
    large = "x" * 100_000
    bypass.set_provider("step", lambda tag, data_path, x: f"provided {tag} {len(large)}")
    assert get(outer.chia_remote(1)) == "provided inner 100000"
    bypass.set_provider("step", lambda tag, data_path, x: "newer")
    assert get(outer.chia_remote(1)) == "newer"

    @ChiaFunction(num_cpus=0.1)
    def with_own_rules(path: str) -> list[str]:
        before = get_active_bypass()
        assert before is not None
        before.set_provider("step", lambda *args: "changed here")
        first = str(get(outer.chia_remote(1)))
        Bypass(path).set_provider("step", lambda *args: "made here")
        found: list[str] = []
        thread = threading.Thread(target=lambda: found.append(str(get(outer.chia_remote(1)))))
        thread.start()
        thread.join()
        return [first, *found]

    own = tmp_path / "own.yaml"
    own.write_text("bypass:\n  step: true\n")
    assert get(with_own_rules.chia_remote(str(own))) == ["changed here", "made here"]
    assert get([outer.chia_remote(i) for i in range(8)]) == ["newer"] * 8
    Bypass()
    assert get([outer.chia_remote(i) for i in range(8)]) == [f"ran {i}" for i in range(8)]


def test_r06_hooks_are_skipped_with_the_computation(rules: Any, tmp_path: Path) -> None:
    bypass = Bypass(rules("bypass:\n  step: true\n"))
    bypass.set_provider("step", lambda tag, data_path, x: "provided")
    mark = tmp_path / "mark"
    assert get(step.chia_remote(1, _chia_setup=mark.touch, _chia_cleanup=mark.touch)) == "provided"
    assert not mark.exists()


def test_r03_an_unknown_name_is_warned_about_with_the_nearest(rules: Any, caplog: Any) -> None:
    Bypass(rules("bypass:\n  stepp: true\n"))
    get(step.chia_remote(1))
    assert any("`step`" in r.getMessage() for r in caplog.records)


def test_r03_a_function_may_come_after_the_first_call(rules: Any) -> None:
    program = textwrap.dedent(
        f"""
        from chia.base.bypass import Bypass
        from chia.base.ChiaFunction import ChiaFunction, get
        Bypass({rules("bypass: {zebra: false, wombat: false, first: {bypass: true, tags: []}}")!r})
        @ChiaFunction(num_cpus=0.1)
        def first():
            return 1
        get(first.chia_remote(_chia_tag="t"))
        @ChiaFunction
        def zebra():
            return 1
        """
    )
    address = ray.get_runtime_context().gcs_address
    run = [sys.executable, "-c", f"import ray; ray.init({address!r}, log_to_driver=False)\n{program}"]
    warned = subprocess.run(run, capture_output=True, text=True, timeout=LONG, check=True).stderr
    assert "`wombat`" in warned and "`zebra`" not in warned


def test_r03_an_unknown_name_is_an_error_under_strict_rules(rules: Any) -> None:
    Bypass(rules("bypass:\n  stepp: true\n"), strict=True)
    for _ in range(2):
        with pytest.raises(ValueError, match="`step`"):
            step.chia_remote(1)


def test_the_state_can_be_taken_and_loaded(rules: Any) -> None:
    bypass = Bypass(rules("bypass:\n  step: true\n"))
    bypass.set_provider("step", lambda *args: "loaded")
    state = bypass.get_state()
    other = Bypass()
    other.load_state(state)
    assert get_active_bypass() is other and other.active
    assert get(step.chia_remote(1)) == "loaded"
    assert isinstance(step.chia_remote(1), ray.ObjectRef)
