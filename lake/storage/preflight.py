"""The start-up probe: refuses an object store on which two writers of one path can both win.

Commits rest on `Objects.create`. Several object stores take the condition `If-None-Match: *` and do
not heed it, or look first and write later: on them two runs would each believe that their commit
stands, and the statistics of one would be lost. So a writer asks before it writes. What the probe
cannot see is a race between two machines of one store, or network folder, that each answer alone.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Barrier
from uuid import uuid4

from obstore.exceptions import NotSupportedError

from lake.errors import ConfigError, MissingError
from lake.storage.objects import Objects

FOLDER = "probe"
"""The folder of the probe below the root; it is empty again afterwards."""
ROUNDS = 5
WRITERS = 8


def check(objects: Objects) -> None:
    """Let writers race for one path, some times: exactly one must win each.

    Raises:
        ConfigError: they do not; what was found, and what to do.
    """
    paths = [f"{FOLDER}/{uuid4().hex}" for _ in range(ROUNDS)]
    start = Barrier(WRITERS)
    try:
        with ThreadPoolExecutor(WRITERS) as pool, _abandoned(start):
            for path in paths:
                contents = [f"{path} {writer}".encode() for writer in range(WRITERS)]
                outcomes = list(pool.map(partial(_create, objects, path, start), contents))
                won = [content for content in outcomes if content is not None]
                _judge(objects, path, contents, won)
    except (NotSupportedError, NotImplementedError) as error:  # of obstore, of fsspec
        raise _refusal(objects, "it knows no create-only write") from error
    finally:
        objects.delete(paths)


@contextmanager
def _abandoned(start: Barrier) -> Iterator[None]:
    """Nobody waits after this context: an interrupt may come before all writers have begun."""
    try:
        yield
    finally:
        start.abort()


def _create(objects: Objects, path: str, start: Barrier, content: bytes) -> bytes | None:
    """The content if it was written; None if another's was there."""
    start.wait()
    try:
        objects.create(path, content)
    except FileExistsError:
        return None
    return content


def _judge(objects: Objects, path: str, contents: Sequence[bytes], won: Sequence[bytes]) -> None:
    """None may win: an answer can be lost, and then the winner finds its own object."""
    if len(won) > 1:
        raise _refusal(objects, f"{len(won)} of {WRITERS} writers of one object won")
    try:
        content = objects.get(path)
    except MissingError:
        raise _refusal(objects, "an object just written was not found") from None
    if content not in (won or contents):
        raise _refusal(objects, "the object of the writer that won was replaced by another's")
    try:
        objects.create(path, b"late")
    except FileExistsError:
        return
    raise _refusal(objects, "an object that was there was written once more")


def _refusal(objects: Objects, observation: str) -> ConfigError:
    return ConfigError(
        f"{objects.root} cannot hold a lake: {observation}, where of many writers exactly one must win. "
        "Its server does not heed 'If-None-Match: *', so that two runs could undo each other's "
        "commits; use S3, Ceph RGW, Google Cloud Storage, Azure Blob Storage or a local folder"
    )
