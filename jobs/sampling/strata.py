"""Strata: a label for every pixel, from a coordinate, an earlier run or a file.

Labels are whole numbers; a pixel whose label is below 0 belongs to no stratum, and so not to the
population that is sampled.
"""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from jobs.features import labels as label_files
from jobs.features.features import Feature
from jobs.features.pixel_classes import LABEL_LIMIT
from jobs.runs import outputs
from jobs.runs.settings import OneOf, check
from lake.errors import DataError
from lake.format import schema
from lake.format.arrays import Floats
from lake.reading.store import Store
from lake.storage.urls import absolute

COORDINATES = ("lat", "lon", "row", "column", "superblock")
PROPORTIONAL, EQUAL, NEYMAN = "proportional", "equal", "neyman"
ALLOCATIONS = (PROPORTIONAL, EQUAL, NEYMAN)
COLUMN = "label"
"""The column of a table that has the labels."""
MIN_PIXELS = 2
"""Pixels drawn at least from a stratum that has them: a variance can be estimated from two."""

Labels = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Strata:
    """The strata of a sample, and how its pixels are allocated to them."""

    strata: str = ""
    """A coordinate (`lat`, `lon`, `row`, `column`, `superblock`), a run that has `labels`, or the URL of a
    file, of whose columns `label` is taken."""
    bins: int = 0
    """Number of equally wide bins of a coordinate."""
    edges: tuple[float, ...] = ()
    """Edges between the bins of a coordinate, rising; the first and the last bin are open."""
    allocation: Annotated[str, OneOf("ALLOCATIONS")] = PROPORTIONAL
    """`proportional` to pixels, `equal`, or `neyman`: to pixels x standard deviation of `neyman`."""
    neyman: str = ""
    """Name of the feature whose total is to be estimated as exactly as possible."""
    sha256: str = ""
    """SHA-256 of the file; computed when the run is named, so that other content is another run."""

    def __post_init__(self) -> None:
        check(
            f"allocation must be one of {', '.join(ALLOCATIONS)}",
            self.allocation,
            holds=self.allocation in ALLOCATIONS,
        )
        check("edges must rise", self.edges, holds=list(self.edges) == sorted(set(self.edges)))
        check("bins must be 0 or more", self.bins, holds=self.bins >= 0)
        count = bool(self.bins) + bool(self.edges)
        check(
            "bins or edges must be given with a coordinate, one of them, and with nothing else",
            (self.strata, self.bins, self.edges),
            holds=count == (self.strata in COORDINATES),
        )
        check(
            "neyman must be a feature where allocation=neyman, and nothing elsewhere",
            self.neyman,
            holds=bool(self.neyman) == (self.allocation == NEYMAN),
        )
        if self.neyman:
            Feature.parse(self.neyman)

    @property
    def is_file(self) -> bool:
        """Whether labels come from a file."""
        return label_files.is_file(self.strata)

    @property
    def run(self) -> str:
        """The run that labels come from; "" if they do not."""
        return "" if self.is_file or self.strata in COORDINATES else self.strata


def resolve(strata: Strata) -> Strata:
    """The strata with the absolute URL and digest of their file: the same to every process."""
    if not strata.is_file:
        return replace(strata, sha256="")
    digest = label_files.digest(strata.strata)
    return replace(strata, strata=absolute(strata.strata), sha256=digest)


def labels(root: str, store: Store, strata: Strata) -> Labels:
    """(pixel,) stratum of every pixel; below 0: none.

    Raises:
        DataError: a file that has changed, or does not hold labels.
    """
    if strata.strata in COORDINATES:
        return binned(_coordinate(store, strata.strata), strata.bins, strata.edges)
    if strata.run:
        labels = outputs.read(root, strata.run, "labels")
        return _checked(
            label_files.pixel_labels(np.asarray(labels), strata.run, store.domain), strata.run
        )
    classes = label_files.classes(strata.strata, strata.sha256, store, COLUMN)
    return _checked(classes.labels, strata.strata)


def binned(values: Floats, bins: int, edges: tuple[float, ...]) -> Labels:
    """(pixel,) number of the bin: of `bins` equally wide ones, or of those between `edges`."""
    inner = np.linspace(values.min(), values.max(), bins + 1)[1:-1] if bins else np.array(edges)
    return np.digitize(values, inner)


def weights(allocation: str, size: NDArray[np.int64], spread: Floats | None) -> Floats:
    """(stratum,) weights for `designs.allocate`.

    Args:
        allocation: one of the three.
        size: (stratum,) pixels.
        spread: (stratum,) standard deviation, for Neyman's; an unknown one (NaN) counts as the
            largest of the others.
    """
    pixels = size.astype(np.float64)
    if allocation == NEYMAN and spread is not None:
        return pixels * np.where(np.isnan(spread), np.nanmax(spread), spread)
    return pixels if allocation == PROPORTIONAL else np.ones(len(size))


def spreads(values: NDArray[np.floating], labels: Labels, strata: int) -> Floats:
    """(stratum,) standard deviation of values (pixel,); NaN where fewer than two are not NaN.

    Raises:
        DataError: fewer than two in every stratum.
    """
    is_valid = ~np.isnan(values) & (labels >= 0)
    label, value = labels[is_valid], values[is_valid].astype(np.float64)
    count = np.bincount(label, minlength=strata)
    mean = np.bincount(label, value, strata) / np.maximum(count, 1)
    square = np.bincount(label, (value - mean[label]) ** 2, strata)
    if (count < MIN_PIXELS).all():
        raise DataError(
            f"no stratum has two pixels of the pilot with a value, of {len(values)}: "
            "take another feature, or another allocation"
        )
    return np.asarray(
        np.sqrt(np.where(count < MIN_PIXELS, np.nan, square / np.maximum(count - 1, 1)))
    )


def _checked(labels: Labels, source: str) -> Labels:
    if not 0 <= labels.max() < LABEL_LIMIT:
        raise DataError(
            f"the largest label of {source} is {labels.max()}: wanted 0 to {LABEL_LIMIT - 1}"
        )
    return labels


def _coordinate(store: Store, name: str) -> Floats:
    arrays = {array.path: array.data for array in schema.pixel_coordinates(store.domain)}
    return np.asarray(arrays[name], np.float64)
