"""A small store, and parts of it whose numbers are drawn from the names of their time steps."""

import time
from datetime import UTC, datetime

import numpy as np

from ingest.accumulate.observations import Observations
from ingest.listing import listing
from ingest.plan import domains
from ingest.publish import parts, policy, publish, staging
from ingest.publish.parts import Part
from ingest.publish.target import TargetStore, newest
from lake.catalogue import catalogue
from lake.format import keys, moments, order
from lake.format.domain import Domain
from lake.storage.connect import connect
from lake.store import generations
from lake.store.generations import StoreState
from lake.store.ledger import MERGED, LedgerEntry
from tests.lake.small_store import small_domain

KEY = keys.parse("goes16/clearland-l1b-c0/20200101_20201231/geom-goes-conus-0")
NOW = datetime(2021, 1, 1, tzinfo=UTC)
EPS = np.finfo(np.float32).eps
TOD = 10800
"""Of the night cube alone: two bands at 2 km."""


class Fake:
    """What a part is made of: packed counts of some time steps, drawn from their names."""

    suspect = ()

    def __init__(self, form: str, steps: tuple[str, ...], domain: Domain) -> None:
        self.form = form
        self.seen = random_observations(steps, domain)
        self._blocks = order.superblocks(domain.pixels, domain.layout)

    def observations(self, _: str, superblock: int) -> Observations:
        pixels = self._blocks[superblock]
        whole = self.seen
        return Observations(whole.valid[:, pixels], whole.counts[:, :, pixels], whole.tables)

    def moments(self, cube: str, superblock: int) -> np.ndarray:
        observed = self.observations(cube, superblock)
        return moments.to_results(
            moments.from_observations(values(observed), observed.valid[:, None, :, None]), axis=1
        )


def random_observations(steps: tuple[str, ...], domain: Domain) -> Observations:
    """Every time step has numbers of its own, whatever part it is in."""
    valid, counts = [], []
    for step in steps:
        rng = np.random.default_rng(list(step.encode()))
        valid.append(rng.random(domain.pixels) < 0.6)
        numbers = rng.integers(0, 1000, (2, domain.pixels, 1), np.uint16)
        counts.append(numbers * valid[-1][:, None])
    tables = np.broadcast_to(200 + np.linspace(0, 100, 1000), (len(steps), 2, 1000))
    return Observations(np.stack(valid), np.stack(counts).astype(np.uint16), tables)


def values(observed: Observations) -> np.ndarray:
    """(step, band, pixel, subpixel) quantities."""
    return np.take_along_axis(observed.tables[..., None], observed.counts.astype(np.int64), axis=2)


def stage(target: TargetStore, *steps: str, form: str = parts.OBSERVATIONS) -> Part:
    entries = tuple(LedgerEntry(step, MERGED, start="s" + step, version="v01") for step in steps)
    name = parts.name(*steps)
    part = Part(name, "", form, int(steps[0][4:6]), TOD, ("night-2km",), entries)
    content = Fake(form, steps, target.domain)
    return parts.write(target.objects, part, content, target.domain.pixels, target.domain.layout)


def step(day: int, month: int = 1) -> str:
    return f"2020{month:02}{day:02}-{TOD}"


def target_at(root: str) -> TargetStore:
    overrides = ["layout.chunk=32", "layout.phases=4", "t0=2020-01-01", "tf=2020-12-31"]
    objects = connect(root)
    catalogue.claim(objects)
    domain = domains.ensure(objects, KEY, small_domain())
    return TargetStore(root, KEY, listing.load("clearland-l1b-c0", overrides), domain)


def note(target: TargetStore, *finished: Part, missing=()):
    return staging.note(target, finished, missing, time.time())


def ledger_of(target: TargetStore):
    return generations.read_ledger(target.objects, newest(target))


def state(target: TargetStore) -> StoreState:
    return StoreState.from_commit(newest(target))


def published(client, target: TargetStore, when=policy.NOW) -> set[str]:
    return publish.publish(client, target, when, lambda *_: None, NOW)
