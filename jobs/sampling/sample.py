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
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from jobs.features import features
from jobs.features.features import FeatureSelection
from jobs.runs import outputs, records
from jobs.runs.settings import OneOf, check, restore
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from jobs.sampling import allocation, designs, writer
from jobs.sampling import strata as stratification
from jobs.sampling.designs import SamplePixels
from jobs.sampling.hierarchy import Hierarchy
from jobs.sampling.strata import Strata
from lake.errors import ConfigError, DataError
from lake.reading.store import Store

JOB = "sample"
PHASE, RANDOM, STRATIFIED, HIERARCHICAL, REGION = (
    "phase", "random", "stratified", "hierarchical", "region",
)  # fmt: skip
PILOT = 2048
"""How many pixels, at most, features are standardised by."""
USES = {
    PHASE: ("pixels", "seed", "phase", "phases"),
    RANDOM: ("pixels", "seed"),
    STRATIFIED: ("pixels", "seed", "strata"),
    HIERARCHICAL: ("pixels", "seed", "hierarchy"),
    REGION: ("bbox",),
}
"""The settings that each design uses; it refuses those of the others."""
BY_DOMAIN = (PHASE, RANDOM, REGION)
"""Designs that need nothing but the domain: their pixels are known when the run is named."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of `lake sample`."""

    design: Annotated[str, OneOf("USES")] = PHASE
    """How pixels are drawn."""
    pixels: int = 20_000
    """How many pixels to draw; `phase` takes the next number that is whole phases."""
    seed: int = 0
    """Seed of what is drawn at random."""
    phase: int = -1
    """The first phase of the sample; -1: drawn at random."""
    phases: int = 0
    """How many phases are in the sample; 0: as few as hold `pixels` pixels."""
    bbox: tuple[float, ...] = ()
    """West, south, east, north of the box of `region`, degrees."""
    strata: Strata = field(default_factory=Strata)
    hierarchy: Hierarchy = field(default_factory=Hierarchy)
    max_missing: float = 0.5
    """A feature missing in a larger share of the sample is dropped."""
    suspect: bool = False
    """Whether to take statistics of metrics that may be wrong."""
    features: FeatureSelection = field(default_factory=FeatureSelection)
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
        required = {STRATIFIED: self.strata.strata, HIERARCHICAL: self.hierarchy.scores}
        check("strata or scores must be given", self.design, holds=required.get(self.design) != "")
        is_box = len(self.bbox) == 4
        check("bbox must be four numbers", self.bbox, holds=is_box == (self.design == REGION))


def _idle(settings: Settings) -> list[str]:
    """Settings that have other values than their defaults, and no use in the design."""
    uses = USES[settings.design]
    idle = {name for names in USES.values() for name in names if name not in uses}
    if settings.phase >= 0:
        idle.add("seed")
    return sorted(name for name in idle if getattr(settings, name) != _default(name))


def _default(name: str) -> object:
    (setting,) = (setting for setting in fields(Settings) if setting.name == name)
    return setting.default if setting.default_factory is MISSING else setting.default_factory()


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that draws this sample of a store.

    Raises:
        ConfigError: a phase, a feature or a run that the store does not have, or no pixel.
    """
    runs = {"labels": settings.strata.run, "scores": settings.hierarchy.scores}
    inputs: dict[str, str] = {}
    for array, run in runs.items():
        if run:
            inputs |= outputs.require_array(root, run, array, store)
    return (records.spec_of(root, resolve(settings, store), JOB, (store,), inputs),)


def resolve(settings: Settings, store: Store) -> Settings:
    """The settings with every choice spelled out for a store."""
    settings = replace(
        settings,
        strata=stratification.resolve(settings.strata),
        features=features.resolve(settings.features, store, suspect=settings.suspect),
    )
    if settings.strata.neyman:
        allocation.feature(settings.strata.neyman, store)
    if settings.design == PHASE:
        settings = replace(settings, phases=_phases(settings, store))
    if settings.design in BY_DOMAIN:
        samples = _by_domain(settings, store).pixel.size
        if not samples:
            raise ConfigError(
                f"the sample of {store.key} is empty, of {store.domain.pixels} pixels: "
                "take another box, or more phases"
            )
        return settings if settings.design == REGION else replace(settings, pixels=samples)
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


def kept_columns(root: str, run: str) -> NDArray[np.int64]:
    """Indices of the features of a sample that later jobs use."""
    return np.flatnonzero(outputs.read(root, run, "kept"))


def kept_features(root: str, run: str) -> list[str]:
    """Names of the features of a sample that later jobs use."""
    return list(outputs.read(root, run, "feature", kept_columns(root, run)))


def pilot(root: str, run: str) -> NDArray[np.float32]:
    """(feature, pixel) values of the kept features of a sample, at up to `PILOT` evenly spaced pixels."""
    columns = kept_columns(root, run)
    samples = outputs.read(root, run, "pixel").size
    rows = np.unique(np.linspace(0, samples - 1, min(PILOT, samples)).astype(np.int64))
    step = max(writer.MAX_BYTES // (4 * columns.size), 1)  # about one of the sample's own chunks
    groups = [rows[(rows >= first) & (rows < first + step)] for first in range(0, samples, step)]
    blocks = [
        outputs.read(root, run, "features", group)[:, columns].T for group in groups if group.size
    ]
    return np.concatenate(blocks, axis=1)


def dropped(root: str, run: str) -> str:
    """How many features of a sample are dropped, and why, in a line; "" if all are kept."""
    return writer.dropped(outputs.read(root, run, "reason").tolist())


def takes_suspect(root: str, run: str) -> bool:
    """Whether a sample takes statistics of metrics that may be wrong."""
    return restore(Settings, records.read_spec(root, run).settings).suspect


def make(work: ActiveRun) -> Sequence[str]:
    """Draw the sample, then read and write its features."""
    store, settings = work.store, work.settings(Settings)
    sampled = _draw(work, settings)
    samples = sampled.pixel.size
    columns = features.columns(settings.features, store.cubes.values())
    rows = writer.task_rows(sampled.pixel, store.domain.layout, len(columns))
    arrays = writer.arrays(store, sampled, columns, rows)
    path = outputs.create(work.objects, work.spec, arrays, writer.COORDINATES)
    pieces = [slice(start, min(start + rows, samples)) for start in range(0, samples, rows)]
    chunk = store.domain.layout.chunk
    calls = [(store.url, settings.features, chunk, piece, n) for n, piece in enumerate(pieces)]
    sizes = [4 * len(columns) * (piece.stop - piece.start) for piece in pieces]
    work.stage("draw", writer.write, calls, sizes)
    ranges = np.stack([work.result("draw", number)["ranges"] for number in range(len(calls))])
    _write_reasons(work, writer.reasons(ranges, samples, settings.max_missing), samples, settings)
    return [path, writer.TABLE]


def _write_reasons(work: ActiveRun, reasons: list[str], samples: int, settings: Settings) -> None:
    if all(reasons):
        raise DataError(
            f"no feature of {work.store.key} is fit for use: {len(reasons)} are constant or missing in "
            f"more than {settings.max_missing:.0%} of {samples} pixels, the first {reasons[0]}; "
            "sample more pixels, or set max_missing higher"
        )
    outputs.write(work.root, work.run, "reason", np.array(reasons, np.dtypes.StringDType()))
    outputs.write(work.root, work.run, "kept", [not text for text in reasons])
    if text := writer.dropped(reasons):
        work.say(f"{text}; see 'reason' in its Zarr")


def _draw(work: ActiveRun, settings: Settings) -> SamplePixels:
    """The pixels of the sample, by the design."""
    if settings.design in BY_DOMAIN:
        return _by_domain(settings, work.store)
    generator, pixels = _generator(settings, 1), settings.pixels
    labels, counts = (
        allocation.stratified(work, settings.strata, pixels, generator)
        if settings.design == STRATIFIED
        else allocation.balanced(work, settings.hierarchy, pixels, generator)
    )
    return designs.strata(_generator(settings, 0), labels, counts)


def _by_domain(settings: Settings, store: Store) -> SamplePixels:
    """The pixels of a design that needs nothing but the domain."""
    layout, pixels = store.domain.layout, store.domain.pixels
    if settings.design == REGION:
        west, south, east, north = settings.bbox
        return designs.all_pixels(store.region((west, south, east, north)))
    generator = _generator(settings, 0)
    if settings.design == RANDOM:
        number = np.array([min(settings.pixels, pixels)])
        return designs.strata(generator, np.zeros(pixels, np.int8), number)
    first = settings.phase if settings.phase >= 0 else int(generator.integers(layout.phases))
    return designs.phase(pixels, layout, first, settings.phases)


def _generator(settings: Settings, stream: int) -> np.random.Generator:
    """Random numbers of a seed: stream 0 draws pixels, stream 1 serves the steps before that."""
    return np.random.default_rng((settings.seed, stream))
