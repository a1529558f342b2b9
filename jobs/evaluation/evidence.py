"""What `lake evaluate` knows of pixels: their vectors in a lake, and what is true of them.

Read on workers, some pixels at a time: those that a seed draws on both colours of the checkerboard,
and those whose features or patterns of subpixels are known.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation import probes
from jobs.evaluation.measures import How, Pixels
from jobs.features import labels, texture
from jobs.runs import outputs, records
from jobs.runs.stages import Arrays
from jobs.sampling import sample
from lake.errors import ConfigError, DataError, MissingError
from lake.format.arrays import AnyFloats, Indices
from lake.reading.store import Store

TRANSFORM = "transform"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where it is."""

    run: str
    """Whose vectors are measured."""
    other: str
    """Whose are of another period; empty: none."""
    array: str
    """Of both, (pixel, d)."""
    first: int
    """How many of the d numbers are taken; 0: all."""
    sampled: str
    """Run of a sample that has features of the pixels; empty: none."""
    labels: str
    sha256: str
    column: str
    quantities: tuple[str, ...]
    how: How

    def vectors(self, root: str, run: str, pixels: slice | Indices) -> AnyFloats:
        """(pixel, d) of a run."""
        found: AnyFloats = outputs.read(root, run, self.array, pixels)
        return found[:, : self.first or None]


@dataclass(frozen=True, slots=True)
class Known:
    """Settings that name vectors and labels."""

    run: str = ""
    """Whose vectors."""
    labels: str = ""
    """URL of a file of classes: `jobs.features.labels`."""
    column: str = "label"
    """Of a table: the classes."""
    array: str = ""
    """Of the run; none: its one array (pixel, d)."""
    sha256: str = ""
    """Of the labels; found when the run is named, so that another content is another run."""


K = TypeVar("K", bound=Known)


def settled(root: str, store: Store, settings: K, job: str) -> K:
    """The settings of a job with the run's array, and the labels' absolute URL and digest.

    Raises:
        ConfigError: no run or labels, a run of another store, or without such an array, or a file without
            the column.
        MissingError: no such run or file, or a run that is not complete.
        DataError: labels that do not match the pixels.
    """
    if not (settings.run and settings.labels):
        raise ConfigError(f"{job} needs vectors and labels: '--set run=RUN' and '--set labels=URL'")
    records.require(root, settings.run, records.read_spec(root, settings.run).job, store)
    array = vectors_of(root, settings.run, settings.array)
    url, digest = labels.settled(settings.labels, store, settings.column)
    return replace(settings, array=array, labels=url, sha256=digest)


def model_of(root: str, run: str) -> str:
    """The run that fitted what made the vectors of a run: itself, or what a transform applied."""
    spec = records.read_spec(root, run)
    if spec.job != TRANSFORM:
        return run
    (model,) = spec.inputs.values()
    return model


def vectors_of(root: str, run: str, array: str) -> str:
    """Name of the array (pixel, d) of a run.

    Raises:
        ConfigError: it has none, several of which none is named, or not the one that is.
    """
    found = outputs.dataset(root, run)
    known = [
        str(name)
        for name, values in found.items()
        if values.ndim == 2 and values.dims[0] == "pixel" and values.dtype.kind == "f"
    ]
    if array and array not in known:
        raise ConfigError(f"run {run} has no array {array!r} (pixel, d): it has {known}")
    if not array and len(known) != 1:
        raise ConfigError(
            f"run {run} has arrays (pixel, d) {known}: wanted one, or '--set array=...'"
        )
    return array or known[0]


def sampled(root: str, run: str) -> str:
    """The sample whose features became the vectors of a run, if it is of the same generation."""
    try:
        found = records.ancestor(root, run, sample.JOB)
    except MissingError:
        return ""
    stores = [records.read_spec(root, of).stores[0] for of in (run, found)]
    return found if stores[0] == stores[1] else ""


def pixels(
    root: str, of: Evidence, store: Store, seed: int, seen: Iterable[Arrays] = ()
) -> tuple[Indices, Pixels]:
    """Which pixels, ascending, and what is known of them.

    Args:
        root: of the lake.
        of: where.
        store: whose pixels.
        seed: of the board's place and of the draws.
        seen: `pixel` and `patterns` of some pixels.

    Raises:
        DataError: too few pixels have vectors and classes.
    """
    domain, how = store.domain, of.how
    classes = labels.classes(of.labels, of.sha256, store, of.column).of
    known = labels.quantities(of.labels, of.sha256, store, of.quantities)
    features, of_features = _features(root, of, seed)
    parts = list(seen)
    of_patterns = np.concatenate([part["pixel"] for part in parts] or [np.zeros(0, np.int64)])
    split = probes.split(domain.row, domain.column, classes >= 0, how.square, how.most, seed)
    drawn = np.unique(np.concatenate([split.train, split.test, of_features, of_patterns]))
    quantities: dict[str, AnyFloats] = {name: values[drawn, None] for name, values in known.items()}
    truth = None
    if known:
        truth = _standardised(np.stack([values[drawn] for values in known.values()], axis=1))
    if parts:
        there, cubes = np.concatenate([part["patterns"] for part in parts]), texture.fine(store)
        for name, values in (("patterns", there), ("textures", texture.textures(there, cubes))):
            quantities[name] = _laid(texture.standardised(values, cubes), of_patterns, drawn)
    found = Pixels(
        of.vectors(root, of.run, drawn),
        domain.row[drawn],
        domain.column[drawn],
        classes[drawn],
        of.vectors(root, of.other, drawn) if of.other else None,
        quantities,
        truth,
        _laid(features, of_features, drawn) if of_features.size else None,
    )
    _check_enough(found, of)
    return drawn, found


def _features(root: str, of: Evidence, seed: int) -> tuple[AnyFloats, NDArray[np.int64]]:
    """Standardised features of some pixels of the sample, holes at the mean, and which pixels."""
    if not of.sampled:
        return np.zeros((0, 0)), np.zeros(0, np.int64)
    pixel = np.asarray(outputs.read(root, of.sampled, "pixel"), np.int64)
    random = np.random.default_rng(seed)
    some = np.sort(random.permutation(pixel.size)[: of.how.pairs])
    kept = sample.kept(root, of.sampled)
    values = outputs.read(root, of.sampled, "features", some)[:, kept]
    return np.nan_to_num(_standardised(values)), pixel[some]


def _standardised(values: AnyFloats) -> AnyFloats:
    known = np.isfinite(values).any(axis=0)
    values = values[:, known].astype(np.float64)
    spread = np.nanstd(values, axis=0)
    found: AnyFloats = (values - np.nanmean(values, axis=0)) / np.where(spread > 0, spread, 1)
    return found


def _laid(values: AnyFloats, pixel: NDArray[np.int64], drawn: NDArray[np.int64]) -> AnyFloats:
    """(drawn, n) values of some of them, NaN elsewhere."""
    found = np.full((drawn.size, values.shape[1]), np.nan)
    found[np.searchsorted(drawn, pixel)] = values
    return found


def _check_enough(pixels: Pixels, of: Evidence) -> None:
    known = (pixels.classes >= 0) & np.isfinite(pixels.vectors).all(axis=1)
    if pixels.other is not None:
        known &= np.isfinite(pixels.other).all(axis=1)
    held = len(np.unique(pixels.classes[known]))
    if held < labels.LEAST or known.sum() <= 2 * of.how.near:
        raise DataError(
            f"{known.sum()} pixels of {held} classes have vectors and a class of {of.labels}: "
            f"wanted more than {2 * of.how.near}, of {labels.LEAST} classes"
        )
