"""Classes of every pixel, told by a few labels: multinomial logistic regression of its vector.

The small classifier after a contrastive or supervised embedding. It learns from all labelled pixels,
or `most` of them, drawn evenly over the classes that there are.
Source: Khosla et al., "Supervised Contrastive Learning", NeurIPS (2020), a linear classifier on frozen
vectors; by scikit-learn.

`classify.zarr`: `classes` (pixel) int32, a position along `class` (names), -1 where a pixel has no
vector; `probability` (pixel) of that class, as the regression has it; `weights` (class, dimension) and
`offset` (class): the classes' log odds are `vectors @ weights.T + offset`; `held_out`: share of
labelled pixels told right on the white squares of a checkerboard of `square` pixels by a regression
that learnt on the black ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

import lake
from jobs.evaluation import evidence, probes
from jobs.evaluation.evidence import Known
from jobs.features import labels
from jobs.linear.gram import one_thread
from jobs.runs import outputs, records
from jobs.runs.records import Spec
from jobs.runs.settings import check
from jobs.runs.stages import Work
from lake.errors import DataError
from lake.format import order, schema
from lake.format.arrays import AnyFloats, Indices
from lake.reading.store import Store

JOB = "classify"
RUN = "run"


@dataclass(frozen=True, slots=True)
class Settings(Known):
    """Of `lake classify`."""

    most: int = 20_000
    """Pixels to learn from."""
    square: int = 20
    """Rows and columns of a square of the checkerboard."""
    seed: int = 0

    def __post_init__(self) -> None:
        check("most must be above 0", self.most, holds=self.most > 0)
        check("square must be above 0", self.square, holds=self.square > 0)


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that learns the classes and tells those of every pixel.

    Raises:
        ConfigError: no run or labels, a run of another store, or a column that is not there.
        MissingError: no such run or file, or a run that is not complete.
        DataError: labels that do not match the pixels.
    """
    settings = evidence.settled(root, store, settings, JOB)
    inputs = {RUN: settings.run}
    return (records.spec_of(root, settings, JOB, (store,), inputs, without=inputs),)


def make(work: Work) -> Sequence[str]:
    """Learn from the labels, then tell every pixel."""
    store, settings = work.store, work.settings(Settings)
    run = work.spec.inputs[RUN]
    names = labels.classes(settings.labels, settings.sha256, store, settings.column).names
    width = outputs.dataset(work.root, run)[settings.array].shape[1]
    shape = (len(names), width)
    arrays = [
        *schema.pixel_coordinates(store.domain),
        outputs.known("class", ("class",), names),
        outputs.known("weights", ("class", "dimension"), np.full(shape, np.nan)),
        outputs.known("offset", ("class",), np.full(len(names), np.nan)),
        outputs.known("held_out", (), np.nan, long_name="share of held-out labels told right"),
        outputs.per_pixel("classes", store, {}, "int32", -1, long_name="class; -1: no vector"),
        outputs.per_pixel("probability", store, {}, "float32", np.nan, units="1"),
    ]
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    work.stage("learn", _learn, [(run, store.url, settings)])
    blocks = order.superblocks(store.domain.pixels, store.domain.layout)
    work.stage("tell", _tell, [(run, settings.array, block) for block in blocks])
    return [path]


def chosen(classes: Indices, most: int, seed: int) -> Indices:
    """Positions of at most `most` labelled pixels, ascending: as many of each class as there are for all.

    Args:
        classes: (P,) below 0: none.
        most: of all classes together.
        seed: of the draw.
    """
    random = np.random.default_rng(seed)
    shuffled = random.permutation(np.flatnonzero(classes >= 0))
    by_class = shuffled[np.argsort(classes[shuffled], kind="stable")]
    _, first, size = np.unique(classes[by_class], return_index=True, return_counts=True)
    place = np.arange(by_class.size) - np.repeat(first, size)  # within its class
    return np.sort(by_class[np.argsort(place, kind="stable")[:most]])


def told(
    vectors: AnyFloats, weights: AnyFloats, offset: AnyFloats
) -> tuple[NDArray[np.int32], AnyFloats]:
    """(P,) classes and (P,) their probabilities; -1 and NaN where a vector has NaN.

    Args:
        vectors: (P, d)
        weights: (class, d) NaN: the class has no labels.
        offset: (class,)
    """
    known = np.flatnonzero(np.isfinite(offset))
    odds = softmax(vectors.astype(np.float64) @ weights[known].T + offset[known], axis=1)
    there = np.isfinite(odds).all(axis=1)
    classes = np.where(there, known[np.nan_to_num(odds).argmax(axis=1)], -1).astype(np.int32)
    return classes, np.where(there, odds.max(axis=1), np.nan)


@one_thread()
def _learn(root: str, run: str, vectors_of: str, url: str, settings: Settings) -> None:
    """On a worker: the regression, and how well it does elsewhere."""
    store = lake.open(url)
    classes = labels.classes(settings.labels, settings.sha256, store, settings.column).of
    pixel = chosen(classes, settings.most, settings.seed)
    x = outputs.read(root, vectors_of, settings.array, pixel)
    there = np.isfinite(x).all(axis=1)
    x, pixel = x[there], pixel[there]
    if len(np.unique(classes[pixel])) < labels.LEAST:
        raise DataError(
            f"{pixel.size} labelled pixels of {settings.labels} have vectors in {vectors_of}, of fewer "
            f"than {labels.LEAST} classes: label more pixels"
        )
    weights, offset = probes.regression(x, classes[pixel])
    count = outputs.read(root, run, "offset").size
    rows = np.unique(classes[pixel])
    every, of_all = np.full((count, x.shape[1]), np.nan), np.full(count, np.nan)
    every[rows], of_all[rows] = weights, offset
    domain = store.domain
    row, column = domain.row[pixel], domain.column[pixel]
    black = probes.checkerboard(row, column, settings.square)
    share = np.nan
    if black.any() and not black.all():
        found = probes.linear(x[black], classes[pixel][black], x[~black])
        share = probes.accuracy(found, classes[pixel][~black])
    outputs.write(root, run, "weights", every)
    outputs.write(root, run, "offset", of_all)
    outputs.write(root, run, "held_out", share)


def _tell(root: str, run: str, vectors_of: str, array: str, pixels: slice) -> None:
    """On a worker: the classes of a superblock."""
    x = outputs.read(root, vectors_of, array, pixels)
    model = (outputs.read(root, run, name) for name in ("weights", "offset"))
    classes, probability = told(x, *model)
    outputs.write(root, run, "classes", classes, pixels)
    outputs.write(root, run, "probability", probability.astype(np.float32), pixels)
