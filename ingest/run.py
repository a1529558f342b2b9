"""Satellite files -> the next generation of their store: plan, accumulate, publish.

A run takes what the source has and the store lacks. It can be stopped at any point and started
again: what it had accumulated is found, what was published stays.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date

from distributed import Client

from ingest import accumulate, domains, geometries, parts, publish, source
from ingest import plan as planning
from ingest.listing import Listing
from ingest.parts import Part
from ingest.plan import Absent, Plan, Step
from ingest.publish import Group, Outcome
from ingest.scratch import Scratch
from lake import catalog, cluster, moments
from lake.console import Advance, progress
from lake.errors import DataError, OverlapError
from lake.keys import Key
from lake.ledger import MERGED, MISSING, Entry, Ledger
from lake.objects import connect, join


def plan(listing: Listing, url: str, since: date | None = None, until: date | None = None) -> Plan:
    """The time steps of a listing for which `url` has all files, and those for which it has not."""
    return planning.plan(listing, source.list_for(url, listing, since, until), since, until)


def run(
    client: Client,
    listing: Listing,
    url: str,
    root: str,
    *,
    max_steps: int | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Outcome:
    """Merge into the lake at `root` what the source at `url` has and the store lacks.

    Args:
        client: Dask.
        listing: what to measure.
        url: folder or URL of the satellite files.
        root: folder or URL of the lake.
        max_steps: merge no more time steps than this.
        since: first day of the time steps.
        until: last day of the time steps, inclusive.

    Raises:
        DataError: no time step is complete, or no granule can be read.
        GeometryError: files of two geometries.
        ConfigError: the root holds other things than a lake.
        ConflictError: another writer was faster; run it again.
        OverlapError: the store holds legacy results of the same period.
    """
    catalog.claim(connect(root))
    planned = plan(listing, url, since, until)
    if not planned.steps:
        raise DataError(_nothing(listing, url, planned.absent))
    group = _group(listing, root, planned.steps)
    parent = publish.newest(group)
    held = publish.held(group.objects, parent)
    if held.legacy:
        raise OverlapError(
            f"{group.key} holds {len(held.legacy)} legacy results, whose time steps nobody noted: "
            "granules of the same period would be counted twice; ingest them under another name "
            "(--set listing=NAME), or another period and 'lake merge' the two"
        )
    merged = held.steps(MERGED)
    lacking = [step for step in planned.steps if step.id not in merged][:max_steps]
    with progress("accumulate") as report:
        staged = _stage(client, group, lacking, report)
    new = [part for part in staged if part.holds_something]
    entries = [entry for part in staged for entry in part.entries]
    known = _known(held, planned.absent, entries)
    if new:
        with progress("publish") as report:
            bases = publish.base(root, group.key, parent)
            parent = publish.publish(client, group, parent, bases, new, known, report)
    elif parent is None:
        raise DataError(
            f"no granule of {listing.listing} could be read from {url}: "
            + "; ".join(entry.reason for entry in entries[:3])
        )
    return publish.outcome(group, parent, known, merged=len(known.steps(MERGED)) - len(merged))


def _group(listing: Listing, root: str, steps: Sequence[Step]) -> Group:
    """The store that the files belong to; their projection names the geometry."""
    grid, _ = geometries.groups(listing, steps, Scratch())[0]
    geom = listing.geom_name(grid.projection)
    key = Key(listing.sat, listing.listing, listing.t0, listing.tf, geom)
    domain = domains.settle(connect(root), key, listing, grid, steps, Scratch())
    return Group(root, key, listing, domain)


def _stage(client: Client, group: Group, steps: Sequence[Step], report: Advance) -> list[Part]:
    by_slot: dict[tuple[int, int], list[Step]] = defaultdict(list)
    for step in steps:
        by_slot[step.month, step.tod].append(step)
    digest = domains.digest(group.domain)
    calls = [(group.root, group.key, group.listing, digest, slot) for slot in by_slot.values()]
    return cluster.call(client, _stage_slot, calls, report)


def _stage_slot(root: str, key: Key, listing: Listing, digest: str, steps: Sequence[Step]) -> Part:
    """On a worker: accumulate the time steps of one (month, tod) into a part of the store."""
    objects = connect(join(root, str(key)))
    domain = domains.known(root, key, digest)
    inputs = [text for step in steps for text in (step.id, *(f.path for f in step.files))]
    name = parts.name(listing.digest, digest, *inputs)
    if (done := parts.find(objects, name)) is not None:
        return done
    total = accumulate.accumulate(steps, listing, domain, source.read_bytes)
    part = Part("", steps[0].month, steps[0].tod, tuple(total.moments), total.entries)
    if not part.holds_something:
        return part
    results = {cube: moments.to_results(m, axis=1) for cube, m in total.moments.items()}
    return parts.write(objects, name, part, results, domain.layout)


def _known(held: Ledger, absent: Sequence[Absent], entries: Sequence[Entry]) -> Ledger:
    """The ledger after a run: what was merged stays, what is missing is told as it is now."""
    noted = {step.id: Entry(step.id, MISSING, reason=step.reason) for step in absent}
    noted |= {entry.step: entry for entry in held if entry.status == MERGED}
    noted |= {entry.step: entry for entry in entries}
    return Ledger(tuple(sorted(noted.values())))


def _nothing(listing: Listing, url: str, absent: Sequence[Absent]) -> str:
    reasons = Counter(step.reason for step in absent).most_common(3)
    return (
        f"{url} has no complete time step of {listing.sat} {listing.listing} between {listing.t0} "
        f"and {listing.tf}: " + "; ".join(f"{reason} ({n} times)" for reason, n in reasons)
    )
