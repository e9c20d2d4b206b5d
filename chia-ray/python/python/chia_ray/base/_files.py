"""The file server: recorded files, read on the node of the loop that set up the bypass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from chia_ray import _native, _wire
from chia_ray._errors import call_native
from chia_ray.base._actors import ChiaMethod

NAMESPACE = "chia"
_CONCURRENCY = 8


class FileActor:
    """Reads files for workers anywhere: those that it was made for and those below its directories."""

    _folders: tuple[Path, ...] = ()

    def __init__(self, allowed: list[str]) -> None:
        self._server = _native.FileServer(allowed, ray.get_runtime_context().get_node_id())
        self._folders = tuple(Path(path).resolve() for path in allowed if Path(path).is_dir())

    def _server_of(self, path: str) -> _native.FileServer:
        """The server that may read a file: one of its own for a file below a directory that is served."""
        real = Path(path).resolve()
        if not any(folder in real.parents for folder in self._folders):
            return self._server
        return _native.FileServer([real, path], ray.get_runtime_context().get_node_id())

    def get_bytes(self, path: str) -> bytes:
        """The contents of a file."""
        return self._server_of(path).get_bytes(path)

    def get_text(self, path: str) -> str:
        """The contents of a file as text."""
        try:
            return self.get_bytes(path).decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"the file {path} is not UTF-8 text: {error}") from None

    def exists(self, path: str) -> bool:
        """Whether a file is served, and there."""
        return self._server_of(path).exists(path)


class SharedFiles(FileActor):
    """The same, made by a loop in Rust."""

    def __init__(self, job: bytes) -> None:
        node = ray.get_runtime_context().get_node_id()
        self._server = _native.FileServer.from_bytes(_wire.read_job(job)[1], node)
        self._served = self._server.actor()

    def ready(self) -> bytes:
        """Returns."""
        return b""

    def call(self, call: bytes, *args: bytes) -> bytes:
        """Runs a method for a loop in Rust."""
        return call_native(self._served, call, args)


def start(allowed: list[str], name: str) -> Any:
    """Starts a file server on this node. It ends with its handle, or with the driver."""
    node = ray.get_runtime_context().get_node_id()
    options: dict[str, Any] = {
        "name": name,
        "namespace": NAMESPACE,
        "num_cpus": 0,
        "max_restarts": -1,
        "max_concurrency": _CONCURRENCY,
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False),
    }
    return ray.remote(FileActor).options(**options).remote(allowed)


class FileMethod(ChiaMethod):
    """A request to the file server: called, it waits for the answer."""

    def __call__(self, path: Any) -> Any:
        """Asks and waits."""
        return ray.get(self.remote(path))

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        """Asks. Returns a Ray ObjectRef."""
        return super().remote(*(str(path) for path in args), **kwargs)


class FileServerHandle:
    """Reads recorded files from anywhere in the cluster: those that the rules name or the driver allowed.

    ``get_text(path)``, ``get_bytes(path)`` and ``exists(path)`` wait for the answer; each has
    ``chia_remote`` too. A file that is missing or not served is an error that names it.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self.get_text = FileMethod(handle.get_text)
        self.get_bytes = FileMethod(handle.get_bytes)
        self.exists = FileMethod(handle.exists)

    def __reduce__(self) -> tuple[Any, ...]:
        return FileServerHandle, (self._handle,)
