"""What simple models read off the vectors of pixels: their class, and quantities that are known.

Vectors are (P, d) without NaN, classes whole numbers (P,) from 0. A probe learns from some pixels and
is asked of others. Land is alike nearby, so those are parted by squares of a checkerboard in space: of
pixels drawn at random each would have a neighbour in the other half that gives it away.
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
"""Of the logistic regression, at most; it ends long before."""
TOLERANCE = 1e-3
"""Of its gradient: accuracies no longer change in the third digit."""
PENALTIES = tuple(10.0**k for k in range(-2, 6))
"""Of the ridge regression; which, is found on the pixels it learns from."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Which pixels a probe learns from, and which it is asked of."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def checkerboard(
    row: Integers, column: Integers, size: int, shift: tuple[int, int] = (0, 0)
) -> NDArray[np.bool_]:
    """(P,) True on every other square of `size` x `size` pixels: neighbours in space stay together.

    Args:
        row: (P,)
        column: (P,)
        size: of a square.
        shift: rows and columns that the board is moved by.
    """
    squares = (row + shift[0]) // size + (column + shift[1]) // size
    black: NDArray[np.bool_] = squares % 2 == 0
    return black


def split(
    row: Integers, column: Integers, known: NDArray[np.bool_], size: int, most: int, seed: int
) -> Split:
    """The pixels of the black and of the white squares of a board that lies where `seed` puts it.

    Args:
        row: (P,)
        column: (P,)
        known: (P,) True: may be taken.
        size: of a square.
        most: pixels drawn at most of each colour.
        seed: of the board's place and of the draw.
    """
    random = np.random.default_rng(seed)
    down, right = random.integers(0, 2 * size, 2).tolist()
    black = checkerboard(row, column, size, (down, right))
    sides = (random.permutation(np.flatnonzero(known & side))[:most] for side in (black, ~black))
    return Split(*sides)


def neighbours(train: AnyFloats, classes: Integers, test: AnyFloats, k: int) -> Integers:
    """(T,) the class of most of the `k` nearest training vectors, Euclidean.

    Args:
        train: (N, d)
        classes: (N,) of the training vectors.
        test: (T, d)
        k: at most N count.
    """
    model = KNeighborsClassifier(min(k, len(train)), algorithm="brute").fit(train, classes)
    return np.asarray(model.predict(test))


def linear(train: AnyFloats, classes: Integers, test: AnyFloats) -> Integers:
    """(T,) the class that multinomial logistic regression of the standardised vectors tells.

    Args:
        train: (N, d)
        classes: (N,) of the training vectors.
        test: (T, d)
    """
    if len(np.unique(classes)) == 1:
        return np.full(len(test), classes[0])
    return np.asarray(_regression(train, classes).predict(test))


def regression(train: AnyFloats, classes: Integers) -> tuple[AnyFloats, AnyFloats]:
    """(class, d) weights and (class,) offsets of the log odds by that regression, of vectors as they are.

    Args:
        train: (N, d)
        classes: (N,) two at least; rows of the result are those there are, ascending.
    """
    model = _regression(train, classes)
    scaler, found = model[0], model[1]
    weights, offset = found.coef_, found.intercept_
    if len(weights) == 1:  # of two classes scikit-learn gives the difference
        weights, offset = np.concatenate([-weights, weights]) / 2, np.append(-offset, offset) / 2
    weights = weights / scaler.scale_
    return weights, offset - weights @ scaler.mean_


def _regression(train: AnyFloats, classes: Integers) -> Pipeline:
    regression = LogisticRegression(max_iter=ITERATIONS, tol=TOLERANCE)
    return make_pipeline(StandardScaler(), regression).fit(train, classes)


def explained(train: AnyFloats, values: AnyFloats, test: AnyFloats, truth: AnyFloats) -> float:
    """R2 of ridge regression: 1 all of the variance is told, 0 none, below 0: worse than the mean.

    Of several quantities the variances are added up.

    Args:
        train: (N, d)
        values: (N, quantity) of the training vectors.
        test: (T, d)
        truth: (T, quantity)
    """
    model = make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(train, values)
    found = np.asarray(model.predict(test)).reshape(truth.shape)
    return float(r2_score(truth, found, multioutput="variance_weighted"))


def accuracy(predicted: Integers, classes: Integers) -> float:
    """Share of pixels whose class was told."""
    return float((predicted == classes).mean())
