"""What the module of a job offers."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from jobs import registry
from jobs.runs.records import Spec
from jobs.runs.stages import Work
from lake.reading.store import Store


class Job(Protocol):
    """A module of `jobs.registry`."""

    JOB: str
    """Its name."""
    Settings: type
    """A frozen dataclass whose fields all have defaults; `jobs.runs.settings` reads them."""

    def specs(self, root: str, store: Store, settings: Any) -> tuple[Spec, ...]:  # noqa: ANN401
        """The run that settings ask for, last, and before it those that it builds on.

        Raises:
            ConfigError: settings that do not fit the store.
            MissingError: a run that they name is not there, or not complete.
        """

    def make(self, work: Work) -> Sequence[str]:
        """Compute the run; returns the paths of its outputs, below its folder."""


class ModelJob(Job, Protocol):
    """A job that fits a model, by which other stores are scored or embedded."""

    def apply(self, work: Work, model: str) -> Sequence[str]:
        """As `make`, for the store of `work`, by the model of a run of this job."""


def load(name: str) -> Job:
    """The job of this name; see `jobs.registry.load`."""
    job: Job = registry.load(name)
    return job


def of_settings(settings: object) -> Job:
    """The job whose settings these are."""
    return load(registry.name_of(settings))


def load_model_job(name: str) -> ModelJob:
    """The job of this name, which is one of `jobs.registry.MODEL_JOBS`."""
    job: ModelJob = registry.load(name)
    return job


def summary(job: Job, root: str, run: str) -> str:
    """What a run found, in a few lines for people; empty where its job offers no `summary`."""
    summarise: Callable[[str, str], str] | None = getattr(job, "summary", None)
    return summarise(root, run) if summarise else ""
