"""The evidence that `lake evaluate` measures: vectors of pixels in a lake, and the truth about them.

Workers read it for some pixels at a time: those that a seed draws on both colours of the checkerboard,
and those whose features or patterns of subpixels are known.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation import coherence, probes
from jobs.evaluation.cases import MeasureSettings, Pixels
from jobs.features import labels, texture
from jobs.runs import outputs, records
from jobs.runs.stages import Arrays
from jobs.sampling import sample
from lake.errors import ConfigError, DataError, MissingError
from lake.format.arrays import AnyFloats, Indices, Integers
from lake.format.domain import Domain
from lake.reading.store import Store

TRANSFORM = "transform"


@dataclass(frozen=True, slots=True)
class EvidenceSource:
    """The runs, arrays and files that the evidence is read from."""

    run: str
    """Run whose vectors are measured."""
    second_run: str
    """Run with vectors of another period; empty: there is one period."""
    array: str
    """Name of the vectors' array (pixel, d), in both runs."""
    first: int
    """Number of the d columns that are taken, from the first; 0: all."""
    sampled: str
    """Run of a sample that has features of the pixels; empty: there is none."""
    labels: str
    """URL of the file of labels: `jobs.features.labels`."""
    sha256: str
    """Digest of that file."""
    column: str
    """Name of the column of classes of a table, or of the attribute of polygons."""
    quantities: tuple[str, ...]
    """Names of the columns that hold quantities."""
    measure_settings: MeasureSettings

    def vectors(self, root: str, run: str, pixels: slice | Indices) -> AnyFloats:
        """(pixel, d) vectors of a run."""
        values: AnyFloats = outputs.read(root, run, self.array, pixels)
        return values[:, : self.first or None]


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """The settings that name vectors and labels."""

    run: str = ""
    """Run that has the vectors."""
    labels: str = ""
    """URL of a file of classes."""
    column: str = "label"
    """Name of the column of classes of a table, or of the attribute of polygons."""
    array: str = ""
    """Name of the vectors' array in the run; empty: its only array (pixel, d)."""
    sha256: str = ""
    """Digest of the labels, computed when the run gets its name: another content is another run."""


JobSettings = TypeVar("JobSettings", bound=EvidenceSettings)


def resolve(root: str, store: Store, settings: JobSettings, job: str) -> JobSettings:
    """Complete the settings of a job: the run's array, the labels' absolute URL and their digest.

    Raises:
        ConfigError: no run or labels, a run of another store, or without such an array, or a file without
            the column.
        MissingError: no such run or file, or a run that is not complete.
        DataError: labels that do not match the pixels.
    """
    if not (settings.run and settings.labels):
        raise ConfigError(f"{job} needs vectors and labels: '--set run=RUN' and '--set labels=URL'")
    records.require(root, settings.run, records.read_spec(root, settings.run).job, store)
    array = outputs.vectors_of(root, settings.run, settings.array)
    url, digest = labels.resolve(settings.labels, store, settings.column)
    return replace(settings, array=array, labels=url, sha256=digest)


def model_of(root: str, run: str) -> str:
    """Id of the run that fitted the model of a run's vectors: itself, or the one that transform applied."""
    spec = records.read_spec(root, run)
    if spec.job != TRANSFORM:
        return run
    return str(spec.settings["model"])


def sampled(root: str, run: str) -> str:
    """Id of the sample whose features became a run's vectors; empty: none of the same generation."""
    try:
        sample_run = records.ancestor(root, run, sample.JOB)
    except MissingError:
        return ""
    stores = [records.read_spec(root, name).stores[0] for name in (run, sample_run)]
    return sample_run if stores[0] == stores[1] else ""


def pixels(
    root: str, source: EvidenceSource, store: Store, seed: int, patterns_read: Iterable[Arrays] = ()
) -> tuple[Indices, Pixels]:
    """Positions of the pixels to measure (P,), ascending, and the evidence of them.

    Args:
        root: folder or URL of the lake.
        source: the runs and files to read.
        store: the store that has the pixels.
        seed: places the checkerboard, and starts the random draws.
        patterns_read: arrays `pixel` and `patterns` of some pixels.

    Raises:
        DataError: too few pixels have vectors and classes.
    """
    domain, settings = store.domain, source.measure_settings
    classes = labels.classes(source.labels, source.sha256, store, source.column).labels
    quantity_columns = labels.quantities(source.labels, source.sha256, store, source.quantities)
    feature_values, feature_pixels = _features(root, source, seed)
    pattern_parts = list(patterns_read)
    pattern_pixels = np.concatenate(
        [part["pixel"] for part in pattern_parts] or [np.zeros(0, np.int64)]
    )
    split = probes.split(
        domain.row, domain.column, classes >= 0, settings.square, settings.most, seed
    )
    positions = np.unique(np.concatenate([split.train, split.test, feature_pixels, pattern_pixels]))
    quantities: dict[str, AnyFloats] = {
        name: values[positions, None] for name, values in quantity_columns.items()
    }
    truth = None
    if quantity_columns:
        truth = _standardised(
            np.stack([values[positions] for values in quantity_columns.values()], axis=1)
        )
    if pattern_parts:
        patterns, cubes = (
            np.concatenate([part["patterns"] for part in pattern_parts]),
            texture.fine_cubes(store),
        )
        for name, values in (
            ("patterns", patterns),
            ("textures", texture.textures(patterns, cubes)),
        ):
            quantities[name] = _at_positions(
                texture.standardise(values, cubes), pattern_pixels, positions
            )
    evidence = Pixels(
        source.vectors(root, source.run, positions),
        domain.row[positions],
        domain.column[positions],
        classes[positions],
        source.vectors(root, source.second_run, positions) if source.second_run else None,
        quantities,
        truth,
        _at_positions(feature_values, feature_pixels, positions) if feature_pixels.size else None,
        _touching(root, source, domain, classes, seed),
    )
    _check_enough(evidence, source)
    return positions, evidence


def _touching(
    root: str, source: EvidenceSource, domain: Domain, classes: Integers, seed: int
) -> tuple[AnyFloats, AnyFloats] | None:
    """(pair, d) vectors of both pixels of `pairs` pairs that touch and are of one class; None: none do."""
    first, second = coherence.touching(domain.row, domain.column, classes)
    drawn = np.random.default_rng(seed).permutation(first.size)[: source.measure_settings.pairs]
    if not drawn.size:
        return None
    positions, rows = np.unique(np.concatenate([first[drawn], second[drawn]]), return_inverse=True)
    vectors = source.vectors(root, source.run, positions)[rows]
    return vectors[: drawn.size], vectors[drawn.size :]


def _features(root: str, source: EvidenceSource, seed: int) -> tuple[AnyFloats, NDArray[np.int64]]:
    """(p, feature) standardised features of some sampled pixels, NaN set to the mean; (p,) those pixels."""
    if not source.sampled:
        return np.zeros((0, 0)), np.zeros(0, np.int64)
    pixel = np.asarray(outputs.read(root, source.sampled, "pixel"), np.int64)
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(pixel.size)[: source.measure_settings.pairs])
    usable = sample.kept_columns(root, source.sampled)
    values = outputs.read(root, source.sampled, "features", rows)[:, usable]
    return np.nan_to_num(_standardised(values)), pixel[rows]


def _standardised(values: AnyFloats) -> AnyFloats:
    has_values = np.isfinite(values).any(axis=0)
    values = values[:, has_values].astype(np.float64)
    spread = np.nanstd(values, axis=0)
    scaled: AnyFloats = (values - np.nanmean(values, axis=0)) / np.where(spread > 0, spread, 1)
    return scaled


def _at_positions(
    values: AnyFloats, pixel: NDArray[np.int64], positions: NDArray[np.int64]
) -> AnyFloats:
    """(position, n) the values of some of the positions, NaN elsewhere."""
    rows = np.full((positions.size, values.shape[1]), np.nan)
    rows[np.searchsorted(positions, pixel)] = values
    return rows


def _check_enough(pixels: Pixels, source: EvidenceSource) -> None:
    usable = (pixels.classes >= 0) & np.isfinite(pixels.vectors).all(axis=1)
    if pixels.second_vectors is not None:
        usable &= np.isfinite(pixels.second_vectors).all(axis=1)
    classes = len(np.unique(pixels.classes[usable]))
    if classes < labels.MIN_CLASSES or usable.sum() <= 2 * source.measure_settings.near:
        raise DataError(
            f"{usable.sum()} pixels of {classes} classes have vectors and a class of {source.labels}: "
            f"wanted more than {2 * source.measure_settings.near}, of {labels.MIN_CLASSES} classes"
        )
