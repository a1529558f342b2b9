import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pyproj import Transformer

from lake.format.domain import from_mask
from lake.format.grid import Grid, Projection
from lake.format.order import Layout
from lake.outlines import make
from lake.plot import coast_lines, views

HEIGHT = 35786023.0


def disk(origin: float) -> views.GridView:
    axis = 2.8e-3 * (np.arange(109) - 54)
    grid = Grid(Projection(HEIGHT, 6378137.0, 6356752.31414, origin), -axis, axis)
    return views.around(from_mask(np.ones((109, 109), bool), grid, Layout(64, 4)))


@pytest.mark.parametrize(
    ("kind", "lon", "lat"),
    [
        ("coast", -80.53, 28.46),  # Cape Canaveral
        ("coast", -34.79, -7.15),  # Ponta do Seixas, the easternmost point of the Americas
        ("coast", -115.08, 27.85),  # Punta Eugenia
        ("border", -110.0, 49.0),  # Montana and Saskatchewan
        ("border", -70.0, -4.2),  # Leticia
        ("state", -109.045, 36.999),  # the Four Corners
    ],
)
def test_known_places_lie_on_a_line(kind, lon, lat):
    first, step = coast_lines.read(kind)[:-1], np.diff(coast_lines.read(kind), axis=0)
    share = ((np.array([lon, lat]) - first) * step).sum(axis=1) / (step**2).sum(axis=1)
    nearest = first + np.clip(share, 0, 1)[:, None] * step
    assert np.nanmin(np.hypot(*(nearest - [lon, lat]).T)) < 0.06


@pytest.mark.parametrize("origin", [-75.0, -137.0])
def test_lines_on_the_disk_are_where_proj_has_them(origin):
    lon, lat = coast_lines.read("coast")[::50].T
    x, y = disk(origin).place(lon, lat)
    projection = f"+proj=geos +h={HEIGHT} +lon_0={origin} +sweep=x +ellps=GRS80 +units=m"
    proj = Transformer.from_crs("+proj=longlat +ellps=GRS80", projection, always_xy=True)
    expected = np.array(proj.transform(lon, lat)) / HEIGHT
    visible = np.isfinite(x)
    assert_array_equal(visible, np.isfinite(expected[0]) & np.isfinite(lon))
    assert 200 < visible.sum() < np.isfinite(lon).sum()
    assert_allclose([x[visible], y[visible]], expected[:, visible], atol=1e-9)


def test_plate_carree_is_cut_on_the_far_side_of_the_earth():
    west = views.PlateCarree(disk(-137.0).grid, (-217.0, -57.0, -60.0, 60.0))
    x, y = west.place(np.array([178.0, -178.0, 44.0, 42.0, 40.0]), np.zeros(5))
    assert_array_equal(x, [-182, -178, -316, np.nan, 40])  # the far side is at 43 degrees east
    assert np.isfinite(y).all()


def test_lines_end_at_the_edge_of_what_is_shown():
    x = np.array([-5.0, -4, -1, 0, 1, 4, 5, np.nan, 0.5, 0.6])
    y = np.zeros(10)
    visible, _ = coast_lines._visible(x, y, (-2, 2, -2, 2))
    assert_array_equal(visible, [-4, -1, 0, 1, 4, np.nan, np.nan, 0.5, 0.6])


def test_thinned_line_stays_within_the_tolerance():
    angle = np.linspace(0, 3, 400)
    line = np.stack([angle, np.sin(5 * angle)], axis=1)
    points = make.simplify(line, 0.01)
    assert 10 < len(points) < 120
    assert_array_equal(points[[0, -1]], line[[0, -1]])
    assert np.abs(np.interp(angle, *points.T) - line[:, 1]).max() < 0.06
    straight = np.stack([np.arange(9.0), np.arange(9.0)], axis=1)
    assert_array_equal(make.simplify(straight, 0.01), straight[[0, -1]])


def test_an_arc_of_one_area_is_coast_and_of_two_a_border():
    topology = {
        "transform": {"scale": [0.5, 0.5], "translate": [10, 20]},
        "arcs": [[[0, 0], [2, 0]], [[2, 0], [0, 2], [-2, 0]], [[2, 0], [2, 2]]],
        "objects": {
            "a": {"geometries": [{"arcs": [[0, 1]]}, {"arcs": [[[~0, 2]]]}, {"type": None}]}
        },
    }
    coast, border = make.kinds(topology, "a")
    assert_array_equal(border, [[[10, 20], [11, 20]]])
    assert_array_equal(coast[0], [[11, 20], [11, 21], [10, 21]])
    assert len(coast) == 2
