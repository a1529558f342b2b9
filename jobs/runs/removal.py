"""Deletes a run from the lake, which no one can undo: its results are made again by the same command."""

from contextlib import suppress

from jobs.runs import heartbeat, lineage, records
from jobs.runs.heartbeat import QUEUED, RUNNING
from lake.errors import ConfigError, FormatError

FIRST, LAST = "done.json", "spec.json"
"""Without the first nobody takes half of the outputs for all; without the last nobody would find the rest."""


def remove(root: str, run: str) -> int:
    """Delete a run that nobody works at and no other run builds on; the number of its objects.

    A removal that was cut short is finished by the next one.

    Raises:
        MissingError: there is no such run.
        ConfigError: it is queued or running, or another run builds on it.
    """
    with suppress(FormatError):  # a run of goeslake 0.1.0 can only be deleted
        records.read_spec(root, run)
        state = heartbeat.state(root, run)
        if state in (QUEUED, RUNNING):
            raise ConfigError(f"{run} is {state}: run 'lake runs stop {run}' first")
    if builders := lineage.builders(root, run):
        raise ConfigError(f"{', '.join(builders)} build on {run}: remove them first")
    objects = records.folder(root, run)
    paths = objects.list()
    objects.delete([path for path in paths if path == FIRST])
    objects.delete([path for path in paths if path not in (FIRST, LAST)])
    objects.delete([LAST])
    return len(paths)
