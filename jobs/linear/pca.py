"""The job `pca`: principal components of the features, missing values included.

They are fitted to all pixels of a store, in as few passes as that takes (`jobs.linear.passes`); then
every superblock is scored by a task of its own. `pca.zarr` and its arrays: `jobs.linear.linear_model`;
`projection` are the components, `whiten` divides each by the standard deviation of its scores.
`model.json` says how much of the variance they explain, after every pass.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from jobs.linear import components, linear_model, passes
from jobs.linear.passes import Fit, FitPlan
from jobs.runs import outputs, records
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from jobs.sampling import sample
from lake.format import schema
from lake.reading.store import Store

JOB = "pca"
MODEL = "model.json"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of `lake pca`."""

    run: str = ""
    """Run of `lake sample`, for its features and as the pilot; empty: the one of default settings."""
    whiten: bool = False
    """Whether all scores get variance 1."""
    fit: Fit = field(default_factory=Fit)
    """`components`, `clip`, `standardise`, `refills`, `exact`, `passes`."""


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that fits these components and scores every pixel, after its sample's."""
    base = sampled(root, store, settings.run)
    inputs = {sample.JOB: base[-1].id}
    return (*base, records.spec_of(root, settings, JOB, (store,), inputs, without=("run",)))


def sampled(root: str, store: Store, run: str) -> tuple[Spec, ...]:
    """The spec of the sample with this id; "" is the one of default settings."""
    if run:
        return records.named_run(root, run, sample.JOB, store)
    return sample.specs(root, store, sample.Settings())


def make(work: ActiveRun) -> Sequence[str]:
    """Fit the components, then score every pixel."""
    root, store, settings = work.root, work.store, work.settings(Settings)
    sample_run = work.spec.inputs[sample.JOB]
    names = sample.kept_features(root, sample_run)
    count = linear_model.count(work, settings.fit.components, sample_run, names)
    arrays = linear_model.arrays(store, count, names)
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    source = linear_model.feature_source(
        store, names, suspect=sample.takes_suspect(root, sample_run)
    )
    plan = FitPlan(sample_run, (source,), settings.fit)
    passes_made = passes.fit(work, plan, len(names))
    work.stage("model", _model, [(settings, count, passes_made)])
    linear_model.score(work, source, work.run)
    return [path, MODEL]


def apply(work: ActiveRun, model: str) -> Sequence[str]:
    """Score all pixels of another store by the model of a run, for `lake transform`."""
    return linear_model.apply(work, model)


def _model(root: str, run: str, settings: Settings, count: int, passes_made: int) -> None:
    """On a worker: store the model."""
    models = [passes.solution(root, run, number) for number in range(passes_made)]
    model = components.truncate(models[-1], count)
    if settings.whiten:
        deviation = np.sqrt(np.maximum(model.variance, np.finfo(float).tiny))
        model = replace(model, projection=model.components / deviation[:, None])
    linear_model.write(root, run, model)
    document = {
        "job": JOB,
        "features": model.components.shape[1],
        "components": count,
        "variance": model.total,
        "variance_held_after_passes": [
            float(components.truncate(solution, count).variance.sum()) for solution in models
        ],
        "whiten": settings.whiten,
    }
    records.folder(root, run).put(MODEL, json.dumps(document, indent=1).encode())
