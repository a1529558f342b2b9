"""Probes: simple models that predict the class, or known quantities, of pixels from their vectors.

Vectors are (P, d) without NaN, classes whole numbers (P,) from 0. A probe is trained on some pixels and
predicts others. Nearby land is alike, so a checkerboard in space separates the two: among pixels drawn
at random, every held-out pixel would have a training neighbour that gives its class away.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from lake.format.arrays import AnyFloats, Integers

ITERATIONS = 3000
"""Largest number of iterations of the logistic regression, which ends long before."""
TOLERANCE = 1e-3
"""Tolerance of its gradient: accuracies no longer change in the third digit."""
PENALTIES = tuple(10.0**k for k in range(-2, 6))
"""Penalties of the ridge regression, of which cross-validation on the training pixels takes one."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The pixels that a probe is trained on, and those that it predicts."""

    train: NDArray[np.int64]
    """(N,) positions."""
    test: NDArray[np.int64]
    """(T,) positions of the held-out pixels."""


def checkerboard(
    row: Integers, column: Integers, size: int, shift: tuple[int, int] = (0, 0)
) -> NDArray[np.bool_]:
    """(P,) True on every other square of `size` x `size` pixels: neighbours in space stay together.

    Args:
        row: (P,) row of each pixel.
        column: (P,) column of each pixel.
        size: rows and columns of a square.
        shift: rows and columns that the board is moved by.
    """
    squares = (row + shift[0]) // size + (column + shift[1]) // size
    black: NDArray[np.bool_] = squares % 2 == 0
    return black


def split(
    row: Integers, column: Integers, usable: NDArray[np.bool_], size: int, limit: int, seed: int
) -> Split:
    """The pixels of the black and of the white squares of a board that lies where `seed` puts it.

    Args:
        row: (P,) row of each pixel.
        column: (P,) column of each pixel.
        usable: (P,) True: the pixel may be taken.
        size: rows and columns of a square.
        limit: largest number of pixels that are drawn of each colour.
        seed: places the board and starts the draw.
    """
    random = np.random.default_rng(seed)
    down, right = random.integers(0, 2 * size, 2).tolist()
    black = checkerboard(row, column, size, (down, right))
    sides = (random.permutation(np.flatnonzero(usable & side))[:limit] for side in (black, ~black))
    return Split(*sides)


def neighbours(train: AnyFloats, classes: Integers, test: AnyFloats, k: int) -> Integers:
    """(T,) the most frequent class among the `k` nearest training vectors, by Euclidean distance.

    Args:
        train: (N, d) training vectors.
        classes: (N,) their classes.
        test: (T, d) vectors to predict.
        k: number of neighbours; no more than N are used.
    """
    model = KNeighborsClassifier(min(k, len(train)), algorithm="brute").fit(train, classes)
    return np.asarray(model.predict(test))


def linear(train: AnyFloats, classes: Integers, test: AnyFloats) -> Integers:
    """(T,) the class that multinomial logistic regression of the standardised vectors predicts.

    Args:
        train: (N, d) training vectors.
        classes: (N,) their classes.
        test: (T, d) vectors to predict.
    """
    if len(np.unique(classes)) == 1:
        return np.full(len(test), classes[0])
    return np.asarray(_regression(train, classes).predict(test))


def regression(train: AnyFloats, classes: Integers) -> tuple[AnyFloats, AnyFloats]:
    """(class, d) weights and (class,) offsets of the log odds by that regression, for unscaled vectors.

    Args:
        train: (N, d) training vectors.
        classes: (N,) their classes, at least two; the result has a row for each of them, ascending.
    """
    model = _regression(train, classes)
    scaler, fitted = model[0], model[1]
    weights, offset = fitted.coef_, fitted.intercept_
    if len(weights) == 1:  # of two classes scikit-learn gives the difference
        weights, offset = np.concatenate([-weights, weights]) / 2, np.append(-offset, offset) / 2
    weights = weights / scaler.scale_
    return weights, offset - weights @ scaler.mean_


def _regression(train: AnyFloats, classes: Integers) -> Pipeline:
    regression = LogisticRegression(max_iter=ITERATIONS, tol=TOLERANCE)
    return make_pipeline(StandardScaler(), regression).fit(train, classes)


def explained(train: AnyFloats, values: AnyFloats, test: AnyFloats, truth: AnyFloats) -> float:
    """R2 of ridge regression: 1: all of the variance is predicted, 0: none, below 0: worse than the mean.

    The variances of several quantities are added up.

    Args:
        train: (N, d) training vectors.
        values: (N, quantity) their quantities.
        test: (T, d) vectors to predict.
        truth: (T, quantity) their true quantities.
    """
    model = make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(train, values)
    predicted = np.asarray(model.predict(test)).reshape(truth.shape)
    return float(r2_score(truth, predicted, multioutput="variance_weighted"))


def accuracy(predicted: Integers, classes: Integers) -> float:
    """Share of pixels whose class was predicted."""
    return float((predicted == classes).mean())
