"""Linear models of standardised features with holes: their solution, and the scores of pixels. Pure.

Blocks are float32 (feature, pixel), NaN where missing. The first principal components say what
stands in the holes of a pixel: of all scores that agree with what is there, the likeliest, if what
the components leave out is noise, alike in all features. It is the fixed point of regularised
iterative PCA (project, refill, project, ...), found by conjugate gradients; without holes this is
ordinary projection.
Source: Josse and Husson, "Handling missing values in exploratory multivariate data analysis
methods", Journal de la Societe Francaise de Statistique 153 (2012), regularised iterative PCA;
Tipping and Bishop, "Probabilistic principal component analysis", Journal of the Royal Statistical
Society B 61 (1999), the same as a likelihood.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, eigvalsh

from jobs.features.scaling import Scaling
from jobs.linear.covariance import Sums
from lake.format.arrays import Floats, Singles

PIXELS = 4096
"""Scored at a time."""
SETTLED = 1e-3
"""Steps towards what stands in the holes end when the rest is this share of all."""
STEPS = 30
"""At most."""
SURELY = 0.05
"""Share of the size of eigenvalues that are left out which is noise, though their sum be less."""
LEAST_SIGNAL = 1e-3
"""Components with a smaller share of signal say nothing of holes."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What turns features into scores."""

    scaling: Scaling
    components: Floats
    """(component, feature) principal: orthonormal, by falling variance, largest loading positive."""
    variance: Floats
    """(component,) of the features along each."""
    total: float
    """Variance of all standardised features."""
    projection: Floats
    """(score, feature): scores are this times standardised features."""
    filling: int
    """How many of the components fill holes."""
    noise: float
    """Variance of a feature that these leave out, in the mean over all other directions."""

    @property
    def signal(self) -> Floats:
        """(filling,) share of a component's variance that is not noise, 0 to 1."""
        tiny = float(np.finfo(float).tiny)
        variance = np.maximum(self.variance[: self.filling], tiny)
        share: Floats = np.clip(1 - max(self.noise, tiny) / variance, 0, 1)
        return share


def principal(covariance: Floats, count: int) -> tuple[Floats, Floats]:
    """The first components (component, feature) and their variances, by falling variance.

    Args:
        covariance: (feature, feature)
        count: of components.
    """
    last = len(covariance) - 1
    variance, vectors = eigh(covariance, subset_by_index=(last - count + 1, last), driver="evr")
    return turned(vectors.T[::-1]), np.maximum(variance[::-1], 0)


def first(model: Model, count: int) -> Model:
    """The model of its first components alone."""
    vectors, variance = model.components[:count], model.variance
    features, filling = vectors.shape[1], min(model.filling, count)
    left_out = model.noise * (features - model.filling) + variance[filling : model.filling].sum()
    return replace(
        model,
        components=vectors,
        variance=variance[:count],
        projection=vectors,
        filling=filling,
        noise=float(left_out / max(features - filling, 1)),
    )


def trusted(variance: Floats, features: int, error: float = 0.0) -> int:
    """How many components of these variances fill holes.

    At most half as many as there are features: all of them would say nothing, they agree with any
    value. Those that are no larger than the error of a variance do not.
    """
    return max(min(int((variance > error).sum()), (features + 1) // 2), 1)


def turned(vectors: Floats) -> Floats:
    """Rows, each with its largest entry positive."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1, keepdims=True), axis=1)
    return vectors * np.where(largest < 0, -1.0, 1.0)


def solved(sums: Sums, scaling: Scaling, count: int, *, standardise: bool = True) -> Model:
    """The principal components of what was added.

    A covariance of pairs has eigenvalues below 0 where the pixels of the pairs differ: the others are
    as wrong as the lowest, what is smaller fills no holes, and its size is some noise.

    Args:
        sums: of features standardised by `scaling`.
        scaling: theirs.
        count: of components.
        standardise: exactly; else the unit of `scaling` stays.
    """
    scale = sums.scale() if standardise else np.ones(len(sums.kind))
    covariance = sums.covariance()
    covariance /= scale[:, None]
    covariance /= scale
    components, variance = principal(covariance, count)
    exact = scaling.then(sums.mean(), scale)
    total, features = float(np.trace(covariance)), len(covariance)
    least, error = 0.0, 0.0
    if np.ptp(sums.counts) > 0:  # there are holes
        all_of_them = eigvalsh(covariance)
        error = -all_of_them[0]
        least = SURELY * np.abs(all_of_them[: features - trusted(variance, features, error)]).sum()
    fill_by = trusted(variance, features, error)
    left_out = max(total - variance[:fill_by].sum(), least)
    noise = float(left_out / max(features - fill_by, 1))
    return Model(exact, components, variance, total, components, fill_by, noise)


def scores(x: Singles, model: Model, check: Callable[[], object] = bool) -> Singles:
    """(pixel, score) of features (feature, pixel), which are overwritten; NaN where none has a value.

    Args:
        x: of any number of pixels.
        model: whose features the rows are.
        check: called now and then; what it raises ends the work.
    """
    projection = model.projection.astype(np.float32)
    found = np.empty((x.shape[1], len(projection)), np.float32)
    for first in range(0, x.shape[1], PIXELS):
        pixels = slice(first, first + PIXELS)
        z = model.scaling.apply(x[:, pixels])
        fill(z, model, check)
        found[pixels] = z.T @ projection.T  # NaN where all are missing
    return found


def fill(z: Singles, model: Model, check: Callable[[], object] = bool) -> Floats:
    """Put into the holes of standardised features (feature, pixel), in place, what is likeliest.

    A pixel without any value stays as it is. `check` is called now and then; what it raises ends the
    work.

    Returns:
        (feature,) how many holes were filled.
    """
    if not np.isnan(z.sum(axis=1)).any():
        return np.zeros(len(z))
    missing = np.isnan(z)
    some: NDArray[np.bool_] = np.any(missing, axis=0) & ~np.all(missing, axis=0)
    filled: Floats = missing[:, some].sum(axis=1, dtype=np.float64)
    for first in range(0, z.shape[1], PIXELS):
        check()
        pixels = first + np.flatnonzero(some[first : first + PIXELS])
        part, holes = z[:, pixels], missing[:, pixels]
        np.copyto(part, 0, where=holes)
        np.copyto(part, _said(part, holes, model), where=holes)
        z[:, pixels] = part
    return filled


def _said(z: Singles, holes: NDArray[np.bool_], model: Model) -> Singles:
    """(feature, pixel) what the components say of pixels, whose holes are 0.

    With V the components, S their signal, M the holes: (1/S - V M V') u = V z has the solution that
    u <- S (V z + V M V' u) tends to; it is symmetric, and S nearly its inverse.
    """
    signal = model.signal
    speaking = signal > LEAST_SIGNAL
    towards = model.components[: model.filling][speaking].astype(np.float32)
    back, shrink = np.ascontiguousarray(towards.T), signal[speaking, None].astype(np.float32)
    there = (~holes).astype(np.float32)
    noise = np.float32(1) / shrink - np.float32(1)  # 1/S - V M V' = (1/S - 1) + V (1 - M) V'

    def left(of: Singles) -> Singles:
        seen = back @ of
        seen *= there
        return noise * of + towards @ seen

    wanted = towards @ z
    found = shrink * wanted
    rest = wanted - left(found)
    step = shrink * rest
    size = _inner(rest, step)
    enough = np.float32(SETTLED**2) * _inner(wanted, found)
    way = step
    for _ in range(STEPS):
        if (size <= enough).all():
            break
        moved = left(way)
        far = _ratio(size, _inner(way, moved))
        found += far * way
        rest -= far * moved
        step = shrink * rest
        before, size = size, _inner(rest, step)
        way = step + _ratio(size, before) * way
    said: Singles = back @ found
    return said


def _inner(a: Singles, b: Singles) -> Singles:
    found: Singles = np.einsum("kp,kp->p", a, b)
    return found


def _ratio(a: Singles, b: Singles) -> Singles:
    """Quotient, 0 where there is nothing left to divide."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > np.finfo(np.float32).tiny)
