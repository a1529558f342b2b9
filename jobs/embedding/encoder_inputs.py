"""What an encoder is given: scores of principal or minimum-noise components, or features themselves.

Inputs are (pixel, input) float32, NaN in rows of pixels without a value. A second store, of another
period, has scores by the same model, of a `transform` run. Features are standardised, cut off, and 0
where missing; how, is stored with the result.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from jobs.embedding.views.choice import Columns
from jobs.features.features import Feature
from jobs.features.scaling import Scaling
from jobs.linear import components, linear_model, mnf, pca, transform
from jobs.runs import heartbeat, outputs, records
from jobs.runs.settings import check
from jobs.runs.spec import Spec
from jobs.sampling import sample
from lake.errors import ConfigError
from lake.format.arrays import Singles
from lake.format.schema import Array
from lake.reading.store import Store

FEATURES = "features"
LINEAR = (pca.JOB, mnf.JOB)
FRONTS = (*LINEAR, FEATURES)
CLIP = 6.0
"""Standard deviations beyond which a feature is cut off."""


@dataclass(frozen=True, slots=True)
class Front:
    """Where inputs come from."""

    front: str = ""
    """`pca`, `mnf` or `features`; none: `mnf` where there is a second store, else `features`."""
    second: str = ""
    """Key in the lake, or URL, of a store of the same pixels in another period."""
    run: str = ""
    """Of that job, or of `lake sample` for features; none: made with default settings."""

    def __post_init__(self) -> None:
        known = self.front in {"", *FRONTS}
        check(f"front must be one of {', '.join(FRONTS)}", self.front, holds=known)


def specs(
    root: str, store: Store, front: Front
) -> tuple[Front, tuple[Store, ...], tuple[Spec, ...], dict[str, str]]:
    """The front with every choice made, the stores, the runs it builds on, and which of those are read.

    Raises:
        ConfigError: a run of another job, or stores that do not fit each other.
    """
    second = records.open_store(root, front.second) if front.second else None
    if second is not None:
        records.check_pixels(second, store)
    job = _job(root, front)
    base = _base(root, store, job, front)
    stores = (store,) if second is None else (store, second)
    inputs = {base[-1].job: base[-1].id}
    if second is not None and job != FEATURES:
        again = transform.spec(root, second, base[-1])
        base, inputs = (*base, again), inputs | {again.job: again.id}
    return Front(job), stores, base, inputs


def _job(root: str, front: Front) -> str:
    """Which front it is."""
    job = records.read_spec(root, front.run).job if front.run else ""
    job = FEATURES if job == sample.JOB else job
    if front.front and job and front.front != job:
        raise ConfigError(
            f"setting front={front.front}, but {front.run} gives {job}: leave one out"
        )
    found = front.front or job or (mnf.JOB if front.second else FEATURES)
    if found not in FRONTS:
        raise ConfigError(f"run {front.run} is of {found}: wanted one of pca, mnf, sample")
    return found


def _base(root: str, store: Store, job: str, front: Front) -> tuple[Spec, ...]:
    if front.run:
        return records.named_run(root, front.run, sample.JOB if job == FEATURES else job, store)
    if job == FEATURES:
        return sample.specs(root, store, sample.Settings())
    if job == pca.JOB:
        return pca.specs(root, store, pca.Settings())
    return mnf.specs(root, store, mnf.Settings(second=front.second))


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """What is read, of each store of a run."""

    root: str
    run: str
    """Which reads."""
    scores: tuple[str, ...]
    """Runs that hold scores, one for each store; none: they are made of features, as are others."""
    sources: tuple[linear_model.FeatureSource, ...]
    """Of features."""
    features: tuple[str, ...]
    """Their names."""
    model: str
    """Run that says how features become inputs: of linear components, or how they are standardised."""
    count: int
    """Of inputs."""

    def read(self, period: int, pixels: slice) -> Singles:
        """(pixel, input) of a run of pixels of a store; NaN where a pixel has no value."""
        if self.scores:
            found: Singles = outputs.read(self.root, self.scores[period], "scores", pixels)
            return found
        names, source = list(self.features), self.sources[period]
        made = self._made()
        blocks = linear_model.blocks(self.root, self.run, source, names, pixels)
        return np.concatenate([made(x) for x in blocks])

    def _made(self) -> Callable[[Singles], Singles]:
        """What makes inputs (pixel, input) of features (feature, pixel)."""
        if records.read_spec(self.root, self.model).job in LINEAR:
            model = linear_model.read(self.root, self.model)
            check = partial(heartbeat.check, self.root, self.run)
            return lambda x: components.scores(x, model, check)
        standard = linear_model.scaling(self.root, self.model)
        return lambda x: _shown(standard.apply(x)).T

    def columns(self) -> Columns | None:
        """What the inputs are; None: components."""
        return None if self.scores else columns(self.features)


def columns(names: Sequence[str]) -> Columns:
    """What features of these names are."""
    of = [Feature.parse(name) for name in names]
    slots = np.unique([(f.month, f.tod) for f in of], axis=0, return_inverse=True)[1]
    bands = np.unique([f.band for f in of], return_inverse=True)[1]
    return Columns(torch.from_numpy(slots.ravel()), torch.from_numpy(bands.ravel()))


def inputs(root: str, spec: Spec, stores: tuple[Store, ...]) -> Inputs:
    """What a run of `lake embed` reads; the runs before it are done."""
    of = dict(spec.inputs)
    if sample.JOB in of:
        return _of_features(root, spec.id, spec, stores)
    again = of.pop(transform.JOB, None)
    (model,) = of.values()
    scores = (model,) if again is None else (model, again)
    count = outputs.read(root, model, "component").size
    return Inputs(root, spec.id, scores, (), (), model, count)


def elsewhere(root: str, run: str, embedded: Spec, store: Store) -> Inputs:
    """What `run` reads of another store, to embed it by the model of `embedded`."""
    if sample.JOB in embedded.inputs:
        return _of_features(root, run, embedded, (store,))
    (model,) = (of for job, of in embedded.inputs.items() if job != transform.JOB)
    source = linear_model.model_source(root, store, model)
    names = tuple(outputs.read(root, model, "feature"))
    count = outputs.read(root, model, "component").size
    return Inputs(root, run, (), (source,), names, model, count)


def _of_features(root: str, run: str, embedded: Spec, stores: tuple[Store, ...]) -> Inputs:
    drawn = embedded.inputs[sample.JOB]
    names = tuple(outputs.read(root, drawn, "feature", sample.kept_columns(root, drawn)))
    suspect = sample.takes_suspect(root, drawn)
    sources = tuple(linear_model.feature_source(store, names, suspect=suspect) for store in stores)
    return Inputs(root, run, (), sources, names, embedded.id, len(names))


def arrays(of: Inputs) -> Iterator[Array]:
    """Of the run's group: how features are standardised."""
    if not of.scores:
        yield outputs.whole_array("feature", ("feature",), of.features)
        for name in Scaling.__slots__:
            yield outputs.whole_array(name, ("feature",), np.full(of.count, np.nan))


def standardise(root: str, run: str, drawn: str) -> None:
    """On a worker: store how features are standardised, as some pixels of the sample say."""
    linear_model.write_scaling(root, run, Scaling.fit(sample.pilot(root, drawn), CLIP))


def _shown(z: Singles) -> Singles:
    """Missing values of (feature, pixel) become 0, but of pixels that have none."""
    missing = np.isnan(z)
    missing &= ~missing.all(axis=0)
    z[missing] = 0
    return z
