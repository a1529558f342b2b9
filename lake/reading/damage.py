"""Errors for a missing object of a generation: the generation is damaged, or was collected as garbage."""

from collections.abc import Iterator
from contextlib import contextmanager

from lake.errors import ConfigError, FormatError, GeometryError, LakeError, MissingError
from lake.storage.connect import connect
from lake.storage.objects import Objects, exists
from lake.store import commits
from lake.store.generations import StoreState

_FOLDER = "/v/"
"""The folder of the generations of a store, within their URLs."""

_UNFIT = (
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    ValueError,
    OverflowError,
    RecursionError,
    ZeroDivisionError,
    NotImplementedError,
    RuntimeError,
    SystemError,
)
"""What Zarr, its codecs and Python raise for metadata that parse as JSON, but are none of a store, and
for damaged chunks."""


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Reads metadata, or what they describe; if they do not fit, the error names them.

    Args:
        url: of what is read, for the message.

    Raises:
        FormatError: what is read is damaged.
    """
    try:
        yield
    except LakeError:  # some of ours are ValueErrors, and say more
        raise
    except _UNFIT as error:
        raise FormatError(
            f"{url} cannot be decoded: {type(error).__name__} {str(error)[:200]}; 'lake verify' tells "
            "what else is damaged"
        ) from error


@contextmanager
def parsed(url: str) -> Iterator[None]:
    """Makes values of metadata that were read; whatever does not fit is damage, refusals of ours too.

    Args:
        url: of the metadata, for the message.

    Raises:
        FormatError: a value is none that a store can have.
    """
    try:
        with explained(url):
            yield
    except (ConfigError, GeometryError) as error:
        raise FormatError(f"{url} is damaged: {error}; 'lake verify' tells what else is") from error


def missing_object(generation: Objects, error: MissingError) -> MissingError:
    """The error that says which of the two it is, and what to do.

    Args:
        generation: whose object is missing.
        error: names the object.
    """
    if not exists(generation, "zarr.json"):
        return missing_generation(generation.url(), error)
    return MissingError(
        f"{error}, which should be part of the store: it is damaged; 'lake verify' tells what else is"
    )


def missing_generation(url: str, error: Exception) -> MissingError:
    """The error for a generation that cannot be opened: collected, or never there.

    Args:
        url: of the generation.
        error: what opening it raised.
    """
    store, folder, name = url.rpartition(_FOLDER)
    newest = _newest(store) if folder else ""
    if newest and not newest.endswith(name):
        return MissingError(
            f"generation {name} of {store} is not kept any more, {newest.rpartition('/')[2]} is the "
            "newest: open the store again; 'lake gc --grace DAYS' says how long old ones are kept"
        )
    return MissingError(f"there is no generation of a store at {url}: {error}")


def _newest(store: str) -> str:
    """The path of the newest generation of a store; empty if that cannot be read."""
    try:
        head = commits.head(connect(store))
        return StoreState.from_commit(head).path if head else ""
    except (LakeError, OSError):
        return ""
