"""Principal components of a matrix with holes: fit on a sample, score any rows. Pure.

Columns are standardised by the mean and standard deviation of what is there and cut off at `clip`
standard deviations; covariance and eigenvectors are float64. Missing values are the mean at first,
then `passes` times what the components say of them, shrunk by how much of a component is noise;
without holes this is the ordinary PCA.
Source: Josse and Husson, "Handling missing values in exploratory multivariate data analysis
methods", Journal de la Societe Francaise de Statistique 153 (2012), regularised iterative PCA.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

ROWS = 4096
"""Rows in float64 at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What turns features into scores."""

    mean: Floats
    """(feature,) of the values that are there."""
    scale: Floats
    """(feature,) standard deviation of the values that are there."""
    centre: Floats
    """(feature,) mean of the standardised, clipped, filled values: near 0."""
    components: Floats
    """(component, feature), orthonormal, by falling variance; the largest loading is positive."""
    variance: Floats
    """(component,) of the scores."""
    total: float
    """Variance of all features."""
    clip: float
    """Standardised values are cut off at plus and minus this."""

    @property
    def signal(self) -> Floats:
        """(component,) share of a component's variance that is not noise, 0 to 1."""
        rest = self.components.shape[1] - self.components.shape[0]
        noise = (self.total - self.variance.sum()) / max(rest, 1)
        share: Floats = np.clip(1 - noise / np.maximum(self.variance, np.finfo(float).tiny), 0, 1)
        return share


def fit(x: Singles, components: int, passes: int, clip: float) -> Model:
    """The model of a sample.

    Args:
        x: (sample, feature), NaN where missing; no feature is constant, or missing everywhere.
        components: how many; at most the number of features.
        passes: how often missing values are filled anew.
        clip: standard deviations.
    """
    mean, scale = _location(x)
    z = standardise(x, mean, scale, clip)
    missing = np.isnan(z)
    z[missing] = 0
    model = _of_filled(z, mean, scale, components, clip)
    if not missing.any():
        return model
    for _ in range(passes):
        _refill(z, missing, model)
        model = _followed(z, model)
    return _of_filled(z, mean, scale, components, clip)


def scores(x: Singles, model: Model, passes: int) -> Singles:
    """(pixel, component) scores of features (pixel, feature); NaN where no feature has a value."""
    z = standardise(x, model.mean, model.scale, model.clip)
    missing = np.isnan(z)
    centre = model.centre.astype(np.float32)
    z = np.where(missing, centre, z)
    for _ in range(passes if missing.any() else 0):
        _refill(z, missing, model)
    found = np.concatenate([_project(z[rows], model) for rows in _blocks(z)])
    found[missing.all(axis=1)] = np.nan
    return found.astype(np.float32)


def standardise(x: Singles, mean: Floats, scale: Floats, clip: float) -> Singles:
    """Features in standard deviations from the mean, cut off; NaN stays NaN."""
    z = np.empty(x.shape, np.float32)
    for rows in _blocks(x):
        z[rows] = np.clip((x[rows] - mean) / scale, -clip, clip)
    return z


def _location(x: Singles) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each feature's values that are there, two-pass in float64."""
    count = sum(((~np.isnan(x[rows])).sum(axis=0) for rows in _blocks(x)), np.zeros(x.shape[1]))
    total = sum((np.nansum(x[rows], axis=0, dtype=np.float64) for rows in _blocks(x)), 0.0 * count)
    mean = total / count
    square = sum((np.nansum((x[rows] - mean) ** 2, axis=0) for rows in _blocks(x)), 0.0 * count)
    return mean, np.sqrt(square / count)


def _of_filled(z: Singles, mean: Floats, scale: Floats, components: int, clip: float) -> Model:
    """The model of standardised features without holes."""
    centre = z.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((z.shape[1], z.shape[1]))
    for rows in _blocks(z):
        deviation = z[rows] - centre
        covariance += deviation.T @ deviation
    covariance /= max(len(z) - 1, 1)
    variance, vectors = np.linalg.eigh(covariance)
    first = vectors[:, ::-1][:, :components].T
    largest = np.take_along_axis(first, np.abs(first).argmax(axis=1, keepdims=True), axis=1)
    return Model(
        mean,
        scale,
        centre,
        first * np.sign(largest),
        np.maximum(variance[::-1][:components], 0),
        float(np.trace(covariance)),
        clip,
    )


def _followed(z: Singles, model: Model) -> Model:
    """The model after its features were refilled: one step of subspace iteration from the old one.

    What has changed little is followed at a fraction of the cost of a covariance.
    """
    centre = z.mean(axis=0, dtype=np.float64)
    product, total = np.zeros(model.components.T.shape), 0.0
    for rows in _blocks(z):
        deviation = z[rows] - centre.astype(np.float32)
        product += deviation.T @ (deviation @ model.components.T.astype(np.float32))
        total += float(np.vdot(deviation, deviation))
    freedom = max(len(z) - 1, 1)
    vectors, variance, _ = np.linalg.svd(product / freedom, full_matrices=False)
    return replace(
        model, centre=centre, components=vectors.T, variance=variance, total=total / freedom
    )


def _refill(z: Singles, missing: NDArray[np.bool_], model: Model) -> None:
    """Put into the holes, in place, what the components say of them."""
    centre, towards = model.centre.astype(np.float32), model.components.astype(np.float32)
    back = (model.signal[:, None] * model.components).astype(np.float32)
    for rows in _blocks(z):
        said = (z[rows] - centre) @ towards.T @ back + centre
        np.copyto(z[rows], said, where=missing[rows])


def _project(z: Singles, model: Model) -> Floats:
    found: Floats = (z - model.centre) @ model.components.T
    return found


def _blocks(x: Singles) -> list[slice]:
    return [slice(start, start + ROWS) for start in range(0, len(x), ROWS)]
