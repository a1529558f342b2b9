"""What the entries of the three registries share: encoders, terms of the loss, and views.

The registries are `jobs.embedding.models.architecture.ENCODERS`,
`jobs.embedding.losses.objective.TERMS` and `jobs.embedding.views.choice.VIEWS`. An entry is one frozen
dataclass: what the entry computes, what it needs, and one line of help. Adding one is a function and an
entry; docs/extending.md does so for a loss and for an encoder.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Protocol

from lake.errors import ConfigError


class Need(Enum):
    """What an entry needs besides the inputs; the value is how somebody gets it."""

    FEATURES = "inputs=features: components mix months, times of day and bands"
    SECOND_STORE = "a second store, '--set second=KEY'"
    LABELS = "labels, '--set labels=FILE'"
    CONDITIONS = "conditions, '--set blind_to=latitude,longitude'"
    VARIATIONAL_CODE = "variational=true"
    DECODER = "a decoder, which the model then has"
    ALL_IN_MEMORY = "all pixels in memory"


class Entry(Protocol):
    """An entry of any of the registries."""

    @property
    def help(self) -> str:
        """One line for people."""
        ...

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the entry needs besides the inputs."""
        ...


def check_names(setting: str, names: Iterable[str], entries: Mapping[str, Entry]) -> None:
    """Refuse names that are not registered, with the help of those that are.

    Raises:
        ConfigError: a name without an entry.
    """
    for name in names:
        if name not in entries:
            width = max(map(len, entries))
            lines = "".join(f"\n  {key:{width}}  {entry.help}" for key, entry in entries.items())
            raise ConfigError(
                f"setting {setting} must be of these names, found {name!r}; wanted {setting}=NAME:{lines}"
            )


def check_needs(
    setting: str, names: Iterable[str], entries: Mapping[str, Entry], missing: Iterable[Need]
) -> None:
    """Refuse entries that need what a recipe does not have.

    Raises:
        ConfigError: an entry that needs one of `missing`.
    """
    absent = set(missing)
    for name in names:
        for need in entries[name].needs:
            if need in absent:
                raise ConfigError(f"setting {setting}={name} needs {need.value}")
