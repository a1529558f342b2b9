"""Catalogues, commits, tables and metadata that are wrong, read by `lake.open` and `lake.catalog`."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import lake
from lake.catalogue import catalogue, stac
from lake.errors import MissingError
from lake.format import keys
from lake.storage.connect import connect
from lake.store import commits, generations, ledger, manifest
from lake.store.generations import StoreState
from lake.store.ledger import Ledger, LedgerEntry, SourceFile
from tests.fuzz import mutations
from tests.lake import small_store


def write(folder: Path) -> dict[str, bytes]:
    """A lake of one small store with a ledger and a catalogue; its objects by path."""
    root, place = connect(folder), connect(folder / small_store.KEY)
    domain = small_store.small_domain()
    head = small_store.write(str(folder / small_store.KEY), domain, months=(1,))
    entry = LedgerEntry(
        "20200101-54000", "merged", "20200011501172", files=(SourceFile("a.nc", 1),)
    )
    path = ledger.write(place, Ledger((entry,)))
    head = commits.append(place, head, head.body | {"ledger": path})
    catalogue.mark(root)
    names = [cube.name for cube in small_store.CUBES]
    row = catalogue.row(keys.parse(small_store.KEY), head, Ledger((entry,)), names, domain)
    catalogue.upsert(root, row)
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def wrong(random: Random, path: str, data: bytes) -> bytes:
    """The bytes of an object, wrong: of JSON mostly a value."""
    if path.endswith(".json") and random.random() < 0.7:
        try:
            return json.dumps(mutations.change_tree(random, json.loads(data))).encode()
        except RecursionError:
            return b"[" * 100_000
    return mutations.change_bytes(random, data)


def read_store(place: str) -> None:
    """Everything that opening a store looks at, and one shard."""
    store = lake.open(place)
    repr(store)
    for cube in list(store.cubes)[:1]:
        store.block(cube, slice(0, 1), month=1)
        store.cube(cube)
    store.region((-80, 30, -70, 40))


def read_tables(place: str) -> None:
    """The ledger and the manifest of a store."""
    objects = connect(place)
    head = commits.head(objects)
    if head is None:
        raise MissingError(place)
    generations.read_ledger(objects, head)
    manifest.read(objects, StoreState.from_commit(head).manifest)


def read_catalogue(root: str) -> None:
    """The catalogue, searched, shown and exported."""
    catalog = lake.catalog(root)
    repr(catalog)
    list(catalog.search(cube="day-2km", t0="20200101", bbox=(-80, 30, -70, 40)))
    list(stac.documents(connect(root), catalog))


def _by_reader(paths: Iterable[str]) -> dict[str, list[str]]:
    """Paths of objects by what reads them."""
    readers: dict[str, list[str]] = {"store": [], "tables": [], "catalogue": []}
    for path in paths:
        name = path.rsplit("/", 1)[-1]
        if path.startswith("catalog/") or name == catalogue.MARKER:
            readers["catalogue"].append(path)
        elif "/ledgers/" in path or "/manifests/" in path:
            readers["tables"].append(path)
        elif "/commits/" in path or name in {"current.json", "zarr.json"} or "/c/0" in path:
            readers["store"].append(path)
    return readers


@contextmanager
def attempts(folder: Path) -> Iterator[Callable[[Random], None]]:
    """Makes an object of the lake wrong and reads the lake."""
    root = folder / "lake"
    contents = write(root)
    readers = _by_reader(contents)
    of_commits = [p for p in readers["store"] if "/v/" not in p]
    (top,) = (p for p in readers["store"] if p.endswith(".zarr/zarr.json"))

    def attempt(random: Random) -> None:
        kind = random.choice(tuple(readers))
        path = random.choice(readers[kind])
        if kind == "store" and random.random() < 0.8:
            path = random.choice((*of_commits, top))
        elif kind == "tables" and random.random() < 0.3:
            path = random.choice(of_commits)
        file = root / path
        if random.random() < 0.03:
            file.unlink()
        else:
            file.write_bytes(wrong(random, path, contents[path]))
        try:
            if kind == "store":
                read_store(str(root / small_store.KEY))
            elif kind == "tables":
                read_tables(str(root / small_store.KEY))
            else:
                read_catalogue(str(root))
                catalogue.claim(connect(root))  # writes: not asked of a web server
        finally:
            file.write_bytes(contents[path])

    yield attempt
