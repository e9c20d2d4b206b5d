"""The disk caches of Python that the store is measured against, behind one line protocol.

    python cache_peer.py DIR

reads commands `PEER OPERATION SIZE TIMES` on stdin and answers each with a line: the nanoseconds that the
operations have taken, measured here, so that neither the pipe nor the start of Python counts.

Peers: `diskcache` (SQLite and files), and `plain`, one pickle of `(tag, data)` a file, all of them loaded at start.
"""

import collections
import contextlib
import os
import pathlib
import pickle
import shutil
import sys
import threading
import time

import diskcache

BUDGET = 8 << 30


def keys(size):
    """As many tags as the other sides of a comparison cycle through."""
    return 64 if size <= 1 << 20 else 4


class Plain:
    """One file an entry; the order and the sizes are in memory, and made by loading every file."""

    def __init__(self, folder, budget=BUDGET):
        self.folder, self.budget, self.bytes = pathlib.Path(folder), budget, 0
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sizes = collections.OrderedDict()
        for path in self.folder.glob("*.pkl"):
            with path.open("rb") as file:
                tag, _ = pickle.load(file)
            self._add(tag, path.stat().st_size)

    def _path(self, tag):
        return self.folder / f"{tag}.pkl"

    def _add(self, tag, size):
        self.bytes += size - self.sizes.pop(tag, 0)
        self.sizes[tag] = size

    def write(self, tag, value):
        data = pickle.dumps((tag, value), protocol=4)
        while self.sizes and self.bytes + len(data) - self.sizes.get(tag, 0) > self.budget:
            old, size = self.sizes.popitem(last=False)
            self.bytes -= size
            self._path(old).unlink()
        self._path(tag).write_bytes(data)
        self._add(tag, len(data))

    def read(self, tag):
        self.sizes.move_to_end(tag)
        return pickle.loads(self._path(tag).read_bytes())[1]

    def has(self, tag):
        return tag in self.sizes


class Disk:
    def __init__(self, folder, budget=BUDGET):
        self.cache = diskcache.Cache(str(folder), size_limit=budget, eviction_policy="least-recently-used")

    def write(self, tag, value):
        self.cache.set(tag, value)

    def read(self, tag):
        return self.cache.get(tag)

    def has(self, tag):
        return tag in self.cache


PEERS = {"diskcache": Disk, "plain": Plain}


class Server:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.open = {}
        self.next = 0

    def store(self, peer, kind, size, budget=BUDGET):
        """The store for one kind of operation, with values in it where they are to be read."""
        key = (peer, kind, size)
        if key not in self.open:
            store = self.open[key] = PEERS[peer](self.folder / f"{peer}-{kind}-{size}", budget)
            if kind == "read":
                for at in range(keys(size)):
                    store.write(f"key{at}", bytes([at]) * size)
        return self.open[key]

    def value(self, size):
        """Never the same value twice, as a cache could take a shortcut."""
        self.next += 1
        return self.next.to_bytes(8, "little") + bytes(size - 8)

    def write(self, peer, size, times):
        store = self.store(peer, "write", size)
        return self.timed_writes(store, size, times, lambda at: f"key{at % keys(size)}")

    def evict(self, peer, size, times):
        """Writes under new tags into a store that is full."""
        store = self.store(peer, "evict", size, budget=keys(size) * (size + 100))
        if "next" not in vars(store):
            store.next = 0
            self.evict_more(store, size, 2 * keys(size))
        return self.evict_more(store, size, times)

    def evict_more(self, store, size, times):
        first, store.next = store.next, store.next + times
        return self.timed_writes(store, size, times, lambda at: f"new{first + at}")

    def timed_writes(self, store, size, times, tag):
        took = 0
        for at in range(times):
            value = self.value(size)
            start = time.perf_counter_ns()
            store.write(tag(at), value)
            took += time.perf_counter_ns() - start
        return took

    def read(self, peer, size, times):
        store = self.store(peer, "read", size)
        tags = [f"key{at % keys(size)}" for at in range(times)]
        start = time.perf_counter_ns()
        for tag in tags:
            assert len(store.read(tag)) == size
        return time.perf_counter_ns() - start

    def cold(self, peer, size, times):
        """Reads each entry once from the store that `read` has filled, in a process that has read nothing yet."""
        store = PEERS[peer](self.folder / f"{peer}-read-{size}")
        start = time.perf_counter_ns()
        for at in range(times):
            assert len(store.read(f"key{at}")) == size
        return time.perf_counter_ns() - start

    def has(self, peer, size, times):
        store = self.store(peer, "read", size)
        tags = [f"key{at % (2 * keys(size))}" for at in range(times)]
        start = time.perf_counter_ns()
        for tag in tags:
            store.has(tag)
        return time.perf_counter_ns() - start

    def mixed(self, peer, size, times):
        """Eight threads: seven reads, two looks and one write in ten."""
        store = self.store(peer, "read", size)

        def work(seed):
            for at in range(times):
                tag = f"key{(at * 7 + seed * 11) % keys(size)}"
                if at % 10 < 7:
                    store.read(tag)
                elif at % 10 < 9:
                    store.has(tag)
                else:
                    store.write(tag, seed.to_bytes(8, "little") + bytes(size - 8))

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        start = time.perf_counter_ns()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter_ns() - start

    def forget(self, _peer, size, _times):
        """Removes the stores of one size."""
        for key in [key for key in self.open if key[2] == size]:
            store = self.open.pop(key)
            if isinstance(store, Disk):
                store.cache.close()
        for path in self.folder.glob(f"*-{size}"):
            shutil.rmtree(path)
        return 0

    def fill(self, peer, size, times):
        """Writes `times` entries and closes the store, for `reopen`."""
        store = PEERS[peer](self.folder / f"{peer}-open-{times}")
        with store.cache.transact() if peer == "diskcache" else contextlib.nullcontext():
            for at in range(times):
                store.write(f"entry-{at}", bytes(size))
        if peer == "diskcache":
            store.cache.close()
        return 0

    def reopen(self, peer, _size, times):
        start = time.perf_counter_ns()
        store = PEERS[peer](self.folder / f"{peer}-open-{times}")
        found = store.has(f"entry-{times - 1}")
        took = time.perf_counter_ns() - start
        assert found
        return took


def main():
    server = Server(sys.argv[1])
    for line in sys.stdin:
        peer, operation, size, times = line.split()
        print(getattr(server, operation)(peer, int(size), int(times)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
