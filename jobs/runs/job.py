"""What the module of a job offers to commands, the driver and other jobs."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from jobs import registry
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from lake.reading.store import Store


class Job(Protocol):
    """A module that `jobs.registry` names.

    It may also offer `summary(root, run)`: what a finished run says to people, in a few lines.
    """

    JOB: str
    """Its name in the registry, and the first word of its runs' ids."""
    Settings: type[Any]
    """A frozen dataclass whose fields all have defaults; `jobs.runs.settings` reads them."""

    def specs(self, root: str, store: Store, settings: Any) -> tuple[Spec, ...]:  # noqa: ANN401
        """The run that settings ask for, last, and before it those that it builds on.

        Raises:
            ConfigError: settings that do not fit the store.
            MissingError: a run that they name does not exist, or is not complete.
        """

    def make(self, work: ActiveRun) -> Sequence[str]:
        """Compute the run; returns the paths of its outputs, below its folder."""


class ModelJob(Job, Protocol):
    """A job that fits a model, by which other stores are scored or embedded."""

    def apply(self, work: ActiveRun, model: str) -> Sequence[str]:
        """Score or embed the store of `work` by `model`, a finished run of this job; returns as `make`."""

    # It may also offer `bases(root, store, model)`: specs of the runs whose vectors of another store the
    # model of a run is applied to, the one that is read last.


def load(name: str) -> Job:
    """The job of this name; see `jobs.registry.load`."""
    job: Job = registry.load(name)
    return job


def for_settings(settings: object) -> Job:
    """The job whose `Settings` this is an instance of."""
    return load(registry.job_name(settings))


def load_model_job(name: str) -> ModelJob:
    """The job of this name, which is one of `jobs.registry.MODEL_JOBS`."""
    job: ModelJob = registry.load(name)
    return job


def bases(job: ModelJob, root: str, store: Store, model: Spec) -> tuple[Spec, ...]:
    """The runs on a store that a model is applied to, the one that is read last; none: to features.

    Raises:
        ConfigError: there is no way to make them.
    """
    find: Callable[[str, Store, Spec], tuple[Spec, ...]] | None = getattr(job, "bases", None)
    return find(root, store, model) if find else ()


def summary(job: Job, root: str, run: str) -> str:
    """What a finished run says to people, in a few lines; empty where its job offers no `summary`."""
    summarise: Callable[[str, str], str] | None = getattr(job, "summary", None)
    return summarise(root, run) if summarise else ""
