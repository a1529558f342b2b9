"""Options that commands of `ingest` share: where files come from, which days, which rules."""

import re
from datetime import UTC, date, datetime, timedelta

import click

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
