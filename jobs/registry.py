"""The jobs by name: the module that does each, the extra of goeslake that it needs, one line of help.

The one place that names modules by strings: everything else asks here, so that a job is one module and
one line, and its libraries load when it is first used. What such a module offers is `jobs.runs.job.Job`.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from lake.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Entry:
    """One job."""

    module: str
    extra: str
    """Of goeslake, with the libraries that the module imports."""
    help: str
    page: str
    """Of the documentation, with its settings."""
    fits_model: bool = False
    """Whether `lake transform` applies what it fitted to other stores: see `jobs.runs.job.ModelJob`."""


JOBS = {
    "sample": Entry(
        module="jobs.sampling.sample",
        extra="jobs",
        help="Draw a sample of pixels with their features.",
        page="sampling.md",
    ),
    "pca": Entry(
        module="jobs.linear.pca",
        extra="jobs",
        help="Fit principal components and score every pixel.",
        page="components.md",
        fits_model=True,
    ),
    "mnf": Entry(
        module="jobs.linear.mnf",
        extra="jobs",
        help="Fit the components that two periods agree on, and score every pixel.",
        page="components.md",
        fits_model=True,
    ),
    "transform": Entry(
        module="jobs.linear.transform",
        extra="jobs",
        help="Score or embed another store by the model of a run.",
        page="components.md",
    ),
    "embed": Entry(
        module="jobs.embedding.embed",
        extra="embed",
        help="Learn a vector for every pixel.",
        page="embedding.md",
        fits_model=True,
    ),
    "cluster": Entry(
        module="jobs.classes.kmeans",
        extra="embed",
        help="Group pixels by their embedding: surface classes.",
        page="embedding.md",
    ),
    "classify": Entry(
        module="jobs.classes.classify",
        extra="jobs",
        help="Predict the class of every pixel from labels of some.",
        page="evaluation.md",
    ),
    "evaluate": Entry(
        module="jobs.evaluation.evaluate",
        extra="jobs",
        help="Measure the vectors of a run against known classes.",
        page="evaluation.md",
    ),
    "map": Entry(
        module="jobs.report.map",
        extra="embed",
        help="Draw maps of a store and of what was made from it.",
        page="reading.md",
    ),
}

MODEL_JOBS = tuple(name for name, entry in JOBS.items() if entry.fits_model)


def load(name: str) -> Any:  # noqa: ANN401 (a module; `jobs.runs.job` says what it offers)
    """The module of a job.

    Raises:
        ConfigError: no such job, or a library that it needs is not installed.
    """
    if name not in JOBS:
        raise ConfigError(f"there is no job {name!r}: wanted one of {', '.join(JOBS)}")
    entry = JOBS[name]
    try:
        return import_module(entry.module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"'lake {name}' needs {error.name}: pip install 'goeslake[{entry.extra}]'"
        ) from error


def name_of(settings: object) -> str:
    """The job whose settings these are.

    Raises:
        ConfigError: of none that is registered.
    """
    module = type(settings).__module__
    for name, entry in JOBS.items():
        if entry.module == module:
            return name
    raise ConfigError(f"{type(settings).__qualname__} of {module} are the settings of no job")
