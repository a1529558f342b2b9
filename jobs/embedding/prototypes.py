"""Vectors less the noise that is left in them, by the vectors that the land has elsewhere. Pure.

A land has the same kinds of pixels over and over. So what a vector would be without noise can be told from
the vectors of all pixels: most likely it is one that many pixels have. *Prototypes* are the means of
`PROTOTYPES` clusters of vectors. By Bayes' rule, a pixel belongs to a prototype with a probability in
proportion to the share of the pixels that the prototype has, times exp(-d^2 / (2 noise)), where d^2 is its
squared distance from it. *Noise* is the mean squared distance between two periods, as in
`jobs.embedding.smoothing`. What is expected of a pixel is the mean of the prototypes by these weights.

Pixels differ from what is expected by noise, and by what they have of their own. The variance of the noise of
a vector is half the noise, since each period has its own. A vector is drawn towards what is expected by the
share that this has of the *scatter*, the mean squared difference. A vector that differs much more than others
is of land that has no prototype: beyond `FAR` times the scatter it is drawn the less the farther it is.
Source: empirical Bayes (Robbins, "An empirical Bayes approach to statistics", 1956). Vectors are drawn by the
share of noise after Efron and Morris, "Data analysis using Stein's estimator and its generalizations", JASA
70 (1975), and far ones less after their "Limiting the risk of Bayes and empirical Bayes estimators", JASA 67
(1972).
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from lake.format.arrays import Floats, Indices, Singles

PROTOTYPES, MEMBERS = 256, 16
"""Prototypes, or as many as have so many pixels each."""
FITTED = 20_000
"""Pixels that prototypes are found by at most."""
FAR = 3.0
"""A squared difference of so many times the scatter is that of a vector that is far from all others."""
_PIXELS = 16384
"""Pixels that are denoised at a time."""


def seen(pixels: int, seed: int) -> Indices:
    """(p,) those of so many pixels that prototypes are found by, in rising order."""
    return np.sort(np.random.default_rng(seed).permutation(pixels)[:FITTED])


@dataclass(frozen=True, slots=True, eq=False)
class Prototypes:
    """The prototypes of a land; where it has none, vectors stay as they are."""

    mean: Singles
    """(prototype, d)"""
    pixel_share: Floats
    """(prototype,) share of the pixels; the sum is 1."""
    scatter: float
    """Mean squared difference of a vector from what is expected of it."""

    @classmethod
    def fit(cls, vectors: Singles, noise: float, seed: int) -> Self:
        """The prototypes of some pixels (`seen`); none, if not one of them has a vector, or without noise.

        Args:
            vectors: (p, d) of length 1; NaN in the rows of pixels without a vector.
            noise: mean squared distance between two periods.
            seed: of k-means.
        """
        x = vectors[np.isfinite(vectors).all(axis=1)]
        if not x.size or not noise > 0:
            return cls(x[:0], np.zeros(0), np.nan)
        count = max(1, min(PROTOTYPES, len(x) // MEMBERS))
        with threadpool_limits(1):
            clusters = KMeans(count, n_init=1, random_state=seed).fit(x)
        numbers, pixels = np.unique(clusters.labels_, return_counts=True)  # alike pixels fill few
        mean = clusters.cluster_centers_[numbers].astype(np.float32)
        fitted = cls(mean, pixels / len(x), np.nan)
        return replace(fitted, scatter=float(_squares(x - fitted.expected(x, noise)).mean()))

    def expected(self, vectors: Singles, noise: float) -> Singles:
        """(P, d) the mean of the prototypes by their probabilities; NaN where a pixel has no vector."""
        squares = _squares(vectors)[:, None] + _squares(self.mean)
        squares -= 2 * vectors.astype(np.float64) @ self.mean.T
        logs = np.log(self.pixel_share) - squares / (2 * noise)
        weights = np.exp(logs - logs.max(axis=1, keepdims=True)).astype(np.float32)
        expected: Singles = weights @ self.mean / weights.sum(axis=1, keepdims=True)
        return expected

    def denoised(self, vectors: Singles, noise: float) -> Singles:
        """(P, d) vectors drawn towards what is expected of them, of length 1; NaN stays NaN.

        Args:
            vectors: (P, d) of length 1.
            noise: mean squared distance between two periods.
        """
        if not len(self.mean):
            return vectors
        parts = (vectors[i : i + _PIXELS] for i in range(0, len(vectors), _PIXELS))
        return np.concatenate([self._denoised(part, noise) for part in parts])

    def _denoised(self, vectors: Singles, noise: float) -> Singles:
        tiny = float(np.finfo(np.float32).tiny)
        difference = self.expected(vectors, noise) - vectors
        is_near = np.minimum(1, FAR * self.scatter / np.maximum(_squares(difference), tiny))
        share = min(1, noise / 2 / max(self.scatter, tiny)) * is_near
        denoised = vectors + share[:, None].astype(np.float32) * difference
        denoised /= np.linalg.norm(denoised, axis=1, keepdims=True)
        return denoised


def _squares(x: Singles) -> Floats:
    """(p,) squared lengths of the rows (p, d)."""
    squares: Floats = np.square(x, dtype=np.float64).sum(axis=1)
    return squares
