"""Linear models of standardised features with missing values: their solution, and pixels' scores. Pure.

Blocks are float32 (feature, pixel), NaN where missing. The first principal components impute the missing
values of a pixel: by the likeliest of all scores that agree with its other values, if what the
components do not explain is noise of the same size in all features. This is the fixed point of
regularised iterative PCA (project, impute, project, ...), here by conjugate gradients. Without missing
values it is ordinary projection.
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
from jobs.linear.covariance import CovarianceSums
from lake.format.arrays import Floats, Singles

PIXELS = 4096
"""How many pixels are scored at a time."""
TOLERANCE = 1e-3
"""Imputation steps end when the residual is this share of the right-hand side."""
MAX_STEPS = 30
"""Imputation steps of a pixel, at most."""
NOISE_SHARE = 0.05
"""Share of the absolute values of the unused eigenvalues that is noise at least, if their sum is less."""
MIN_SIGNAL = 1e-3
"""Components with a smaller share of signal do not impute."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearModel:
    """A linear model, which turns features into scores."""

    scaling: Scaling
    components: Floats
    """(component, feature) principal: orthonormal, by falling variance, largest loading positive."""
    variance: Floats
    """(component,) variance of the features along each."""
    total: float
    """Variance of all standardised features."""
    projection: Floats
    """(score, feature): scores are this times standardised features."""
    filling: int
    """How many of the components impute missing values: the first ones."""
    noise: float
    """Variance that these do not explain, in the mean over all other directions."""

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
        count: number of components.
    """
    last = len(covariance) - 1
    variance, vectors = eigh(covariance, subset_by_index=(last - count + 1, last), driver="evr")
    return orient(vectors.T[::-1]), np.maximum(variance[::-1], 0)


def truncate(model: LinearModel, count: int) -> LinearModel:
    """The model with its first components alone."""
    vectors, variance = model.components[:count], model.variance
    features, filling = vectors.shape[1], min(model.filling, count)
    unexplained = model.noise * (features - model.filling) + variance[filling : model.filling].sum()
    return replace(
        model,
        components=vectors,
        variance=variance[:count],
        projection=vectors,
        filling=filling,
        noise=float(unexplained / max(features - filling, 1)),
    )


def filling_count(variance: Floats, features: int, error: float = 0.0) -> int:
    """How many components of these variances impute missing values.

    At most half as many as there are features: all of them together agree with any value. Components
    whose variance does not exceed its error do not impute.
    """
    return max(min(int((variance > error).sum()), (features + 1) // 2), 1)


def orient(vectors: Floats) -> Floats:
    """The rows, each with the sign that makes its largest entry positive."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1, keepdims=True), axis=1)
    return vectors * np.where(largest < 0, -1.0, 1.0)


def solve(
    sums: CovarianceSums, scaling: Scaling, count: int, *, standardise: bool = True
) -> LinearModel:
    """The principal components of the features that were added.

    A covariance of pairs has eigenvalues below 0 where the pixels of the pairs differ. The others have
    errors as large as the lowest, so smaller ones do not impute, and a share of them counts as noise.

    Args:
        sums: of features standardised by `scaling`.
        scaling: of these features.
        count: number of components.
        standardise: whether features are scaled to standard deviation 1 exactly; else as `scaling` does.
    """
    scale = sums.scale() if standardise else np.ones(len(sums.kind))
    covariance = sums.covariance()
    covariance /= scale[:, None]
    covariance /= scale
    components, variance = principal(covariance, count)
    exact = scaling.then(sums.mean(), scale)
    total, features = float(np.trace(covariance)), len(covariance)
    minimum, error = 0.0, 0.0
    if np.ptp(sums.counts) > 0:  # there are missing values
        eigenvalues = eigvalsh(covariance)
        error = -eigenvalues[0]
        unused = eigenvalues[: features - filling_count(variance, features, error)]
        minimum = NOISE_SHARE * np.abs(unused).sum()
    filling = filling_count(variance, features, error)
    unexplained = max(total - variance[:filling].sum(), minimum)
    noise = float(unexplained / max(features - filling, 1))
    return LinearModel(exact, components, variance, total, components, filling, noise)


def scores(x: Singles, model: LinearModel, check: Callable[[], object] = bool) -> Singles:
    """(pixel, score) of features (feature, pixel), which are overwritten; NaN where all are missing.

    Args:
        x: features of any number of pixels.
        model: of these features.
        check: called now and then; an error that it raises ends the work.
    """
    projection = model.projection.astype(np.float32)
    result = np.empty((x.shape[1], len(projection)), np.float32)
    for first in range(0, x.shape[1], PIXELS):
        pixels = slice(first, first + PIXELS)
        z = model.scaling.apply(x[:, pixels])
        impute(z, model, check)
        result[pixels] = z.T @ projection.T  # NaN where all are missing
    return result


def impute(z: Singles, model: LinearModel, check: Callable[[], object] = bool) -> Floats:
    """Replace missing values of standardised features (feature, pixel), in place, by the likeliest.

    A pixel without any value stays as it is. `check` is called now and then; an error that it raises
    ends the work.

    Returns:
        (feature,) how many values were imputed.
    """
    if not np.isnan(z.sum(axis=1)).any():
        return np.zeros(len(z))
    missing = np.isnan(z)
    is_partial: NDArray[np.bool_] = np.any(missing, axis=0) & ~np.all(missing, axis=0)
    imputed: Floats = missing[:, is_partial].sum(axis=1, dtype=np.float64)
    for first in range(0, z.shape[1], PIXELS):
        check()
        pixels = first + np.flatnonzero(is_partial[first : first + PIXELS])
        block, is_missing = z[:, pixels], missing[:, pixels]
        np.copyto(block, 0, where=is_missing)
        np.copyto(block, _reconstruct(block, is_missing, model), where=is_missing)
        z[:, pixels] = block
    return imputed


def _reconstruct(z: Singles, missing: NDArray[np.bool_], model: LinearModel) -> Singles:
    """(feature, pixel) values by the components, from pixels whose missing values are 0.

    With V the components, S their signal, M the mask of missing values: the fixed point of
    u <- S (V z + V M V' u) solves (1/S - V M V') u = V z, whose matrix is symmetric; S, nearly its
    inverse, is the preconditioner of the conjugate gradients.
    """
    signal = model.signal
    is_signal = signal > MIN_SIGNAL
    forward = model.components[: model.filling][is_signal].astype(np.float32)
    backward, shrink = np.ascontiguousarray(forward.T), signal[is_signal, None].astype(np.float32)
    present = (~missing).astype(np.float32)
    noise = np.float32(1) / shrink - np.float32(1)  # 1/S - V M V' = (1/S - 1) + V (1 - M) V'

    def product(u: Singles) -> Singles:
        values = backward @ u
        values *= present
        return noise * u + forward @ values

    target = forward @ z
    solution = shrink * target
    residual = target - product(solution)
    step = shrink * residual
    size = _inner(residual, step)
    tolerance = np.float32(TOLERANCE**2) * _inner(target, solution)
    direction = step
    for _ in range(MAX_STEPS):
        if (size <= tolerance).all():
            break
        image = product(direction)
        length = _ratio(size, _inner(direction, image))
        solution += length * direction
        residual -= length * image
        step = shrink * residual
        last_size, size = size, _inner(residual, step)
        direction = step + _ratio(size, last_size) * direction
    values: Singles = backward @ solution
    return values


def _inner(a: Singles, b: Singles) -> Singles:
    """(pixel,) inner products of columns."""
    inner: Singles = np.einsum("kp,kp->p", a, b)
    return inner


def _ratio(a: Singles, b: Singles) -> Singles:
    """Quotient, 0 where the divisor has vanished."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > np.finfo(np.float32).tiny)
