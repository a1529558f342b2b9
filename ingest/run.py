"""Satellite files -> the next generation of their stores: plan, stage, publish.

A run takes what the source has and the stores lack. It can be stopped at any point and started
again: what it had staged is found, what was published stays. Files of several geometries go to a
store for each.
"""

import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime

from distributed import Client

from ingest.accumulate import accumulate
from ingest.listing.listing import Listing
from ingest.plan import domains, geometries
from ingest.plan import plan as planning
from ingest.plan.plan import Absent, Plan, Step
from ingest.publish import parts, policy, publish, staging
from ingest.publish.parts import Part
from ingest.publish.policy import Policy
from ingest.publish.target import Group, Outcome, newest, of_key, outcome, writable
from ingest.source import source_files
from ingest.source.scratch import Scratch
from ingest.source.source_files import File
from lake import dask_cluster
from lake.catalogue import catalogue
from lake.console.messages import Advance, progress, say
from lake.errors import DataError, GranuleError, OverlapError
from lake.format import keys
from lake.format.keys import Key
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import generations
from lake.store.ledger import MISSING, Entry, Ledger

NOTE_S = 60
"""So often what was staged is noted in the ledger."""

STEPS_PER_PART = 256
"""At most: what a killed worker can lose."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a listing one run takes."""

    since: date | None = None
    """First day; None: the listing's t0."""
    until: date | None = None
    """Last day, inclusive; None: the listing's tf."""
    max_steps: int | None = None
    """No more time steps than this, the earliest first."""


def plan(listing: Listing, url: str, bounds: Bounds = Bounds()) -> Plan:
    """The time steps of a listing for which `url` has all files, and those for which it has not."""
    days = bounds.since, bounds.until
    return planning.plan(listing, source_files.list_for(url, listing, *days), *days)


def run(
    client: Client,
    listing: Listing,
    url: str,
    root: str,
    *,
    bounds: Bounds = Bounds(),
    when: Policy = policy.NOW,
    scratch: Scratch = Scratch(),  # noqa: B008 (frozen)
) -> list[Outcome]:
    """Take into the lake at `root` what the source at `url` has and its stores lack.

    Args:
        client: Dask.
        listing: what to measure.
        url: folder or URL of the satellite files.
        root: folder or URL of the lake.
        bounds: how much to take.
        when: which of the staged time steps to publish at the end.
        scratch: where remote files lie while they are read.

    Returns:
        A store for each geometry of the files.

    Raises:
        DataError: no time step is complete, or no granule can be read.
        ConfigError: the root holds other things than a lake, or is no safe object store.
        ConflictError: other writers were faster, too often; run it again.
        OverlapError: a store holds legacy results of the same period.
    """
    writable(root)
    planned = plan(listing, url, bounds)
    stores = {group.key: group for group in _stores(listing, root)}
    held = {key: _held(group) for key, group in stores.items()}
    if not planned.steps and not stores:
        raise DataError(_nothing(listing, url, planned.absent))
    wanted = _wanted(planned, held.values(), bounds.max_steps)
    absent = planned.absent
    try:
        found = _by_geometry(listing, root, wanted, scratch)
    except GranuleError as error:
        if not stores:
            raise
        found = []  # there is nothing new that can be read: remembered, and asked for again
        absent += tuple(Absent(step.date, step.tod, str(error)) for step in wanted)
    stores |= {group.key: group for group, _ in found}
    missing = _where_absent(held, found, absent)
    for group in stores.values():
        steps = next((steps for g, steps in found if g.key == group.key), [])
        with progress(f"stage {group.key.geom}") as report:
            _stage(client, group, steps, missing[group.key], scratch, report)
    outcomes = [_publish(client, g, when, planned.steps, scratch) for g in stores.values()]
    if wanted and not any(o.held or o.staged for o in outcomes):
        raise DataError(_unreadable(listing, url, list(stores.values())))
    return outcomes


def publish_waiting(client: Client, key: Key, root: str) -> Outcome:
    """Publish whatever waits in a store.

    Raises:
        MissingError: there is no such store.
    """
    group = of_key(root, key)
    return _publish(client, group, policy.NOW, (), Scratch())


def _stores(listing: Listing, root: str) -> list[Group]:
    """The stores that the listing has already, one a geometry."""
    lake = connect(root)
    mine = Key(listing.sat, listing.listing, listing.t0, listing.tf, "geom")
    found = (keys.parse(row.key) for row in catalogue.rows(lake))
    same = [
        k for k in found if (k.sat, k.listing, k.period) == (mine.sat, mine.listing, mine.period)
    ]
    return [Group(root, key, listing, domains.load(lake, key)) for key in same]


def _held(group: Group) -> Ledger:
    """The ledger of a store that granules may enter."""
    held = generations.entries(group.objects, newest(group))
    if held.legacy:
        raise OverlapError(
            f"{group.key} holds {len(held.legacy)} legacy results, whose time steps nobody noted: "
            "granules of the same period would be counted twice; ingest them under another name "
            "(--set listing=NAME), or another period and 'lake merge' the two"
        )
    return held


def _wanted(planned: Plan, held: Collection[Ledger], most: int | None) -> list[Step]:
    """The time steps that no store has, in order of time; of more than `most`, the first ones.

    What could not be read before is tried last: it must not keep a bounded run from all others.
    """
    taken = {step for entries in held for step in entries.taken}
    failed = {e.step for entries in held for e in entries if e.status == MISSING and e.files}
    lacking = [step for step in planned.steps if step.id not in taken]
    chosen = sorted(lacking, key=lambda step: (step.id in failed, step.id))[:most]
    return sorted(chosen, key=lambda step: step.id)


def _by_geometry(
    listing: Listing, root: str, steps: Sequence[Step], scratch: Scratch
) -> list[tuple[Group, list[Step]]]:
    """The stores that the files belong to: their projection names the geometry."""
    lake = connect(root)
    found = []
    for grid, mine in geometries.groups(listing, steps, scratch):
        geom = listing.geom_name(grid.projection)
        key = Key(listing.sat, listing.listing, listing.t0, listing.tf, geom)
        domain = domains.settle(lake, key, listing, grid, mine, scratch)
        found.append((Group(root, key, listing, domain), list(mine)))
    return found


def _where_absent(
    held: Mapping[Key, Ledger],
    found: Sequence[tuple[Group, list[Step]]],
    absent: Sequence[Absent],
) -> dict[Key, list[Entry]]:
    """Absent time steps as entries of the store that has the time step before them, or else after."""
    known = [(step.id, group.key) for group, steps in found for step in steps]
    known += [(step, key) for key, entries in held.items() for step in entries.taken]
    known = sorted(known) or [("", key) for key in held][:1]
    missing: dict[Key, list[Entry]] = defaultdict(list)
    for step in absent:
        before = bisect_right(known, (step.id,)) - 1
        missing[known[max(before, 0)][1]].append(Entry(step.id, MISSING, reason=step.reason))
    return missing


def _stage(
    client: Client,
    group: Group,
    steps: Sequence[Step],
    absent: Sequence[Entry],
    scratch: Scratch,
    report: Advance,
) -> None:
    """Stage and note the time steps that the store lacks, until it lacks none that can be read."""
    unreadable: set[str] = set()
    staging.note(group, (), absent, time.time())
    while True:
        out = _held(group).taken | unreadable
        lacking = [step for step in steps if step.id not in out]
        if not lacking:
            return
        made: list[Part] = []
        lost: list[Entry] = []
        since, done = time.time(), 0
        for part in _parts(client, group, lacking, scratch):
            made += [part] if part.steps else []
            lost += [entry for entry in part.entries if entry.status == MISSING]
            unreadable |= {entry.step for entry in part.entries} - part.steps
            report(done := done + len(part.entries), len(lacking))
            if time.time() - since > NOTE_S:
                staging.note(group, made, lost, since)
                made, lost, since = [], [], time.time()
        staging.note(group, made, lost, since)


def _parts(client: Client, group: Group, steps: Sequence[Step], scratch: Scratch) -> Iterator[Part]:
    """The parts of some time steps as they are made, or found made."""
    by_slot: dict[tuple[int, int], list[Step]] = defaultdict(list)
    for step in steps:
        by_slot[step.month, step.tod].append(step)
    shares = [
        slot[first : first + STEPS_PER_PART]
        for slot in by_slot.values()
        for first in range(0, len(slot), STEPS_PER_PART)
    ]
    where = (group.root, group.key, group.listing, domains.digest(group.domain), scratch)
    calls = [(*where, share) for share in shares]
    for _, part in dask_cluster.each(client, _stage_slot, calls):
        yield part


def _stage_slot(
    root: str, key: Key, listing: Listing, digest: str, scratch: Scratch, steps: Sequence[Step]
) -> Part:
    """On a worker: accumulate time steps of one (month, tod) into a part of the store."""
    objects = connect(join(root, str(key)))
    domain = domains.known(root, key, digest)
    files = [(f.name, f.size, f.tag) for step in steps for f in step.files]
    name = parts.name(listing.digest, digest, *(step.id for step in steps), *files)
    if (done := parts.find_fresh(objects, name, staging.FRESH_S)) is not None:
        return done

    def fetch(file: File) -> AbstractContextManager[str]:
        return source_files.fetch(file, scratch)

    seen = accumulate.accumulate(steps, listing, domain, fetch)
    cubes = tuple(cube.name for cube in seen.cubes)
    part = Part(name, "", seen.form, steps[0].month, steps[0].tod, cubes, seen.entries)
    return parts.write(objects, part, seen, domain.pixels, domain.layout) if part.steps else part


def _publish(
    client: Client, group: Group, when: Policy, steps: Sequence[Step], scratch: Scratch
) -> Outcome:
    with progress(f"publish {group.key.geom}") as report:
        published = publish.publish(client, group, when, report, datetime.now(UTC))
    held = generations.entries(group.objects, newest(group))
    changes = planning.changed(steps, held, lambda file: source_files.checksum(file, scratch))
    for change in changes:
        say(f"warning: {change}")
    return outcome(group, merged=len(published), changed=tuple(c.name for c in changes))


def _unreadable(listing: Listing, url: str, groups: Sequence[Group]) -> str:
    reasons = [entry.reason for group in groups for entry in _held(group) if entry.files]
    return f"no granule of {listing.listing} could be read from {url}: " + "; ".join(reasons[:3])


def _nothing(listing: Listing, url: str, absent: Sequence[Absent]) -> str:
    reasons = Counter(step.reason for step in absent).most_common(3)
    return (
        f"{url} has no complete time step of {listing.sat} {listing.listing} between {listing.t0} "
        f"and {listing.tf}: " + "; ".join(f"{reason} ({n} times)" for reason, n in reasons)
    )
