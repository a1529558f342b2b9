"""The jobs by name: the module of each, the extra of goeslake that it needs, and its line of help.

Modules of jobs are named by strings here alone, so that their libraries load at first use. Commands,
the driver, `lake transform` and maps ask here: a new job is one module, which offers what
`jobs.runs.job.Job` says, and one entry. docs/extending.md shows how.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from lake.errors import ConfigError


@dataclass(frozen=True, slots=True)
class JobEntry:
    """What must be known of a job before its module is imported."""

    module: str
    extra: str
    """The extra of goeslake that installs the libraries which the module imports."""
    help: str
    """One line for `lake --help`."""
    page: str
    """The page in `docs/` that explains its settings."""
    function: str = ""
    """Name of the function `jobs.NAME`, where Python or a package of `jobs` has the job's own; else empty."""
    fits_model: bool = False
    """Whether `lake transform` applies what it fitted to other stores: see `jobs.runs.job.ModelJob`."""


JOBS = {
    "sample": JobEntry(
        module="jobs.sampling.sample",
        extra="jobs",
        help="Draw a sample of pixels with their features.",
        page="sampling.md",
    ),
    "pca": JobEntry(
        module="jobs.linear.pca",
        extra="jobs",
        help="Fit principal components and score every pixel.",
        page="components.md",
        fits_model=True,
    ),
    "mnf": JobEntry(
        module="jobs.linear.mnf",
        extra="jobs",
        help="Fit the components that two periods agree on, and score every pixel.",
        page="components.md",
        fits_model=True,
    ),
    "gcca": JobEntry(
        module="jobs.linear.gcca",
        extra="jobs",
        help="Fit the components that all months and times of day agree on, and score every pixel.",
        page="components.md",
        fits_model=True,
    ),
    "transform": JobEntry(
        module="jobs.linear.transform",
        extra="jobs",
        help="Score or embed another store by the model of a run.",
        page="components.md",
    ),
    "factor": JobEntry(
        module="jobs.factors.factor",
        extra="jobs",
        help="Decompose into factors of pixels, months, times of day, bands and metrics.",
        page="factors.md",
        fits_model=True,
    ),
    "trajectory": JobEntry(
        module="jobs.trajectory.trajectory",
        extra="jobs",
        help="Trace every pixel over the year and the day, and measure how it moves.",
        page="trajectory.md",
        function="trajectories",
    ),
    "series": JobEntry(
        module="jobs.series.series",
        extra="jobs",
        help="Lay the statistics of every pixel side by side, so that a pixel is read at once.",
        page="explorer.md",
        function="pixel_series",
    ),
    "join": JobEntry(
        module="jobs.linear.join",
        extra="jobs",
        help="Join the vectors of several runs as one.",
        page="trajectory.md",
    ),
    "import": JobEntry(
        module="jobs.imported.import_vectors",
        extra="jobs",
        help="Take vectors of pixels from a file of Zarr, Parquet or NumPy.",
        page="vectors.md",
        function="import_vectors",
    ),
    "embed": JobEntry(
        module="jobs.embedding.embed",
        extra="embed",
        help="Learn a vector for every pixel.",
        page="embedding.md",
        fits_model=True,
    ),
    "umap": JobEntry(
        module="jobs.manifold.umap",
        extra="umap",
        help="Lay the manifold of the pixels flat, by an encoder that places every pixel.",
        page="umap.md",
        fits_model=True,
    ),
    "cluster": JobEntry(
        module="jobs.classes.cluster",
        extra="jobs",
        help="Group pixels by the vectors of a run: surface classes.",
        page="classes.md",
    ),
    "classify": JobEntry(
        module="jobs.classes.classify",
        extra="jobs",
        help="Predict the class of every pixel from labels of some.",
        page="classes.md",
    ),
    "classes": JobEntry(
        module="jobs.classes.describe",
        extra="jobs",
        help="Describe classes: area, spectrum, cycles, typical pixels, nearest classes.",
        page="classes.md",
        function="describe_classes",
    ),
    "evaluate": JobEntry(
        module="jobs.evaluation.evaluate",
        extra="jobs",
        help="Measure the vectors of a run against known classes.",
        page="evaluation.md",
    ),
    "map": JobEntry(
        module="jobs.report.map",
        extra="embed",
        help="Draw maps of a store and of what was made from it.",
        page="reading.md",
    ),
}

FUNCTIONS = {entry.function or name: name for name, entry in JOBS.items()}
"""Name of the function in `jobs` -> job."""
OWN = ("lake", "jobs")
"""The packages whose modules are always there."""
MODEL_JOBS = tuple(name for name, entry in JOBS.items() if entry.fits_model)


def entry(name: str) -> JobEntry:
    """The entry of a job.

    Raises:
        ConfigError: no such job.
    """
    if name not in JOBS:
        raise ConfigError(f"there is no job {name!r}: wanted one of {', '.join(JOBS)}")
    return JOBS[name]


def load(name: str) -> Any:  # noqa: ANN401 (a module; `jobs.runs.job` says what it offers)
    """The module of a job.

    Raises:
        ConfigError: no such job, or a library that it needs is not installed.
    """
    job = entry(name)
    try:
        return import_module(job.module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in OWN:
            raise  # a fault of the code, which no installation mends
        raise ConfigError(
            f"'lake {name}' needs {error.name}: pip install 'goeslake[{job.extra}]'"
        ) from error


def job_name(settings: object) -> str:
    """The name of the job in whose module the class of these settings is defined.

    Raises:
        ConfigError: no job has that module.
    """
    module = type(settings).__module__
    for name, entry in JOBS.items():
        if entry.module == module:
            return name
    raise ConfigError(f"{type(settings).__qualname__} of {module} are the settings of no job")
