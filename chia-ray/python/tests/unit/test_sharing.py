"""A store beside its owner, other codecs, and the original's cache directories."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import chia_ray
import pytest
from chia_ray import CacheError, Store


def test_any_number_of_processes_look_at_a_store_beside_its_owner(tmp_path: Path) -> None:
    code = (
        "import chia_ray, sys\n"
        "with chia_ray.Store(sys.argv[1], read_only=True) as store:\n"
        "    double = store.memoize(name='double')(lambda x: -1)\n"
        "    print(store['a'], len(store), double(2), double(5), sorted(store)[0])"
    )
    with Store(tmp_path) as owner:
        owner["a"] = 1
        owner.memoize(name="double")(lambda x: 2 * x)(2)
        view = Store(tmp_path, read_only=True)
        owner["b"] = 2
        looks = [
            subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        assert [look.communicate(timeout=120)[0] for look in looks] == ["1 3 4 -1 a\n"] * 2
        view.refresh()
        assert view["b"] == 2 and "c" not in view and view.facts("b") and view.size_bytes == owner.size_bytes
        for change in (
            lambda: view.__setitem__("c", 3),
            lambda: view.pop("a"),
            view.clear,
            lambda: view.export(tmp_path / "x"),
        ):
            with pytest.raises(CacheError, match="open to be looked at only") as refused:
                change()
            assert refused.value.kind == "read_only"
        with pytest.raises(CacheError, match=r"in use by .*read_only=True looks at it meanwhile") as locked:
            Store(tmp_path, wait=0)
        assert locked.value.kind == "locked"
        assert owner["a"] == 1 and len(owner) == 3


@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_those_who_refuse_pickle_have_a_codec(tmp_path: Path, codec: str) -> None:
    with Store(tmp_path, codec=codec) as store:
        store["a"] = {"seeds": [1, 2.5, None, True, "é"]}
        assert store["a"] == {"seeds": [1, 2.5, None, True, "é"]}
        with pytest.raises(TypeError):
            store["b"] = object()
        assert store.export(tmp_path / "out") == 1
    [file] = (tmp_path / "out").iterdir()
    key, value = pickle.loads(file.read_bytes())
    assert key == "a" and isinstance(value, bytes)


def test_msgpack_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgpack", None)
    with pytest.raises(ImportError, match=r"pip install 'chia-ray\[msgpack\]'"):
        Store(tmp_path, codec="msgpack")


def test_r20_a_cache_goes_to_the_original_and_comes_back(tmp_path: Path) -> None:
    with Store(tmp_path / "ours") as store:
        store["small"], store["large"] = 1, b"x" * 100_000
        with pytest.raises(CacheError) as locked:
            chia_ray.export_cache(tmp_path / "ours", tmp_path / "theirs", wait=0)
        assert locked.value.kind == "locked"
    assert chia_ray.export_cache(tmp_path / "ours", tmp_path / "theirs") == 2
    found = dict(pickle.loads(file.read_bytes()) for file in (tmp_path / "theirs").glob("*.pkl"))
    assert found == {"small": 1, "large": b"x" * 100_000}
    with Store(tmp_path / "theirs") as store:
        assert dict(store) == found
    with Store(tmp_path / "ours") as store:
        assert dict(store) == found
    with pytest.raises(CacheError, match="no cache"):
        chia_ray.export_cache(tmp_path / "gone", tmp_path / "theirs")


@pytest.mark.parametrize("size", [1, 100_000])
def test_r20_a_value_that_the_original_rewrote_is_taken(tmp_path: Path, size: int) -> None:
    def original(value: Any, age: float = 0.0) -> None:
        """Writes as the original does: a pickle of the tag and the value, under a name of the tag."""
        (tmp_path / "X.pkl").write_bytes(pickle.dumps(("X", value)))
        at = (tmp_path / "X.pkl").stat().st_mtime
        os.utime(tmp_path / "X.pkl", (at - age, at - age))

    one, two, three, four = (str(digit) * size for digit in range(1, 5))
    with Store(tmp_path) as store:
        store["X"] = one
    # In the past it was before our own write, ahead of it after.
    original(two, age=3600)
    with Store(tmp_path) as store:
        assert store["X"] == one
    (tmp_path / "X.pkl").unlink()
    original(three, age=-60)
    with Store(tmp_path) as store:
        assert store["X"] == three and len(store) == 1
    original(four, age=-120)
    with Store(tmp_path) as store:
        assert store["X"] == four
        store["X"] = one
    with Store(tmp_path) as store:
        assert store["X"] == one
