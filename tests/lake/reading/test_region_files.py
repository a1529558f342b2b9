"""Polygons in the files that people have."""

import json
import sys

import numpy as np
import pytest

from lake.errors import ConfigError
from lake.format.regions import inside
from lake.reading import region_files

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 20], [0, 20], [0, 0]]]}
FEATURES = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "properties": {"name": "Köln"}, "geometry": SQUARE},
        {"type": "Feature", "properties": {"name": "nowhere"}, "geometry": None},
    ],
}
LON, LAT = np.array([5.0, 15.0]), np.array([5.0, 5.0])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_geojson_is_read_in_every_encoding_that_has_a_mark(tmp_path, encoding):
    path = tmp_path / "region.geojson"
    mark = "\ufeff" if encoding in {"utf-16-le", "utf-16-be"} else ""
    path.write_text(mark + json.dumps(FEATURES, ensure_ascii=False), encoding)
    assert inside(region_files.read(path), LON, LAT).tolist() == [True, False]


@pytest.mark.parametrize("suffix", [".shp", ".gpkg", ".fgb"])
def test_other_formats_are_read_in_their_own_projection(tmp_path, suffix):
    geopandas = pytest.importorskip("geopandas")
    table = geopandas.GeoDataFrame.from_features(FEATURES["features"][:1], crs="EPSG:4326")
    table.to_crs("EPSG:3857").to_file(tmp_path / f"region{suffix}", engine="pyogrio")
    assert inside(region_files.read(tmp_path / f"region{suffix}"), LON, LAT).tolist() == [
        True,
        False,
    ]


def test_shapefile_without_projection_is_refused(tmp_path):
    geopandas = pytest.importorskip("geopandas")
    path = tmp_path / "region.shp"
    table = geopandas.GeoDataFrame.from_features(FEATURES["features"][:1], crs="EPSG:4326")
    table.to_file(path, engine="pyogrio")
    path.with_suffix(".prj").unlink()
    with pytest.raises(ConfigError, match=r"region\.shp does not say in which projection"):
        region_files.read(path)


def test_format_that_needs_a_library_says_which(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyogrio", None)
    with pytest.raises(ConfigError, match="pip install pyogrio"):
        region_files.read(tmp_path / "region.gpkg")


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"{", b"\xff\xfe\x00", b"\x80\x81", b"null"])
def test_what_is_no_geojson_is_refused_with_the_path(tmp_path, content):
    path = tmp_path / "region.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"region\.json"):
        region_files.read(path)


@pytest.mark.parametrize("name", ["region.gpkg", "region.shp", "region.txt"])
def test_broken_file_of_another_format_is_refused_with_the_path(tmp_path, name):
    pytest.importorskip("pyogrio")
    (tmp_path / name).write_bytes(b"no such format")
    with pytest.raises(ConfigError, match="region"):
        region_files.read(tmp_path / name)
