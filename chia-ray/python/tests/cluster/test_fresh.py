"""Is it still right? On Ray: by Loop, by ChiaFunction, and by the condition and provider of the README."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray
from changes import CHANGES, Change, check_change, check_upstream
from chia.base.bypass import Bypass
from chia.base.cache import get_active_cache, start_cache
from chia.base.ChiaFunction import ChiaFunction, get
from chia_ray import Loop
from chia_ray.base import _direct, _notes
from waiting import LONG

Start = Callable[[Path], Loop]
RULES = "bypass: {sim: {bypass: true, check: %s}}\ncache: {sim: true}\n"


@pytest.fixture
def start(cluster: str, tmp_path: Path) -> Start:
    return functools.partial(Loop, cache=tmp_path / "cache", backend="ray")


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_r27_the_change_of(change: Change, start: Start, tmp_path: Path, caplog: Any) -> None:
    check_change(start, tmp_path, change, caplog)


def test_r27_upstream_results_are_compared_by_value(start: Start, tmp_path: Path) -> None:
    check_upstream(start, tmp_path)


def sim(x: int) -> int:
    return x * x


def cache_hit(tag: str, data_path: str | None, *args: Any, **kwargs: Any) -> bool:
    return bool(get(get_active_cache().has.chia_remote(tag)))  # type: ignore[union-attr]


def cache_provider(tag: str, data_path: str | None, *args: Any, **kwargs: Any) -> Any:
    hit, value = get(get_active_cache().read.chia_remote(tag))  # type: ignore[union-attr]
    if not hit:
        raise KeyError(f"cache miss for tag {tag!r}")
    return value


def actor_provider(tag: str, data_path: str | None, *args: Any, **kwargs: Any) -> Any:
    """As ``cache_provider``, where a firewall is between the worker and the socket of the cache."""
    way, _direct.client = _direct.client, lambda site, reach: None
    try:
        return cache_provider(tag, data_path)
    finally:
        _direct.client = way


def ray_provider(tag: str, data_path: str | None, *args: Any, **kwargs: Any) -> Any:
    return ray.get(get_active_cache().read.remote(tag))[1]  # type: ignore[union-attr]


async def async_provider(tag: str, data_path: str | None, *args: Any, **kwargs: Any) -> Any:
    return (await get_active_cache().read.chia_remote(tag))[1]  # type: ignore[union-attr]


PROVIDERS = [cache_provider, actor_provider, ray_provider, async_provider]


def serving(provider: Callable[..., Any] | None) -> Callable[[Bypass], None]:
    """Serves ``sim`` from the cache: by a provider, or by a replay."""

    def serve(bypass: Bypass) -> None:
        if provider is None:
            bypass.set_replay("sim")
        else:
            bypass.set_cond("sim", cache_hit)
            bypass.set_provider("sim", provider)

    return serve


@pytest.mark.parametrize("serve", [serving(provider) for provider in (None, *PROVIDERS)])
def test_r27_the_five_lines_that_made_a_replay_untrusted(
    serve: Callable[[Bypass], None], rules: Any, tmp_path: Path
) -> None:
    step = ChiaFunction(num_cpus=0.1)(sim)
    for check, wanted in (("false", 1), ("true", 4)):
        start_cache(1, tmp_path / "cache", "GB", rules(RULES % check))
        bypass = Bypass(rules(RULES % check))
        get(get_active_cache().flush.chia_remote())  # type: ignore[union-attr]
        serve(bypass)
        assert step.chia_remote_blocking(1, _chia_tag="s") == 1
        calls = [step.chia_remote(2, _chia_tag="s") for _ in range(3 if check == "false" else 1)]
        assert get(calls) == [wanted] * len(calls)
        report = bypass.report()["sim"]
        assert (report["stale"], report["refused"]) == ((3, 0) if check == "false" else (0, 1))
        assert report["example"] == "[s] argument 1 `x` was 1, is 2"
        facts = get(get_active_cache().facts.chia_remote("s"))  # type: ignore[union-attr]
        assert facts["arguments"][0][:2] == ("x", str(2 if check == "true" else 1))


def test_r27_the_warning_of_a_function_is_said_once(rules: Any, tmp_path: Path, caplog: Any) -> None:
    start_cache(1, tmp_path / "cache", "GB", rules(RULES % "false"))
    for tag in ("a", "b"):
        _notes.stale("run", "sim", tag, "argument 1 `x` was 1, is 2")
    assert caplog.text.count("was served from the cache, but argument 1 `x` was 1, is 2") == 1


def test_r28_and_r30_on_ray(rules: Any, tmp_path: Path) -> None:
    path = rules("bypass: {sim: true}\ncache: {sim: {cache: true, tag: auto}}\n")
    start_cache(1, tmp_path / "cache", "GB", path)
    Bypass(path).set_replay("sim")
    step = ChiaFunction(num_cpus=0.1, _chia_keep_if=lambda result: result > 4, _chia_version="2")(sim)
    assert get([step.chia_remote(x) for x in (1, 2, 3)]) == [1, 4, 9]
    cache = get_active_cache()
    assert cache is not None
    [tag] = get(cache.keys.chia_remote())
    facts = get(cache.facts.chia_remote(tag))
    assert tag.startswith("auto:sim:") and facts["version"] == "2" and facts["arguments"][0][:2] == ("x", "3")
    with pytest.raises(TypeError, match="_chia_version belongs to the function"):
        step.chia_remote(1, _chia_version="3")


def test_r29_modes_on_ray(rules: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = ChiaFunction(num_cpus=0.1)(os.getpid)
    path = rules("bypass: {getpid: true}\ncache: {getpid: {cache: true, tags: 'i.*'}}\n")
    start_cache(1, tmp_path / "cache", "GB", path)
    cache = get_active_cache()
    assert cache is not None

    def served(**options: Any) -> list[bool]:
        """Which of three calls are served from the cache."""
        bypass = Bypass(path, **options)
        bypass.set_replay("getpid")
        for n in range(3):
            get(cache.write.chia_remote(f"i{n}", "recorded"))
        return [value == "recorded" for value in get([step.chia_remote(_chia_tag=f"i{n}") for n in range(3)])]

    assert served() == [True] * 3
    assert served(mode="record") == served(mode="off") == served(mode="refresh") == [False] * 3
    assert served(rerun="i1") == [True, False, True]
    assert served(run_from="i1") == [True, False, False]
    monkeypatch.setenv("CHIA_RERUN", "i[02]")
    assert served() == [False, True, False]
    monkeypatch.delenv("CHIA_RERUN")
    bypass = Bypass(path, mode="replay")
    bypass.set_replay("getpid")
    with pytest.raises(LookupError, match="nothing to replay for `gone`: no entry has this tag"):
        step.chia_remote_blocking(_chia_tag="gone")
    assert step.chia_remote_blocking(_chia_tag="i0", _chia_fresh=True) != "recorded"
    assert not get(cache.has.chia_remote("gone"))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_r29_modes_act_on_a_provider_that_reads_the_cache(
    provider: Callable[..., Any], rules: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = ChiaFunction(num_cpus=0.1)(sim)
    path = rules("bypass: {sim: true}\ncache: {sim: true}\n")
    cache = start_cache(1, tmp_path / "cache", "GB", path)

    def served(fresh: bool = False, **options: Any) -> list[int]:
        """What three calls return whose recorded results are zero."""
        bypass = Bypass(path, **options)
        serving(provider)(bypass)
        get(cache.flush.chia_remote())
        get([cache.write.chia_remote(f"i{n}", 0) for n in range(3)])
        calls = [step.chia_remote(2, _chia_tag=f"i{n}", _chia_fresh=fresh) for n in range(3)]
        values: list[int] = get(calls)
        assert [get(cache.read.chia_remote(f"i{n}")) for n in range(3)] == [(True, value) for value in values]
        assert bypass.report() == {}
        return values

    assert served() == [0, 0, 0]
    assert served(mode="refresh") == served(mode="record") == served(fresh=True) == [4, 4, 4]
    assert served(rerun="i1") == [0, 4, 0]
    assert served(run_from="i1") == [0, 4, 4]
    monkeypatch.setenv("CHIA_RERUN", "i[02]")
    assert served() == [4, 0, 4]


def test_r29_what_replaces_a_call_without_the_cache_does_not_run_again(rules: Any, tmp_path: Path) -> None:
    step = ChiaFunction(num_cpus=0.1)(sim)
    path = rules("bypass: {sim: true}\ncache: {sim: true}\n")
    start_cache(1, tmp_path / "cache", "GB", path)
    bypass = Bypass(path, rerun="i.*")
    bypass.set_provider("sim", lambda tag, data_path, x: -x)
    assert step.chia_remote_blocking(2, _chia_tag="i1") == -2


LOOP = """
import sys, time, ray
from chia.base.bypass import Bypass
from chia.base.cache import start_cache
from chia.base.ChiaFunction import ChiaFunction, get

@ChiaFunction(num_cpus=0.1)
def step(x, before, log):
    open(log, "a").write(f"{x} ")
    return (before * 31 + x) % 1_000_003

address, rules, cache, log, stop = sys.argv[1:]
ray.init(address, log_to_driver=False)
start_cache(1, cache, "GB", rules)
Bypass(rules).set_replay("step")
value = 1
for x in range(1, 17):
    value = step.chia_remote_blocking(x, value, log, _chia_tag=f"call{x}")
    if x == int(stop):
        print("reached", flush=True)
        time.sleep(600)
print("end", value)
"""


def test_a_loop_that_was_killed_goes_on_from_the_middle(cluster: str, rules: Any, tmp_path: Path) -> None:
    path = rules("bypass: {step: {bypass: true, check: true, ignore: log}}\ncache: {step: true}\n")
    (tmp_path / "loop.py").write_text(LOOP)

    def command(log: str, stop: int) -> list[str]:
        given = [cluster, path, str(tmp_path / "cache"), str(tmp_path / log), str(stop)]
        return [sys.executable, str(tmp_path / "loop.py"), *given]

    with subprocess.Popen(command("first", 12), stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert "reached\n" in iter(killed.stdout.readline, "")
        killed.send_signal(signal.SIGKILL)
    assert (tmp_path / "first").read_text().split() == [str(x) for x in range(1, 13)]
    env = {**os.environ, "CHIA_FROM": "call9"}
    again = subprocess.run(command("again", 0), env=env, capture_output=True, text=True, timeout=LONG)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again").read_text().split() == [str(x) for x in range(9, 17)]
    after = subprocess.run(command("after", 0), capture_output=True, text=True, timeout=LONG)
    assert after.stdout == again.stdout and not (tmp_path / "after").exists(), after.stderr
