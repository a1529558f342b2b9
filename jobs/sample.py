"""A spatially stratified sample of pixels with their features: some phases of every superblock.

A phase of every superblock is a systematic 1/phases sample along the Hilbert curve, so every pixel
has the same probability to be in it, and it is read as the same share of the bytes. Several phases
are taken evenly spaced.

`sample.zarr`: `features` (sample, feature) float32, NaN where undefined, with labels of every
feature; `pixel`, `row`, `column`, `lat`, `lon` and `probability` on `sample`. `kept` tells which
features later jobs use; `reason` why others are dropped: `constant`, or missing in too many pixels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

import lake
from jobs import features, outputs, runs
from jobs.features import Feature, Selection
from jobs.runs import Spec
from jobs.settings import check, restore
from jobs.work import Arrays, Work
from lake import order, schema
from lake.errors import ConfigError, DataError
from lake.order import Layout
from lake.read import Store
from lake.schema import Array

JOB = "sample"


@dataclass(frozen=True, slots=True)
class Settings:
    """Of `lake sample`."""

    phase: int = 0
    """The first one taken."""
    phases: int = 0
    """How many are taken; 0: as few as hold `pixels` pixels."""
    pixels: int = 20_000
    max_missing: float = 0.5
    """A feature missing in a larger share of the sample is dropped."""
    suspect: bool = False
    """Whether to take statistics of metrics that may be wrong."""
    features: Selection = field(default_factory=Selection)
    """`cubes`, `months`, `tods`, `bands`, `statistics`, `subpixels`."""

    def __post_init__(self) -> None:
        check("phase must be 0 or more", self.phase, holds=self.phase >= 0)
        check("phases must be 0 or more", self.phases, holds=self.phases >= 0)
        check("pixels must be above 0", self.pixels, holds=self.pixels > 0)
        check("max_missing must be 0 to 1", self.max_missing, holds=0 <= self.max_missing <= 1)


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that draws this sample of a store.

    Raises:
        ConfigError: a phase or a feature that the store does not have.
    """
    return (runs.spec_of(root, settled(settings, store), JOB, (store,)),)


def settled(settings: Settings, store: Store) -> Settings:
    """The settings with every choice spelled out for a store."""
    chosen = features.settle(settings.features, store, suspect=settings.suspect)
    layout, pixels = store.domain.layout, store.domain.pixels
    phases = settings.phases or min(layout.phases, -(-settings.pixels * layout.phases // pixels))
    if max(settings.phase, phases - 1) >= layout.phases:
        raise ConfigError(
            f"settings phase={settings.phase}, phases={phases}: "
            f"{store.key} has phases 0 to {layout.phases - 1}"
        )
    return replace(settings, phases=phases, features=chosen)


def slices(pixels: int, layout: Layout, phase: int, phases: int) -> list[list[slice]]:
    """The runs of pixels in the sample, superblock by superblock; empty ones are left out."""
    spaced = sorted((phase + i * layout.phases // phases) % layout.phases for i in range(phases))
    by_phase = [order.phase_slices(pixels, layout, one) for one in spaced]
    found = [
        [piece for piece in of_superblock if piece.stop > piece.start]
        for of_superblock in zip(*by_phase, strict=True)
    ]
    return [pieces for pieces in found if pieces]


def reason(missing: float, low: float, high: float, most: float) -> str:
    """Why a feature is dropped; "" if it is kept.

    Args:
        missing: share of the sampled pixels without a value.
        low: smallest value, NaN if there is none.
        high: largest.
        most: the largest share that is acceptable.
    """
    if missing > most or np.isnan(low):
        return f"missing in {missing:.0%} of the sample"
    rounding = float(np.finfo(np.float32).eps) * max(abs(low), abs(high))
    return "constant" if high - low <= rounding else ""


def kept(root: str, run: str) -> NDArray[np.int64]:
    """Which columns of a sample later jobs use."""
    return np.flatnonzero(outputs.read(root, run, "kept"))


def selection(root: str, run: str) -> Selection:
    """Which features the columns of a sample are."""
    return restore(Settings, runs.read_spec(root, run).settings).features


def make(work: Work) -> Sequence[str]:
    """Draw the sample."""
    store, settings = work.store, work.settings(Settings)
    layout = store.domain.layout
    drawn = slices(store.domain.pixels, layout, settings.phase, settings.phases)
    if not drawn:
        raise ConfigError(
            f"phase {settings.phase} of {store.key} is empty, it has {store.domain.pixels} pixels: "
            f"set phases={layout.phases} to take them all"
        )
    sizes = [sum(piece.stop - piece.start for piece in pieces) for pieces in drawn]
    named = features.columns(settings.features, store.cubes.values())
    pixel = np.concatenate([np.arange(p.start, p.stop) for pieces in drawn for p in pieces])
    values = Array(
        "features",
        ("sample", "feature"),
        (pixel.size, len(named)),
        "float32",
        (sizes[0], len(named)),  # only the last superblock can be shorter: one writer per chunk
        fill_value=float("nan"),
    )
    probability = settings.phases / layout.phases
    arrays = [*_of_pixels(store, pixel, probability), *_of_features(named), values]
    path = outputs.create(work.objects, work.spec, arrays, _COORDINATES)
    calls = [
        (store.url, settings.features, tuple(pieces), int(start))
        for pieces, start in zip(drawn, np.cumsum([0, *sizes[:-1]]), strict=True)
    ]
    work.stage("draw", _draw, calls)
    told = np.stack([work.partial("draw", number)["told"] for number in range(len(calls))])
    _tell_reasons(work, told, pixel.size, settings.max_missing)
    return [path]


def _draw(
    root: str, run: str, url: str, selection: Selection, pieces: Sequence[slice], start: int
) -> Arrays:
    """On a worker: write the sampled pixels of a superblock.

    Returns:
        `told` (3, feature): number of missing values, smallest, largest.
    """
    store = lake.open(url)
    found = [features.read(store, selection, piece) for piece in pieces]
    values = np.concatenate(found, axis=1)  # (feature, sample)
    outputs.write(root, run, "features", values.T, slice(start, start + values.shape[1]))
    low = np.fmin.reduce(values, axis=1, initial=np.nan)
    high = np.fmax.reduce(values, axis=1, initial=np.nan)
    return {"told": np.stack([np.isnan(values).sum(axis=1), low, high])}


def _tell_reasons(work: Work, told: NDArray[np.float64], samples: int, most: float) -> None:
    missing = told[:, 0].sum(axis=0) / samples
    low, high = np.fmin.reduce(told[:, 1]), np.fmax.reduce(told[:, 2])
    found = [reason(*of, most) for of in zip(missing, low, high, strict=True)]
    if all(found):
        raise DataError(
            f"no feature of {work.store.key} is fit for use: {len(found)} are constant or missing in "
            f"more than {most:.0%} of {samples} pixels, the first {found[0]}; "
            "sample more pixels, or set max_missing higher"
        )
    outputs.write(work.root, work.run, "reason", np.array(found, np.dtypes.StringDType()))
    outputs.write(work.root, work.run, "kept", [not text for text in found])
    if dropped := sum(map(bool, found)):
        work.say(f"{dropped} of {len(found)} features dropped, see 'reason' in its Zarr")


_COORDINATES = (
    f"pixel {schema.PIXEL_COORDINATES} probability "
    "kept reason cube band month tod statistic subpixel"
)


def _of_pixels(store: Store, pixel: NDArray[np.int64], probability: float) -> Iterator[Array]:
    for array in schema.pixel_coordinates(store.domain):
        data = np.asarray(array.data)[pixel]
        yield outputs.known(array.path, ("sample",), data, **array.attributes)
    share = np.full(pixel.size, probability)
    yield outputs.known("probability", ("sample",), share, long_name="probability to be drawn")


def _of_features(named: Sequence[Feature]) -> Iterator[Array]:
    yield outputs.known("feature", ("feature",), [str(of) for of in named])
    for label in ("cube", "band", "month", "tod", "statistic"):
        yield outputs.known(label, ("feature",), [getattr(of, label) for of in named])
    subpixel = [-1 if of.subpixel is None else of.subpixel for of in named]
    yield outputs.known(
        "subpixel", ("feature",), subpixel, long_name="-1: all of the pixel, merged"
    )
    yield outputs.known("kept", ("feature",), np.zeros(len(named), bool))
    yield outputs.known("reason", ("feature",), [""] * len(named), long_name="why it is dropped")
