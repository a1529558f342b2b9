"""Maps of what a run gave to the pixels of a store: components, embeddings, clusters.

The arrays are read where they are drawn, a superblock at a time; that needs neither Dask nor torch.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jobs.features import labels as label_files
from jobs.figures import (
    captioned_maps,
    charts,
    class_charts,
    principal_axes,
    scatter,
    trajectory_maps,
)
from jobs.figures.captioned_maps import CaptionedFigure, Place
from jobs.runs import class_names, outputs, records
from jobs.runs.spec import Spec
from lake.errors import ConfigError
from lake.format import order
from lake.format.arrays import Floats, Integers
from lake.plot import canvas, headings, views
from lake.plot.views import MapProjection
from lake.reading import classes
from lake.reading.classes import DESCRIBED, LandClass
from lake.reading.store import Store
from lake.storage.connect import connect
from lake.storage.documents import read_json

Each = Callable[..., list[Any]]
"""`each(task, *arguments)`: the results of `task(*arguments, piece)` for every piece of the pixels."""

COLOURED = (
    "pca", "mnf", "gcca", "factor", "embed", "transform", "umap", "trajectory", "join", "import", "cluster",
    "classify",
)  # fmt: skip
"""Jobs whose runs can be drawn as colours of pixels."""
SCATTER = "scatter"
KINDS = {"pca": "principal", "mnf": "minimum-noise", "gcca": "canonical"}
"""Job that fits components -> their kind in words."""


def draw(
    root: str,
    run: str,
    projection: MapProjection = "fixed",
    bbox: tuple[float, ...] = (),
    array: str = "",
    component: int | None = None,
    by: str = "",
) -> CaptionedFigure:
    """Draw what a run gave: components or embeddings as red, green, blue; classes; or charts of these.

    Of `classes` the classes are drawn, of `evaluate` the measures; they need no map.

    Embeddings are projected onto the principal axes of the visible pixels. Colours are stretched over
    the visible pixels too.

    Args:
        root: folder or URL of the lake.
        run: of one of the jobs `COLOURED`, or of `CHARTS`.
        projection: fixed or platecarree.
        bbox: west, south, east, north in degrees; empty: all pixels. Nothing else is read.
        array: what `lake trajectory` measured, one of `trajectory_maps.SUBJECTS`; `scatter`: all pixels in
            the plane of their vectors; empty: the colours.
        component: number of the only component that is drawn, from 0; none: the first three as colours.
        by: what colours the points of `scatter`: a run that has labels, or a file of classes; empty: how
            many there are.

    Raises:
        MissingError: there is no such run, or it is not complete.
        ConfigError: its pixels have no colours, or none of them is shown.
    """
    spec = records.finished_spec(root, run)
    if spec.job in CHARTS:
        captioned = CHARTS[spec.job](root, run)
        canvas.fit(captioned.figure)
        return captioned
    if spec.job not in COLOURED:
        raise ConfigError(
            f"run {run} is of {spec.job}, which gives pixels no colours: it has "
            f"{outputs.contents(root, run)} in {records.folder(root, run).url()}; wanted a run of "
            f"{', '.join((*COLOURED, *CHARTS))}"
        )
    if array == SCATTER:
        return _scatter(root, run, by)
    if by:
        raise ConfigError(f"by={by} colours the points of array={SCATTER}: give both")
    if array and not (array in trajectory_maps.SUBJECTS and array in outputs.dataset(root, run)):
        raise ConfigError(
            f"run {run} has no map of {array!r}: wanted {SCATTER}, or a run of trajectory and one of "
            f"{', '.join(trajectory_maps.SUBJECTS)}"
        )
    captioned = _map(root, run, spec, projection, bbox, array, component)
    canvas.fit(captioned.figure)
    return captioned


def _map(
    root: str, run: str, spec: Spec, projection: MapProjection, bbox: tuple[float, ...], array: str,
    component: int | None,
) -> CaptionedFigure:  # fmt: skip
    """The map of the visible pixels of a run; arguments are those of `draw`."""
    store = records.open_input(root, spec.stores[0])
    pixels, domain, map_view = views.visible_part(
        store.domain, views.select(store.domain, projection, bbox)
    )
    pieces = order.by_superblock(pixels, store.layout)

    def each(task: Callable[..., Any], *arguments: object) -> list[Any]:
        return [task(*arguments, piece) for piece in pieces]

    place = Place(headings.named(store), domain, map_view)
    if component is not None and not array:
        return _one_component(root, run, component, place, each)
    if not array:
        return captioned_map(root, run, place, each)
    values = np.concatenate(each(outputs.read, root, run, array))
    if not np.isfinite(values).any():
        raise ConfigError(
            f"run {run} has no {array} of these pixels: too few months or times of day were "
            "observed; wanted three for a loop"
        )
    return trajectory_maps.measure(place, array, values)


def captioned_map(root: str, run: str, place: Place, each: Each) -> CaptionedFigure:
    """The captioned map of what a run gave to the pixels of a place.

    Args:
        root: folder or URL of the lake.
        run: a complete run of one of the jobs `COLOURED`.
        place: the pixels and the view.
        each: calls a task with its arguments and each piece of the pixels, here or on workers.
    """
    dataset = outputs.dataset(root, run)
    if "labels" in dataset:
        labels = np.concatenate(each(outputs.read, root, run, "labels"))
        return captioned_maps.clusters(place, labels, class_names.read(root, run))
    if "classes" in dataset:
        labels = np.concatenate(each(outputs.read, root, run, "classes"))
        return captioned_maps.predicted(place, labels, class_names.read(root, run))
    if "scores" not in dataset:
        projected, shares = _principal(root, run, each)
        latent = dataset["embedding"].shape[1]
        return captioned_maps.embedding(place, projected, shares.tolist(), latent)
    spec = records.read_spec(root, run)
    job, model = next(iter(spec.inputs.items())) if spec.job == "transform" else (spec.job, run)
    fitted = outputs.dataset(root, model)
    scores = _scores(root, run, each)
    shares = np.pad(fitted["explained_variance_ratio"].values[:3], (0, 3))[:3]
    sizes = fitted.sizes["component"], fitted.sizes["feature"]
    return captioned_maps.components(place, scores, shares.tolist(), *sizes, KINDS[job])


def _one_component(
    root: str, run: str, component: int, place: Place, each: Each
) -> CaptionedFigure:
    """The map of one component of a run's vectors.

    Raises:
        ConfigError: the run has no vectors, or not so many components.
    """
    array = outputs.vectors_of(root, run, "")
    width = outputs.dataset(root, run)[array].shape[1]
    if component >= width:
        raise ConfigError(
            f"{array} of run {run} has no component {component}: it has 0 to {width - 1}"
        )
    columns = each(_column, root, run, array, component)
    return captioned_maps.component(place, array, component, np.concatenate(columns))


def _column(root: str, run: str, array: str, component: int, pixels: slice) -> Floats:
    values: Floats = outputs.read(root, run, array, pixels)[:, component].astype(np.float64)
    return values


def _described(root: str, run: str) -> CaptionedFigure:
    """The classes that a run describes, with the names and colours that they have now."""
    document = classes.document(connect(root), run)
    return class_charts.described(document, class_names.read(root, run))


def _measured(root: str, run: str) -> CaptionedFigure:
    """The measures of a run of `evaluate`."""
    document = read_json(records.folder(root, run), "evaluate.json")
    return charts.measures(records.read_spec(root, run).store, document)


CHARTS: dict[str, Callable[[str, str], CaptionedFigure]] = {
    DESCRIBED: _described,
    "evaluate": _measured,
}
"""Jobs whose runs are drawn as a chart, and the function that draws it."""


def _scatter(root: str, run: str, by: str) -> CaptionedFigure:
    """The pixels of a run in the plane of their vectors, by density or by class."""
    spec = records.finished_spec(root, run)
    store = records.open_input(root, spec.stores[0])
    vectors = outputs.read(root, run, outputs.vectors_of(root, run, "")).astype(np.float64)
    if not by:
        figure = scatter.by_density(str(store.key), vectors)
    else:
        figure = scatter.by_class(str(store.key), vectors, *_classes(root, store, by))
    canvas.fit(figure.figure)
    return figure


def _classes(root: str, store: Store, by: str) -> tuple[Integers, Sequence[LandClass]]:
    """(P,) class of each pixel of a store, and the classes, of a run or of a file.

    Raises:
        ConfigError: a run of other pixels, or without classes; a file that is not read here.
        MissingError: there is no such run or file.
    """
    if label_files.is_file(by):
        found = label_files.classes(by, label_files.digest(by), store, "label")
        return found.labels, classes.defaults(found.names)
    spec = records.finished_spec(root, by)
    records.check_pixels(records.open_input(root, spec.stores[0]), store)
    known = class_names.read(root, by)
    array = "labels" if "labels" in outputs.dataset(root, by) else "classes"
    return outputs.read(root, by, array), known


def comparison(
    root: str, components: str, embedding: str, clusters: str, place: Place, each: Each
) -> CaptionedFigure:
    """The captioned maps of components, of an embedding and of its clusters, side by side.

    Args:
        root: folder or URL of the lake.
        components: a complete run that has scores.
        embedding: a complete run that has an embedding.
        clusters: a complete run that has labels.
        place: the pixels and the view.
        each: as for `captioned_map`.
    """
    scores, (projected, _) = _scores(root, components, each), _principal(root, embedding, each)
    labels = np.concatenate(each(outputs.read, root, clusters, "labels"))
    turned = principal_axes.turned(projected, scores)
    return captioned_maps.comparison(
        place, scores, turned, labels, class_names.read(root, clusters)
    )


def _principal(root: str, run: str, each: Each) -> tuple[Floats, Floats]:
    """(P, 3) embedding along its first principal axes, and (3,) their shares of the variance."""
    mean, axes, shares = principal_axes.axes(each(principal_axes.sums, root, run, "embedding"))
    projected = each(principal_axes.project, root, run, "embedding", mean, axes)
    return np.concatenate(projected), shares


def _scores(root: str, run: str, each: Each) -> Floats:
    """(P, 3) first components of a run."""
    return np.concatenate(each(principal_axes.project, root, run, "scores", None, None))
