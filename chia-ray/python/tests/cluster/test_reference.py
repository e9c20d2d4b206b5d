"""The snippets of the user guide, as they are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import ray

RULES = """\
bypass:
  # Bypass every call to this function.
  simple_add:
    bypass: true
  # Bypass only calls whose _chia_tag matches one of these patterns.
  run_verilator_test:
    bypass: true
    tags: ["iter0_.*"]
  # Shorthand: bypass: true with no extra options.
  simple_multiply: true
  summarize_perf:
    bypass: true
    data: {data}
"""


def test_setup_and_providers(rules: Any) -> None:
    path = rules(RULES.format(data="/nowhere"))
    args = argparse.Namespace(bypass_config=path)

    from chia.base.bypass import Bypass
    from chia.base.ChiaFunction import ChiaFunction, get

    # If yaml_path is None, bypass does nothing.
    bypass = Bypass(yaml_path=args.bypass_config)

    # Required function signature:
    # tag: the function's _chia_tag
    # data_path: the YAML "data:" path or None
    # *args, **kwargs: the original call's
    def provider_42(tag, data_path, *args, **kwargs):  # type: ignore[no-untyped-def]
        return 42

    # Remote ChiaFunction
    @ChiaFunction(resources={"adder": 1})
    def simple_add(x, y):  # type: ignore[no-untyped-def]
        return x + y

    assert get(simple_add.chia_remote(1, 2)) == 3
    bypass.set_provider("simple_add", provider_42)

    # Dispatched to a node with "adder" resource,
    # but returns 42 from the provider instead of running.
    result = get(simple_add.chia_remote(1, 2))  # -> 42
    assert result == 42


def test_serving_a_file_instead_of_a_provider(rules: Any, tmp_path: Path) -> None:
    from chia.base.bypass import Bypass
    from chia.base.ChiaFunction import ChiaFunction, get

    (tmp_path / "recorded_perf.md").write_text("ipc 1.7 µ")
    Bypass(rules(RULES.format(data=tmp_path / "recorded_perf.md")))

    @ChiaFunction()
    def summarize_perf(log: str) -> str:
        return "ran"

    assert get(summarize_perf.chia_remote("x")) == "ipc 1.7 µ"


def test_gating_writing_and_reading(rules: Any, tmp_path: Path) -> None:
    path = rules(
        "bypass:\n  run_verilator_test: true\n"
        "cache:\n"
        "  run_verilator_test:\n"
        "    cache: true\n"
        '    tags: ["iter.*"]   # only cache calls whose tag matches\n'
        "  # shorthand (cache, no tag filter):\n"
        "  build_megaboom: true\n"
    )
    from chia.base.bypass import Bypass
    from chia.base.cache import get_active_cache, start_cache
    from chia.base.ChiaFunction import ChiaFunction, get

    start_cache(size=4, units="GB", cache_dir_path=str(tmp_path / "chia_cache"), yaml_path=path)

    # Access via chia_remote and get
    tag = "iter0"
    cache_hit_now = get(get_active_cache().has.chia_remote(tag))
    assert cache_hit_now is False

    ran = tmp_path / "ran"

    @ChiaFunction()
    def run_verilator_test(design: str) -> dict[str, str]:
        ran.write_text(ran.read_text() + "x" if ran.exists() else "x")
        return {"passed": design}

    bypass = Bypass(path)

    # cond(tag, data_path, *args, **kwargs) -> bool (same args as a provider)
    def cache_hit(tag, data_path, *args, **kwargs):  # type: ignore[no-untyped-def]
        return get(get_active_cache().has.chia_remote(tag))

    bypass.set_cond("run_verilator_test", cache_hit)

    def cache_provider(tag, data_path, *args, **kwargs):  # type: ignore[no-untyped-def]
        hit, value = get(get_active_cache().read.chia_remote(tag))
        if not hit:
            raise KeyError(f"cache miss for tag {tag!r}")
        return value

    bypass.set_provider("run_verilator_test", cache_provider)

    design = "boom"
    # With run_verilator_test cache:true, the real result is written under "iter0".
    result = get(run_verilator_test.chia_remote(design, _chia_tag="iter0"))
    assert result == {"passed": "boom"} and ran.read_text() == "x"
    # "iter0" was written on the real run above; this serves it without rerunning.
    served = get(run_verilator_test.chia_remote(design, _chia_tag="iter0"))
    assert served == result and ran.read_text() == "x"
    assert get(get_active_cache().get_config.chia_remote()) == {
        "run_verilator_test": ["iter.*"],
        "build_megaboom": True,
    }
    # A result handle is a plain reference.
    assert isinstance(run_verilator_test.chia_remote(design), ray.ObjectRef)
