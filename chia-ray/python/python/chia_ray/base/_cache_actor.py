"""The Ray actor that holds the store, for loops in Python and in Rust alike."""

from __future__ import annotations

import secrets
from typing import Any

from ray.util import get_node_ip_address

from chia_ray import _native, _wire
from chia_ray._errors import ChiaError, call_native
from chia_ray._work import Found, was_stored
from chia_ray.base._values import Buffers, Stored, encode, parts

# Calls that the cache takes at once.
CONCURRENCY = 32
# How many runs have their counts kept.
_RUNS = 64
_MANUAL = _native.new_entry("manual")


class CacheActor:
    """Values under tags. It hands bytes on and never unpickles a stored value."""

    def __init__(self, init: bytes, rules: bytes | None = None) -> None:
        self._failed: BaseException | None = None
        self._rules = rules
        self._notes: dict[str, dict[tuple[str, str], tuple[int, str]]] = {}
        try:
            self._store = _native.Store(init)
            self._served = self._store.actor(get_node_ip_address(), secrets.token_bytes(32))
        except Exception as error:
            # A constructor that raises would leave no more than a traceback of it.
            self._failed = error

    def ready(self) -> bytes:
        """Returns, or raises what went wrong in the constructor."""
        if self._failed is not None:
            raise self._failed
        return b""

    def attach(self, init: bytes) -> bytes:
        """Meets a loop that starts the cache: resizes it, or raises what differs. Returns its endpoint."""
        self.ready()
        return self._served.call("attach", init)

    def endpoint(self) -> bytes:
        """Where the cache can be reached directly, and by whom: for ``_native.DirectClient``."""
        self.ready()
        return self._served.call("endpoint", b"")

    def call(self, call: bytes, *args: bytes) -> bytes:
        """Runs a method for a loop in Rust."""
        self.ready()
        return call_native(self._served, call, args)

    def write(self, tag: str, data: Any) -> bool:
        """Keeps a value by hand; whether it was stored."""
        return was_stored(self.write_encoded(tag, encode(data), _MANUAL))

    def write_manual(self, tag: str, data: bytes | Buffers) -> bool:
        """As ``write``, of a value that is encoded already."""
        return was_stored(self.write_encoded(tag, data, _MANUAL))

    def write_encoded(self, tag: str, data: bytes | Buffers, entry: bytes) -> str:
        """Writes a value with its packed entry. Returns what was done, in one word."""
        self.ready()
        return self._store.write(tag, parts(data), entry)

    def read(self, tag: str | None) -> tuple[bool, Any]:
        """Whether there is a value, and the value: unpickled where it is received. A call without a
        tag has none.
        """
        self.ready()
        found = None if tag is None else self._store.read(tag)
        return (False, None) if found is None else (True, Stored(found[0]))

    def read_entry(self, tag: str | None) -> Found | None:
        """The value with its packed facts and compute time, as bytes."""
        self.ready()
        return None if tag is None else self._store.read(tag)

    def replay(self, tag: str, function: str) -> tuple[Found | None, str | None]:
        """The value with its packed facts and compute time, as bytes, if the entry may stand for a
        computation of the function; else why not.
        """
        self.ready()
        return self._store.replay(tag, function)

    def replay_miss(self, tag: str, function: str) -> str | None:
        """Why an entry would not be replayed for a function; None if it would."""
        self.ready()
        return self._store.replay_miss(tag, function)

    def note(self, run: str, function: str, kind: str, text: str) -> int:
        """Counts what became of a call in a run; how many there were."""
        notes = self._notes.setdefault(run, {})
        count, first = notes.get((function, kind), (0, text))
        notes[function, kind] = count + 1, first
        while len(self._notes) > _RUNS:
            self._notes.pop(next(iter(self._notes)))
        return count + 1

    def notes(self, run: str) -> dict[tuple[str, str], tuple[int, str]]:
        """How often, by function and kind, and the first of each."""
        return self._notes.get(run, {})

    def has(self, tag: str | None) -> bool:
        """Whether there is a value. Does not count as use. A call without a tag has none."""
        self.ready()
        return tag is not None and self._store.has(tag)

    def facts(self, tag: str) -> dict[str, Any] | None:
        """What is known of an entry: function, origin, size, times."""
        self.ready()
        return self._store.facts(tag)

    def evict(self, tag: str) -> bool:
        """Removes an entry; whether there was one."""
        self.ready()
        return self._store.evict(tag)

    def flush(self) -> int:
        """Removes every entry; how many there were."""
        self.ready()
        return self._store.flush()

    def keys(self) -> list[str]:
        """All tags, sorted."""
        self.ready()
        return self._store.keys()

    def export(self, folder: str) -> int:
        """Writes every entry to a folder of the head node as files of the Python original; how many."""
        self.ready()
        return self._store.export(folder)

    def size_bytes(self) -> int:
        """What the entries count against the budget, in bytes."""
        self.ready()
        return self._store.size_bytes()

    def stats(self) -> dict[str, int]:
        """The state and the counters since the cache was opened."""
        self.ready()
        return self._store.stats()

    def get_config(self, rules: bytes | None = None) -> dict[str, bool | list[str]]:
        """The cache rules of a loop: ``{name: True | [patterns]}``."""
        known = rules if rules is not None else self._rules
        return {} if known is None else _native.Rules.from_bytes(known).cache_rules()

    def close(self) -> None:
        """Stops the store cleanly, so that the directory opens at once next time."""
        if self._failed is None:
            self._store.close()


class SharedCache(CacheActor):
    """The same, made by a loop in Rust."""

    def __init__(self, job: bytes) -> None:
        super().__init__(_wire.read_job(job)[1])
        if isinstance(self._failed, _native.DispatchError | _native.CacheError):
            self._failed = ChiaError.new("cache", str(self._failed))
