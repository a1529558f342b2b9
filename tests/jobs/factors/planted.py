"""Tensors made of factors that the tests keep."""

from dataclasses import dataclass

import numpy as np

from jobs.factors.cells import CellGrid

SHAPE = (6, 4, 5, 3)
NAMES = tuple(
    f"day-2km/C{band:02d}/{month:02d}/{tod * 3600}/{statistic}"
    for month in range(1, 7)
    for tod in (12, 15, 18, 21)
    for band in range(7, 12)
    for statistic in ("mean", "stddev", "min")
)
GRID = CellGrid.of(NAMES)


@dataclass(frozen=True)
class Planted:
    """What a tensor was made from."""

    pixels: np.ndarray
    """(pixel, component)"""
    small: tuple[np.ndarray, ...]
    """Of each mode, (step, component), of length 1."""
    x: np.ndarray
    """(feature, pixel)"""


def cp(seed=0, pixels=300, components=3, noise=0.05, *, positive=False) -> Planted:
    random = np.random.default_rng(seed)
    draw = random.uniform if positive else random.normal
    small = [draw(size=(size, components)) for size in SHAPE]
    small = tuple(values / np.linalg.norm(values, axis=0) for values in small)
    first = draw(size=(pixels, components)) * np.linspace(3, 2, components)
    tensor = np.einsum("pr,mr,tr,br,kr->mtbkp", first, *small)
    tensor += noise * tensor.std() * random.normal(size=tensor.shape)
    return Planted(first, small, tensor.reshape(-1, pixels))


def holed(x, share, seed=1):
    random = np.random.default_rng(seed)
    return np.where(random.random(x.shape) < share, np.nan, x)


def tensor_of(x):
    """(pixel, month, tod, band, metric) as tensorly has it."""
    return np.moveaxis(x.reshape(*SHAPE, -1), -1, 0)


def match(first, second) -> float:
    """Mean over planted components of the best product of cosines, by another way than the code's."""
    score = np.ones((first[0].shape[1], second[0].shape[1]))
    for one, other in zip(first, second, strict=True):
        lengths = np.linalg.norm(one, axis=0)[:, None] * np.linalg.norm(other, axis=0)
        score *= np.abs(one.T @ other) / lengths
    assert len(set(score.argmax(axis=1))) == len(score)
    return float(score.max(axis=1).mean())
