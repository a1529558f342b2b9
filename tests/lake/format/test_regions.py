"""Regions against Matplotlib's own test of points in polygons, and against boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path
from numpy.testing import assert_array_equal

from lake.errors import ConfigError
from lake.format.regions import inside

SQUARE = [(-10.0, 0.0), (10.0, 0.0), (10.0, 20.0), (-10.0, 20.0)]
HOLE = [(-5.0, 5.0), (5.0, 5.0), (5.0, 15.0), (-5.0, 15.0)]


def points(seed: int, size: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.uniform(-180, 180, size), random.uniform(-90, 90, size)


@given(st.integers(0, 2**32), st.integers(3, 40))
def test_points_in_any_polygon_are_those_of_matplotlib(seed, vertices):
    random = np.random.default_rng(seed)
    ring = np.column_stack([random.uniform(-150, 150, vertices), random.uniform(-80, 80, vertices)])
    lon, lat = points(seed + 1)
    # of star-shaped rings the even-odd rule and Matplotlib's agree
    angle = np.argsort(np.arctan2(*(ring - ring.mean(0)).T))
    ring = ring[angle]
    wanted = Path(np.vstack([ring, ring[:1]]), closed=True).contains_points(
        np.column_stack([lon, lat])
    )
    assert_array_equal(inside(ring, lon, lat), wanted)


@pytest.mark.parametrize("ring", [SQUARE, [*SQUARE, SQUARE[0]], np.array(SQUARE)[::-1]])
def test_rings_may_be_closed_or_not_and_turn_either_way(ring):
    lon, lat = points(0)
    assert_array_equal(inside(ring, lon, lat), inside((-10, 0, 10, 20), lon, lat))


@pytest.mark.parametrize(
    "geojson",
    [
        {"type": "Polygon", "coordinates": [SQUARE, HOLE]},
        {"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE]]},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [SQUARE, HOLE]}},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": {
            "type": "GeometryCollection",
            "geometries": [{"type": "Polygon", "coordinates": [SQUARE, HOLE]}],
        }}]},
    ],
)  # fmt: skip
def test_geojson_of_every_kind_leaves_holes_out(geojson):
    lon, lat = points(1, 20_000)
    wanted = inside((-10, 0, 10, 20), lon, lat) & ~inside((-5, 5, 5, 15), lon, lat)
    assert wanted.sum() > 50
    assert_array_equal(inside(geojson, lon, lat), wanted)


def test_parts_of_a_multipolygon_are_joined():
    east = [(x + 30, y) for x, y in SQUARE]
    lon, lat = points(2)
    wanted = inside(SQUARE, lon, lat) | inside(east, lon, lat)
    found = inside({"type": "MultiPolygon", "coordinates": [[SQUARE], [east]]}, lon, lat)
    assert_array_equal(found, wanted)


def test_ring_beyond_180_lies_across_the_antimeridian():
    lon, lat = points(3)
    ring = [(x + 180, y) for x, y in SQUARE]
    assert_array_equal(inside(ring, lon, lat), inside((170, 0, -170, 20), lon, lat))
    west = [(x - 180, y) for x, y in SQUARE]
    assert_array_equal(inside(west, lon, lat), inside(ring, lon, lat))


def test_points_nowhere_lie_in_no_region():
    lon, lat = np.array([np.nan, 0.0, np.nan]), np.array([10.0, np.nan, np.nan])
    assert not inside(SQUARE, lon, lat).any()
    assert not inside((-10, 0, 10, 20), lon, lat).any()


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ((0, 50, 10, 40), "bbox is"),
        ([(0, 0), (1, 1)], "three or more"),
        ([(0, 0), (1, 1), (2, 99)], "three or more"),
        ([(0, 0), (1, np.nan), (2, 2)], "three or more"),
        ("abc", "three or more"),
        ({"type": "Point", "coordinates": [0, 0]}, "type 'Point'"),
        ({"type": "MultiPolygon", "coordinates": []}, "holds no polygon"),
        ([(-200, 0), (200, 0), (0, 10)], "more than 360"),
    ],
)
def test_what_is_no_region_is_refused(region, said):
    with pytest.raises(ConfigError, match=said):
        inside(region, np.zeros(1), np.zeros(1))


def square(west, east, south=0.0, north=20.0):
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def features(*rings):
    polygons = [{"type": "Polygon", "coordinates": [ring]} for ring in rings]
    return {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {}, "geometry": p} for p in polygons],
    }


@pytest.mark.parametrize(
    "region",
    [
        features(square(0, 6), square(4, 10)),
        features(square(0, 10), square(0, 10)),
        features(square(0, 10), square(4, 6, 5, 15)),
        features(square(0, 10), square(360, 370)),
        {"type": "MultiPolygon", "coordinates": [[square(0, 7)], [square(3, 10)]]},
    ],
)
def test_polygons_that_overlap_repeat_or_nest_are_their_union(region):
    lon, lat = points(2, 20_000)
    assert_array_equal(inside(region, lon, lat), inside((0, 0, 10, 20), lon, lat))


def test_polygons_of_mixed_turns_are_all_found():
    mixed = {"type": "MultiPolygon", "coordinates": [[square(-81, -79)], [square(285, 287)]]}
    assert inside(mixed, np.array([-80.0, -74.0, 0.0]), np.full(3, 10.0)).tolist() == [
        True,
        True,
        False,
    ]


def test_hole_on_another_turn_than_its_ring_is_a_hole():
    region = {"type": "Polygon", "coordinates": [square(280, 300), square(-75, -65, 5, 15)]}
    assert inside(region, np.array([-70.0, -62.0]), np.full(2, 10.0)).tolist() == [False, True]


def test_polygon_cut_at_the_antimeridian_is_one():
    cut = {"type": "MultiPolygon", "coordinates": [[square(170, 180)], [square(-180, -170)]]}
    lon = np.array([175.0, 180.0, -180.0, -175.0, -165.0, 165.0])
    assert inside(cut, lon, np.full(6, 10.0)).tolist() == [True] * 4 + [False] * 2


def test_features_without_a_place_are_passed_over_and_alone_are_an_error():
    nowhere = {"type": "Feature", "properties": {}, "geometry": None}
    collection = features(square(0, 6))
    collection["features"].append(nowhere)
    assert inside(collection, np.array([3.0]), np.array([3.0])).all()
    with pytest.raises(ConfigError, match="holds no polygon"):
        inside({"type": "FeatureCollection", "features": [nowhere]}, *points(3))


def test_ring_that_crosses_itself_encloses_both_its_halves():
    bow_tie = [(0, 0), (10, 10), (10, 0), (0, 10)]
    lon, lat = np.array([1.0, 9.0, 5.0]), np.array([5.0, 5.0, 1.0])
    assert inside(bow_tie, lon, lat).tolist() == [True, True, False]


def test_what_shapely_and_geopandas_give_is_a_region():
    shapely = pytest.importorskip("shapely")
    assert inside(shapely.box(0, 0, 10, 20), np.array([5.0]), np.array([5.0])).all()


@pytest.mark.parametrize(
    "region",
    [
        {"type": "Polygon"},
        {"type": "FeatureCollection", "features": None},
        {"type": "Feature"},
        {"type": "Polygon", "coordinates": [[["a", "b"], ["c", "d"], ["e", "f"]]]},
        {"type": "Polygon", "coordinates": [5]},
    ],
)
def test_what_is_no_geojson_is_refused(region):
    with pytest.raises(ConfigError):
        inside(region, *points(4))


def nested(depth):
    region = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2]]]}
    for _ in range(depth):
        region = {"type": "GeometryCollection", "geometries": [region]}
    return region


def test_collections_are_nested_at_will():
    assert inside(nested(5000), np.array([1.0, 3.0]), np.array([1.0, 1.0])).tolist() == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    "region",
    [
        [0, 0, "x", 1],
        [0, 10**400, 1, 1],
        [None, 0, 1, 1],
        {"type": "MultiPolygon", "coordinates": [1]},
        {"type": "Polygon", "coordinates": [[[0, 0], [10**400, 0], [1, 1]]]},
        {"type": "FeatureCollection", "features": "abc"},
        {"type": "Feature", "geometry": [[0, 0], [1, 0], [1, 1]]},
        {"type": nested(5000)},
    ],
)
def test_region_of_other_types_is_refused(region):
    with pytest.raises(ConfigError, match=r"bbox|polygon|GeoJSON"):
        inside(region, np.zeros(1), np.zeros(1))
