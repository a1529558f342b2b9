"""Options that commands of `ingest` share: where files come from, which days, which rules."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import click

from ingest.listing import listing, periods
from ingest.listing.listing import Listing
from lake.errors import ConfigError
from lake.format import keys


def _day(_: click.Context, __: click.Parameter, text: str | None) -> date | None:
    if text and (age := re.fullmatch(r"(\d{1,5})d", text)):
        return datetime.now(UTC).date() - timedelta(days=int(age[1]))
    return keys.day(text) if text else None


source_option = click.option(
    "--source", "url", required=True, help="Folder or URL of the satellite files."
)
since_option = click.option(
    "--since",
    callback=_day,
    help="First day to ingest: YYYY-MM-DD, or 10d for ten days ago (UTC).",
)
until_option = click.option(
    "--until", callback=_day, help="Last day to ingest, inclusive; 0d is today."
)
period_option = click.option(
    "--period",
    "rule",
    type=click.Choice(periods.RULES),
    default=periods.LISTING,
    show_default=True,
    help="Period of a store: of the listing, or every calendar year, half or month that has a day since "
    "--since; so last year stays open for late files as long as --since looks back.",
)
listing_set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    envvar="LAKE_LISTING_SET",
    metavar="NAME=VALUE",
    help="Override a setting of the listing; repeatable [LAKE_LISTING_SET, separated by spaces].",
)
scratch_option = click.option(
    "--scratch",
    "folder",
    default="",
    help="Folder of remote files while they are read [the system's temporary folder].",
)


def listings(
    name: str, overrides: Sequence[str], rule: str, since: date | None, until: date | None
) -> list[Listing]:
    """The listing for every period that a command is about, the earliest first.

    Raises:
        ConfigError: see `periods.by_rule` and `listing.load`; or both a rule and days of its own.
    """
    days = [of for of in overrides if of.partition("=")[0].strip() in ("t0", "tf")]
    if days and rule != periods.LISTING:
        raise ConfigError(
            f"--period {rule} and {' '.join(days)}: wanted the one or the other; --period "
            f"{periods.LISTING} takes the listing's own days"
        )
    today = datetime.now(UTC).date()
    return periods.by_rule(listing.load(name, overrides), rule, since, until, today)
