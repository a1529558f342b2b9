"""What a lake holds, and how its commands ended, for Prometheus (text format 0.0.4).

All is read from the lake: what was committed counts, not what a process said that died before it could
say more. A scrape costs one read of the catalogue, one of each report, and of each store that changed
its ledger and manifest.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import TypeVar

from lake.catalogue import catalogue
from lake.catalogue.catalogue import Row
from lake.errors import MissingError
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import commits, ledger, manifest
from lake.store.generations import StoreState
from lake.upkeep import reports
from lake.upkeep.reports import Report

Labels = dict[str, str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Family:
    """One metric of Prometheus with all its samples."""

    name: str
    help: str
    samples: Sequence[tuple[Labels, float]]


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """The facts that one commit of a store gives."""

    number: int
    committed: float
    """When the commit was written: seconds since the epoch, by the object store's clock."""
    newest: float
    """Nominal time of the newest time step that is merged or staged, seconds since the epoch; NaN: none."""
    source_bytes: int
    """The bytes of the files that its time steps were made from."""
    stored_bytes: int
    """The bytes of the newest generation."""


class Watch:
    """Looks at one lake again and again; what did not change is not read again."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._facts: dict[str, StoreFacts] = {}

    def families(self) -> list[Family]:
        """All metrics of the lake, as of now."""
        objects = connect(self._root)
        try:
            rows = catalogue.rows(objects)
        except MissingError:  # nothing ever came so far as to begin a lake
            rows = []
        self._facts = {row.key: self._look(row) for row in rows}
        return [*_of_stores(rows, self._facts), *_of_reports(reports.read(objects))]

    def _look(self, row: Row) -> StoreFacts:
        facts = self._facts.get(row.key)
        return facts if facts and facts.number == row.number else read_facts(self._root, row)


def read_facts(root: str, row: Row) -> StoreFacts:
    """Read the facts of the commit that a row of the catalogue names."""
    objects = connect(join(root, row.key))
    commit = commits.read(objects, row.number)
    state = StoreState.from_commit(commit) if commit else None
    entries = ledger.read(objects, state.ledger) if state else ledger.Ledger()
    stored = manifest.read(objects, state.manifest).values() if state and state.path else ()
    entered_steps = entries.entered_steps
    return StoreFacts(
        number=row.number,
        committed=objects.stat(commits.path(row.number)).modified.timestamp(),
        newest=max(
            (_time(step) for step in entered_steps if _STEP.fullmatch(step)), default=float("nan")
        ),
        source_bytes=sum(f.size for e in entries if e.step in entered_steps for f in e.files),
        stored_bytes=sum(item.size for item in stored),
    )


def text(families: Iterable[Family]) -> str:
    """The metrics in Prometheus' text format."""
    lines = []
    for family in families:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} gauge"]
        for labels, value in family.samples:
            pairs = ",".join(f'{name}="{_escaped(label)}"' for name, label in labels.items())
            lines.append(f"{family.name}{{{pairs}}} {'NaN' if isnan(value) else repr(value)}")
    return "\n".join(lines) + "\n"


_STEP = re.compile(r"\d{8}-\d{5}")


def _time(step: str) -> float:
    day, _, seconds = step.partition("-")
    midnight = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    return (midnight + timedelta(seconds=int(seconds))).timestamp()


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _of_stores(rows: Sequence[Row], facts: Mapping[str, StoreFacts]) -> Iterable[Family]:
    stores = [({"key": row.key}, (row, facts[row.key])) for row in rows]
    counts = [
        ({"key": row.key, "status": status}, number)
        for row in rows
        for status, number in (
            ("merged", row.merged), ("staged", row.pending), ("missing", row.missing)
        )
    ]  # fmt: skip
    yield Family("lake_stores", "Number of stores.", [({}, len(rows))])
    yield Family("lake_store_steps", "Time steps by what became of them.", counts)
    yield from _families(stores, {
        ("lake_store_commits", "Number of the newest commit."): lambda store: store[0].number,
        ("lake_store_last_commit_timestamp_seconds", "When the newest commit was written."):
            lambda store: store[1].committed,
        ("lake_store_newest_step_timestamp_seconds", "Nominal time of the newest time step taken."):
            lambda store: store[1].newest,
        ("lake_store_period_end_timestamp_seconds", "End of the last day of the store's period."):
            lambda store: _time(f"{store[0].tf.replace('-', '')}-86400"),
        ("lake_store_source_bytes", "Bytes of the files that the time steps taken were made from."):
            lambda store: store[1].source_bytes,
        ("lake_store_stored_bytes", "Bytes of the newest generation."): lambda store: store[1].stored_bytes,
    })  # fmt: skip


def _of_reports(newest_reports: Sequence[Report]) -> Iterable[Family]:
    commands = [
        ({"command": report.command, "subject": report.subject}, report)
        for report in newest_reports
    ]
    yield from _families(commands, {
        ("lake_command_exit_code", "Of the last run."): lambda report: report.exit_code,
        ("lake_command_began_timestamp_seconds", "When the last run began."):
            lambda report: datetime.fromisoformat(report.began).timestamp(),
        ("lake_command_seconds", "How long the last run took."): lambda report: report.seconds,
    })  # fmt: skip
    yield from _families([(labels, report) for labels, report in commands if report.succeeded], {
        ("lake_command_succeeded_timestamp_seconds", "When a run last ended with 0."):
            lambda report: datetime.fromisoformat(report.succeeded).timestamp(),
    })  # fmt: skip
    counted = [
        (labels | {"what": name}, value)
        for labels, report in commands
        for name, value in report.numbers.items()
    ]
    yield Family("lake_command_counted", "What the last run counted, by name.", counted)


def _families(
    subjects: Sequence[tuple[Labels, T]], columns: Mapping[tuple[str, str], Callable[[T], float]]
) -> Iterable[Family]:
    """A family for each column, by name and help: its value of every subject, under its labels."""
    for (name, description), value in columns.items():
        samples = [(labels, value(subject)) for labels, subject in subjects]
        yield Family(name, description, samples)
