"""`lake export`: part of a store as one file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lake.commands import region_files
from lake.commands.options import TimeOfDay, json_option, root_option, store_argument
from lake.console.messages import emit
from lake.errors import ConfigError
from lake.export import FORMATS, Selection
from lake.reading import cubes
from lake.reading.store import open as open_store
from lake.storage.files import check_folder

if TYPE_CHECKING:
    from lake.format.regions import Region


@click.command()
@root_option
@store_argument
@click.option("--format", "kind", required=True, type=click.Choice(list(FORMATS)))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--cube", required=True, help="Its name.")
@click.option(
    "--statistic", "statistics", multiple=True, default=("mean",), show_default=True,
    type=click.Choice(cubes.ALL_STATISTICS), help="Repeatable.",
)  # fmt: skip
@click.option("--month", "months", multiple=True, type=int, help="1 to 12; repeatable; none: all.")
@click.option("--tod", "tods", multiple=True, type=TimeOfDay(), help="UTC, or seconds; likewise.")
@click.option("--band", "bands", multiple=True, help="Likewise.")
@click.option("--bbox", nargs=4, type=float, help="West, south, east, north in degrees.")
@click.option(
    "--polygon",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of polygons: GeoJSON; with pyogrio also Shapefile, GeoPackage, ...",
)
@json_option
def export(
    root: str,
    store: str,
    kind: str,
    out: Path,
    cube: str,
    statistics: tuple[str, ...],
    months: tuple[int, ...],
    tods: tuple[int, ...],
    bands: tuple[str, ...],
    bbox: tuple[float, ...] | None,
    polygon: Path | None,
    *,
    as_json: bool,
) -> None:
    """Write part of a store as one file: GeoTIFF, netCDF or GeoParquet."""
    if bbox and polygon:
        raise ConfigError("both --bbox and --polygon are given: wanted one of them")
    region: Region = region_files.read(polygon) if polygon else (bbox or ())
    check_folder(out)
    opened = open_store(store, root=root)
    FORMATS[kind](opened, out.absolute(), Selection(cube, statistics, months, tods, bands, region))
    size = out.stat().st_size
    emit({"path": str(out), "bytes": size}, f"{out}: {size:,} bytes", as_json=as_json)
