"""Stores of disjoint periods -> the store of the whole span, exactly, without the source files."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

from distributed import Client

from ingest.plan import domains
from ingest.publish import publish
from ingest.publish.staging import TRIES
from ingest.publish.target import Group, Outcome, commit, head_of, newest, of_key, outcome, writable
from lake.console.messages import progress
from lake.errors import ConfigError, ConflictError, OverlapError
from lake.format.keys import Key
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import generations, ledger
from lake.store.commits import Commit
from lake.store.generations import State
from lake.store.ledger import MERGED, Ledger


def merge(client: Client, keys: Sequence[Key], root: str) -> Outcome:
    """Merge stores of one sat, listing and geom into the store from the first t0 to the last tf.

    Args:
        client: Dask.
        keys: two or more stores of the lake.
        root: folder or URL of the lake.

    Raises:
        ConfigError: the keys differ in more than their period, their rules or pixels differ, or time
            steps still wait to be published.
        OverlapError: a time step is in two of them, or may be; or the target has others.
        MissingError: one of the stores does not exist.
        ConflictError: other writers were faster, too often.
    """
    target = _target(keys)
    sources = {key: head_of(root, key) for key in keys}
    lake = writable(root)
    _check_alike(sources)
    union = _union(root, sources)
    rules = replace(of_key(root, keys[0]).listing, t0=target.t0, tf=target.tf)
    group = Group(root, target, rules, domains.load(lake, target))
    bases = [base for key, commit in sources.items() for base in publish.base(group, commit, key)]
    for _ in range(TRIES):
        parent = newest(group)
        held = generations.entries(group.objects, parent)
        if parent is not None and held == union:
            return outcome(group, merged=0)
        _check_replaceable(target, held, union)
        with progress("merge") as report:
            draft = publish.write(client, group, parent, bases, [], union, report)
        state = replace(
            group.empty_state(),
            path=draft.path,
            manifest=draft.manifest,
            months=draft.months,
            suspect=draft.suspect,
            ledger=ledger.write(group.objects, union),
        )
        with suppress(FileExistsError):  # another writer was faster: look again
            commit(group, parent, state)
            return outcome(group, merged=len(union.steps(MERGED)))
    raise ConflictError(f"other writers of {target} were faster {TRIES} times: run it again")


def _check_alike(sources: Mapping[Key, Commit]) -> None:
    states = [State.of(commit) for commit in sources.values()]
    for what in ("listing", "domain"):
        if len({getattr(state, what) for state in states}) > 1:
            raise ConfigError(
                f"{', '.join(map(str, sources))} have not the same {what}: only stores made by the "
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
        generations.entries(connect(join(root, str(k))), commit) for k, commit in sources.items()
    ]
    if any(held.legacy for held in ledgers):
        _check_disjoint(list(sources))
    return ledger.union(ledgers)


def _check_replaceable(target: Key, held: Ledger, union: Ledger) -> None:
    """The target may hold what an earlier merge made, nothing else."""
    if others := sorted(held.taken - union.steps(MERGED)):
        raise OverlapError(
            f"{target} holds {len(others)} time steps that the stores to merge do not have, the first "
            f"{others[0]}: they would be lost; merge those stores too, or take another listing name"
        )


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
