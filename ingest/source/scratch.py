"""Room on the local disk for remote files while they are read.

A file on scratch is locked (flock) by the process that reads it. The system lets go of the lock
when the process ends, however it ends: a file that nobody holds is a leftover, and goes.
"""

import errno
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from lake.errors import ConfigError, SpaceError

SUBFOLDER = "goeslake-scratch"

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""Numbers of the errors of a full disk."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """A folder, and how much of it a process may fill."""

    folder: str = ""
    """Made if need be; none: the system's temporary folder. Ours lie in `goeslake-scratch` in it."""
    limit_bytes: int = 8 << 30
    """Of all files that one process holds at one time."""

    @property
    def place(self) -> Path:
        """The folder of our files."""
        return Path(self.folder or tempfile.gettempdir()) / SUBFOLDER


@contextmanager
def reserve(scratch: Scratch, size: int) -> Iterator[Path]:
    """An empty file to fill with `size` bytes; it is deleted at the end.

    Raises:
        SpaceError: the disk is full, or this process would hold more than its limit.
        ConfigError: the folder cannot be written.
    """
    try:
        scratch.place.mkdir(parents=True, exist_ok=True)
        clean(scratch)
        path, lock = _create(scratch.place, size)
    except OSError as error:
        raise disk_error(scratch, error) from error
    try:
        used = sum(_own_size(file.name) for file in scratch.place.iterdir())
        if used > scratch.limit_bytes:
            raise SpaceError(
                f"scratch {scratch.place} would hold {used} bytes of this process, its limit is "
                f"{scratch.limit_bytes}: give a higher limit, or fewer threads to a worker"
            )
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def clean(scratch: Scratch) -> None:
    """Delete what killed processes left."""
    for path in scratch.place.iterdir():
        with suppress(OSError):  # gone, or held by another process
            lock = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(lock)


def _create(place: Path, size: int) -> tuple[Path, int]:
    """A locked file; another one where somebody cleaned it away before it was locked."""
    while True:
        path = place / f"{_owner()}_{size}_{uuid4().hex}"
        lock = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_nlink:
                return path, lock
        except BlockingIOError:
            pass
        os.close(lock)


def _owner() -> str:
    """This process, also where several machines share a folder."""
    return f"{socket.gethostname()}_{os.getpid()}"


def _own_size(name: str) -> int:
    """Bytes that a file of this process was made for; 0 of another process."""
    owner, size, _ = name.rsplit("_", 2)
    return int(size) if owner == _owner() else 0


def disk_error(scratch: Scratch, error: OSError) -> SpaceError | ConfigError:
    """The error to raise for an error of the local disk."""
    if error.errno in NO_ROOM:
        return SpaceError(
            f"no room on scratch {scratch.place}: {error.strerror}; nothing is lost: free some, or "
            "give another folder, and run again"
        )
    return ConfigError(
        f"cannot write the scratch folder {scratch.place}: {error.strerror}; give another folder"
    )
