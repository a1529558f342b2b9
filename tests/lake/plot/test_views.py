import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from pyproj import Transformer

from lake.format.domain import from_mask
from lake.format.grid import Grid, Projection
from lake.format.order import Layout
from lake.plot import graticule, views

HEIGHT = 35786023.0


def grid_of(rows, columns, north, west, step=5.6e-5, origin=-75.0):
    projection = Projection(HEIGHT, 6378137.0, 6356752.31414, origin)
    return Grid(projection, north - step * np.arange(rows), west + step * np.arange(columns))


def domain_of(mask, grid):
    return from_mask(mask, grid, Layout(chunk=64, phases=4))


def degrees(y, x, origin=-75.0):
    """Longitude and latitude by PROJ."""
    projection = f"+proj=geos +h={HEIGHT} +lon_0={origin} +sweep=x +ellps=GRS80 +units=m"
    proj = Transformer.from_crs(projection, "+proj=longlat +ellps=GRS80", always_xy=True)
    return proj.transform(np.asarray(x) * HEIGHT, np.asarray(y) * HEIGHT)


def number(label):
    value = float(label.split("°")[0])
    return -value if label[-1] in "WS" else value


@pytest.fixture
def conus():
    mask = np.zeros((300, 400), bool)
    mask[50:251, 100:301] = True
    return domain_of(mask, grid_of(300, 400, 0.11, -0.03))


@pytest.fixture
def axes():
    return Figure().add_axes((0, 0, 1, 1))


def draw(axes, view):
    west, east, south, north = view.extent
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    graticule.graticule(axes, view)
    return axes


def test_view_is_the_domain_with_a_margin(conus):
    view = views.around(conus, margin=0.03)
    assert (view.rows, view.columns) == (slice(44, 257), slice(94, 307))
    assert_array_equal(view.grid.y, conus.grid.y[44:257])
    assert view.extent[0] == pytest.approx(conus.grid.x[94] - 2.8e-5)
    assert view.extent[3] == pytest.approx(conus.grid.y[44] + 2.8e-5)


def test_view_of_a_whole_grid_stays_within_it():
    whole = domain_of(np.ones((20, 30), bool), grid_of(20, 30, 0.1, 0.0))
    view = views.around(whole)
    assert (view.rows, view.columns) == (slice(0, 20), slice(0, 30))


@pytest.mark.parametrize("refinement", [1, 2, 4])
def test_crop_shows_the_same_place_at_every_refinement(conus, refinement):
    row, column = conus.row[7], conus.column[7]
    image = np.zeros((300, 400)).repeat(refinement, 0).repeat(refinement, 1)
    image[row * refinement : (row + 1) * refinement, column * refinement] = 1
    marked = np.argwhere(views.around(conus).crop(image))
    assert_array_equal(marked[0], np.array([row - 44, column - 94]) * refinement)
    assert len(marked) == refinement


def test_lines_of_the_graticule_are_where_proj_has_them(conus, axes):
    draw(axes, views.around(conus))
    assert len(axes.lines) > 6
    for line in axes.lines:
        lon, lat = degrees(line.get_ydata(), line.get_xdata())
        constant, value = min(((np.ptp(a), a.mean()) for a in (lon, lat)), key=lambda pair: pair[0])
        assert constant < 1e-6
        assert value == pytest.approx(round(value * 2) / 2, abs=1e-6)


def test_degrees_along_the_frame_are_those_of_proj(conus, axes):
    view = views.around(conus)
    west, _, south, _ = view.extent
    draw(axes, view)
    ticks = list(zip(axes.get_xticks(), axes.get_xticklabels(), strict=True))
    assert len(ticks) > 2
    for x, label in ticks:
        assert degrees(south, x)[0] == pytest.approx(number(label.get_text()), abs=0.01)
    ticks = list(zip(axes.get_yticks(), axes.get_yticklabels(), strict=True))
    assert len(ticks) > 2
    for y, label in ticks:
        assert degrees(y, west)[1] == pytest.approx(number(label.get_text()), abs=0.01)


def test_beyond_the_limb_degrees_stand_inside(axes):
    disk = grid_of(109, 109, 0.1512, -0.1512, 2.8e-3, origin=-137.0)
    view = views.around(domain_of(np.ones((109, 109), bool), disk))
    draw(axes, view)
    texts = {text.get_text(): text.get_position() for text in axes.texts}
    assert {"0°, 150° W", "180°", "120° W", "60° N", "30° S"} <= set(texts)
    for text, (x, y) in texts.items():
        lon, lat = degrees(y, x, origin=-137.0)
        last = text.split(", ")[-1]
        if last[-1] in "NS":
            assert lat == pytest.approx(number(last), abs=1e-6)
        else:
            assert (lon - number(last)) % 360 == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("lon", "name"),
    [(-75, "75° W"), (0, "0°"), (-185, "175° E"), (180, "180°"), (-180, "180°"), (12.5, "12.5° E")],
)
def test_longitudes_are_named_east_and_west(lon, name):
    assert graticule.longitude(lon) == name


def test_latitudes_are_named_north_and_south():
    assert [graticule.latitude(lat) for lat in (-30, 0, 45)] == ["30° S", "0°", "45° N"]
    assert graticule.latitude(33.66, 1) == "33.7° N"


def test_pixel_centres_of_the_view_are_those_of_the_grid(conus):
    view = views.around(conus)
    west, east, south, north = view.extent
    step_x = (east - west) / view.grid.shape[1]
    step_y = (north - south) / view.grid.shape[0]
    assert_allclose([step_x, step_y], 5.6e-5, rtol=1e-9)


def test_a_small_box_has_degrees_along_its_frame(conus, axes):
    lon, lat = conus.lonlat()
    middle = conus.pixels // 2
    box = lon[middle] - 0.1, lat[middle] - 0.1, lon[middle] + 0.1, lat[middle] + 0.1
    view = views.select(conus, "platecarree", box)
    draw(axes, view)
    for ticks, labels in (
        (axes.get_xticks(), axes.get_xticklabels()),
        (axes.get_yticks(), axes.get_yticklabels()),
    ):
        assert len(ticks) >= 3
        assert_allclose(ticks, [number(label.get_text()) for label in labels], atol=1e-9)
