"""The store that is being filled, its commits, and what a command reports of it."""

import json
import time
from dataclasses import dataclass, replace

from ingest.listing.listing import Listing
from ingest.plan import domains
from lake.catalogue import catalogue
from lake.errors import ConfigError, MissingError
from lake.format.domain import Domain
from lake.format.keys import Key
from lake.storage import preflight
from lake.storage.connect import connect
from lake.storage.documents import read_json
from lake.storage.objects import Objects
from lake.storage.urls import join
from lake.store import commits, generations
from lake.store.commits import Commit
from lake.store.generations import StoreState
from lake.upkeep import reports


@dataclass(frozen=True, slots=True, eq=False)
class TargetStore:
    """A store to write: its key, the rules by which it is filled, and its pixels."""

    root: str
    """URL of the lake."""
    key: Key
    listing: Listing
    domain: Domain

    @property
    def objects(self) -> Objects:
        """The store's own folder."""
        return connect(join(self.root, str(self.key)))

    def empty_state(self) -> StoreState:
        """The state before a store's first commit."""
        digest = domains.digest(self.domain)
        return StoreState("", "", (), (), "", (), digest, self.listing.digest)


@dataclass(frozen=True, slots=True)
class IngestOutcome:
    """What an ingest, an import, a merge or a publication did to a store."""

    key: str
    url: str
    """URL of the store's newest generation; empty if nothing was ever published."""
    merged: int
    """Number of time steps that this command published."""
    staged: int
    """Number of time steps that wait to be published."""
    missing: int
    """Number of time steps of the period that are missing in the store."""
    stored: int
    """Number of time steps in the newest generation."""
    changed: tuple[str, ...] = ()
    """Names of files of the source that differ from the files ingested under these names."""


def newest(target: TargetStore) -> Commit | None:
    """The store's newest commit; None before the first.

    Raises:
        ConfigError: it was made by other rules or on other pixels, with which nothing may be mixed.
    """
    head = commits.head(target.objects)
    if head is None:
        return None
    committed, wanted_state = StoreState.from_commit(head), target.empty_state()
    if (committed.listing, committed.domain) != (wanted_state.listing, wanted_state.domain):
        raise ConfigError(
            f"{target.objects.url()} was made by another listing of the name {target.key.listing}, or "
            "on other pixels: give the listing it was made with ('listing' in the attributes of its "
            "generation), or give yours another name with --set listing=NAME"
        )
    return head


def writable(root: str) -> Objects:
    """The lake at `root`, made if nothing is there, and checked to be safe to write to.

    Raises:
        ConfigError: the root holds other things than a lake, or is no safe object store.
    """
    lake = connect(root)
    catalogue.claim(lake)
    preflight.check(lake)
    return lake


def head_of(root: str, key: Key) -> Commit:
    """The newest commit of a store that the lake has.

    Raises:
        MissingError: there is no such store.
    """
    head = commits.head(connect(join(root, str(key))))
    if head is None:
        raise MissingError(f"there is no store {key} in {root}; 'lake ls --lake {root}' lists them")
    return head


def load_target(root: str, key: Key) -> TargetStore:
    """A store of the lake as a target, with the listing it was made with.

    Raises:
        MissingError: there is no such store.
    """
    digest = StoreState.from_commit(head_of(root, key)).listing
    document = read_json(connect(join(root, str(key))), _listing_path(digest))
    rules = replace(Listing.from_dict(document), t0=key.t0, tf=key.tf)
    return TargetStore(root, key, rules, domains.load(connect(root), key))


def commit(target: TargetStore, parent: Commit | None, state: StoreState) -> Commit:
    """Make a state the store's newest; the first commit brings the listing with it.

    Raises:
        FileExistsError: another writer has committed after `parent`.
    """
    began = time.monotonic()
    if parent is None:
        text = json.dumps(target.listing.to_dict(), indent=1)
        target.objects.put(_listing_path(target.listing.digest), text.encode())
    committed = generations.commit(target.objects, parent, state)
    reports.observe("commit_seconds", time.monotonic() - began)
    return committed


def _listing_path(digest: str) -> str:
    return f"listings/{digest}.json"


def outcome(target: TargetStore, *, merged: int, changed: tuple[str, ...] = ()) -> IngestOutcome:
    """The outcome of a store of which `merged` time steps were published; updates the catalogue too."""
    head = commits.head(target.objects)
    if head is None:
        return IngestOutcome(str(target.key), "", 0, 0, 0, 0, changed)
    entries = generations.read_ledger(target.objects, head)
    cubes = (cube.name for cube in target.listing.cubes)
    row = catalogue.row(target.key, head, entries, cubes, target.domain)
    catalogue.upsert(connect(target.root), row)
    return IngestOutcome(
        row.key,
        connect(target.root).url(row.generation) if row.generation else "",
        merged=merged,
        staged=row.pending,
        missing=row.missing,
        stored=row.merged,
        changed=changed,
    )
