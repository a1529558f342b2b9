"""Regions in files that people have: GeoJSON in any encoding; Shapefile, GeoPackage, others by pyogrio."""

import codecs
import json
from pathlib import Path
from typing import Any

from lake.errors import ConfigError
from lake.format.regions import Region

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
JSON = (".json", ".geojson")


def read(path: Path) -> Region:
    """The union of all polygons of a file, in degrees.

    Args:
        path: GeoJSON (`.json`, `.geojson`), or any format that pyogrio reads; that is projected to
            longitude and latitude by what the file says of its coordinates.

    Raises:
        ConfigError: the file cannot be read, or holds no GeoJSON.
    """
    if path.suffix.lower() not in JSON:
        return _by_pyogrio(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path} as GeoJSON: {error}") from error
    return geojson(data, str(path))


def geojson(data: bytes, source: str) -> Region:
    """The GeoJSON of some bytes, in any encoding that says which it is; `source` is for messages.

    Raises:
        ConfigError: it is none.
    """
    try:
        encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
        region: Any = json.loads(data.decode(encoding))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"cannot read {source} as GeoJSON: {error}") from error
    if not isinstance(region, dict):
        raise ConfigError(f"{source} holds {type(region).__name__}, which is no GeoJSON object")
    return region


def _by_pyogrio(path: Path) -> Region:
    try:
        import pyogrio  # noqa: PLC0415 (mostly not installed)
        from shapely.errors import ShapelyError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"cannot read {path}: GeoJSON (.json, .geojson) needs nothing else, other formats need "
            "pyogrio, geopandas and pyproj: pip install pyogrio geopandas"
        ) from error
    try:
        table = pyogrio.read_dataframe(path)
    except (
        ValueError,
        OSError,
        RuntimeError,
        ShapelyError,
    ) as error:  # pyogrio's are RuntimeErrors
        raise ConfigError(f"cannot read {path}: {error}") from error
    if table.crs is None:
        raise ConfigError(
            f"{path} does not say in which projection it is: wanted one that is set (a .prj beside a "
            "Shapefile), e.g. 'ogr2ogr -a_srs EPSG:4326 out.gpkg in.shp'"
        )
    interface: dict[str, Any] = table.to_crs("EPSG:4326").__geo_interface__
    return interface
