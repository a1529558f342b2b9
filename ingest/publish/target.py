"""One store that is being filled: whose it is, by which rules, on which pixels, and what became of it."""

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
from lake.storage.objects import Objects
from lake.storage.urls import join
from lake.store import commits, generations
from lake.store.commits import Commit
from lake.store.generations import State
from lake.upkeep import reports


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A store to write: whose it is, by which rules, on which pixels."""

    root: str
    """URL of the lake."""
    key: Key
    listing: Listing
    domain: Domain

    @property
    def objects(self) -> Objects:
        """The store's own folder."""
        return connect(join(self.root, str(self.key)))

    def empty_state(self) -> State:
        """What a store's first commit begins with."""
        digest = domains.digest(self.domain)
        return State("", "", (), (), "", (), digest, self.listing.digest)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a store."""

    key: str
    url: str
    """Of the store's newest generation; empty if nothing was ever published."""
    merged: int
    """Time steps published now."""
    staged: int
    """Time steps that wait to be published."""
    missing: int
    """Time steps of the period that are not in the store."""
    held: int
    """Time steps in the newest generation."""
    changed: tuple[str, ...] = ()
    """Files of the source that are not what went in under their names."""


def newest(group: Group) -> Commit | None:
    """The store's newest commit; None before the first.

    Raises:
        ConfigError: it was made by other rules or on other pixels, with which nothing may be mixed.
    """
    head = commits.head(group.objects)
    if head is None:
        return None
    there, ours = State.of(head), group.empty_state()
    if (there.listing, there.domain) != (ours.listing, ours.domain):
        raise ConfigError(
            f"{group.objects.url()} was made by another listing of the name {group.key.listing}, or "
            "on other pixels: give the listing it was made with ('listing' in the attributes of its "
            "generation), or give yours another name with --set listing=NAME"
        )
    return head


def writable(root: str) -> Objects:
    """The lake at `root`, made if nothing is there, and known to be safe to write to.

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


def of_key(root: str, key: Key) -> Group:
    """A store that the lake has, by the listing it was made with.

    Raises:
        MissingError: there is no such store.
    """
    digest = State.of(head_of(root, key)).listing
    noted = json.loads(connect(join(root, str(key))).get(_listing_path(digest)))
    rules = replace(Listing.from_dict(noted), t0=key.t0, tf=key.tf)
    return Group(root, key, rules, domains.load(connect(root), key))


def commit(group: Group, parent: Commit | None, state: State) -> Commit:
    """Make a state the store's newest; the first commit brings the listing with it.

    Raises:
        FileExistsError: another writer has committed after `parent`.
    """
    began = time.monotonic()
    if parent is None:
        text = json.dumps(group.listing.to_dict(), indent=1)
        group.objects.put(_listing_path(group.listing.digest), text.encode())
    committed = generations.commit(group.objects, parent, state)
    reports.observe("commit_seconds", time.monotonic() - began)
    return committed


def _listing_path(digest: str) -> str:
    return f"listings/{digest}.json"


def outcome(group: Group, *, merged: int, changed: tuple[str, ...] = ()) -> Outcome:
    """What became of a store, of which `merged` time steps were published now; the catalogue learns it."""
    head = commits.head(group.objects)
    if head is None:
        return Outcome(str(group.key), "", 0, 0, 0, 0, changed)
    entries = generations.entries(group.objects, head)
    cubes = (cube.name for cube in group.listing.cubes)
    row = catalogue.row(group.key, head, entries, cubes, group.domain)
    catalogue.upsert(connect(group.root), row)
    return Outcome(
        row.key,
        connect(group.root).url(row.generation) if row.generation else "",
        merged=merged,
        staged=row.pending,
        missing=row.missing,
        held=row.merged,
        changed=changed,
    )
