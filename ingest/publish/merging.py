"""Merges stores of disjoint periods into the store of the whole span, without the source files."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

from distributed import Client

from ingest.plan import domains
from ingest.publish import publish
from ingest.publish.staging import TRIES
from ingest.publish.target import (
    IngestOutcome,
    TargetStore,
    commit,
    head_of,
    load_target,
    newest,
    outcome,
    writable,
)
from lake.console.messages import progress
from lake.errors import ConfigError, ConflictError, OverlapError
from lake.format.keys import Key
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import generations, ledger
from lake.store.commits import Commit
from lake.store.generations import StoreState
from lake.store.ledger import MERGED, Ledger


def merge(client: Client, keys: Sequence[Key], root: str) -> IngestOutcome:
    """Merge stores of one sat, listing and geom into the store from the first t0 to the last tf.

    Args:
        client: the Dask client whose workers write the store.
        keys: keys of two or more stores of the lake.
        root: folder or URL of the lake.

    Raises:
        ConfigError: the keys differ in more than their period, their rules or pixels differ, or time
            steps still wait to be published.
        OverlapError: a time step is in two of them, or may be; or the store of the whole
            span has time steps that none of them has.
        MissingError: one of the stores does not exist.
        ConflictError: other writers were faster, too often.
    """
    union_key = _target(keys)
    sources = {key: head_of(root, key) for key in keys}
    lake = writable(root)
    _check_alike(sources)
    union = _union(root, sources)
    rules = replace(load_target(root, keys[0]).listing, t0=union_key.t0, tf=union_key.tf)
    target = TargetStore(root, union_key, rules, domains.load(lake, union_key))
    bases = [base for key, commit in sources.items() for base in publish.base(target, commit, key)]
    for _ in range(TRIES):
        parent = newest(target)
        entries = generations.read_ledger(target.objects, parent)
        if parent is not None and entries == union:
            return outcome(target, merged=0)
        _check_replaceable(union_key, entries, union)
        with progress("merge") as report:
            draft = publish.write(client, target, parent, bases, [], union, report)
        state = replace(
            target.empty_state(),
            path=draft.path,
            manifest=draft.manifest,
            months=draft.months,
            suspect=draft.suspect,
            ledger=ledger.write(target.objects, union),
        )
        with suppress(FileExistsError):  # another writer was faster: try again
            commit(target, parent, state)
            return outcome(target, merged=len(union.steps(MERGED)))
    raise ConflictError(f"other writers of {union_key} were faster {TRIES} times: run it again")


def _check_alike(sources: Mapping[Key, Commit]) -> None:
    states = [StoreState.from_commit(commit) for commit in sources.values()]
    for attribute in ("listing", "domain"):
        if len({getattr(state, attribute) for state in states}) > 1:
            raise ConfigError(
                f"{', '.join(map(str, sources))} have not the same {attribute}: only stores made by the "
                "same rules on the same pixels can be merged"
            )
    for key, state in zip(sources, states, strict=True):
        if state.parts or not state.path:
            raise ConfigError(
                f"{key} has {len(state.parts)} staged parts that are not published: run "
                f"'lake ingest publish {key}' first"
            )


def _union(root: str, sources: Mapping[Key, Commit]) -> Ledger:
    ledgers = [
        generations.read_ledger(connect(join(root, str(k))), commit)
        for k, commit in sources.items()
    ]
    if any(entries.legacy for entries in ledgers):
        _check_disjoint(list(sources))
    return ledger.union(ledgers)


def _check_replaceable(union_key: Key, entries: Ledger, union: Ledger) -> None:
    """Refuse a store of the whole span that holds more than what an earlier merge wrote."""
    if lost_steps := sorted(entries.entered_steps - union.steps(MERGED)):
        raise OverlapError(
            f"{union_key} holds {len(lost_steps)} time steps that the stores to merge do not have, the first "
            f"{lost_steps[0]}: they would be lost; merge those stores too, or take another listing name"
        )


def _target(keys: Sequence[Key]) -> Key:
    if len(set(keys)) < 2:
        raise ConfigError(f"merging takes two or more different stores, found {len(set(keys))}")
    if len({(key.sat, key.listing, key.geom) for key in keys}) > 1:
        raise ConfigError(
            f"{', '.join(map(str, keys))} differ in sat, listing or geom: only periods are merged"
        )
    union_key = replace(keys[0], t0=min(k.t0 for k in keys), tf=max(k.tf for k in keys))
    if union_key in keys:
        raise ConfigError(
            f"{union_key} is itself one of the stores to merge: give stores of parts of the span"
        )
    return union_key


def _check_disjoint(keys: Sequence[Key]) -> None:
    """Refuse periods that overlap: legacy results do not say which time steps they hold."""
    ordered = sorted(set(keys), key=lambda key: key.t0)
    for earlier, later in pairwise(ordered):
        if later.t0 <= earlier.tf:
            raise OverlapError(
                f"{earlier} and {later} overlap, and legacy results do not say which time steps they "
                "hold: merge stores of disjoint periods"
            )
