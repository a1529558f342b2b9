"""Options that commands of `ingest` share: where files come from, which days, which rules."""

from datetime import date

import click

from ingest.listing import periods


def _day(_: click.Context, __: click.Parameter, text: str | None) -> date | None:
    from ingest.interactive import day

    return day(text) if text else None


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
