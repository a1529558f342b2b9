"""A small store and the runs of all jobs on it, made once."""

from dataclasses import dataclass

import pytest

from tests.jobs import small
from tests.jobs.small import CLASSES, Truth


@pytest.fixture(scope="session")
def truth(tmp_path_factory) -> Truth:
    return small.build(tmp_path_factory.mktemp("jobs") / "lake")


@dataclass(frozen=True)
class Chain:
    """Ids of the runs of a whole chain of jobs."""

    sample: str
    pca: str
    embed: str
    cluster: str


@pytest.fixture(scope="session")
def chain(client, truth) -> Chain:
    """Sample, PCA, embedding and clusters of the store, each made from the one before."""
    from jobs.classes import kmeans
    from jobs.linear import passes, pca
    from jobs.runs import driver
    from jobs.sampling import sample
    from tests.jobs import quick

    where = (client, truth.root, truth.key)
    drawn = driver.run(*where, sample.Settings(phase=1, phases=2))
    scored = driver.run(*where, pca.Settings(drawn, fit=passes.Fit(components=10)))
    embedded = driver.run(*where, quick.settings(scored))
    grouped = driver.run(*where, kmeans.Settings(embedded, k=CLASSES))
    return Chain(drawn, scored, embedded, grouped)
