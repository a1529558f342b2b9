"""Scores or embeddings of a store by a model that was fitted on another, e.g. of an earlier year.

`transform.zarr`: `scores` (pixel, component), or `embedding` (pixel, latent), as the run of the model
has it; that is the one that `inputs` names. Features are matched by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from jobs import linear, mnf, outputs, pca, runs, sample
from jobs.linear import Source
from jobs.runs import Spec
from jobs.work import Work
from lake import schema
from lake.errors import ConfigError
from lake.read import Store

JOB = "transform"
EMBED = "embed"
MODELS = (pca.JOB, mnf.JOB, EMBED)


@dataclass(frozen=True, slots=True)
class Settings:
    """Of `lake transform`."""

    model: str = ""
    """Run of `lake pca`, `lake mnf` or `lake embed`."""


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that scores, or embeds, every pixel of a store by a model.

    Raises:
        ConfigError: no run of a model, or the store lacks one of its features.
        MissingError: there is no such run, or it is not complete.
    """
    if not settings.model:
        raise ConfigError(f"transform needs '--set model=RUN', of {', '.join(MODELS)}")
    model = runs.read_spec(root, settings.model)
    if model.job not in MODELS:
        raise ConfigError(
            f"run {model.id} is of {model.job}, which fits no model: wanted one of {', '.join(MODELS)}"
        )
    runs.complete(root, model.id)
    before = [of for job, of in model.inputs.items() if job in MODELS]
    source(root, store, before[0] if before else model.id)
    return (spec(root, store, model),)


def spec(root: str, store: Store, model: Spec) -> Spec:
    """The run that does so by the model of a run, which may be still to be made."""
    return runs.spec_of(root, Settings(model.id), JOB, (store,), {model.job: model.id})


def given(root: str, run: str, job: str, store: Store) -> tuple[Spec, ...]:
    """The spec of a run of a job, or of this one by a model of that job; see `runs.require`."""
    spec = runs.read_spec(root, run)
    again = spec.job == JOB and job in spec.inputs
    return runs.given(root, run, JOB if again else job, store)


def make(work: Work) -> Sequence[str]:
    """Score or embed every pixel."""
    model = work.settings(Settings).model
    if EMBED in work.spec.inputs:  # torch loads with a model that needs it
        found: Sequence[str] = import_module("jobs.embed").again(work, model)
        return found
    count = outputs.read(work.root, model, "component").size
    arrays = linear.score_arrays(work.store, count)
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    linear.score(work, source(work.root, work.store, model), model)
    return [path]


def source(root: str, store: Store, model: str) -> Source:
    """Where the features of a linear model, or those of an embedding without one, are read in a store."""
    names = list(outputs.read(root, model, "feature"))
    drawn = runs.ancestor(root, model, sample.JOB)
    return linear.source(store, names, suspect=sample.suspect(root, drawn))
