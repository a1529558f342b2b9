"""Principal components where a covariance would be too large: a subspace, better by every pass. Pure.

A pass multiplies the covariance by some directions, a third more than there are components, block
by block and never as a matrix. What comes out spans the first components better than what went in,
and says (Nystroem) what they and their variances are. With one pass from a sample's directions this is
a sketch.
Source: Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review 53 (2011),
subspace iteration and section 5.4, the Nystroem method.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import eigh

from jobs.features.scaling import Scaling
from jobs.linear.components import Model, trusted, turned
from jobs.linear.covariance import fill_with_zero
from lake.format.arrays import Floats, Singles

ROUNDING = 1e-6
"""Of float32 products: directions of a smaller share of the largest variance say nothing."""


@dataclass(slots=True, eq=False)
class Sketch:
    """What blocks add to, and merge into: the same, up to rounding, in any order and grouping."""

    basis: Floats
    """(feature, direction)"""
    product: Floats
    """(feature, direction) products of the features, times the basis."""
    count: Floats
    """(feature,) values that are there; those of all features count below, holes as 0."""
    sums: Floats
    squares: Floats
    pixels: Floats
    """() with any value."""

    @classmethod
    def empty(cls, basis: Floats) -> Self:
        """Of no pixel."""
        features = np.zeros(len(basis))
        return cls(
            basis, np.zeros_like(basis), features, features.copy(), features.copy(), np.zeros(())
        )

    def add(self, z: Singles) -> None:
        """Add standardised features (feature, pixel); their holes become 0."""
        masks, of = fill_with_zero(z)
        used = np.unique(of)
        self.count += masks.sum(axis=1)[of]
        self.pixels = self.pixels + masks[used].any(axis=0).sum()
        self.sums += z.sum(axis=1)
        self.squares += np.einsum("fp,fp->f", z, z)
        self.product += z @ (z.T @ self.basis.astype(np.float32))

    def add_noise(self, variance: Floats) -> None:
        """Add what was left out where holes were filled: a sum of squares for each feature."""
        self.squares += variance
        self.product += variance[:, None] * self.basis

    def merge(self, other: "Sketch") -> None:
        """Add what was added to another with the same basis."""
        for name in ("product", "count", "sums", "squares", "pixels"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def mean(self) -> Floats:
        """(feature,) 0 where there is no value."""
        mean: Floats = self.sums / np.maximum(self.count, 1)
        return mean

    def scale(self) -> Floats:
        """(feature,) standard deviation, of n; 1 where a feature is constant or never there."""
        variance = self.squares / np.maximum(self.count, 1) - self.mean() ** 2
        scale: Floats = np.sqrt(np.maximum(variance, 0))
        return np.where(scale > 0, scale, 1)


def solved(sketch: Sketch, scaling: Scaling, *, standardise: bool = True) -> Model:
    """The principal components that a pass shows, as many as there are directions.

    Args:
        sketch: of features standardised by `scaling`.
        scaling: theirs.
        standardise: exactly; else the unit of `scaling` stays.
    """
    scale = sketch.scale() if standardise else np.ones(len(sketch.basis))
    n = float(sketch.pixels)
    mean = sketch.sums / max(n, 1)
    product = sketch.product - n * np.outer(mean, mean @ sketch.basis)
    product /= scale[:, None] * max(n - 1, 1)
    basis = sketch.basis * scale[:, None]
    total = float(np.sum((sketch.squares - n * mean**2) / scale**2) / max(n - 1, 1))
    components, variance = nystroem(product, basis)
    exact = scaling.then(sketch.mean(), scale)
    fill_by = trusted(variance, len(basis))
    noise = max(total - float(variance[:fill_by].sum()), 0.0) / max(len(basis) - fill_by, 1)
    return Model(exact, components, variance, total, components, fill_by, noise)


def nystroem(product: Floats, basis: Floats) -> tuple[Floats, Floats]:
    """Eigenvectors (component, feature) and eigenvalues of the best approximation of a matrix.

    Args:
        product: (feature, direction) the matrix, symmetric and not negative, times the basis.
        basis: (feature, direction)
    """
    inner = basis.T @ product
    gram = basis.T @ basis
    size, turn = eigh((inner + inner.T) / 2, gram)
    root = product @ (turn / np.sqrt(np.maximum(size, ROUNDING * size[-1])))
    vectors, values, _ = np.linalg.svd(root, full_matrices=False)
    return turned(vectors.T), values**2


def start(z: Singles, directions: int) -> Floats:
    """(feature, direction) the first singular vectors of a sample (feature, pixel), its holes 0.

    Where the sample has fewer, random directions are added.
    """
    last = z.shape[1] - 1
    count = min(directions, z.shape[1])
    size, vectors = eigh(
        (z.T @ z).astype(np.float64), subset_by_index=(last - count + 1, last), driver="evr"
    )
    there = size > ROUNDING * size[-1]
    found = z @ vectors[:, there] / np.sqrt(size[there])
    rng = np.random.default_rng(0)
    more = rng.normal(size=(len(z), directions - found.shape[1])) / np.sqrt(len(z))
    basis: Floats = np.linalg.qr(np.concatenate([found, more], axis=1))[0]
    return basis
