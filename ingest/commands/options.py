"""Options that commands of `ingest` share."""

import click

scratch_option = click.option(
    "--scratch",
    "folder",
    default="",
    help="Folder for remote files while they are read [the system's temporary folder].",
)
