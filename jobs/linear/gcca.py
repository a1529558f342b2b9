"""The job `gcca`: generalised canonical correlation, what all times of the year and the day agree on.

A *slot* is a month at a time of day. Land is there in every slot, while haze, clouds and noise of one slot
are hardly those of another. A score is the sum of what the features of each slot say of it. Directions are
ordered by the *eigenvalue*: the variance of that sum over what it would be if slots were uncorrelated. It is
1 where slots have nothing in common, and at most their number. Of two stores, of disjoint periods, each slot
of each period is one of its own: the covariance within a slot is that of either period, and the sum counts
the covariance across the periods as well, up to twice the number of slots. `ridge` times the mean variance
of a feature is added to the covariance within slots, which is divided by.

Each slot belongs to one of two halves, by turns along the year and the day. The sum over either half, times
two, is an estimate of the score of its own: two views of a pixel in a single period.
Source: Kettenring, "Canonical analysis of several sets of variables", Biometrika 58 (1971), MAXVAR.

`gcca.zarr`: as `jobs.linear.linear_model` says, the scores are of the first store, and the covariance of
`projection` within slots is 1; `eigenvalue` (component); `half_of_feature` (feature) 1 or -1, 0 of those
without a time. Of one store `halves` (pixel, half, component) too, whose mean are the scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from jobs.features.features import Feature
from jobs.linear import linear_model, mnf, passes, pca
from jobs.linear.gram import one_thread
from jobs.linear.linear_model import FeatureSource
from jobs.linear.passes import NOISE, TOTAL, Fit
from jobs.runs import outputs, records
from jobs.runs.settings import check
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from jobs.sampling import sample
from lake.errors import ConfigError
from lake.format.arrays import Floats, Integers
from lake.reading.store import Store

JOB = "gcca"
HALVES = "halves"
"""The scores by the features of either half of the slots, of one store."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of `lake gcca`."""

    second: str = ""
    """Key in the lake, or URL, of a store of the same pixels and features in another period; empty: none."""
    run: str = ""
    """Run of `lake sample`, for its features and as the pilot; empty: the one of default settings."""
    ridge: float = 0.003
    """Share of the mean variance of a feature that is added to the covariance within slots."""
    fit: Fit = field(default_factory=Fit)
    """`components`, `clip`, `standardise`, `refills`, `exact`."""

    def __post_init__(self) -> None:
        check("ridge must be above 0", self.ridge, holds=self.ridge > 0)
        refills = self.fit.refills  # without, a covariance of pairs is divided by
        check("refills must be above 0 for gcca", refills, holds=refills > 0)


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that fits these components and scores every pixel, after its sample's.

    Raises:
        ConfigError: a second store of other pixels.
    """
    stores: tuple[Store, ...] = (store,)
    if settings.second:
        stores = (store, records.open_second(root, settings.second, store))
    base = pca.sampled(root, store, settings.run)
    inputs = {sample.JOB: base[-1].id}
    return (*base, records.spec_of(root, settings, JOB, stores, inputs, without=("run",)))


def make(work: ActiveRun) -> Sequence[str]:
    """Fit the components, then score every pixel of the first store."""
    settings = work.settings(Settings)
    sample_run = work.spec.inputs[sample.JOB]
    names = sample.kept_features(work.root, sample_run)
    count = len(np.unique(slots(names)))
    if count < 2:
        raise ConfigError(
            f"gcca compares months and times of day: run {sample_run} has features of "
            f"{count}, wanted at least 2; sample more of them, or take 'lake pca'"
        )
    sizes = {"half": 2, "component": min(settings.fit.components, len(names))}
    arrays = [outputs.whole_array("half_of_feature", ("feature",), half(names))]
    if len(work.stores) == 1:
        arrays.append(outputs.pixel_array(HALVES, work.store, sizes, "float32", np.nan))
    fitted = passes.fit_exactly(work, settings.fit, "eigenvalue", arrays)
    work.stage("model", _model, [(settings, fitted.passes - 1)])
    task = _scores_and_halves if len(work.stores) == 1 else None
    linear_model.score(work, fitted.source, work.run, task)
    return [fitted.path]


def apply(work: ActiveRun, model: str) -> Sequence[str]:
    """Score all pixels of another store by the model of a run, for `lake transform`."""
    return linear_model.apply(work, model)


def slots(names: Sequence[str]) -> Integers:
    """(feature,) number of the slot of each feature, along the year, forth and back along the day.

    Neighbours by number are neighbours in time. Static features, which have no time, are slot -1.
    """
    features = [Feature.parse(name) for name in names]
    times = [(f.month, f.tod) for f in features]
    months = sorted({month for month, _ in times if month})
    forth = {month: 1 - 2 * (place % 2) for place, month in enumerate(months)}
    known = sorted({t for t in times if t[0]}, key=lambda t: (t[0], forth[t[0]] * t[1]))
    number = {time: place for place, time in enumerate(known)}
    return np.array([number.get(time, -1) for time in times])


def half(names: Sequence[str]) -> Integers:
    """(feature,) 1 or -1, slots by turns; 0 of features without a time."""
    number = slots(names)
    return np.where(number < 0, 0, 1 - 2 * (number % 2))


def solve(
    covariance: Floats, slot: Integers, count: int, ridge: float, noise: Floats | None = None
) -> tuple[Floats, Floats]:
    """The first directions (component, feature) by falling eigenvalue, and these.

    Args:
        covariance: (feature, feature) of the features of the first period.
        slot: (feature,) the slot of each.
        count: number of directions.
        ridge: share of the mean variance that is added to the variances within slots.
        noise: (feature, feature) half the covariance of the difference between two periods; None: of one.
            The covariance across them is that of the first less it.
    """
    within = covariance * (slot[:, None] == slot)
    added = ridge * np.trace(within) / len(within) * np.eye(len(within))
    total = covariance if noise is None else 2 * covariance - noise
    return mnf.solve(total, within + added, count, np.finfo(float).eps)


@one_thread()
def _model(root: str, run: str, settings: Settings, last: int) -> None:
    """On a worker: store the model."""
    model = passes.solution(root, run, last)
    slot = slots(list(outputs.read(root, run, "feature")))
    total = passes.covariance(root, run, last, TOTAL, model.scaling)
    noise = None
    if settings.second:
        noise = passes.covariance(root, run, last, NOISE, model.scaling) / 2
    count = len(model.components)
    projection, eigenvalue = solve(total, slot, count, settings.ridge, noise)
    linear_model.write(root, run, replace(model, projection=projection))
    outputs.write(root, run, "eigenvalue", eigenvalue)


@one_thread()
def _scores_and_halves(
    root: str, run: str, source: FeatureSource, model_run: str, pixels: slice
) -> None:
    """On a worker: write the scores of a superblock, and those by either half of the slots."""
    projection, half_of = (
        outputs.read(root, model_run, name) for name in ("projection", "half_of_feature")
    )
    both = linear_model.block_scores(root, run, source, model_run, pixels, projection * half_of)
    scores, half_difference = np.split(both, 2, axis=1)
    halves = np.stack([scores + half_difference, scores - half_difference], axis=1)
    outputs.write(root, run, "scores", scores, pixels)
    outputs.write(root, run, HALVES, halves, pixels)
