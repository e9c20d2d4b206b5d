"""Files and directories as arguments and results."""

from __future__ import annotations

import os
import pickle
from typing import Any, ClassVar, TypeVar

from chia_ray import _native

_A = TypeVar("_A", bound="_Archived")


class _Archived:
    """Something on the disk as a value: its content and its permissions, without its name."""

    _is_directory: ClassVar[bool]

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """What is at a path now. It is hashed at once, and read again when it travels for the first time:
        it must be there until then.
        """
        self._native = _native.Archive(path, self._is_directory, False)

    @classmethod
    def pack(cls: type[_A], path: str | os.PathLike[str]) -> _A:
        """What is at a path, read at once: it may be removed afterwards."""
        return cls._of(_native.Archive(path, cls._is_directory, True))

    @classmethod
    def from_bytes(cls: type[_A], data: Any) -> _A:
        """The value of an encoded form, as loops in Rust hand it to functions in Python."""
        return cls._of(_native.Archive.from_bytes(bytes(data), cls._is_directory))

    def to_bytes(self) -> bytes:
        """The encoded form: a header and a compressed archive."""
        return self._native.to_bytes()

    def put_at(self, path: str | os.PathLike[str], *, replace: bool = False) -> None:
        """Writes it to a path, whose directory must exist: whole, or not at all. What is there already is
        left as it is if it holds the same; other things are an ArchiveError, or are replaced.
        """
        self._native.put_at(path, replace)

    @property
    def digest(self) -> str:
        """The hash of its contents."""
        return self._native.digest

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return self._native.size

    @classmethod
    def _of(cls: type[_A], native: _native.Archive) -> _A:
        archived = cls.__new__(cls)
        archived._native = native
        return archived

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.digest}, {self.size} bytes)"

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        data = self.to_bytes()
        return type(self).from_bytes, (pickle.PickleBuffer(data) if protocol >= 5 else data,)


class File(_Archived):
    """A file as an argument or a result of a call: ``chia_ray.File("a.out")``.

    It travels anywhere, without a shared file system, and is cached like any other value; two files are
    equal if they hold the same. Where it arrives, ``put_at`` writes it to a path.

    Raises:
        ArchiveError: There is no file, or it cannot be packed or unpacked; ``kind`` says why.

    """

    _is_directory = False


class Directory(_Archived):
    """A directory as an argument or a result of a call: everything below it, with permissions and symbolic
    links. As ``File``.
    """

    _is_directory = True
