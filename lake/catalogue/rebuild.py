"""The catalogue made anew from the stores themselves, where it was lost or damaged.

The one reader that lists: four levels of folders, not the objects of stores.
"""

from collections.abc import Iterator

from lake.catalogue import catalogue
from lake.catalogue.catalogue import Row
from lake.errors import ConfigError, ConflictError, MissingError
from lake.format import keys
from lake.format.keys import Key
from lake.reading import store
from lake.storage.connect import connect
from lake.storage.objects import Objects, exists
from lake.storage.urls import join
from lake.store import commits, ledger
from lake.store.generations import StoreState
from lake.store.ledger import Ledger


def rebuild(root: str) -> list[Row]:
    """Read every store of a lake and make their rows its catalogue.

    Of a store of which nothing is published yet the pixels, cubes and box are not known: they are told
    when it is published.

    Raises:
        MissingError: there is neither a lake nor a store.
        FormatError: a lake of a newer format version.
        ConflictError: stores were noted meanwhile, too often.
    """
    objects = connect(root)
    if not exists(objects, catalogue.MARKER):
        if not any(_keys(objects)):
            raise MissingError(f"there is no lake at {root}, and no store")
        catalogue.mark(objects)
    catalogue.claim(objects)
    for _ in range(catalogue.TRIES):
        newest = commits.head(objects, catalogue.FOLDER)
        rows = [row for key in _keys(objects) if (row := row_of(root, key)) is not None]
        if catalogue.replace(objects, newest, rows):
            return rows
    raise ConflictError(f"stores of {root} are noted all the time: run it again when fewer are")


def row_of(root: str, key: Key) -> Row | None:
    """The row of a store for the catalogue, read from the store; None before its first commit."""
    objects = connect(join(root, str(key)))
    head = commits.head(objects)
    if head is None:
        return None
    state = StoreState.from_commit(head)
    entries = ledger.read(objects, state.ledger) if state.ledger else Ledger()
    opened = store.Store(connect(objects.url(state.path))) if state.path else None
    cubes, domain = (opened.cubes, opened.domain) if opened else ((), None)
    return catalogue.row(key, head, entries, cubes, domain)


def _keys(objects: Objects) -> Iterator[Key]:
    """The keys of all folders that can be stores."""
    folders = [""]
    for _ in range(4):
        folders = [below for folder in folders for below in objects.folders(folder)]
    for folder in folders:
        try:
            key = keys.parse(folder)
        except ConfigError:
            continue
        if str(key) == folder:
            yield key
