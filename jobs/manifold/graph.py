"""The graph of UMAP: which pixels are near each other, and how likely, by umap-learn. Pure.

Every pixel has its nearest neighbours. An edge has the probability that its ends are near, which falls with
the distance in units of what is near about each end. Source: McInnes, Healy and Melville, "UMAP: uniform
manifold approximation and projection for dimension reduction", arXiv:1802.03426 (2018).

With classes the graph is intersected with theirs, as umap-learn does: edges between classes become
improbable, those of pixels without a class less so. The *radius* of a pixel, the mean squared length of its
edges, is what densMAP keeps. Source: Narayan, Berger and Cho, "Assessing single-cell transcriptomic
variability through density-preserving data visualization", Nature Biotechnology 39 (2021).
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lake.format.arrays import AnyFloats, Floats, Indices

METRICS = ("euclidean", "manhattan", "chebyshev", "cosine", "correlation")
EPSILON = 1e-8
"""Of umap-learn: what is added to a mean squared length before its logarithm."""


@dataclass(frozen=True, slots=True)
class GraphSettings:
    """How the graph is made."""

    neighbours: int
    """Number of nearest neighbours of a pixel, itself among them as umap-learn counts."""
    metric: str
    """One of `METRICS`."""
    seed: int
    with_radius: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """The edges of a graph of P pixels; each edge comes in both directions."""

    head: Indices
    """(edge,) position of one end."""
    tail: Indices
    """(edge,) position of the other end."""
    weight: Floats
    """(edge,) probability that the ends are near, above 0."""
    radius: Floats
    """(P,) logarithm of the mean squared length of a pixel's edges, standardised; empty: not asked for."""


def fit(vectors: AnyFloats, settings: GraphSettings, classes: Indices | None = None) -> Graph:
    """The graph of vectors (P, d) without NaN.

    Args:
        vectors: of the pixels; more than `neighbours` of them.
        settings: how.
        classes: (P,) of each pixel, below 0: none; None: there are no classes.
    """
    model = _umap().UMAP(
        n_neighbors=settings.neighbours,
        metric=settings.metric,
        random_state=settings.seed,
        n_jobs=1,  # a seed and several threads exclude each other
        transform_mode="graph",
        densmap=settings.with_radius,
    )
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # of pixels without an edge: the encoder places them
        model.fit(vectors.astype(np.float32), None if classes is None else np.maximum(classes, -1))
    edges = model.graph_.tocoo()
    head, tail = (ends.astype(np.int64) for ends in (edges.row, edges.col))
    weight = edges.data.astype(np.float64)
    radius = np.empty(0)
    if settings.with_radius:
        lengths = np.asarray(model.graph_dists_.tocsr()[head, tail]).ravel()
        radius = standard_radius(head, weight, lengths, len(vectors))
    return Graph(head, tail, weight, radius)


def standard_radius(head: Indices, weight: Floats, length: Floats, pixels: int) -> Floats:
    """(P,) standardised logarithms of the mean squared length of the edges of each of P pixels."""
    total, weights = (np.bincount(head, values, pixels) for values in (weight * length**2, weight))
    log_radius = np.log(EPSILON + total / np.where(weights > 0, weights, 1))
    deviation = float(log_radius.std())
    standard: Floats = (log_radius - log_radius.mean()) / (deviation or 1.0)
    return standard


def strongest(graph: Graph, pixels: int, most: int) -> tuple[NDArray[np.int64], Floats]:
    """(P, most) the ends of the most probable edges of each pixel, and their probabilities; 0: no edge."""
    by_head = np.lexsort((-graph.weight, graph.head))
    head = graph.head[by_head]
    rank = np.arange(len(head)) - np.searchsorted(head, head)
    kept = rank < most
    ends, weight = np.zeros((pixels, most), np.int64), np.zeros((pixels, most))
    ends[head[kept], rank[kept]] = graph.tail[by_head][kept]
    weight[head[kept], rank[kept]] = graph.weight[by_head][kept]
    return ends, weight


def curve(min_dist: float, spread: float) -> tuple[float, float]:
    """The curve by which pixels at a distance d are near: a and b of the probability 1 / (1 + a d^(2b)).

    As umap-learn fits them: about 1 up to `min_dist`, then falling over `spread`.
    """
    a, b = _umap().umap_.find_ab_params(spread, min_dist)
    return float(a), float(b)


def _umap() -> Any:  # noqa: ANN401 (a module)
    """The library, imported at first use: it compiles for seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # that its own encoder needs TensorFlow
        import umap  # noqa: PLC0415
        import umap.umap_  # noqa: PLC0415

    return umap
