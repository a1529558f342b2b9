"""`lake import vectors`: vectors that others made, as a run of a store."""

from typing import Any

import click

from jobs.commands.job_options import JobCommand, run_options
from lake.commands.options import place

JOB = "import"
PASSED = ("array", "columns", "pixel", "lon", "lat", "note")
"""Options that are settings of the job."""


@click.group(name=JOB)
def import_() -> None:
    """Take what others made into the lake."""


@import_.command(cls=JobCommand, job=JOB)
@run_options
@click.option("--note", default="", help="What the vectors are, for whoever finds them.")
@click.option("--lat", default="", help="Column of latitudes [lat or latitude].")
@click.option("--lon", default="", help="Column of longitudes [lon or longitude].")
@click.option("--pixel", default="", help="Column of positions in the store, from 0 [pixel].")
@click.option("--columns", default="", help="Columns of a table, separated by commas [all].")
@click.option(
    "--array", default="", help="Name in a Zarr group, an .npz or a table [the only one]."
)
@click.option("--store", metavar="KEY_OR_URL", required=True, help="Whose pixels the rows are of.")
@click.argument("file", metavar="FILE", callback=place)
def vectors(file: str, store: str, root: str, overrides: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401
    """Make a run of the vectors in FILE, for every pixel of a store.

    FILE is a Zarr array or group, a .parquet table, an .npy or an .npz. It has a row for each pixel in store
    order, or columns that say which pixel a row is of. Or FILE is a GeoTIFF, whose cells a pixel averages.
    docs/vectors.md has examples.
    """
    from jobs.commands.making import make_run

    given = [f"{name}={value}" for name in PASSED if (value := options.pop(name))]
    named = (f"file={file}", *given, *overrides)
    make_run(JOB, root=root, store=store, overrides=named, **options)
