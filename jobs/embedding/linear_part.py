"""The linear part of a vector, and the linear map before the network: fixed before the training. Pure.

A network that tells every pixel from every other keeps neighbours well, but scatters what belongs together.
So a vector is two parts side by side: linear axes of the scores, of length 1, which keep what is alike
wherever it lies, and the network's, of length `LEARNT`. Probes use both; distances are mostly those of the
first.

`noise` takes the scores along axes of minimum noise, in its units. `local` takes them through the filter of
`jobs.linear.spatial`, which makes small what varies over longer distances than half of the signal does: haze,
latitude, elevation; and what varies from each pixel to the next. `auto` filters unless one of two measures,
which need no labels, speaks against it:

- The range of the land is more than `LONGEST` of its extent, or than `LONGEST_PIXELS`: nothing there is much
  shorter than the land itself, and the classes are what varies slowly, as climates do.
- The unfiltered scores clump. *Clumping* is the share of their scatter around `CLUSTERS` means that would
  remain if they were normally distributed, but does not. Where strong components are the classes, pixels
  clump; fields of haze do not.

docs/measurements/embedding.md has the lands by which the thresholds were set.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import KMeans

from jobs.linear import mnf, spatial
from jobs.linear.spatial import Covariances
from lake.format.arrays import Floats, Indices, Integers, Singles

NOISE, LOCAL, AUTO = "noise", "local", "auto"
"""The linear parts that there are, and the choice between them."""
FILTERED = (LOCAL, AUTO)
"""Those that are filtered, or may be."""
LEARNT = 0.5
"""Length of the learnt part of a vector before the whole gets length 1; that of the linear part is 1."""
FLOOR = 1e-6
"""Share of the largest variance of the noise; smaller ones count as this."""
CLUSTERS, CLUMPING_AXES, CLUMPING_PIXELS = 8, 16, 6000
CLUMPED, LONGEST, LONGEST_PIXELS = 0.6, 1 / 8, 48
"""Land of a higher clumping is not filtered, nor one whose range is a larger share of its extent, or more
pixels."""
PIXELS, ANCHORS = 150_000, 2500
"""Pixels that the axes are computed from: all of so many, else some and their partners at every lag."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearAxes:
    """The fixed linear maps of a model."""

    inputs: Floats
    """(inputs, inputs) from scaled inputs to what the network is given."""
    linear: Floats
    """(inputs, linear) from scaled inputs to the linear part."""
    facts: dict[str, Any]
    """What was chosen and why, for people."""


def fit(
    first: Singles, second: Singles, row: Integers, column: Integers, choice: str, count: int, seed: int
) -> LinearAxes:  # fmt: skip
    """The maps for the land of these pixels.

    Args:
        first: (P, inputs) scaled scores of the first period, or of the first half of one, without NaN.
        second: (P, inputs) those of the second.
        row: (P,) row of each pixel on the grid.
        column: (P,) column of each pixel.
        choice: `noise`, `local` or `auto`.
        count: dimensions of the linear part, at most those of the inputs.
        seed: of pairs of pixels and of k-means.
    """
    known = spatial.covariances(first, second)
    axes, ratio = _noise_axes(known)
    noise = spatial.principal(axes * np.sqrt((ratio - 1) / ratio), known.total)
    root = np.diag(spatial.root_scale(known))
    facts: dict[str, Any] = {}
    found = None
    if choice != NOISE:
        random = np.random.default_rng(seed)
        found = spatial.land_range(first, second, known, (row, column), random)
        facts["range_pixels"] = found.lag if found else 0
    if choice == AUTO:
        value = clumping((first @ noise[:, :CLUMPING_AXES]).astype(np.float64), seed)
        facts["clumping"] = round(value, 3)
        facts["extent_pixels"] = extent = 1 + max(int(np.ptp(row)), int(np.ptp(column)))
        if found is None or found.lag > _longest(extent) or value > CLUMPED:
            choice = NOISE
    if choice == NOISE or found is None:
        facts["chosen"] = NOISE
        inputs = axes * np.sqrt((np.sqrt(ratio) - 1) / ratio)
        return LinearAxes(spatial.principal(inputs, known.total), noise[:, :count], facts)
    facts["chosen"] = LOCAL
    nugget = spatial.nugget(first, second, known.total, (row, column), np.random.default_rng(seed))
    matrices = known.total, found.variation, nugget
    total, varied, nugget = (root @ matrix @ root for matrix in matrices)
    facts["nugget_share"] = round(float(np.trace(nugget) / np.trace(varied)), 3)
    local = spatial.local_filter(total, varied - nugget)
    filtered = spatial.principal(root @ local, known.total)
    return LinearAxes(filtered, filtered[:, :count], facts)


def _longest(extent: int) -> int:
    """The longest range, in pixels, of a land of this extent that is filtered."""
    return min(int(LONGEST * extent), LONGEST_PIXELS)


def clumping(vectors: Floats, seed: int) -> float:
    """How much less scatter k-means leaves of vectors (P, d) than of normal ones of the same covariance.

    0: none, as of normally distributed vectors; towards 1: tight clusters.
    """
    random = np.random.default_rng(seed)
    drawn = vectors[random.permutation(len(vectors))[:CLUMPING_PIXELS]]
    drawn = drawn - drawn.mean(axis=0)
    variance, axes = np.linalg.eigh(drawn.T @ drawn / len(drawn))
    normal = random.normal(size=drawn.shape) * np.sqrt(np.maximum(variance, 0)) @ axes.T
    left, expected = (_scatter(x, seed) / x.var(axis=0).sum() for x in (drawn, normal))
    return float(1 - left / expected)


def reason(facts: dict[str, Any]) -> str:
    """What was chosen and why, in a line."""
    why = ""
    if "clumping" in facts:
        why = (
            f": clumping {facts['clumping']}, range {facts['range_pixels']} pixels; filtered up to "
            f"{CLUMPED} and {_longest(facts['extent_pixels'])} pixels"
        )
    if facts["chosen"] == NOISE:
        return f"linear part: scores in units of noise{why}"
    scores = "scores less their bias field" if "bias_field" in facts else "scores"
    return f"linear part: {scores}, filtered to a range of {facts['range_pixels']} pixels{why}"


def needed_pixels(row: Integers, column: Integers, seed: int) -> Indices | None:
    """(n,) pixels of a domain to compute axes from, in rising order; None: all of them."""
    if len(row) <= PIXELS:
        return None
    anchors = np.sort(np.random.default_rng(seed).permutation(len(row))[:ANCHORS])
    pairs = spatial.partners(row, column, spatial.lags(row, column), anchors)
    return np.unique(np.concatenate([anchors, *(other for _, other in pairs)]))


def _noise_axes(known: Covariances) -> tuple[Floats, Floats]:
    """(inputs, inputs) axes whose noise is uncorrelated, of variance 1; (inputs,) their variances."""
    noise = known.total - known.signal
    vectors, variance = mnf.solve(known.total, noise, len(noise), FLOOR)
    return vectors.T, np.maximum(variance, spatial.MIN_RATIO)


def _scatter(vectors: Floats, seed: int) -> float:
    """Mean squared distance to the nearest of `CLUSTERS` means."""
    fitted = KMeans(min(CLUSTERS, len(vectors)), n_init=3, random_state=seed).fit(vectors)
    return float(fitted.inertia_) / len(vectors)
