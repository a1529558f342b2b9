"""A small store and the runs of all jobs on it, made once."""

from collections.abc import Generator
from dataclasses import dataclass
from importlib.util import find_spec

import pytest

from tests.jobs import small
from tests.jobs.small import CLASSES, Truth

WITHOUT_TORCH = find_spec("torch") is None
NO_TORCH = "No module named 'torch'"


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
    from jobs.classes import cluster
    from jobs.linear import passes, pca
    from jobs.runs import driver
    from jobs.sampling import sample
    from tests.jobs import quick

    where = (client, truth.root, truth.key)
    drawn = driver.run(*where, sample.Settings(phase=1, phases=2))
    scored = driver.run(*where, pca.Settings(drawn, fit=passes.Fit(components=10)))
    embedded = driver.run(*where, quick.settings(scored))
    grouped = driver.run(*where, cluster.Settings(embedded, k=CLASSES))
    return Chain(drawn, scored, embedded, grouped)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector) -> Generator[None]:
    """Without torch, modules of tests that need it are skipped by name."""
    report = yield
    if WITHOUT_TORCH and report.failed and NO_TORCH in str(report.longrepr):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"Skipped: {NO_TORCH}")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    """Without torch, tests that need it are skipped by name."""
    return (yield from _skipped_without_torch())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Likewise."""
    return (yield from _skipped_without_torch())


def _skipped_without_torch() -> Generator[None]:
    try:
        return (yield)
    except ModuleNotFoundError as error:
        if WITHOUT_TORCH and error.name == "torch":
            pytest.skip(NO_TORCH)
        raise
