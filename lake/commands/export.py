"""`lake export`: part of a store, or what a run gave to its pixels, as one file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lake.commands.options import STATISTICS, TimeOfDay, json_option, root_option
from lake.console.messages import emit
from lake.errors import ConfigError

if TYPE_CHECKING:
    from lake.format.regions import Region

KINDS = ("geotiff", "netcdf", "parquet")
"""`lake.export.FORMATS`, named here too so that help does not load the writers."""


@click.command()
@root_option
@click.argument("store", metavar="[KEY_OR_URL]", required=False)
@click.option("--run", help="Write what this run gave to pixels, instead of a store.")
@click.option("--format", "kind", type=click.Choice(KINDS), help="[by the file's ending]")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--cube", help="Of a store: its name.")
@click.option(
    "--statistic", "statistics", multiple=True, default=("mean",), show_default=True,
    type=click.Choice(STATISTICS), help="Repeatable.",
)  # fmt: skip
@click.option("--month", "months", multiple=True, type=int, help="1 to 12; repeatable; none: all.")
@click.option("--tod", "tods", multiple=True, type=TimeOfDay(), help="UTC, or seconds; likewise.")
@click.option("--band", "bands", multiple=True, help="Likewise.")
@click.option(
    "--array", "arrays", multiple=True, help="Of a run; repeatable; none: its classes, or vectors."
)
@click.option(
    "--component", "components", multiple=True, type=int,
    help="Of a run's vectors, from 0; repeatable; none: all.",
)  # fmt: skip
@click.option("--bbox", nargs=4, type=float, help="West, south, east, north in degrees.")
@click.option(
    "--polygon",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of polygons: GeoJSON; with pyogrio also Shapefile, GeoPackage, ...",
)
@json_option
def export(
    root: str,
    store: str | None,
    run: str | None,
    kind: str | None,
    out: Path,
    cube: str | None,
    statistics: tuple[str, ...],
    months: tuple[int, ...],
    tods: tuple[int, ...],
    bands: tuple[str, ...],
    arrays: tuple[str, ...],
    components: tuple[int, ...],
    bbox: tuple[float, ...] | None,
    polygon: Path | None,
    *,
    as_json: bool,
) -> None:
    """Write part of a store, or of a run, as one file: GeoTIFF, netCDF or GeoParquet."""
    from lake.export import FORMATS, RUN_FORMATS, RunSelection, Selection
    from lake.reading import region_files
    from lake.reading.run import open_run
    from lake.reading.store import open as open_store
    from lake.storage.files import check_folder

    if bool(store) == bool(run):
        raise ConfigError("wanted either the key or URL of a store, or --run RUN")
    if bbox and polygon:
        raise ConfigError("both --bbox and --polygon are given: wanted one of them")
    kind = kind or _by_ending(out)
    region: Region = region_files.read(polygon) if polygon else (bbox or ())
    check_folder(out)
    if run:
        if cube or months or tods or bands:
            raise ConfigError(
                "--cube, --month, --tod and --band are of a store: of a run give --array, --component"
            )
        selected = RunSelection(arrays, components, region)
        RUN_FORMATS[kind](open_run(run, lake=root), out.absolute(), selected)
    else:
        if not cube or arrays or components:
            raise ConfigError(
                "a store needs --cube, its name; --array and --component are of a run"
            )
        part = Selection(cube, statistics, months, tods, bands, region)
        FORMATS[kind](open_store(str(store), root=root), out.absolute(), part)
    size = out.stat().st_size
    emit({"path": str(out), "bytes": size}, f"{out}: {size:,} bytes", as_json=as_json)


def _by_ending(out: Path) -> str:
    from lake.export import ENDINGS

    if out.suffix.lower() not in ENDINGS:
        raise ConfigError(
            f"the ending of {out} names no format: give --format, or end it in {', '.join(ENDINGS)}"
        )
    return ENDINGS[out.suffix.lower()]
