"""Stores of disjoint periods -> the store of the whole span, exactly, without the source files."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from distributed import Client

from ingest import domains, publish
from ingest.listing import Listing
from ingest.publish import Group, Outcome
from lake import catalog, commits, ledger, store
from lake.console import progress
from lake.errors import ConfigError, MissingError, OverlapError
from lake.keys import Key
from lake.ledger import MERGED
from lake.objects import connect, join
from lake.read import open as open_store


def merge(client: Client, keys: Sequence[Key], root: str) -> Outcome:
    """Merge stores of one sat, listing and geom into the store from the first t0 to the last tf.

    Args:
        client: Dask.
        keys: two or more stores of the lake.
        root: folder or URL of the lake.

    Raises:
        ConfigError: the keys differ in more than their period, or their rules or pixels differ.
        OverlapError: a time step is in two of them, or may be.
        MissingError: one of the stores does not exist.
    """
    lake = connect(root)
    target = _target(keys)
    sources = {key: _head(root, key) for key in keys}
    catalog.claim(lake)
    generations = {key: store.Generation.of(commit) for key, commit in sources.items()}
    for what in ("listing", "domain"):
        if len({getattr(g, what) for g in generations.values()}) > 1:
            raise ConfigError(
                f"{', '.join(map(str, keys))} have not the same {what}: only stores made by the same "
                "rules on the same pixels can be merged"
            )
    ledgers = [publish.held(connect(join(root, str(k))), commit) for k, commit in sources.items()]
    if any(part.legacy for part in ledgers):
        _check_disjoint(keys)
    held = ledger.union(ledgers)
    rules = Listing.from_dict(open_store(lake.url(str(keys[0]))).attributes["listing"])
    rules = replace(rules, t0=target.t0, tf=target.tf)
    group = Group(root, target, rules, domains.load(lake, target))
    parent = publish.newest(group)
    done = parent is not None and held == publish.held(group.objects, parent)
    if parent is None or not done:
        bases = [
            base for key, commit in sources.items() for base in publish.base(root, key, commit)
        ]
        with progress("merge") as report:
            parent = publish.publish(client, group, parent, bases, [], held, report)
    merged = 0 if done else len(held.steps(MERGED))
    return publish.outcome(group, parent, held, merged=merged)


def _target(keys: Sequence[Key]) -> Key:
    if len(set(keys)) < 2:
        raise ConfigError(f"merging takes two or more different stores, found {len(set(keys))}")
    if len({(key.sat, key.listing, key.geom) for key in keys}) > 1:
        raise ConfigError(
            f"{', '.join(map(str, keys))} differ in sat, listing or geom: only periods are merged"
        )
    target = replace(keys[0], t0=min(k.t0 for k in keys), tf=max(k.tf for k in keys))
    if target in keys:
        raise ConfigError(
            f"{target} is itself one of the stores to merge: give stores of parts of the span"
        )
    return target


def _check_disjoint(keys: Sequence[Key]) -> None:
    """Where legacy results hide which time steps they hold, the periods alone can tell."""
    ordered = sorted(set(keys), key=lambda key: key.t0)
    for earlier, later in pairwise(ordered):
        if later.t0 <= earlier.tf:
            raise OverlapError(
                f"{earlier} and {later} overlap, and legacy results do not say which time steps they "
                "hold: merge stores of disjoint periods"
            )


def _head(root: str, key: Key) -> commits.Commit:
    commit = commits.head(connect(join(root, str(key))))
    if commit is None:
        raise MissingError(f"there is no store {key} in {root}; 'lake ls --lake {root}' lists them")
    return commit
