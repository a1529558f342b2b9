"""Ingest from Python: `ingest.run(client, "clearland-l1b-c0", "s3://noaa-goes16", "s3://bucket/lake")`.

The command `lake ingest run` is this with a client of its own for each period.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from distributed import Client

from ingest import ingestion
from ingest.ingestion import Bounds
from ingest.listing import listing as listing_files
from ingest.listing import periods
from ingest.listing.listing import Listing
from ingest.publish import policy
from ingest.publish.policy import Policy
from ingest.publish.target import IngestOutcome
from ingest.source.scratch import Scratch
from lake.console.messages import say
from lake.errors import ConfigError, LakeError, NoStepError
from lake.format import keys
from lake.storage.urls import absolute
from lake.upkeep import reports


@dataclass(frozen=True, slots=True)
class Filling:
    """What periods were filled by."""

    outcomes: list[IngestOutcome]
    """What became of the store of every period and geometry."""
    failures: list[LakeError]
    """Of periods that could not be filled."""

    def raise_failures(self) -> None:
        """Say every failure but the first, which is raised; nothing where there is none."""
        for failure in self.failures[1:]:
            say(f"error: {failure}")
        if self.failures:
            raise self.failures[0]


def run(
    client: Client,
    listing: str | Path | Listing,
    source: str | Path,
    lake: str | Path,
    *,
    settings: Mapping[str, Any] | None = None,
    since: str | date | None = None,
    until: str | date | None = None,
    period: str = periods.LISTING,
    max_steps: int | None = None,
    publish: str = "now",
    scratch: str | Path = "",
) -> list[IngestOutcome]:
    """Ingest the time steps that a source has and the stores of a lake lack.

    It can be interrupted at any time, and called again: it goes on with what is left.

    Args:
        client: of any Dask cluster, synchronous; its workers read the files and write the stores.
        listing: name of a shipped listing, path of a TOML file, or a listing that was read.
        source: folder or URL of the satellite files.
        lake: folder or URL of the lake.
        settings: of the listing, which override it, dotted where tables nest:
            `{"t0": "2018-01-01", "cubes.day-2km.bands": ["C13"]}`.
        since: first day to ingest, a date, `2018-01-01`, or `10d` for ten days ago (UTC).
        until: last day to ingest, inclusive.
        period: period of a store: `listing`, or every calendar `year`, `half` or `month` of these days.
        max_steps: largest number of time steps of a period, the earliest first.
        publish: when to publish staged time steps: `now`, `never`, or some of `month-end`, `500` (time
            steps) and `7d` (days of waiting), separated by commas.
        scratch: folder of remote files while they are read; empty: the system's temporary folder.

    Returns:
        What became of the store of every period and geometry, its URL among it.

    Raises:
        ConfigError: a listing, setting or policy that cannot work, or a place that is no lake.
        NoStepError: no time step is complete, and there is no store.
        DataError: no granule can be read.
        ConflictError: other writers were faster, too often; call it again.
        OverlapError: a store holds legacy results of the same period.
    """
    first, last = (day(text) if isinstance(text, str) else text for text in (since, until))
    overrides = [f"{name}={_toml(value)}" for name, value in (settings or {}).items()]
    rules = by_period(listing, overrides, period, first, last)
    filled = fill(
        lambda: nullcontext(client),
        rules,
        absolute(source),
        absolute(lake),
        bounds=Bounds(first, last, max_steps),
        when=policy.parse(publish),
        scratch=Scratch(str(scratch)),
    )
    filled.raise_failures()
    return filled.outcomes


def fill(
    connect: Callable[[], AbstractContextManager[Client]],
    rules: Sequence[Listing],
    url: str,
    root: str,
    *,
    bounds: Bounds,
    when: Policy,
    scratch: Scratch,
) -> Filling:
    """Fill the stores of every period; one that fails leaves the others to be filled.

    Args:
        connect: gives the client, for each period anew.
        rules: the listing for each period.
        url: of the source.
        root: of the lake.
        bounds: limits of each period.
        when: when to publish.
        scratch: folder of remote files while they are read.
    """
    filled = Filling([], [])
    for listing in rules:
        try:
            subject = f"{listing.sat}/{listing.listing}/{listing.t0:%Y%m%d}_{listing.tf:%Y%m%d}"
            with reports.record(root, "ingest", subject) as report, connect() as client:
                report.numbers["period_end"] = datetime.combine(
                    listing.tf, time.max, UTC
                ).timestamp()
                try:
                    outcomes = ingestion.run(
                        client, listing, url, root, bounds=bounds, when=when, scratch=scratch
                    )
                except NoStepError as error:  # a period that has only just begun may have none yet
                    if not filled.outcomes:
                        raise
                    say(str(error))
                    outcomes = []
                count(report, outcomes)
            filled.outcomes.extend(outcomes)
        except LakeError as error:
            filled.failures.append(error)
    return filled


def count(report: reports.Report, outcomes: Sequence[IngestOutcome]) -> None:
    """Add the numbers of all outcomes to a report."""
    for name in ("merged", "staged", "missing", "stored"):
        report.numbers[name] = sum(getattr(outcome, name) for outcome in outcomes)


def day(text: str) -> date:
    """A day, `2018-01-01`, or `10d` for ten days ago (UTC).

    Raises:
        ConfigError: it is neither.
    """
    if age := re.fullmatch(r"(\d{1,5})d", text):
        return datetime.now(UTC).date() - timedelta(days=int(age[1]))
    return keys.day(text)


def by_period(
    listing: str | Path | Listing,
    overrides: Sequence[str],
    rule: str,
    since: date | None,
    until: date | None,
) -> list[Listing]:
    """The listing for every period that is to be filled, the earliest first.

    Raises:
        ConfigError: see `periods.by_rule` and `listing.load`; or both a rule and days of its own.
    """
    days = [of for of in overrides if of.partition("=")[0].strip() in ("t0", "tf")]
    if rule not in periods.RULES:
        raise ConfigError(f"period {rule!r}: wanted one of {', '.join(periods.RULES)}")
    if days and rule != periods.LISTING:
        raise ConfigError(
            f"--period {rule} and {' '.join(days)}: wanted the one or the other; --period "
            f"{periods.LISTING} takes the listing's own days"
        )
    if isinstance(listing, Listing) and overrides:
        raise ConfigError(
            "a listing that was read takes no settings: give its name or file instead"
        )
    rules = listing if isinstance(listing, Listing) else listing_files.load(str(listing), overrides)
    return periods.by_rule(rules, rule, since, until, datetime.now(UTC).date())


def _toml(value: Any) -> str:  # noqa: ANN401 (of any setting)
    """A value of a listing as its file has it; text stands for itself."""
    return str(value) if isinstance(value, str | date) else json.dumps(value)
