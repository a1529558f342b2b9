"""The job `mnf`: minimum noise fraction, directions in which pixels differ more than two periods do.

The noise of a feature is half the variance of its difference between two stores of disjoint periods,
on the pixels where both have it. Directions are ordered by variance over noise; the noise of each has
variance 1, and is uncorrelated with the others. Noise below `floor` times the largest counts as that.
The other sums are those of the PCA (`jobs.linear.passes`), in the same pass.
Source: Green, Berman, Switzer and Craig, "A transformation for ordering multispectral data in terms
of image quality with implications for noise removal", IEEE Transactions on Geoscience and Remote
Sensing 26 (1988): their maximum noise fraction, in reverse order.

`mnf.zarr`: as `jobs.linear.linear_model` says, the scores are of the first store; `signal_to_noise`
(component) is variance over noise variance. `lake transform` scores the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from jobs.linear import components, linear_model, passes, pca
from jobs.linear.gram import one_thread
from jobs.linear.passes import NOISE, TOTAL, Fit
from jobs.runs import outputs, records
from jobs.runs.settings import check
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from jobs.sampling import sample
from lake.errors import ConfigError
from lake.format.arrays import Floats
from lake.reading.store import Store

JOB = "mnf"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of `lake mnf`."""

    second: str = ""
    """Key in the lake, or URL, of a store of the same pixels and features in another period."""
    run: str = ""
    """Run of `lake sample`, for its features and as the pilot; empty: the one of default settings."""
    floor: float = 1e-6
    """Share of the largest noise variance; noise with a smaller share counts as this."""
    fit: Fit = field(default_factory=Fit)
    """`components`, `clip`, `standardise`, `refills`, `exact`."""

    def __post_init__(self) -> None:
        check("floor must be above 0", self.floor, holds=self.floor > 0)
        refills = self.fit.refills  # without, the noise of pairs is no covariance
        check("refills must be above 0 for mnf", refills, holds=refills > 0)


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that fits these components and scores every pixel, after its sample's.

    Raises:
        ConfigError: no second store, or one of other pixels.
    """
    if not settings.second:
        raise ConfigError(
            "mnf needs a second store, of another period: '--set second=KEY_OR_URL' names it"
        )
    second = records.open_second(root, settings.second, store)
    base = pca.sampled(root, store, settings.run)
    inputs = {sample.JOB: base[-1].id}
    stores = (store, second)
    return (*base, records.spec_of(root, settings, JOB, stores, inputs, without=("run",)))


def make(work: ActiveRun) -> Sequence[str]:
    """Fit the components, then score every pixel of the first store."""
    settings = work.settings(Settings)
    fitted = passes.fit_exactly(work, settings.fit, "signal_to_noise", [])
    work.stage("model", _model, [(settings, fitted.passes - 1)])
    linear_model.score(work, fitted.source, work.run)
    return [fitted.path]


def apply(work: ActiveRun, model: str) -> Sequence[str]:
    """Score all pixels of another store by the model of a run, for `lake transform`."""
    return linear_model.apply(work, model)


@one_thread()
def _model(root: str, run: str, settings: Settings, last: int) -> None:
    """On a worker: store the model."""
    model = passes.solution(root, run, last)
    total = passes.covariance(root, run, last, TOTAL, model.scaling)
    noise = passes.covariance(root, run, last, NOISE, model.scaling) / 2
    projection, ratio = solve(total, noise, len(model.components), settings.floor)
    linear_model.write(root, run, replace(model, projection=projection))
    outputs.write(root, run, "signal_to_noise", ratio)


def solve(total: Floats, noise: Floats, count: int, floor: float) -> tuple[Floats, Floats]:
    """The first directions (component, feature) by falling variance over noise, and that ratio.

    Args:
        total: (feature, feature) covariance of the features.
        noise: (feature, feature) covariance of their noise.
        count: number of directions.
        floor: share of the largest variance of the noise that smaller ones are raised to.
    """
    variance, rotation = np.linalg.eigh(noise)
    minimum = max(floor * variance[-1], np.finfo(float).tiny)
    white = rotation / np.sqrt(np.maximum(variance, minimum))
    vectors, ratio = components.principal(white.T @ total @ white, count)
    return components.orient(vectors @ white.T), ratio
