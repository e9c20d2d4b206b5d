"""Is it still right? Two runs of a loop with one difference, on threads and in processes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chia_ray
import pytest
from changes import CHANGES, Change, check_change, check_upstream
from chia_ray import Loop
from chia_ray._identity import Identity

Start = Callable[[Path], Loop]


@pytest.fixture(params=["threads", "processes"])
def start(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    monkeypatch.syspath_prepend(tmp_path)
    return functools.partial(Loop, cache=tmp_path / "cache", backend=request.param, workers=1)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_r27_the_change_of(change: Change, start: Start, tmp_path: Path, caplog: Any) -> None:
    check_change(start, tmp_path, change, caplog)


def test_r27_upstream_results_are_compared_by_value(start: Start, tmp_path: Path) -> None:
    check_upstream(start, tmp_path)


def test_r27_the_five_lines_that_made_a_replay_untrusted(tmp_path: Path, caplog: Any) -> None:
    @chia_ray.function
    def sim(x: int) -> int:
        return x * x

    (tmp_path / "rules.yaml").write_text("bypass: {sim: true}\ncache: {sim: true}\n")
    loop = functools.partial(Loop, tmp_path / "rules.yaml", tmp_path / "cache")
    for x in (1, 2, 2):
        with loop() as here:
            here.replay(sim)
            assert here.call(sim, x, tag="s").result() == 1
    assert "sim [s] was served from the cache, but argument 1 `x` was 1, is 2" in caplog.text
    with loop(check_by_default=True) as here:
        here.replay(sim)
        assert here.call(sim, 2, tag="s").result() == 4


def test_r26_plain_data_is_compared_by_what_it_says(tmp_path: Path, caplog: Any) -> None:
    @chia_ray.function
    def f(x: Any) -> int:
        return 0

    class Own:
        def __init__(self, *parts: object) -> None:
            self.parts = parts

    shared = [1]
    same: list[tuple[Any, Any]] = [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"x", "y", "z"}, {"z", "y", "x"}),
        ([shared, shared], [[1], [1]]),
        (3, 3),
        (b"x" * 2_000_000, b"x" * 2_000_000),
    ]
    other: list[tuple[Any, Any, str]] = [
        (3, 3.0, "was 3, is 3.0"),
        ("a", b"a", "was"),
        (1, True, "was 1, is True"),
        ("x" * 100, "y" * 100, "bytes)"),
        (b"x" * 2_000_000, b"y" * 2_000_000, "(2000"),
        (Path("a"), Path("b"), "was PosixPath('a'), is PosixPath('b')"),
    ]
    compare = f.identity.fingerprint
    rules = chia_ray._native.Rules(run="r", check_by_default=True)
    store = chia_ray.Store(tmp_path)

    def differs(one: Any, two: Any) -> str | None:
        entry = chia_ray._native.new_entry("real", "f", 1.0, compare((one,), {}), "r")
        store._write("t", 0, entry)
        found, _ = store._replay("t", "f")
        assert found is not None
        serves, why = rules.compare("f", compare((two,), {}), found[1])
        assert serves == (why is None)
        store.clear()
        return why

    assert [differs(*pair) for pair in same] == [None] * len(same)
    for one, two, text in other:
        assert text in (differs(one, two) or ""), (one, two)
    # What cannot be pickled is never the same, and says so once.
    assert differs(Own, Own) and "argument `x` of `f` cannot be pickled" in caplog.text
    endless: list[Any] = []
    endless.append(endless)
    assert differs(endless, endless) is None
    nested: list[Any] = [1]
    for _ in range(60):
        nested = [nested, nested]
    assert differs(nested, nested) is None


def test_r28_what_is_not_worth_keeping_is_returned_and_not_written(start: Start, tmp_path: Path) -> None:
    calls: list[str] = []

    def passed(result: dict[str, Any]) -> bool:
        calls.append("asked")
        return bool(result["passed"])

    sources = [chia_ray.function(name="simulate", keep_if=passed)(lambda ok: {"passed": ok})]
    sources.append(
        chia_ray.function(name="simulate", keep_if=lambda result: result["gone"])(sources[0].function)
    )
    (tmp_path / "rules.yaml").write_text("cache: {simulate: true}\n")
    with Loop(tmp_path / "rules.yaml", tmp_path / "cache") as loop:
        handles = [loop.call(sources[0], ok, tag=f"t{ok}") for ok in (True, False)]
        handles.append(loop.call(sources[1], True, tag="error"))
        assert [handle.result()["passed"] for handle in handles] == [True, False, True]
        assert [handle.outcome and handle.outcome.written for handle in handles] == [
            "stored", "rejected", "rejected",
        ]  # fmt: skip
        assert loop.summary()["simulate"].rejected == 2
    with chia_ray.Store(tmp_path / "cache") as store:
        assert list(store) == ["tTrue"]


def test_r30_calls_without_a_tag_get_one_from_their_arguments(start: Start, tmp_path: Path) -> None:
    ran: list[int] = []

    @chia_ray.function(version="1")
    def square(x: int, log: str = "") -> int:
        ran.append(x)
        return x * x

    path = tmp_path / "rules.yaml"
    path.write_text("bypass: {square: true}\ncache: {square: {cache: true, tag: auto, ignore: log}}\n")
    for _ in range(2):
        with Loop(path, tmp_path / "cache") as loop:
            loop.replay(square)
            handles = [loop.call(square, x, log=str(n)) for n, x in enumerate((2, 3, 2))]
            assert [handle.result() for handle in handles] == [4, 9, 4]
            tags = {handle.outcome.tag for handle in handles if handle.outcome}
            assert len(tags) == 2 and all(str(tag).startswith("auto:square:") for tag in tags)
    assert sorted(set(ran)) == [2, 3] and len(ran) <= 3


def test_a_parameter_that_is_not_there_is_named(tmp_path: Path, caplog: Any) -> None:
    @chia_ray.function
    def f(seed: int) -> int:
        return seed

    path = tmp_path / "rules.yaml"
    path.write_text("bypass: {f: {bypass: true, ignore: sed}}\ncache: {f: true}\n")
    with Loop(path, tmp_path / "cache") as loop:
        loop.replay(f)
        assert loop.call(f, 1, tag="t").result() == 1
    assert "`sed`" in caplog.text and "did you mean `seed`?" in caplog.text
    with (
        Loop(path, tmp_path / "cache", strict=True) as loop,
        pytest.raises(chia_ray.ConfigError, match="sed"),
    ):
        loop.replay(f)
        loop.call(f, 1, tag="t")


def test_only_a_call_that_may_have_a_tag_is_fingerprinted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @chia_ray.function
    def sim(x: int) -> int:
        return x * x

    asked = []
    fingerprint = Identity.fingerprint

    def recorded(self: Identity, *call: Any) -> Any:
        asked.append(self.name)
        return fingerprint(self, *call)

    monkeypatch.setattr(Identity, "fingerprint", recorded)
    for rule, tagged in (("true", 1), ("{cache: true, tag: auto}", 2)):
        asked.clear()
        (tmp_path / "rules.yaml").write_text(f"bypass: {{sim: true}}\ncache: {{sim: {rule}}}\n")
        with Loop(tmp_path / "rules.yaml", tmp_path / "cache") as loop:
            loop.replay(sim)
            handle = loop.call(sim, 3)
            assert handle.result() == loop.call(sim, 3, tag="s").result() == 9
        assert asked == ["sim"] * tagged
        assert handle.outcome is not None
        assert handle.outcome.missed == ("the call has no tag" if tagged == 1 else "no entry has this tag")
