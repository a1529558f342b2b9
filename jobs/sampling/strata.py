"""Strata: a label for every pixel, from a coordinate, an earlier run or a file.

Labels are whole numbers; a pixel whose label is below 0 belongs to no stratum, and so not to the
population that is sampled.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jobs.features import labels as known
from jobs.features.features import Feature
from jobs.runs import outputs
from jobs.runs.settings import check
from lake.errors import DataError
from lake.format import schema
from lake.format.arrays import Floats
from lake.reading.store import Store
from lake.storage.urls import absolute

COORDINATES = ("lat", "lon", "row", "column", "superblock")
PROPORTIONAL, EQUAL, NEYMAN = "proportional", "equal", "neyman"
COLUMN = "label"
"""Of a table."""
LEAST = 2
"""Pixels drawn from a stratum that has them: a variance can be estimated from two."""

Labels = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Strata:
    """What the strata are, and how a sample is shared among them."""

    strata: str = ""
    """A coordinate (`COORDINATES`), a run that has `labels`, or the URL of a file
    (`jobs.features.labels`), of whose columns `label` is taken."""
    bins: int = 0
    """Of a coordinate, equally wide."""
    edges: tuple[float, ...] = ()
    """Between the bins of a coordinate, rising; the first and the last bin are open."""
    allocation: str = PROPORTIONAL
    """`proportional` to pixels, `equal`, or `neyman`: to pixels x standard deviation of `neyman`."""
    neyman: str = ""
    """Name of the feature whose total is wanted as exactly as may be."""
    sha256: str = ""
    """Of the file; found when the run is named, so that another content is another run."""

    def __post_init__(self) -> None:
        ways = (PROPORTIONAL, EQUAL, NEYMAN)
        check(
            f"allocation must be one of {', '.join(ways)}",
            self.allocation,
            holds=self.allocation in ways,
        )
        check("edges must rise", self.edges, holds=list(self.edges) == sorted(set(self.edges)))
        check("bins must be 0 or more", self.bins, holds=self.bins >= 0)
        given = bool(self.bins) + bool(self.edges)
        check(
            "bins or edges must be given with a coordinate, one of them, and with nothing else",
            (self.strata, self.bins, self.edges),
            holds=given == (self.strata in COORDINATES),
        )
        check(
            "neyman must be a feature where allocation=neyman, and nothing elsewhere",
            self.neyman,
            holds=bool(self.neyman) == (self.allocation == NEYMAN),
        )
        if self.neyman:
            Feature.of(self.neyman)

    @property
    def is_file(self) -> bool:
        """Whether labels come from a file."""
        return known.is_file(self.strata)

    @property
    def run(self) -> str:
        """The run that labels come from; "" if they do not."""
        return "" if self.is_file or self.strata in COORDINATES else self.strata


def settled(strata: Strata) -> Strata:
    """With the file's place and digest, if it is one: it means the same to every process."""
    if not strata.is_file:
        return replace(strata, sha256="")
    digest = known.digest(strata.strata)
    return replace(strata, strata=absolute(strata.strata), sha256=digest)


def labels(root: str, store: Store, strata: Strata) -> Labels:
    """(pixel,) stratum of every pixel; below 0: none.

    Raises:
        DataError: a file that is not what it was, or holds something else.
    """
    if strata.strata in COORDINATES:
        return binned(_coordinate(store, strata.strata), strata.bins, strata.edges)
    if strata.run:
        found = outputs.read(root, strata.run, "labels")
        return _checked(known.whole(np.asarray(found), strata.run, store.domain), strata.run)
    held = known.classes(strata.strata, strata.sha256, store, COLUMN)
    return _checked(held.of, strata.strata)


def binned(values: Floats, bins: int, edges: tuple[float, ...]) -> Labels:
    """(pixel,) number of the bin: of `bins` equally wide ones, or of those between `edges`."""
    inner = np.linspace(values.min(), values.max(), bins + 1)[1:-1] if bins else np.array(edges)
    return np.digitize(values, inner)


def weights(allocation: str, size: NDArray[np.int64], spread: Floats | None) -> Floats:
    """(stratum,) what `designs.allocate` shares a sample by.

    Args:
        allocation: one of the three.
        size: (stratum,) pixels.
        spread: (stratum,) standard deviation, for Neyman's; one that is not known (NaN) counts as
            the largest that is.
    """
    pixels = size.astype(np.float64)
    if allocation == NEYMAN and spread is not None:
        return pixels * np.where(np.isnan(spread), np.nanmax(spread), spread)
    return pixels if allocation == PROPORTIONAL else np.ones(len(size))


def spreads(values: NDArray[np.floating], labels: Labels, strata: int) -> Floats:
    """(stratum,) standard deviation of values (pixel,); NaN where fewer than two are not NaN.

    Raises:
        DataError: so it is everywhere.
    """
    there = ~np.isnan(values) & (labels >= 0)
    label, value = labels[there], values[there].astype(np.float64)
    count = np.bincount(label, minlength=strata)
    mean = np.bincount(label, value, strata) / np.maximum(count, 1)
    square = np.bincount(label, (value - mean[label]) ** 2, strata)
    if (count < LEAST).all():
        raise DataError(
            f"no stratum has two pixels of the pilot with a value, of {len(values)}: "
            "take another feature, or another allocation"
        )
    return np.asarray(np.sqrt(np.where(count < LEAST, np.nan, square / np.maximum(count - 1, 1))))


def _checked(found: Labels, where: str) -> Labels:
    if not 0 <= found.max() < known.MOST:
        raise DataError(
            f"the largest label of {where} is {found.max()}: wanted 0 to {known.MOST - 1}"
        )
    return found


def _coordinate(store: Store, name: str) -> Floats:
    held = {array.path: array.data for array in schema.pixel_coordinates(store.domain)}
    return np.asarray(held[name], np.float64)
