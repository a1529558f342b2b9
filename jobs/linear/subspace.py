"""Principal components where a covariance would be too large: a subspace, better by every pass. Pure.

A pass multiplies the covariance by some directions, half as many again as there are components, block
by block and never as a matrix. The products span the first components better than the directions did,
and give them and their variances by the Nystroem method. One pass from a sample's directions is a
sketch.
Source: Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review 53 (2011),
subspace iteration and section 5.4, the Nystroem method.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import eigh

from jobs.features.scaling import Scaling
from jobs.linear.components import LinearModel, filling_count, orient
from jobs.linear.covariance import zero_missing
from lake.format.arrays import Floats, Singles

ROUNDING = 1e-6
"""Relative error of float32 products: directions with a smaller share of variance are rounding."""


@dataclass(slots=True, eq=False)
class Sketch:
    """Sums over the pixels of blocks: the same, up to rounding, in any order and grouping of blocks."""

    basis: Floats
    """(feature, direction) the directions."""
    gram_basis: Floats
    """(feature, direction) the gram matrix of the features times the basis; missing values count as 0."""
    count: Floats
    """(feature,) number of values."""
    sums: Floats
    """(feature,) sum of the values."""
    squares: Floats
    """(feature,) sum of their squares."""
    pixels: Floats
    """() number of pixels with any value."""

    @classmethod
    def empty(cls, basis: Floats) -> Self:
        """Sums over no pixel."""
        features = np.zeros(len(basis))
        return cls(
            basis, np.zeros_like(basis), features, features.copy(), features.copy(), np.zeros(())
        )

    def add(self, z: Singles) -> None:
        """Add standardised features (feature, pixel); their missing values become 0."""
        masks, mask_index = zero_missing(z)
        self.count += masks.sum(axis=1)[mask_index]
        self.pixels = self.pixels + masks[np.unique(mask_index)].any(axis=0).sum()
        self.sums += z.sum(axis=1)
        self.squares += np.einsum("fp,fp->f", z, z)
        self.gram_basis += z @ (z.T @ self.basis.astype(np.float32))

    def add_noise(self, variance: Floats) -> None:
        """Add (feature,) sums of squares: the noise that imputed values lack."""
        self.squares += variance
        self.gram_basis += variance[:, None] * self.basis

    def merge(self, addend: "Sketch") -> None:
        """Add the sums of other blocks with the same basis."""
        for name in ("gram_basis", "count", "sums", "squares", "pixels"):
            setattr(self, name, getattr(self, name) + getattr(addend, name))

    def mean(self) -> Floats:
        """(feature,) mean; 0 where there is no value."""
        mean: Floats = self.sums / np.maximum(self.count, 1)
        return mean

    def scale(self) -> Floats:
        """(feature,) standard deviation, of n; 1 where a feature is constant or always missing."""
        variance = self.squares / np.maximum(self.count, 1) - self.mean() ** 2
        scale: Floats = np.sqrt(np.maximum(variance, 0))
        return np.where(scale > 0, scale, 1)


def solve(sketch: Sketch, scaling: Scaling, *, standardise: bool = True) -> LinearModel:
    """The principal components by the sums of a pass, as many as there are directions.

    Args:
        sketch: of features standardised by `scaling`.
        scaling: of these features.
        standardise: whether features are scaled to standard deviation 1 exactly; else as `scaling` does.
    """
    scale = sketch.scale() if standardise else np.ones(len(sketch.basis))
    n = float(sketch.pixels)
    mean = sketch.sums / max(n, 1)
    product = sketch.gram_basis - n * np.outer(mean, mean @ sketch.basis)
    product /= scale[:, None] * max(n - 1, 1)
    basis = sketch.basis * scale[:, None]
    total = float(np.sum((sketch.squares - n * mean**2) / scale**2) / max(n - 1, 1))
    components, variance = nystroem(product, basis)
    exact = scaling.then(sketch.mean(), scale)
    filling = filling_count(variance, len(basis))
    noise = max(total - float(variance[:filling].sum()), 0.0) / max(len(basis) - filling, 1)
    return LinearModel(exact, components, variance, total, components, filling, noise)


def nystroem(product: Floats, basis: Floats) -> tuple[Floats, Floats]:
    """Eigenvectors (component, feature) and eigenvalues of the best approximation of a matrix.

    Args:
        product: (feature, direction) the matrix, symmetric and not negative, times the basis.
        basis: (feature, direction) the directions.
    """
    inner = basis.T @ product
    gram = basis.T @ basis
    size, rotation = eigh((inner + inner.T) / 2, gram)
    root = product @ (rotation / np.sqrt(np.maximum(size, ROUNDING * size[-1])))
    vectors, values, _ = np.linalg.svd(root, full_matrices=False)
    return orient(vectors.T), values**2


def start(z: Singles, directions: int) -> Floats:
    """(feature, direction) the first singular vectors of a sample (feature, pixel), with 0 where missing.

    Where the sample has fewer, random directions are added.
    """
    last = z.shape[1] - 1
    count = min(directions, z.shape[1])
    size, vectors = eigh(
        (z.T @ z).astype(np.float64), subset_by_index=(last - count + 1, last), driver="evr"
    )
    is_signal = size > ROUNDING * size[-1]
    singular = z @ vectors[:, is_signal] / np.sqrt(size[is_signal])
    rng = np.random.default_rng(0)
    random = rng.normal(size=(len(z), directions - singular.shape[1])) / np.sqrt(len(z))
    basis: Floats = np.linalg.qr(np.concatenate([singular, random], axis=1))[0]
    return basis
