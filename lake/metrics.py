"""What a lake holds, and how its commands ended, for Prometheus (text format 0.0.4).

All is read from the lake: what was committed counts, not what a process said that died before it could
say more. A scrape costs one read of the catalogue, one of each report, and of each store that changed
its ledger and manifest.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isnan

from lake import catalogue, commits, ledger, manifest, reports
from lake.catalogue import Row
from lake.objects import connect, join
from lake.store import State

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its samples."""

    name: str
    help: str
    samples: Sequence[tuple[Labels, float]]


@dataclass(frozen=True, slots=True)
class Held:
    """What one commit of a store says."""

    number: int
    committed: float
    """Seconds since the epoch, by the object store's clock."""
    newest: float
    """Nominal time of the newest time step that is merged or staged, seconds since the epoch; NaN: none."""
    source_bytes: int
    """Of the files that its time steps were made from."""
    stored_bytes: int
    """Of the newest generation."""


class Watch:
    """Looks at one lake again and again; what did not change is not read again."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._held: dict[str, Held] = {}

    def families(self) -> list[Family]:
        """All metrics, as of now."""
        objects = connect(self._root)
        rows = catalogue.rows(objects)
        self._held = {row.key: self._look(row) for row in rows}
        return [*_of_stores(rows, self._held), *_of_reports(reports.read(objects))]

    def _look(self, row: Row) -> Held:
        held = self._held.get(row.key)
        return held if held and held.number == row.number else look(self._root, row)


def look(root: str, row: Row) -> Held:
    """Read what the commit says that the catalogue knows of."""
    objects = connect(join(root, row.key))
    commit = commits.read(objects, row.number)
    state = State.of(commit) if commit else None
    entries = ledger.read(objects, state.ledger) if state else ledger.Ledger()
    stored = manifest.read(objects, state.manifest).values() if state and state.path else ()
    taken = entries.taken
    return Held(
        number=row.number,
        committed=objects.stat(commits.path(row.number)).modified.timestamp(),
        newest=max((_time(step) for step in taken if _STEP.fullmatch(step)), default=float("nan")),
        source_bytes=sum(f.size for e in entries if e.step in taken for f in e.files),
        stored_bytes=sum(of.size for of in stored),
    )


def text(families: Iterable[Family]) -> str:
    """In Prometheus' text format."""
    lines = []
    for family in families:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} gauge"]
        for labels, value in family.samples:
            pairs = ",".join(f'{name}="{_escaped(of)}"' for name, of in labels.items())
            lines.append(f"{family.name}{{{pairs}}} {'NaN' if isnan(value) else repr(value)}")
    return "\n".join(lines) + "\n"


_STEP = re.compile(r"\d{8}-\d{5}")


def _time(step: str) -> float:
    day, _, seconds = step.partition("-")
    midnight = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    return (midnight + timedelta(seconds=int(seconds))).timestamp()


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _of_stores(rows: Sequence[Row], held: Mapping[str, Held]) -> Iterable[Family]:
    def each(name: str, about: str, value: Mapping[str, float]) -> Family:
        return Family(name, about, [({"key": key}, of) for key, of in value.items()])

    counts = [
        ({"key": row.key, "status": status}, number)
        for row in rows
        for status, number in (
            ("merged", row.merged), ("staged", row.pending), ("missing", row.missing)
        )
    ]  # fmt: skip
    yield Family("lake_store_steps", "Time steps by what became of them.", counts)
    yield each(
        "lake_store_commits", "Number of the newest commit.", {row.key: row.number for row in rows}
    )
    yield each(
        "lake_store_last_commit_timestamp_seconds", "When the newest commit was written.",
        {key: of.committed for key, of in held.items()},
    )  # fmt: skip
    yield each(
        "lake_store_newest_step_timestamp_seconds", "Nominal time of the newest time step taken.",
        {key: of.newest for key, of in held.items()},
    )  # fmt: skip
    yield each(
        "lake_store_period_end_timestamp_seconds", "End of the last day of the store's period.",
        {row.key: _time(f"{row.tf.replace('-', '')}-86400") for row in rows},
    )  # fmt: skip
    yield each(
        "lake_store_source_bytes", "Bytes of the files that the time steps taken were made from.",
        {key: of.source_bytes for key, of in held.items()},
    )  # fmt: skip
    yield each(
        "lake_store_stored_bytes", "Bytes of the newest generation.",
        {key: of.stored_bytes for key, of in held.items()},
    )  # fmt: skip


def _of_reports(found: Sequence[reports.Report]) -> Iterable[Family]:
    def each(name: str, about: str, value: Mapping[int, float]) -> Family:
        labels = [{"command": of.command, "subject": of.subject} for of in found]
        return Family(name, about, [(labels[number], of) for number, of in value.items()])

    numbered = dict(enumerate(found))
    yield each(
        "lake_command_exit_code", "Of the last run.",
        {number: of.exit_code for number, of in numbered.items()},
    )  # fmt: skip
    yield each(
        "lake_command_began_timestamp_seconds", "When the last run began.",
        {n: datetime.fromisoformat(of.began).timestamp() for n, of in numbered.items()},
    )  # fmt: skip
    yield each(
        "lake_command_seconds", "How long the last run took.",
        {number: of.seconds for number, of in numbered.items()},
    )  # fmt: skip
    yield each(
        "lake_command_succeeded_timestamp_seconds", "When a run last ended with 0.",
        {
            n: datetime.fromisoformat(of.succeeded).timestamp()
            for n, of in numbered.items()
            if of.succeeded
        },
    )  # fmt: skip
    counted = [
        ({"command": of.command, "subject": of.subject, "what": what}, value)
        for of in found
        for what, value in of.numbers.items()
    ]
    yield Family("lake_command_counted", "What the last run counted, by name.", counted)
