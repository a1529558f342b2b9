"""Principal components of the features, missing values and all.

The model is fitted on a sample, by one task, which holds the sample in memory; then every superblock
is scored by a task of its own. `jobs.components` says how.

`pca.zarr`: `scores` (pixel, component) float32, NaN where a pixel has no value at all; the model:
`components` (component, feature), `explained_variance`, `explained_variance_ratio`, `mean`, `scale`
and `centre` (feature).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

import lake
from jobs import features, outputs, runs, sample
from jobs.components import Model, fit, scores
from jobs.features import Selection
from jobs.runs import Spec
from jobs.settings import check
from jobs.work import Work
from lake import order, schema
from lake.read import Store
from lake.schema import Array

JOB = "pca"


@dataclass(frozen=True, slots=True)
class Settings:
    """Of `lake pca`."""

    sample: str = ""
    """Run to fit on; none: the sample of default settings, drawn if need be."""
    components: int = 64
    """At most; there are no more than features."""
    passes: int = 10
    """How often missing values are filled."""
    clip: float = 6.0
    """Standard deviations beyond which a value is cut off."""

    def __post_init__(self) -> None:
        check("components must be above 0", self.components, holds=self.components > 0)
        check("passes must be above 0", self.passes, holds=self.passes > 0)
        check("clip must be above 0", self.clip, holds=self.clip > 0)


def specs(
    root: str, store: Store, settings: Settings, before: tuple[Spec, ...] = ()
) -> tuple[Spec, ...]:
    """The run that fits these components and scores every pixel, after its sample's."""
    before = before or (
        runs.given(root, settings.sample, sample.JOB, store)
        if settings.sample
        else sample.specs(root, store, sample.Settings())
    )
    inputs = {sample.JOB: before[-1].id}
    return (*before, runs.spec_of(root, settings, JOB, (store,), inputs))


def make(work: Work) -> Sequence[str]:
    """Fit the components, then score every pixel."""
    root, store, settings = work.root, work.store, work.settings(Settings)
    drawn = work.spec.inputs[sample.JOB]
    named = outputs.read(root, drawn, "feature", sample.kept(root, drawn))
    components = min(settings.components, len(named))
    arrays = [*schema.pixel_coordinates(store.domain), *_arrays(store, components, named)]
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    work.stage("fit", _fit, [(drawn, components, settings)])
    selection = sample.selection(root, drawn)
    blocks = order.superblocks(store.domain.pixels, store.domain.layout)
    work.stage("score", _score, [(store.url, selection, drawn, settings, b) for b in blocks])
    return [path]


def _arrays(store: Store, components: int, named: Sequence[str]) -> Iterator[Array]:
    yield outputs.known("component", ("component",), np.arange(components))
    yield outputs.known("feature", ("feature",), named)
    yield outputs.per_pixel("scores", store, {"component": components}, "float32", np.nan)
    for name, dims in _MODEL.items():
        shape = tuple({"component": components, "feature": len(named)}[dim] for dim in dims)
        yield outputs.known(name, dims, np.full(shape, np.nan))


_MODEL = {
    "components": ("component", "feature"),
    "explained_variance": ("component",),
    "explained_variance_ratio": ("component",),
    "mean": ("feature",),
    "scale": ("feature",),
    "centre": ("feature",),
}


def _fit(root: str, run: str, drawn: str, components: int, settings: Settings) -> None:
    """On a worker: fit the model and write it."""
    x = outputs.read(root, drawn, "features")[:, sample.kept(root, drawn)]
    seen = ~np.isnan(x).all(axis=1)
    model = fit(x[seen], components, settings.passes, settings.clip)
    values = {
        "components": model.components,
        "explained_variance": model.variance,
        "explained_variance_ratio": model.variance / model.total,
        "mean": model.mean,
        "scale": model.scale,
        "centre": model.centre,
    }
    for name, value in values.items():
        outputs.write(root, run, name, value)


def _model(root: str, run: str, clip: float) -> Model:
    found = {name: outputs.read(root, run, name) for name in _MODEL}
    variance, ratio = found["explained_variance"], found["explained_variance_ratio"]
    return Model(
        found["mean"],
        found["scale"],
        found["centre"],
        found["components"],
        variance,
        float(variance[0] / ratio[0]),
        clip,
    )


def _score(
    root: str,
    run: str,
    url: str,
    selection: Selection,
    drawn: str,
    settings: Settings,
    pixels: slice,
) -> None:
    """On a worker: the scores of a superblock."""
    x = features.read(lake.open(url), selection, pixels)[sample.kept(root, drawn)].T
    model = _model(root, run, settings.clip)
    outputs.write(root, run, "scores", scores(x, model, settings.passes), pixels)
