"""The inputs of an encoder: scores of linear components, or features themselves.

Inputs are (pixel, input) float32; `EncoderInputs.columns` describes them. Scores are NaN in rows of pixels
without a value; those of a second store, of another period, are by the same model, of a `transform` run.
Features are standardised, cut off, and NaN where missing; their scaling is stored with the result.
Where the bias field (`jobs.embedding.bias_stages`) is removed, scores are those less the field.
A training sees two *views* of a pixel: both periods; or, with `jobs.linear.gcca` of a single store, the
scores by either half of the months and times of day.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Annotated

import numpy as np

from jobs.embedding.columns import Columns
from jobs.features import features
from jobs.features.scaling import Scaling
from jobs.linear import components, gcca, linear_model, mnf, pca, transform
from jobs.linear.passes import Fit
from jobs.runs import heartbeat, outputs, records
from jobs.runs.settings import OneOf, check
from jobs.runs.spec import Spec
from jobs.runs.stages import task_result
from jobs.sampling import sample
from lake.errors import ConfigError
from lake.format.arrays import Indices, Singles
from lake.format.schema import Array
from lake.reading.store import Store

FEATURES = "features"
LINEAR = (pca.JOB, mnf.JOB, gcca.JOB)
INPUTS = (*LINEAR, FEATURES)
WITH_NOISE = (mnf.JOB, gcca.JOB)
"""Scores in two views, whose difference is noise."""
FIELD = "field"
"""The stage whose tasks return the bias field of each store."""
CLIP = 6.0
"""Standard deviations beyond which a feature is cut off."""


@dataclass(frozen=True, slots=True)
class InputSettings:
    """The settings that choose the inputs."""

    inputs: Annotated[str, OneOf("INPUTS")] = ""
    """What the model is given; empty: `gcca` if the store has two months or times of day, else `mnf` with a
    second store; `features` without, and where there are more of them than gcca takes."""
    second: str = ""
    """Key in the lake, or URL, of a store of the same pixels in another period."""
    run: str = ""
    """Run of that job, or of `lake sample` for features; empty: made with default settings."""

    def __post_init__(self) -> None:
        fits = self.inputs in {"", *INPUTS}
        check(f"inputs must be one of {', '.join(INPUTS)}", self.inputs, holds=fits)


def specs(
    root: str, store: Store, settings: InputSettings
) -> tuple[InputSettings, tuple[Store, ...], tuple[Spec, ...], dict[str, str]]:
    """The settings with every choice made, the stores, the runs to build on, and those that are read.

    Raises:
        ConfigError: a run of another job, or stores that do not fit each other.
    """
    second = records.open_second(root, settings.second, store) if settings.second else None
    job = _job(root, store, settings)
    base = _base(root, store, job, settings)
    stores = (store,) if second is None else (store, second)
    runs = {base[-1].job: base[-1].id}
    if second is not None and job != FEATURES:
        scored = transform.spec(root, second, base[-1])
        base, runs = (*base, scored), runs | {scored.job: scored.id}
    return InputSettings(job), stores, base, runs


def _job(root: str, store: Store, settings: InputSettings) -> str:
    """The kind of inputs, of `INPUTS`."""
    job = records.read_spec(root, settings.run).job if settings.run else ""
    job = FEATURES if job == sample.JOB else job
    if settings.inputs and job and settings.inputs != job:
        raise ConfigError(
            f"setting inputs={settings.inputs}, but {settings.run} gives {job}: leave one out"
        )
    kind = settings.inputs or job or _default(store, settings)
    if kind not in INPUTS:
        raise ConfigError(f"run {settings.run} is of {kind}: wanted one of pca, mnf, gcca, sample")
    return kind


def _default(store: Store, settings: InputSettings) -> str:
    """The kind of inputs where neither it nor a run is named."""
    selection = features.resolve(sample.Settings().features, store)
    columns = features.columns(selection, store.cubes.values())
    times = {(column.month, column.tod) for column in columns}
    if len(times) > 1 and (settings.second or len(columns) <= Fit().exact):
        return gcca.JOB
    return mnf.JOB if settings.second else FEATURES


def periods(settings: InputSettings, stores: int) -> int:
    """The number of views that a training can have of a pixel: of so many stores, or of two halves."""
    return 2 if settings.inputs == gcca.JOB else stores


def _base(root: str, store: Store, job: str, settings: InputSettings) -> tuple[Spec, ...]:
    """The runs that inputs of this kind build on."""
    if settings.run:
        return records.named_run(root, settings.run, sample.JOB if job == FEATURES else job, store)
    if job == FEATURES:
        return sample.specs(root, store, sample.Settings())
    if job == pca.JOB:
        return pca.specs(root, store, pca.Settings())
    if job == gcca.JOB:
        return gcca.specs(root, store, gcca.Settings(second=settings.second))
    return mnf.specs(root, store, mnf.Settings(second=settings.second))


@dataclass(frozen=True, slots=True, eq=False)
class EncoderInputs:
    """A reader of the inputs of each store of a run."""

    root: str
    run: str
    """The run that reads."""
    scores: tuple[str, ...]
    """Runs that hold the scores, one for each store; none: inputs are computed from features."""
    sources: tuple[linear_model.FeatureSource, ...]
    """Where the features of each store are read."""
    features: tuple[str, ...]
    """Names of the features."""
    model: str
    """Run that says how features become inputs: of linear components, or of how they are standardised."""
    count: int
    """The number of inputs."""
    are_halves: bool = False
    """Whether the two views of a pixel are of one store, by either half of the months and times of day."""
    bias: str = ""
    """Run whose bias field is taken off the scores; empty: none."""

    def view(self, number: int, pixels: slice) -> Singles:
        """(pixel, input) of consecutive pixels in one of two views; NaN where missing."""
        if not self.are_halves:
            return self.read(number, pixels)
        view: Singles = outputs.read(self.root, self.model, gcca.HALVES, pixels)[:, number]
        return self._without_bias(view, 0, pixels)

    def read(self, period: int, pixels: slice) -> Singles:
        """(pixel, input) of consecutive pixels of a store; NaN where missing."""
        return self._without_bias(self._read(period, pixels), period, pixels)

    def _without_bias(self, scores: Singles, period: int, pixels: slice) -> Singles:
        """Scores of a store less its bias field, if that is to be removed."""
        if not self.bias:
            return scores
        cell, field = _bias_field(self.root, self.bias, period)
        rest: Singles = scores - field[cell[pixels]]
        return rest

    def _read(self, period: int, pixels: slice) -> Singles:
        if self.scores:
            scores: Singles = outputs.read(self.root, self.scores[period], "scores", pixels)
            return scores
        names, source = list(self.features), self.sources[period]
        convert = self._conversion()
        blocks = linear_model.blocks(self.root, self.run, source, names, pixels)
        return np.concatenate([convert(block) for block in blocks])

    def columns(self) -> Columns:
        """The description of the inputs."""
        if self._are_features():
            return Columns.from_names(self.features)
        variance: tuple[float, ...] = ()
        ratio: tuple[float, ...] = ()
        job = records.read_spec(self.root, self.model).job
        if job == mnf.JOB:
            ratio = tuple(outputs.read(self.root, self.model, "signal_to_noise").tolist())
        elif job == pca.JOB:
            variance = tuple(outputs.read(self.root, self.model, "explained_variance").tolist())
        return Columns((), self.count, variance, ratio)

    def _are_features(self) -> bool:
        """Whether inputs are features, not scores."""
        return records.read_spec(self.root, self.model).job not in LINEAR

    def _conversion(self) -> Callable[[Singles], Singles]:
        """A function from features (feature, pixel) to inputs (pixel, input)."""
        if not self._are_features():
            model = linear_model.read(self.root, self.model)
            check = partial(heartbeat.check, self.root, self.run)
            return lambda x: components.scores(x, model, check)
        scaling = linear_model.scaling(self.root, self.model)
        return lambda x: scaling.apply(x).T


@lru_cache(maxsize=2)
def _bias_field(root: str, run: str, period: int) -> tuple[Indices, Singles]:
    """(pixel,) the cell of each pixel, and (cell, input) the bias field of a store of a run under way."""
    found = task_result(root, run, FIELD, period)
    return found["cell"], found["field"]


def inputs(root: str, spec: Spec, stores: tuple[Store, ...]) -> EncoderInputs:
    """The inputs of a run of `lake embed`; the runs before it are done."""
    runs = dict(spec.inputs)
    if sample.JOB in runs:
        return _features(root, spec.id, spec, stores)
    scored = runs.pop(transform.JOB, None)
    (model,) = runs.values()
    scores = (model,) if scored is None else (model, scored)
    count = outputs.read(root, model, "component").size
    halves = scored is None and records.read_spec(root, model).job == gcca.JOB
    return EncoderInputs(root, spec.id, scores, (), (), model, count, halves)


def inputs_elsewhere(root: str, run: str, embedded: Spec, store: Store) -> EncoderInputs:
    """The inputs that `run` reads of another store, to embed it by the model of `embedded`."""
    if sample.JOB in embedded.inputs:
        return _features(root, run, embedded, (store,))
    (model,) = (before for job, before in embedded.inputs.items() if job != transform.JOB)
    source = linear_model.model_source(root, store, model)
    names = tuple(outputs.read(root, model, "feature"))
    count = outputs.read(root, model, "component").size
    return EncoderInputs(root, run, (), (source,), names, model, count)


def _features(root: str, run: str, embedded: Spec, stores: tuple[Store, ...]) -> EncoderInputs:
    """The inputs that are features, those of the sample that `embedded` builds on."""
    sampled = embedded.inputs[sample.JOB]
    names = tuple(sample.kept_features(root, sampled))
    suspect = sample.takes_suspect(root, sampled)
    sources = tuple(linear_model.feature_source(store, names, suspect=suspect) for store in stores)
    return EncoderInputs(root, run, (), sources, names, embedded.id, len(names))


def arrays(inputs: EncoderInputs) -> Iterator[Array]:
    """The arrays of the run's group that keep how features are standardised; none for scores."""
    if not inputs.scores:
        yield outputs.whole_array("feature", ("feature",), inputs.features)
        for name in Scaling.__slots__:
            yield outputs.whole_array(name, ("feature",), np.full(inputs.count, np.nan))


def standardise(root: str, run: str, sampled: str) -> None:
    """On a worker: store how features are standardised, by some pixels of the sample."""
    linear_model.write_scaling(root, run, Scaling.fit(sample.pilot(root, sampled), CLIP))
