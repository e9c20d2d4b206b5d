"""Rules and decisions through the native module, without Ray."""

from __future__ import annotations

from pathlib import Path

import pytest
from chia_ray import _native


def load(folder: Path, text: str) -> _native.Rules:
    path = folder / "rules.yaml"
    path.write_text(text)
    return _native.Rules(path)


def provider(tag: str, data_path: str, *args: object) -> int:
    return 42


def test_r01_no_file_is_no_rule() -> None:
    rules = _native.Rules()
    assert not rules.active and not rules.caches
    assert rules.decide("f", "t") is None and not rules.writes("f", "t")


def test_r02_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(_native.ConfigError) as wrong:
        load(tmp_path, "bypass:\n  f:\n    bypass: true\n    tag: x\ncache:\n  g: 3\n")
    text = str(wrong.value)
    assert "rules.yaml:4:5" in text and "rules.yaml:6" in text and "tags" in text


def test_r05_the_gates_are_asked_in_order(tmp_path: Path) -> None:
    rules = load(tmp_path, "bypass:\n  f: {bypass: true, tags: ['a.*']}\n  g: false\n")
    first = rules.decide("f", "a1")
    assert first is not None and first.action == "run" and first.notice
    second = rules.decide("f", "a1")
    assert second is not None and not second.notice
    rules.set_provider("f", provider)
    taken = rules.decide("f", "a1")
    assert taken is not None and taken.action == "provider" and taken.provider is provider
    other = rules.decide("f", "b")
    assert other is not None and other.action == "run" and "no pattern" in other.reason
    rules.set_condition("f", bool)
    asked = rules.decide("f", "a1")
    assert asked is not None and asked.condition is bool and asked.action == "ask"
    assert rules.resolve("f", "a1", True).provider is provider
    assert rules.resolve("f", "a1", False).action == "run"


def test_r03_data_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    rules = load(tmp_path, "bypass:\n  f: {bypass: true, data: rec/x.md}\n")
    assert rules.data_paths() == [tmp_path / "rec/x.md"]
    assert rules.data("Type.f") == tmp_path / "rec/x.md"
    [(near, is_near)] = rules.check_names(["ff"])
    [(far, is_far_near)] = rules.check_names(["other"])
    assert "`ff`" in near and is_near
    assert "`f`" in far and not is_far_near


def test_r09_rules_travel(tmp_path: Path) -> None:
    rules = load(tmp_path, "bypass:\n  f: true\ncache:\n  g: {cache: true, tags: ['i.*']}\n  h: true\n")
    there = _native.Rules.from_bytes(rules.to_bytes())
    assert there.active and there.writes("g", "i7") and not there.writes("g", "x")
    assert there.cache_rules() == {"g": ["i.*"], "h": True}
    assert not there.writes("h") and there.writes("Type.h", "any")


def test_r10_a_dry_run_says_why(tmp_path: Path) -> None:
    rules = load(tmp_path, "bypass:\n  f: true\ncache:\n  f: {cache: true, tags: ['i.*']}\n")
    bypass, cache = rules.explain("f", "i1")
    assert "neither a provider nor a data file" in bypass
    assert "rules.yaml:4" in cache and "i.*" in cache
