"""Classes of every pixel, predicted from a few labels: multinomial logistic regression of its vector.

This is the small classifier after a contrastive or supervised embedding. It is trained on all labelled
pixels, or on `most` of them, drawn evenly over their classes.
Source: Khosla et al., "Supervised Contrastive Learning", NeurIPS (2020), a linear classifier on frozen
vectors; by scikit-learn.

`classify.zarr` holds:

- `classes` (pixel) int32: a position along `class` (names), -1 where a pixel has no vector.
- `probability` (pixel): that of the class, by the regression.
- `weights` (class, dimension) and `offset` (class): the log odds are `vectors @ weights.T + offset`.
- `held_out`: share of labelled pixels that are predicted right on the white squares of a checkerboard
  of `square` pixels, by a regression that was trained on the black squares.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

import lake
from jobs.evaluation import evidence, probes
from jobs.evaluation.evidence import EvidenceSettings
from jobs.features import labels
from jobs.linear.gram import one_thread
from jobs.runs import outputs, records
from jobs.runs.settings import check
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from lake.errors import DataError
from lake.format import order, schema
from lake.format.arrays import AnyFloats, Indices
from lake.reading.store import Store

JOB = "classify"
RUN = "run"


@dataclass(frozen=True, slots=True)
class Settings(EvidenceSettings):
    """The settings of `lake classify`."""

    most: int = 20_000
    """Largest number of labelled pixels that the regression is trained on."""
    square: int = 20
    """Rows and columns of a square of the checkerboard."""
    seed: int = 0
    """Seed of the pixels that are drawn, where there are more labels."""

    def __post_init__(self) -> None:
        check("most must be above 0", self.most, holds=self.most > 0)
        check("square must be above 0", self.square, holds=self.square > 0)


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that learns the classes and predicts that of every pixel.

    Raises:
        ConfigError: no run or labels, a run of another store, or a column that is not there.
        MissingError: no such run or file, or a run that is not complete.
        DataError: labels that do not match the pixels.
    """
    settings = evidence.resolve(root, store, settings, JOB)
    inputs = {RUN: settings.run}
    return (records.spec_of(root, settings, JOB, (store,), inputs, without=inputs),)


def make(work: ActiveRun) -> Sequence[str]:
    """Learn from the labels, then predict every pixel."""
    store, settings = work.store, work.settings(Settings)
    run = work.spec.inputs[RUN]
    names = labels.classes(settings.labels, settings.sha256, store, settings.column).names
    width = outputs.dataset(work.root, run)[settings.array].shape[1]
    shape = (len(names), width)
    arrays = [
        *schema.pixel_coordinates(store.domain),
        outputs.whole_array("class", ("class",), names),
        outputs.whole_array("weights", ("class", "dimension"), np.full(shape, np.nan)),
        outputs.whole_array("offset", ("class",), np.full(len(names), np.nan)),
        outputs.whole_array(
            "held_out", (), np.nan, long_name="share of held-out labels predicted right"
        ),
        outputs.pixel_array("classes", store, {}, "int32", -1, long_name="class; -1: no vector"),
        outputs.pixel_array("probability", store, {}, "float32", np.nan, units="1"),
    ]
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    work.stage("learn", _learn, [(run, store.url, settings)])
    blocks = order.superblocks(store.domain.pixels, store.domain.layout)
    work.stage("predict", _predict, [(run, settings.array, block) for block in blocks])
    return [path]


def draw_labelled(classes: Indices, limit: int, seed: int) -> Indices:
    """Draw at most `limit` labelled pixels, evenly over classes: small classes whole, large ones in part.

    Args:
        classes: (P,) class of each pixel, below 0: no label.
        limit: number of pixels of all classes together.
        seed: of the draw.

    Returns:
        (p,) positions, ascending.
    """
    random = np.random.default_rng(seed)
    shuffled = random.permutation(np.flatnonzero(classes >= 0))
    by_class = shuffled[np.argsort(classes[shuffled], kind="stable")]
    _, first, size = np.unique(classes[by_class], return_index=True, return_counts=True)
    rank = np.arange(by_class.size) - np.repeat(first, size)  # within its class
    return np.sort(by_class[np.argsort(rank, kind="stable")[:limit]])


def predict(
    vectors: AnyFloats, weights: AnyFloats, offset: AnyFloats
) -> tuple[NDArray[np.int32], AnyFloats]:
    """(P,) classes and (P,) their probabilities; -1 and NaN where a vector has NaN.

    Args:
        vectors: (P, d) vectors of the pixels.
        weights: (class, d) of the regression; NaN: the class has no labels.
        offset: (class,) likewise.
    """
    learnt = np.flatnonzero(np.isfinite(offset))
    odds = softmax(vectors.astype(np.float64) @ weights[learnt].T + offset[learnt], axis=1)
    has_vector = np.isfinite(odds).all(axis=1)
    classes = np.where(has_vector, learnt[np.nan_to_num(odds).argmax(axis=1)], -1).astype(np.int32)
    return classes, np.where(has_vector, odds.max(axis=1), np.nan)


@one_thread()
def _learn(root: str, run: str, vector_run: str, url: str, settings: Settings) -> None:
    """On a worker: fit the regression, and measure it on the held-out squares."""
    store = lake.open(url)
    classes = labels.classes(settings.labels, settings.sha256, store, settings.column).labels
    pixel = draw_labelled(classes, settings.most, settings.seed)
    x = outputs.read(root, vector_run, settings.array, pixel)
    has_vector = np.isfinite(x).all(axis=1)
    x, pixel = x[has_vector], pixel[has_vector]
    if len(np.unique(classes[pixel])) < labels.MIN_CLASSES:
        raise DataError(
            f"{pixel.size} labelled pixels of {settings.labels} have vectors in {vector_run}, of fewer "
            f"than {labels.MIN_CLASSES} classes: label more pixels"
        )
    weights, offset = probes.regression(x, classes[pixel])
    count = outputs.read(root, run, "offset").size
    rows = np.unique(classes[pixel])
    weights_of_all, offsets_of_all = np.full((count, x.shape[1]), np.nan), np.full(count, np.nan)
    weights_of_all[rows], offsets_of_all[rows] = weights, offset
    domain = store.domain
    row, column = domain.row[pixel], domain.column[pixel]
    black = probes.checkerboard(row, column, settings.square)
    share = np.nan
    if black.any() and not black.all():
        predicted = probes.linear(x[black], classes[pixel][black], x[~black])
        share = probes.accuracy(predicted, classes[pixel][~black])
    outputs.write(root, run, "weights", weights_of_all)
    outputs.write(root, run, "offset", offsets_of_all)
    outputs.write(root, run, "held_out", share)


def _predict(root: str, run: str, vector_run: str, array: str, pixels: slice) -> None:
    """On a worker: predict the classes of a superblock."""
    x = outputs.read(root, vector_run, array, pixels)
    model = (outputs.read(root, run, name) for name in ("weights", "offset"))
    classes, probability = predict(x, *model)
    outputs.write(root, run, "classes", classes, pixels)
    outputs.write(root, run, "probability", probability.astype(np.float32), pixels)
