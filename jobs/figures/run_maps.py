"""Maps of what a run gave to the pixels of a store: components, embeddings, clusters.

The arrays are read where they are drawn, a superblock at a time; that needs neither Dask nor torch.
"""

import numpy as np

from jobs.figures import captioned_maps, principal_axes
from jobs.figures.captioned_maps import CaptionedFigure, Place
from jobs.runs import outputs, records
from lake.errors import ConfigError
from lake.plot import canvas, layers, views
from lake.plot.views import MapProjection
from lake.reading.store import Store

COLOURED = ("pca", "mnf", "embed", "transform", "cluster")
"""Jobs whose runs can be drawn as colours of pixels."""
KINDS = {"pca": "principal", "mnf": "minimum-noise"}
"""Job that fits components -> their kind in words."""


def draw(
    root: str, run: str, projection: MapProjection = "fixed", bbox: tuple[float, ...] = ()
) -> CaptionedFigure:
    """Draw what a run gave to pixels: components or embeddings as red, green, blue; or clusters.

    Embeddings are projected onto the principal axes of the visible pixels. Colours are stretched over
    the visible pixels too.

    Args:
        root: folder or URL of the lake.
        run: of pca, mnf, embed, transform or cluster.
        projection: fixed or platecarree.
        bbox: west, south, east, north in degrees; empty: all pixels. Nothing else is read.

    Raises:
        MissingError: there is no such run, or it is not complete.
        ConfigError: its pixels have no colours, or none of them is shown.
    """
    spec = records.finished_spec(root, run)
    if spec.job not in COLOURED:
        raise ConfigError(
            f"run {run} is of {spec.job}, which gives pixels no colours: wanted a run of "
            f"{', '.join(COLOURED)}; 'lake runs ls' lists them"
        )
    store = records.open_input(root, spec.stores[0])
    pixels, domain, map_view = views.visible_part(
        store.domain, views.select(store.domain, projection, bbox)
    )
    place = Place(str(store.key), domain, map_view)
    dataset = outputs.dataset(root, run)
    if "labels" in dataset:
        labels = outputs.read(root, run, "labels", pixels)
        figure = captioned_maps.clusters(place, labels, dataset.sizes["cluster"])
    elif "scores" in dataset:
        job, model = next(iter(spec.inputs.items())) if spec.job == "transform" else (spec.job, run)
        fitted = outputs.dataset(root, model)
        ratio = fitted["explained_variance_ratio"].values[:3].tolist()
        sizes = fitted.sizes["component"], fitted.sizes["feature"]
        scores = principal_axes.project(root, run, "scores", None, None, pixels)
        shares = ratio + [0.0] * (3 - len(ratio))
        figure = captioned_maps.components(place, scores, shares, *sizes, KINDS[job])
    else:
        figure = _embedding(root, run, place, store, pixels)
    canvas.fit(figure.figure)
    return figure


def _embedding(
    root: str, run: str, place: Place, store: Store, pixels: layers.Pixels
) -> CaptionedFigure:
    """The principal axes of an embedding, summed up one superblock at a time."""
    parts = layers.by_superblock(store, pixels)
    summed = [principal_axes.sums(root, run, "embedding", part) for part in parts]
    mean, axes, shares = principal_axes.axes(summed)
    turned = [principal_axes.project(root, run, "embedding", mean, axes, part) for part in parts]
    return captioned_maps.embedding(place, np.concatenate(turned), shares.tolist(), mean.size)
