"""Scores of a store by a model that was fitted on another, e.g. of an earlier year.

`transform.zarr`: `scores` (pixel, component) float32, NaN where a pixel has no value at all; the model
is that of the run that `inputs` names. Features are matched by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs import linear, mnf, outputs, pca, runs, sample
from jobs.linear import Source
from jobs.runs import Spec
from jobs.work import Work
from lake import schema
from lake.errors import ConfigError, MissingError
from lake.read import Store

JOB = "transform"
MODELS = (pca.JOB, mnf.JOB)


@dataclass(frozen=True, slots=True)
class Settings:
    """Of `lake transform`."""

    model: str = ""
    """Run of `lake pca` or `lake mnf`."""


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that scores every pixel of a store by a model.

    Raises:
        ConfigError: no run of a model, or the store lacks one of its features.
        MissingError: there is no such run, or it is not complete.
    """
    if not settings.model:
        raise ConfigError(f"transform needs '--set model=RUN', of {' or '.join(MODELS)}")
    job = runs.read_spec(root, settings.model).job
    if job not in MODELS:
        raise ConfigError(
            f"run {settings.model} is of {job}, which fits no model: wanted one of {' or '.join(MODELS)}"
        )
    if runs.find(root, settings.model) is None:
        raise MissingError(
            f"run {settings.model} is not complete: run 'lake runs resume {settings.model}'"
        )
    _source(root, store, settings.model)
    return (spec(root, store, runs.read_spec(root, settings.model)),)


def spec(root: str, store: Store, model: Spec) -> Spec:
    """The run that scores every pixel of a store by the model of a run, which may be to be made."""
    return runs.spec_of(root, Settings(model.id), JOB, (store,), {model.job: model.id})


def make(work: Work) -> Sequence[str]:
    """Score every pixel."""
    model = work.settings(Settings).model
    count = outputs.read(work.root, model, "component").size
    arrays = linear.score_arrays(work.store, count)
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    linear.score(work, _source(work.root, work.store, model), model)
    return [path]


def _source(root: str, store: Store, model: str) -> Source:
    names = list(outputs.read(root, model, "feature"))
    drawn = runs.ancestor(root, model, sample.JOB)
    return linear.source(store, names, suspect=sample.suspect(root, drawn))
