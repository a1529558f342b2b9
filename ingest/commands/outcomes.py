"""What became of stores, for people, for reports, and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict

from ingest.publish.target import Outcome
from lake.console.messages import emit
from lake.upkeep import reports


def count(report: reports.Report, outcomes: Sequence[Outcome]) -> None:
    """Add what became of all stores to a report."""
    for name in ("merged", "staged", "missing", "held"):
        report.numbers[name] = sum(getattr(outcome, name) for outcome in outcomes)


def emit_outcomes(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    """Print what became of each store."""
    emit([asdict(o) for o in outcomes], "\n".join(map(_line, outcomes)), as_json=as_json)


def _line(outcome: Outcome) -> str:
    nothing = "nothing published" if outcome.staged else "nothing to do"
    told = [f"{outcome.merged} merged" if outcome.merged else nothing]
    told += [f"{outcome.staged} staged"] if outcome.staged else []
    told += [f"{outcome.held} held", f"{outcome.missing} missing"]
    told += [f"{len(outcome.changed)} files changed"] if outcome.changed else []
    return f"{outcome.key}: {', '.join(told)}\n{outcome.url}".rstrip()
