"""A sample of pixels with their features, by a design that gives every pixel a known probability.

- `phase`: a systematic sample along the Hilbert curve, some phases of every superblock; a phase is
  read as its share of the bytes.
- `random`: a simple random sample without replacement.
- `stratified`: the same within each stratum (`jobs.sampling.strata`).
- `hierarchical`: balanced over clusters of clusters of scores (`jobs.sampling.hierarchy`).
- `region`: all pixels of a box.

A setting that the design makes no use of is refused. docs/sampling.md says how totals are estimated;
`jobs.sampling.writer` what is written.
"""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray

from jobs.features import features
from jobs.features.features import Selection
from jobs.runs import outputs, records
from jobs.runs.settings import check, restore
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from jobs.sampling import allocation, designs, writer
from jobs.sampling import strata as stratification
from jobs.sampling.designs import Drawn
from jobs.sampling.hierarchy import Hierarchy
from jobs.sampling.strata import Strata
from lake.errors import ConfigError, DataError
from lake.reading.store import Store

JOB = "sample"
PHASE, RANDOM, STRATIFIED, HIERARCHICAL, REGION = (
    "phase", "random", "stratified", "hierarchical", "region",
)  # fmt: skip
PILOT = 2048
"""Pixels that say how features are standardised, at most."""
USES = {
    PHASE: ("pixels", "seed", "phase", "phases"),
    RANDOM: ("pixels", "seed"),
    STRATIFIED: ("pixels", "seed", "strata"),
    HIERARCHICAL: ("pixels", "seed", "hierarchy"),
    REGION: ("bbox",),
}
"""Settings of each design; those of others it refuses."""
OF_DOMAIN = (PHASE, RANDOM, REGION)


@dataclass(frozen=True, slots=True)
class Settings:
    """Of `lake sample`."""

    design: str = PHASE
    """`phase`, `random`, `stratified`, `hierarchical` or `region`."""
    pixels: int = 20_000
    """How many are wanted; `phase` takes the next number that is whole phases."""
    seed: int = 0
    phase: int = -1
    """The first one taken; -1: drawn at random."""
    phases: int = 0
    """How many are taken; 0: as few as hold `pixels` pixels."""
    bbox: tuple[float, ...] = ()
    """West, south, east, north, degrees."""
    strata: Strata = field(default_factory=Strata)
    hierarchy: Hierarchy = field(default_factory=Hierarchy)
    max_missing: float = 0.5
    """A feature missing in a larger share of the sample is dropped."""
    suspect: bool = False
    """Whether to take statistics of metrics that may be wrong."""
    features: Selection = field(default_factory=Selection)
    """`cubes`, `months`, `tods`, `bands`, `statistics`, `subpixels`."""

    def __post_init__(self) -> None:
        check(f"design must be one of {', '.join(USES)}", self.design, holds=self.design in USES)
        check("pixels must be above 0", self.pixels, holds=self.pixels > 0)
        check("seed must be 0 or more", self.seed, holds=self.seed >= 0)
        check("phase must be 0 or more, or -1", self.phase, holds=self.phase >= -1)
        check("phases must be 0 or more", self.phases, holds=self.phases >= 0)
        check("max_missing must be 0 to 1", self.max_missing, holds=0 <= self.max_missing <= 1)
        for name in _idle(self):
            raise ConfigError(
                f"design={self.design} makes no use of {name}={getattr(self, name)}: leave it out, "
                f"or take another design; it uses {', '.join(USES[self.design])}"
            )
        needed = {STRATIFIED: self.strata.strata, HIERARCHICAL: self.hierarchy.scores}
        check("strata or scores must be given", self.design, holds=needed.get(self.design) != "")
        is_box = len(self.bbox) == 4
        check("bbox must be four numbers", self.bbox, holds=is_box == (self.design == REGION))


def _idle(settings: Settings) -> list[str]:
    """Settings that were given and that the design, or a phase that is given, makes no use of."""
    used = USES[settings.design]
    idle = {name for names in USES.values() for name in names if name not in used}
    if settings.phase >= 0:
        idle.add("seed")
    return sorted(name for name in idle if getattr(settings, name) != _default(name))


def _default(name: str) -> object:
    of = next(of for of in fields(Settings) if of.name == name)
    return of.default if of.default_factory is MISSING else of.default_factory()


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that draws this sample of a store.

    Raises:
        ConfigError: a phase, a feature or a run that the store does not have, or no pixel.
    """
    wanted = {"labels": settings.strata.run, "scores": settings.hierarchy.scores}
    inputs: dict[str, str] = {}
    for array, run in wanted.items():
        if run:
            inputs |= outputs.require_array(root, run, array, store)
    return (records.spec_of(root, settled(settings, store), JOB, (store,), inputs),)


def settled(settings: Settings, store: Store) -> Settings:
    """The settings with every choice spelled out for a store."""
    settings = replace(
        settings,
        strata=stratification.settled(settings.strata),
        features=features.settle(settings.features, store, suspect=settings.suspect),
    )
    if settings.strata.neyman:
        allocation.feature(settings.strata.neyman, store)
    if settings.design == PHASE:
        settings = replace(settings, phases=_phases(settings, store))
    if settings.design in OF_DOMAIN:
        drawn = _of_domain(settings, store).pixel.size
        if not drawn:
            raise ConfigError(
                f"the sample of {store.key} is empty, of {store.domain.pixels} pixels: "
                "take another box, or more phases"
            )
        return settings if settings.design == REGION else replace(settings, pixels=drawn)
    return settings


def _phases(settings: Settings, store: Store) -> int:
    layout, pixels = store.domain.layout, store.domain.pixels
    phases = settings.phases or min(layout.phases, -(-settings.pixels * layout.phases // pixels))
    if max(settings.phase, phases - 1) >= layout.phases:
        raise ConfigError(
            f"settings phase={settings.phase}, phases={phases}: "
            f"{store.key} has phases 0 to {layout.phases - 1}"
        )
    return phases


def kept(root: str, run: str) -> NDArray[np.int64]:
    """Which columns of a sample later jobs use."""
    return np.flatnonzero(outputs.read(root, run, "kept"))


def pilot(root: str, run: str) -> NDArray[np.float32]:
    """(feature, pixel) of the features that are kept, of `PILOT` pixels of a sample, evenly spaced."""
    columns = kept(root, run)
    samples = outputs.read(root, run, "pixel").size
    some = np.unique(np.linspace(0, samples - 1, min(PILOT, samples)).astype(np.int64))
    room = max(writer.ROOM // (4 * columns.size), 1)  # of the sample's own chunks, about one
    parts = [some[(some >= first) & (some < first + room)] for first in range(0, samples, room)]
    found = [outputs.read(root, run, "features", part)[:, columns].T for part in parts if part.size]
    return np.concatenate(found, axis=1)


def suspect(root: str, run: str) -> bool:
    """Whether a sample takes statistics of metrics that may be wrong."""
    return restore(Settings, records.read_spec(root, run).settings).suspect


def make(work: ActiveRun) -> Sequence[str]:
    """Draw the sample, then read and write its features."""
    store, settings = work.store, work.settings(Settings)
    drawn = _draw(work, settings)
    samples = drawn.pixel.size
    named = features.columns(settings.features, store.cubes.values())
    rows = writer.part_rows(drawn.pixel, store.domain.layout, len(named))
    arrays = writer.arrays(store, drawn, named, rows)
    path = outputs.create(work.objects, work.spec, arrays, writer.COORDINATES)
    parts = [slice(start, min(start + rows, samples)) for start in range(0, samples, rows)]
    chunk = store.domain.layout.chunk
    calls = [(store.url, settings.features, chunk, part, n) for n, part in enumerate(parts)]
    work.stage("draw", writer.write, calls, [4 * len(named) * (p.stop - p.start) for p in parts])
    told = np.stack([work.result("draw", number)["told"] for number in range(len(calls))])
    _tell_reasons(work, writer.reasons(told, samples, settings.max_missing), samples, settings)
    return [path, writer.TABLE]


def _tell_reasons(work: ActiveRun, found: list[str], samples: int, settings: Settings) -> None:
    if all(found):
        raise DataError(
            f"no feature of {work.store.key} is fit for use: {len(found)} are constant or missing in "
            f"more than {settings.max_missing:.0%} of {samples} pixels, the first {found[0]}; "
            "sample more pixels, or set max_missing higher"
        )
    outputs.write(work.root, work.run, "reason", np.array(found, np.dtypes.StringDType()))
    outputs.write(work.root, work.run, "kept", [not text for text in found])
    if dropped := sum(map(bool, found)):
        work.say(f"{dropped} of {len(found)} features dropped, see 'reason' in its Zarr")


def _draw(work: ActiveRun, settings: Settings) -> Drawn:
    """The pixels of the sample, by the design."""
    if settings.design in OF_DOMAIN:
        return _of_domain(settings, work.store)
    generator, pixels = _generator(settings, 1), settings.pixels
    labels, counts = (
        allocation.stratified(work, settings.strata, pixels, generator)
        if settings.design == STRATIFIED
        else allocation.balanced(work, settings.hierarchy, pixels, generator)
    )
    return designs.strata(_generator(settings, 0), labels, counts)


def _of_domain(settings: Settings, store: Store) -> Drawn:
    """The pixels of a design that asks for nothing but which pixels there are."""
    layout, pixels = store.domain.layout, store.domain.pixels
    if settings.design == REGION:
        west, south, east, north = settings.bbox
        return designs.whole(store.region((west, south, east, north)))
    generator = _generator(settings, 0)
    if settings.design == RANDOM:
        number = np.array([min(settings.pixels, pixels)])
        return designs.strata(generator, np.zeros(pixels, np.int8), number)
    first = settings.phase if settings.phase >= 0 else int(generator.integers(layout.phases))
    return designs.phase(pixels, layout, first, settings.phases)


def _generator(settings: Settings, stream: int) -> np.random.Generator:
    """Stream 0 draws pixels, stream 1 serves what is settled before that."""
    return np.random.default_rng((settings.seed, stream))
