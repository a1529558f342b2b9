"""The job `transform`: scores or embeddings of a store by a model fitted to another, e.g. of another year.

`transform.zarr`: `scores` (pixel, component), or `embedding` (pixel, latent or component), as the run of
the model has it, which `inputs` names. Features are matched by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jobs.linear import linear_model
from jobs.registry import MODEL_JOBS
from jobs.runs import job, records
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from lake.errors import ConfigError
from lake.reading.store import Store

JOB = "transform"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of `lake transform`."""

    run: str = ""
    """Run whose model is applied: of `lake pca`, `lake mnf`, `lake gcca`, `lake factor`, `lake embed` or
    `lake umap`."""


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that scores, or embeds, every pixel of a store by a model.

    Raises:
        ConfigError: no run of a model, or the store lacks one of its features.
        MissingError: there is no such run, or it is not complete.
    """
    if not settings.run:
        raise ConfigError(f"transform needs '--set run=RUN', of {', '.join(MODEL_JOBS)}")
    model = records.read_spec(root, settings.run)
    if model.job not in MODEL_JOBS:
        raise ConfigError(
            f"run {model.id} is of {model.job}, which fits no model: "
            f"wanted one of {', '.join(MODEL_JOBS)}"
        )
    records.finished_spec(root, model.id)
    bases = job.bases(job.load_model_job(model.job), root, store, model)
    if not bases:
        components = [run for name, run in model.inputs.items() if name in MODEL_JOBS]
        linear_model.model_source(root, store, components[0] if components else model.id)
    return (*bases, spec(root, store, model, bases))


def spec(root: str, store: Store, model: Spec, bases: Sequence[Spec] = ()) -> Spec:
    """The run that applies the model of a run, which may be still to be made, as may its `bases`."""
    inputs = {model.job: model.id} | {base.job: base.id for base in bases[-1:]}
    spec = records.spec_of(root, Settings(model.id), JOB, (store,), inputs)
    # stored under the name that ids of embeddings of two periods rest on
    return replace(spec, settings={"model": model.id})


def make(work: ActiveRun) -> Sequence[str]:
    """Score or embed every pixel, as the job of the model does it."""
    model = str(work.spec.settings["model"])
    name = records.read_spec(work.root, model).job
    return job.load_model_job(name).apply(work, model)
