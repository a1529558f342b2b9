"""Prints the outcomes of stores for people or as JSON."""

from collections.abc import Sequence
from dataclasses import asdict

from ingest.publish.target import IngestOutcome
from lake.console.messages import emit


def emit_outcomes(outcomes: Sequence[IngestOutcome], *, as_json: bool) -> None:
    """Print the outcome of each store."""
    emit([asdict(o) for o in outcomes], "\n".join(map(_line, outcomes)), as_json=as_json)


def _line(outcome: IngestOutcome) -> str:
    nothing = "nothing published" if outcome.staged else "nothing to do"
    counts = [f"{outcome.merged} merged" if outcome.merged else nothing]
    counts += [f"{outcome.staged} staged"] if outcome.staged else []
    counts += [f"{outcome.stored} stored", f"{outcome.missing} missing"]
    counts += [f"{len(outcome.changed)} files changed"] if outcome.changed else []
    return f"{outcome.key}: {', '.join(counts)}\n{outcome.url}".rstrip()
