"""Ingests satellite files into the next generation of their stores: plan, stage, publish.

A run ingests the time steps that the source has and the stores lack. It can be stopped at any point
and started again: it finds the parts that were staged before, and published time steps stay. Each
geometry of the files has a store of its own.
"""

import math
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from distributed import Client

from ingest.accumulate import accumulate, packed
from ingest.accumulate.packed import StepSize, TaskSize
from ingest.listing.listing import Listing
from ingest.plan import domains, geometries
from ingest.plan import plan as planning
from ingest.plan.plan import Absent, IngestPlan, Step
from ingest.publish import parts, policy, publish, staging
from ingest.publish.parts import Part
from ingest.publish.policy import Policy
from ingest.publish.target import IngestOutcome, TargetStore, load_target, newest, outcome, writable
from ingest.source import source_files
from ingest.source.scratch import Scratch
from ingest.source.source_files import File
from lake import dask_cluster
from lake.catalogue import catalogue
from lake.console.messages import Advance, progress, say
from lake.errors import DataError, GranuleError, NoStepError, OverlapError
from lake.format import keys
from lake.format.grid import Projection
from lake.format.keys import Key
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import generations
from lake.store.ledger import MISSING, Ledger, LedgerEntry

RECORD_S = 60
"""Interval at which finished parts are recorded in the ledger, seconds."""

STEPS_PER_PART = 256
"""Largest number of time steps in a part, which is what a killed worker can lose."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one run: days and number of time steps."""

    since: date | None = None
    """First day; None: the listing's t0."""
    until: date | None = None
    """Last day, inclusive; None: the listing's tf."""
    max_steps: int | None = None
    """Largest number of time steps, the earliest first; None: no limit."""


def plan(listing: Listing, url: str, bounds: Bounds = Bounds()) -> IngestPlan:
    """The time steps of a listing for which `url` has all files, and those that lack a file."""
    days = bounds.since, bounds.until
    inventory = source_files.list_for(url, listing, *days)
    planned = planning.plan(listing, inventory.files, *days)
    return replace(planned, passed_over=inventory.passed_over)


def run(
    client: Client,
    listing: Listing,
    url: str,
    root: str,
    *,
    bounds: Bounds = Bounds(),
    when: Policy = policy.NOW,
    scratch: Scratch = Scratch(),  # noqa: B008 (frozen)
) -> list[IngestOutcome]:
    """Ingest into the lake at `root` the time steps that the source at `url` has and its stores lack.

    Args:
        client: the Dask client whose workers read the files and write the stores.
        listing: says which products and bands to measure, and by which rules.
        url: folder or URL of the satellite files.
        root: folder or URL of the lake.
        bounds: limits of the run.
        when: says which of the staged time steps to publish at the end.
        scratch: folder of remote files while they are read.

    Returns:
        The outcome of the store of each geometry of the files.

    Raises:
        NoStepError: no time step is complete, and there is no store.
        DataError: no granule can be read.
        ConfigError: the root holds other things than a lake, or is no safe object store.
        ConflictError: other writers were faster, too often; run it again.
        OverlapError: a store holds legacy results of the same period.
    """
    writable(root)
    planned = plan(listing, url, bounds)
    stores = {target.key: target for target in _existing_stores(listing, root)}
    ledgers = {key: _ledger(target) for key, target in stores.items()}
    if not planned.steps and not stores:
        raise NoStepError(_nothing_message(listing, url, planned))
    new_steps = _new_steps(planned, ledgers.values(), bounds.max_steps)
    for warning in _mixture_warnings(planned):
        say(warning)
    absent = planned.absent
    try:
        stores_with_steps = _by_geometry(listing, root, new_steps, scratch)
    except GranuleError as error:
        if not stores:
            raise
        stores_with_steps = []  # no new file can be read: they are recorded as missing, and tried again
        absent += tuple(Absent(step.date, step.tod, str(error)) for step in new_steps)
    stores |= {target.key: target for target, _ in stores_with_steps}
    missing = _missing_entries(ledgers, stores_with_steps, absent)
    for target in stores.values():
        steps = next((steps for store, steps in stores_with_steps if store.key == target.key), [])
        with progress(f"stage {target.key.geom}") as report:
            _stage(client, target, steps, missing[target.key], scratch, report)
    outcomes = [
        _publish(client, target, when, planned.steps, scratch) for target in stores.values()
    ]
    if new_steps and not any(o.merged or o.staged for o in outcomes):
        _report_unreadable(_unreadable_message(listing, url, list(stores.values())), outcomes)
    return outcomes


def publish_waiting(client: Client, key: Key, root: str) -> IngestOutcome:
    """Publish all time steps that wait in a store.

    Raises:
        MissingError: there is no such store.
    """
    target = load_target(root, key)
    return _publish(client, target, policy.NOW, (), Scratch())


def _existing_stores(listing: Listing, root: str) -> list[TargetStore]:
    """The existing stores of the listing, one for each geometry."""
    lake = connect(root)
    store_keys = (keys.parse(row.key) for row in catalogue.rows(lake))
    return [
        TargetStore(root, key, listing, domains.load(lake, key))
        for key in store_keys
        if (key.sat, key.listing) == (listing.sat, listing.listing)
        and (key.t0, key.tf) == (listing.t0, listing.tf)
    ]


def _ledger(target: TargetStore) -> Ledger:
    """The ledger of a store.

    Raises:
        OverlapError: it has legacy results, so that granules may not be added.
    """
    entries = generations.read_ledger(target.objects, newest(target))
    if entries.legacy:
        raise OverlapError(
            f"{target.key} holds {len(entries.legacy)} legacy results, whose time steps are unknown: "
            "granules of the same period would be counted twice; ingest them under another name "
            "(--set listing=NAME), or another period and 'lake merge' the two"
        )
    return entries


def _new_steps(
    planned: IngestPlan, ledgers: Collection[Ledger], max_steps: int | None
) -> list[Step]:
    """The time steps that no store has, in order of time; the first `max_steps` of them.

    Time steps that could not be read before come last, so that they do not use up a bounded run.
    """
    taken_steps = {step for entries in ledgers for step in entries.entered_steps}
    failed = {e.step for entries in ledgers for e in entries if e.status == MISSING and e.files}
    untaken = [step for step in planned.steps if step.id not in taken_steps]
    first_steps = sorted(untaken, key=lambda step: (step.id in failed, step.id))[:max_steps]
    return sorted(first_steps, key=lambda step: step.id)


def _by_geometry(
    listing: Listing, root: str, steps: Sequence[Step], scratch: Scratch
) -> list[tuple[TargetStore, list[Step]]]:
    """The stores that the files belong to, with their time steps; the projection names the geometry."""
    lake = connect(root)
    stores = []

    def key_of(projection: Projection) -> Key:
        geom = listing.geom_name(projection)
        return Key(listing.sat, listing.listing, listing.t0, listing.tf, geom)

    groups = geometries.by_projection(
        geometries.groups(listing, steps, scratch),
        lambda projection: domains.stored_grid(lake, key_of(projection)),
    )
    for grid, store_steps in groups:
        key = key_of(grid.projection)
        domain = domains.resolve(lake, key, listing, grid, store_steps, scratch)
        stores.append((TargetStore(root, key, listing, domain), list(store_steps)))
    return stores


def _missing_entries(
    ledgers: Mapping[Key, Ledger],
    stores_with_steps: Sequence[tuple[TargetStore, list[Step]]],
    absent: Sequence[Absent],
) -> dict[Key, list[LedgerEntry]]:
    """Absent time steps as ledger entries, by store.

    Each belongs to the store that has the time step before it, or else the one after it.
    """
    owners = [(step.id, target.key) for target, steps in stores_with_steps for step in steps]
    owners += [(step, key) for key, entries in ledgers.items() for step in entries.entered_steps]
    owners = sorted(owners) or [("", key) for key in ledgers][:1]
    missing: dict[Key, list[LedgerEntry]] = defaultdict(list)
    for step in absent:
        earlier = bisect_right(owners, (step.id,)) - 1
        missing[owners[max(earlier, 0)][1]].append(
            LedgerEntry(step.id, MISSING, reason=step.reason)
        )
    return missing


def _stage(
    client: Client,
    target: TargetStore,
    steps: Sequence[Step],
    absent: Sequence[LedgerEntry],
    scratch: Scratch,
    report: Advance,
) -> None:
    """Stage and record the time steps that the store lacks, until it lacks none that can be read."""
    unreadable: set[str] = set()
    staging.note(target, (), absent, time.time())
    while True:
        handled_steps = _ledger(target).entered_steps | unreadable
        remaining = [step for step in steps if step.id not in handled_steps]
        if not remaining:
            return
        finished: list[Part] = []
        missing: list[LedgerEntry] = []
        began, done = time.time(), 0
        for part in _parts(client, target, remaining, scratch):
            finished += [part] if part.steps else []
            missing += [entry for entry in part.entries if entry.status == MISSING]
            unreadable |= {entry.step for entry in part.entries} - part.steps
            report(done := done + len(part.entries), len(remaining))
            if time.time() - began > RECORD_S:
                staging.note(target, finished, missing, began)
                finished, missing, began = [], [], time.time()
        staging.note(target, finished, missing, began)


def _parts(
    client: Client, target: TargetStore, steps: Sequence[Step], scratch: Scratch
) -> Iterator[Part]:
    """The parts of some time steps, each as soon as it is written or found."""
    by_slot: dict[tuple[int, int], list[Step]] = defaultdict(list)
    for step in steps:
        by_slot[step.month, step.tod].append(step)
    memory = dask_cluster.memory_bytes(client)
    sizes = [_task_size(target, slot, memory) for slot in by_slot.values()]
    say(_memory_message(sizes, memory))
    digest = domains.digest(target.domain)
    common_arguments = (target.root, target.key, target.listing, digest, scratch)
    calls = [
        (*common_arguments, slot[first : first + size.steps], size.room_bytes)
        for slot, size in zip(by_slot.values(), sizes, strict=True)
        for first in range(0, len(slot), size.steps)
    ]
    for _, part in dask_cluster.each(client, _stage_slot, calls):
        yield part


def _task_size(target: TargetStore, slot: Sequence[Step], memory: int | None) -> TaskSize:
    """The size of the tasks of the time steps of one (month, tod)."""
    layers = sum(len(cube.bands) * cube.subpixels for cube in target.listing.cubes_at(slot[0].tod))
    domain, steps = target.domain, min(len(slot), STEPS_PER_PART)
    size = StepSize(domain.pixels, math.prod(domain.grid.shape), layers)
    return packed.task_size(memory, size, steps)


def _memory_message(sizes: Sequence[TaskSize], memory: int | None) -> str:
    peak = f"memory: at most {max(size.peak_bytes for size in sizes) / 1e9:.1f} GB a task"
    return peak if memory is None else f"{peak}, of the {memory / 1e9:.1f} GB that it has"


def _stage_slot(
    root: str,
    key: Key,
    listing: Listing,
    digest: str,
    scratch: Scratch,
    steps: Sequence[Step],
    room_bytes: int,
) -> Part:
    """Accumulate time steps of one (month, tod), on a worker, into a part of the store."""
    objects = connect(join(root, str(key)))
    domain = domains.load_checked(root, key, digest)
    choices = [choice for step in steps for choice in step.choices]
    files = [(f.name, f.size, f.tag) for choice in choices for f in choice.files]
    name = parts.name(listing.digest, digest, *(step.id for step in steps), *files)
    if (done := parts.find_fresh(objects, name, staging.FRESH_S)) is not None:
        return done

    def fetch(file: File) -> AbstractContextManager[str]:
        return source_files.fetch(file, scratch)

    accumulated = accumulate.accumulate(steps, listing, domain, fetch, room_bytes)
    cubes = tuple(cube.name for cube in accumulated.cubes)
    month, tod, entries = steps[0].month, steps[0].tod, accumulated.entries
    part = Part(name, "", accumulated.form, month, tod, cubes, entries)
    if not part.steps:
        return part
    return parts.write(objects, part, accumulated, domain.pixels, domain.layout)


def _publish(
    client: Client, target: TargetStore, when: Policy, steps: Sequence[Step], scratch: Scratch
) -> IngestOutcome:
    with progress(f"publish {target.key.geom}") as report:
        published = publish.publish(client, target, when, report, datetime.now(UTC))
    entries = generations.read_ledger(target.objects, newest(target))
    changes = planning.changed(steps, entries, lambda file: source_files.checksum(file, scratch))
    for change in changes:
        say(f"warning: {change}")
    return outcome(target, merged=len(published), changed=tuple(c.name for c in changes))


def _mixture_warnings(planned: IngestPlan) -> Iterator[str]:
    """One warning for each product of which some files are reprocessed and some are not."""
    for product, number in planned.reprocessed_by_product.items():
        others = planned.files_by_product[product] - number
        if others:
            yield (
                f"warning: {number} files of {product} are reprocessed, {others} are not: the store will "
                "hold both"
            )


def _report_unreadable(message: str, outcomes: Sequence[IngestOutcome]) -> None:
    """Warn that no new time step can be read; where no store has any other, that is an error."""
    if not any(o.stored for o in outcomes):
        raise DataError(message)
    say(f"warning: {message}")


def _unreadable_message(listing: Listing, url: str, targets: Sequence[TargetStore]) -> str:
    entries = [entry for target in targets for entry in _ledger(target)]
    reasons = [entry.reason for entry in entries if entry.status == MISSING and entry.files]
    return f"no granule of {listing.listing} could be read from {url}: " + "; ".join(reasons[:3])


def _nothing_message(listing: Listing, url: str, planned: IngestPlan) -> str:
    reasons = Counter(step.reason for step in planned.absent).most_common(3)
    message = (
        f"{url} has no complete time step of {listing.sat} {listing.listing} between {listing.t0} "
        f"and {listing.tf}: " + "; ".join(f"{reason} ({n} times)" for reason, n in reasons)
    )
    others = [f"{n} {reason}" for reason, n in list(planned.passed_over.items())[:5]]
    return f"{message}; files passed over: {'; '.join(others)}" if others else message
