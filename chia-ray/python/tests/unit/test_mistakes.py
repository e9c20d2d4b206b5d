"""Mistakes of a user of Store and Loop: what was done, and what is answered. None hangs, none loses data."""

from __future__ import annotations

import concurrent.futures
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import chia_ray
import pytest
from chia_ray import ArchiveError, CacheError, ConfigError, Directory, File, Loop, ReplayMiss, Store

RULES = "bypass: {step: true, summarize: {bypass: true, data: gone.md}}\ncache: {step: true}\n"


@chia_ray.function
def step(x: int) -> int:
    return x


@chia_ray.function
def summarize() -> str:
    return "ran"


@chia_ray.function
def exits() -> None:
    os._exit(3)


def loop(folder: Path, **options: Any) -> Loop:
    (folder / "rules.yaml").write_text(RULES)
    return Loop(folder / "rules.yaml", folder / "cache", **options)


def store(folder: Path, **options: Any) -> Store:
    return Store(folder / "cache", **options)


def rules(text: str) -> Callable[[Path], Any]:
    """Loads rules."""

    def load(folder: Path) -> Any:
        (folder / "rules.yaml").write_text(text)
        return Loop(folder / "rules.yaml")

    return load


def using(start: Callable[..., Any], use: Callable[[Any], Any], **options: Any) -> Callable[[Path], Any]:
    """Does something with a loop or a store."""

    def run(folder: Path) -> Any:
        with start(folder, **options) as used:
            return use(used)

    return run


def in_loop(use: Callable[[Loop], Any], **options: Any) -> Callable[[Path], Any]:
    return using(loop, use, **options)


def in_store(use: Callable[[Store], Any], **options: Any) -> Callable[[Path], Any]:
    return using(store, use, **options)


def closed(use: Callable[[Store], Any]) -> Callable[[Path], Any]:
    def run(folder: Path) -> Any:
        with store(folder) as used:
            pass
        return use(used)

    return run


def replayed(use: Callable[[Loop], Any]) -> Callable[[Loop], Any]:
    def run(used: Loop) -> Any:
        used.replay(step)
        return use(used)

    return run


def file_there(folder: Path) -> str:
    (folder / "file").write_text("no directory")
    return str(folder / "file")


class Mistake(NamedTuple):
    """What is done, and what is answered."""

    name: str
    done: Callable[[Path], Any]
    error: type[BaseException]
    said: str


MISTAKES = [
    # The store.
    Mistake(
        "a size that is none", lambda f: store(f, size=None), TypeError, "size: a number of bytes or a text"
    ),
    Mistake("a size without a number", lambda f: store(f, size="big"), ValueError, "size: 'big' is no size"),
    Mistake("a size of an unknown unit", lambda f: store(f, size="4 XB"), ValueError, "XB"),
    Mistake("a size below zero", lambda f: store(f, size=-1), ValueError, "size"),
    Mistake(
        "a size that is a bool", lambda f: store(f, size=True), TypeError, "size: a number of bytes or a text"
    ),
    Mistake(
        "an unknown codec", lambda f: store(f, codec="yaml"), ValueError, "codec: 'yaml' is none of pickle"
    ),
    Mistake(
        "an unknown durability", lambda f: store(f, durability="fast"), ValueError, "neither `durable` nor"
    ),
    Mistake("a wait below zero", lambda f: store(f, wait=-1.0), ValueError, "lock_wait"),
    Mistake("a directory that is a file", lambda f: Store(file_there(f)), CacheError, "file"),
    Mistake("a directory that is a number", lambda f: Store(7), TypeError, "int"),  # type: ignore[arg-type]
    Mistake(
        "a store to look at that is not there",
        lambda f: Store(f / "gone", read_only=True),
        CacheError,
        "gone",
    ),
    Mistake(
        "a key that is a number", in_store(lambda s: s[3]), TypeError, "keys of a store are text, not int: 3"
    ),
    Mistake(
        "a number as a key that is set",
        in_store(lambda s: s.__setitem__(3, 1)),
        TypeError,
        "text, not int: 3",
    ),
    Mistake("a key that is not there", in_store(lambda s: s["gone"]), KeyError, "gone"),
    Mistake("a key to remove that is not there", in_store(lambda s: s.pop("gone")), KeyError, "gone"),
    Mistake(
        "a value larger than the store",
        in_store(lambda s: s.__setitem__("a", b"x" * 4096), size="1 KB"),
        ValueError,
        "larger than the whole",
    ),
    Mistake(
        "a value that does not pickle",
        in_store(lambda s: s.__setitem__("kept", threading.Lock())),
        TypeError,
        "pickle",
    ),
    Mistake(
        "a value that is no JSON",
        in_store(lambda s: s.__setitem__("kept", {1, 2}), codec="json"),
        TypeError,
        "JSON",
    ),
    Mistake(
        "a number that JSON does not have",
        in_store(lambda s: s.__setitem__("kept", float("nan")), codec="json"),
        ValueError,
        "JSON",
    ),
    Mistake(
        "a text in a store of bytes",
        in_store(lambda s: s.__setitem__("kept", "x"), codec="bytes"),
        TypeError,
        "bytes-like",
    ),
    Mistake("a pickle read as JSON", in_store(lambda s: s["kept"], codec="json"), ValueError, ""),
    Mistake("a store that is closed", closed(lambda s: s["kept"]), ValueError, "is closed"),
    Mistake(
        "a closed store that is written", closed(lambda s: s.__setitem__("a", 1)), ValueError, "is closed"
    ),
    Mistake(
        "an unknown origin", in_store(lambda s: s.write("a", 1, "magic")), ValueError, "`magic` is no origin"
    ),
    Mistake(
        "a second owner", in_store(lambda s: Store(s.path, wait=0)), CacheError, "read_only=True looks at it"
    ),
    Mistake(
        "a write to what is looked at",
        in_store(lambda s: s.__setitem__("a", 1), read_only=True),
        CacheError,
        "leave read_only out",
    ),
    Mistake(
        "an unknown parameter to ignore",
        in_store(lambda s: s.memoize(ignore={"sed"})(lambda seed: seed)),
        ValueError,
        "has no parameter sed",
    ),
    Mistake(
        "an argument too many",
        in_store(lambda s: s.memoize(lambda seed: seed)(1, 2)),
        TypeError,
        "positional",
    ),
    Mistake(
        "an argument that does not pickle",
        in_store(lambda s: s.memoize(lambda seed: seed)(threading.Lock())),
        TypeError,
        "pickle",
    ),
    Mistake(
        "an export of what is not there",
        lambda f: chia_ray.export_cache(f / "gone", f / "out"),
        CacheError,
        "there is no cache",
    ),
    # Rules.
    Mistake("a rules file that is not there", lambda f: Loop(f / "gone.yaml"), ConfigError, "gone.yaml"),
    Mistake(
        "an unknown key", rules("bypass: {f: {bypass: true, tag: x}}"), ConfigError, "did you mean `tags`"
    ),
    Mistake("a number as a rule", rules("cache: {f: 3}"), ConfigError, "rules.yaml:1"),
    Mistake("a broken pattern", rules("cache: {f: {cache: true, tags: '('}}"), ConfigError, "rules.yaml:1"),
    Mistake("a rule twice", rules("cache:\n  f: true\n  f: false\n"), ConfigError, "rules.yaml:3"),
    Mistake("no YAML", rules("cache: ["), ConfigError, "rules.yaml:"),
    Mistake(
        "an unknown check", rules("bypass: {f: {bypass: true, check: [args]}}"), ConfigError, "arguments"
    ),
    Mistake("an unknown tag", rules("cache: {f: {cache: true, tag: a}}"), ConfigError, "auto"),
    Mistake(
        "a pace below zero", rules("bypass: {f: {bypass: true, rehearse: {pace: -1}}}"), ConfigError, "pace"
    ),
    Mistake("an unknown mode", lambda f: Loop(mode="recrod"), ConfigError, "there is no mode `recrod`"),
    Mistake("a broken pattern to run again", lambda f: Loop(rerun="("), ConfigError, ""),
    Mistake(
        "an unknown backend", lambda f: Loop(backend="dask"), ValueError, "none of threads, processes, ray"
    ),  # type: ignore[arg-type]
    # Calls.
    Mistake("a plain function", in_loop(lambda p: p.call(len, [])), TypeError, "decorate it with @chia_ray"),  # type: ignore[arg-type]
    Mistake(
        "a result instead of a call", in_loop(lambda p: p.call(step(3))), TypeError, "3 cannot be called"
    ),  # type: ignore[arg-type]
    Mistake("a tag that is a number", in_loop(lambda p: p.call(step, 1, tag=3)), TypeError, "not int: 3"),  # type: ignore[arg-type]
    Mistake("an unknown argument", in_loop(lambda p: p.call(step, y=1).result()), TypeError, "'y'"),
    Mistake("a missing argument", in_loop(lambda p: p.call(step).result()), TypeError, "'x'"),
    Mistake("a replay without a cache", lambda f: Loop().replay(step), ValueError, "replay needs a cache"),
    Mistake("a provider that is a value", in_loop(lambda p: p.provide(step, 3)), TypeError, "not 3"),  # type: ignore[arg-type]
    Mistake("a condition that is a value", in_loop(lambda p: p.condition(step, True)), TypeError, "not True"),  # type: ignore[arg-type]
    Mistake(
        "a version that is a number",
        lambda f: chia_ray.function(version=3)(len),
        TypeError,
        "version: a text is needed, not int: 3",  # type: ignore[call-overload]
    ),
    Mistake(
        "nothing in the place of a bypassed function",
        in_loop(lambda p: p.call(step, 1), strict=True),
        ConfigError,
        "neither a provider nor a data file",
    ),
    Mistake(
        "a recorded file that is gone", in_loop(lambda p: p.call(summarize).result()), OSError, "gone.md"
    ),
    Mistake(
        "a replay that must hit, and misses",
        in_loop(replayed(lambda p: p.call(step, 1, tag="t").result()), mode="replay"),
        ReplayMiss,
        "`t`",
    ),
    Mistake(
        "a handle that waits too short",
        in_loop(lambda p: p.call(chia_ray.function(threading.Event().wait), 1).result(0.01)),
        concurrent.futures.TimeoutError,  # TimeoutError itself from Python 3.11 on
        "",
    ),
    Mistake(
        "a body that ends its process",
        in_loop(lambda p: p.call(exits).result(60), backend="processes"),
        RuntimeError,
        "exits ended before",
    ),
    Mistake(
        "a nested function for a process",
        in_loop(lambda p: p.call(chia_ray.function(lambda: 1)).result(60), backend="processes"),
        TypeError,
        "define it at the top level of a module",
    ),
    Mistake("a loop as an argument", in_loop(lambda p: p.__reduce__()), TypeError, "stays in its process"),
    # Files.
    Mistake("a file that is not there", lambda f: File(f / "gone"), ArchiveError, "gone"),
    Mistake("a file that is a directory", lambda f: File(f), ArchiveError, "a directory, not a file"),
    Mistake("a directory that is not one", lambda f: Directory(file_there(f)), ArchiveError, "a file, not a"),
    Mistake("bytes that are no archive", lambda f: File.from_bytes(b"x" * 99), ArchiveError, ""),
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with store(tmp_path) as first:
        first["kept"] = "safe"
    yield tmp_path
    with store(tmp_path) as last:
        assert last["kept"] == "safe"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_mistake(mistake: Mistake, folder: Path) -> None:
    with pytest.raises(mistake.error) as raised:
        mistake.done(folder)
    assert mistake.said in str(raised.value)
