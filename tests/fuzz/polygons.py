"""Regions that are none, or odd ones: as values, as GeoJSON files, and in files of other formats."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from lake.format import regions
from lake.reading import region_files
from tests.fuzz import mutations

RING = [[-90.0, 30.0], [-80.0, 30.0], [-80.0, 40.0], [-90.0, 40.0], [-90.0, 30.0]]
HOLE = [[-88.0, 32.0], [-82.0, 32.0], [-82.0, 38.0], [-88.0, 32.0]]
POLYGON: dict[str, Any] = {"type": "Polygon", "coordinates": [RING, HOLE]}
MULTI = {"type": "MultiPolygon", "coordinates": [[RING], [HOLE]]}
FEATURE = {"type": "Feature", "properties": {}, "geometry": POLYGON}
COLLECTION = {"type": "FeatureCollection", "features": [FEATURE, FEATURE]}
GEOMETRIES = {"type": "GeometryCollection", "geometries": [POLYGON, MULTI]}
VALID: tuple[Any, ...] = (POLYGON, MULTI, FEATURE, COLLECTION, GEOMETRIES, RING, [-90, 30, -80, 40])


@contextmanager
def attempts(folder: Path) -> Iterator[Callable[[Random], None]]:
    """Asks which points lie in a wrong region."""
    lon, lat = np.array([-85.0, -89.0, np.nan, 180.0]), np.array([35.0, 31.0, 0.0, 90.0])
    others = _other_files(folder)

    def attempt(random: Random) -> None:
        region = mutations.change_tree(random, random.choice(VALID))
        if random.random() < 0.05:
            for _ in range(random.choice((10, 300, 3000))):
                region = {"type": "GeometryCollection", "geometries": [region]}
        action = random.random()
        if action < 0.3:
            path = folder / "region.geojson"
            text = _json(region) if random.random() < 0.5 else json.dumps(random.choice(VALID))
            path.write_bytes(mutations.change_bytes(random, text.encode()))
            region = region_files.read(path)
        elif action < 0.5:
            path = folder / "region.json"
            path.write_text(_json(region))
            region = region_files.read(path)
        elif action < 0.53:
            path, data = random.choice(others)
            path.write_bytes(mutations.change_bytes(random, data))
            region = region_files.read(path)
        elif not isinstance(region, (dict, list)):
            region = [region]
        regions.inside(region, lon, lat)

    yield attempt


def _json(region: Any) -> str:
    try:
        return json.dumps(region)
    except RecursionError:  # deeper than Python writes, not deeper than others do
        return '{"type": "Polygon", "coordinates": ' + "[" * 100_000 + "]" * 100_000 + "}"


def _other_files(folder: Path) -> list[tuple[Path, bytes]]:
    import geopandas
    import shapely

    table = geopandas.GeoDataFrame(geometry=[shapely.Polygon(RING)], crs="EPSG:4326")
    files = [folder / "region.gpkg", folder / "region.shp"]
    for path in files:
        table.to_file(path)
    return [
        (path, path.read_bytes())
        for path in (*files, *(files[1].with_suffix(end) for end in (".shx", ".prj", ".dbf")))
        if path.suffix in {".gpkg", ".shp"}
    ]
