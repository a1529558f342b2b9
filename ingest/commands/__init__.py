"""The commands that fill and check a lake; each loads when it is used."""

import click

from lake.commands.group import Command


def _ingest() -> click.Command:
    from ingest.commands.ingest import ingest

    return ingest


def _merge() -> click.Command:
    from ingest.commands.merge import merge

    return merge


def _verify() -> click.Command:
    from ingest.commands.verify import verify

    return verify


COMMANDS = {
    "ingest": Command(_ingest, "ingest", "Fill the lake from satellite files and pickles."),
    "merge": Command(_merge, "ingest", "Merge stores of disjoint periods into one."),
    "verify": Command(_verify, "ingest", "Check a store's objects, numbers and sources."),
}
