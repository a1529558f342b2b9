import io

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from lake.format import order
from lake.format.domain import from_mask
from lake.format.grid import Grid, Projection
from lake.format.order import Layout
from lake.plot import canvas, colours, pictures, views
from lake.plot.canvas import Heading
from lake.reading import classes

HEADING = Heading("A title", "a key  |  a month")


@pytest.fixture
def domain():
    """A ring of land around a lake, 40 x 50."""
    projection = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)
    grid = Grid(projection, 0.11 - 5.6e-5 * np.arange(40), -0.03 + 5.6e-5 * np.arange(50))
    row, column = np.mgrid[:40, :50]
    mask = (row > 2) & (column < 47) & (np.hypot(row - 20, column - 25) > 6)
    return from_mask(mask, grid, Layout(chunk=32, phases=4))


@pytest.fixture
def view(domain):
    return views.around(domain)


def at(domain, view):
    """Row and column of every pixel in what is shown."""
    return domain.row - view.rows.start, domain.column - view.columns.start


def painted(figure):
    """The images on the map above sea and space, from below."""
    return [image.get_array() for image in figure.axes[0].images[1:]]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_land_is_painted_where_the_domain_is_and_nowhere_else(domain, view):
    (image,) = painted(pictures.land(domain, view, HEADING))
    assert_array_equal(image[..., 3], view.crop(domain.mask))
    assert_allclose(image[at(domain, view)][:, :3], [pictures.LAND] * domain.pixels)


def test_headings_stand_above_the_map(domain, view):
    figure = pictures.land(domain, view, HEADING)
    assert figure.axes[0].get_title(loc="left") == "A title"
    assert "a key  |  a month" in texts(figure.axes[0])
    assert "satellite's fixed grid, seen from 75.0° W" in texts(figure.axes[0])


def test_field_shows_every_value_at_its_pixel_and_absent_ones_in_grey(domain, view):
    values = np.random.default_rng(0).normal(280, 5, domain.pixels)
    values[7] = np.nan
    figure = pictures.field(domain, view, values, HEADING, "temperature (K)", "inferno")
    grey, image = painted(figure)
    row, column = at(domain, view)
    has_value = np.arange(domain.pixels) != 7
    assert_array_equal(image[row[has_value], column[has_value]], values[has_value])
    assert image.mask[row[7], column[7]]
    assert_array_equal(grey[row[7], column[7]], [*colours.ABSENT, 1])
    assert image.mask.sum() == image.size - domain.pixels + 1
    assert figure.axes[1].get_ylabel() == "temperature (K)"
    low, high = np.percentile(values[has_value], (1, 99))
    assert figure.axes[0].images[-1].get_clim() == pytest.approx((low, high))


def test_subpixels_lie_within_their_pixel(domain, view):
    values = np.arange(domain.pixels * 4.0).reshape(-1, 4)
    figure = pictures.field(domain, view, values, HEADING, "")
    image = painted(figure)[-1]
    row, column = at(domain, view)
    for i, (down, right) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        assert_array_equal(image[2 * row + down, 2 * column + right], values[:, i])
    assert tuple(figure.axes[0].images[-1].get_extent()) == view.extent


@pytest.mark.parametrize(("side", "count"), [(1000, 16), (1500, 4), (3000, 1), (9000, 1)])
def test_of_images_that_are_too_large_every_other_subpixel_is_drawn(side, count):
    values = np.arange(32).reshape(2, 16)
    thinned = pictures.thin(values, side)
    assert thinned.shape == (2, count)
    assert set(thinned[0]) <= set(range(16))
    assert thinned[1, 0] == thinned[0, 0] + 16
    assert pictures.thin(values, 1500)[0].tolist() == [5, 7, 13, 15]


def test_three_components_become_red_green_and_blue_at_their_pixels(domain, view):
    ramp = np.linspace(0, 1, domain.pixels)
    values = np.stack([ramp, 1 - ramp, ramp**2], axis=1)
    values[11] = np.nan
    figure = pictures.rgb(domain, view, values, HEADING, ["PC 1", "PC 2", "PC 3"], [0.5, 0.2, 0.1])
    (image,) = painted(figure)
    colours_at_pixels = image[at(domain, view)]
    assert_array_equal(colours_at_pixels[11], [*colours.ABSENT, 1])
    assert_allclose(colours_at_pixels[0], [0, 1, 0, 1])
    assert_allclose(colours_at_pixels[-1], [1, 0, 1, 1])
    middle = domain.pixels // 2
    assert colours_at_pixels[middle, 0] == pytest.approx((ramp[middle] - 0.02) / 0.96, abs=0.01)
    words = texts(figure.axes[1])
    assert words == ["share of the variance", "PC 1", "50.0%", "PC 2", "20.0%", "PC 3", "10.0%"]


def test_bars_are_as_long_as_shares_and_have_the_colours_of_the_channels(domain, view):
    figure = pictures.rgb(
        domain, view, np.zeros((domain.pixels, 3)), HEADING, ["a", "b", "c"], [0.4, 0.2, 0.1]
    )
    bars = figure.axes[1].patches
    assert_allclose([bar.get_width() / bars[0].get_width() for bar in bars], [1, 0.5, 0.25])
    assert [int(np.argmax(bar.get_facecolor()[:3])) for bar in bars] == [0, 1, 2]


def test_classes_have_their_colours_and_their_shares(domain, view):
    labels = np.arange(domain.pixels) % 4
    labels[labels == 3] = 0
    labels[5] = -1
    names = ["forest", "desert", "city"]
    named = classes.defaults(names)
    figure = pictures.classes(domain, view, labels, HEADING, named)
    (image,) = painted(figure)
    palette = classes.rgb(named)
    for i, colour in enumerate(image[at(domain, view)]):
        expected = colours.ABSENT if i == 5 else palette[labels[i]]
        assert_allclose(colour[:3], expected)
    shares = np.bincount(labels[labels >= 0]) / (domain.pixels - 1)
    expected = [
        part for name, share in zip(names, shares, strict=True) for part in (name, f"{share:.1%}")
    ]
    assert texts(figure.axes[1]) == ["share of pixels", *expected]


def test_legend_of_many_classes_lists_the_largest(domain, view):
    labels = np.minimum(np.arange(domain.pixels), 39)
    figure = pictures.classes(
        domain, view, labels, HEADING, classes.defaults([f"c{i}" for i in range(40)])
    )
    words = texts(figure.axes[1])
    assert words[0] == "share of pixels, the 30 largest"
    assert "c39" in words
    assert len(words) == 1 + 2 * 30


def test_one_phase_is_dark_in_every_superblock(domain, view):
    figure = pictures.pixel_order(domain, view, 2, HEADING)
    image = painted(figure)[-1][at(domain, view)]
    dark = image[:, :3].max(axis=1) < 0.5
    in_phase = np.zeros(domain.pixels, bool)
    for piece in order.phase_slices(domain.pixels, domain.layout, 2):
        in_phase[piece] = True
    assert_array_equal(dark, in_phase)


def test_superblocks_are_of_one_colour_and_differ_from_their_neighbours(domain, view):
    figure = pictures.pixel_order(domain, view, 0, HEADING)
    image = painted(figure)[-1][at(domain, view)][:, :3]
    blocks = order.superblocks(domain.pixels, domain.layout)
    bright = [image[b][image[b].max(axis=1) > 0.5] for b in blocks]
    assert all(np.ptp(block_colours, axis=0).max() == 0 for block_colours in bright)
    assert len({tuple(block_colours[0]) for block_colours in bright}) > 3


def test_curve_of_the_inset_visits_every_pixel_once_in_store_order(domain, view):
    path = pictures.along_curve(domain, view, (4, 3), 12)
    steps = path[~np.isnan(path[:, 0])].astype(int)
    row, column = at(domain, view)
    inside = (row >= 4) & (row < 16) & (column >= 3) & (column < 15)
    assert sorted(map(tuple, steps)) == sorted(zip(row[inside], column[inside], strict=True))
    jumps = np.abs(np.diff(path, axis=0)).sum(axis=1)
    assert set(jumps[~np.isnan(jumps)]) == {1.0}
    positions = {place: i for i, place in enumerate(zip(row, column, strict=True))}
    superblocks = [positions[tuple(step)] // domain.layout.superblock for step in steps]
    assert superblocks == sorted(superblocks)


def test_window_looks_where_superblocks_meet_on_land():
    blocks = np.full((64, 96), -1)
    blocks[:, 32:] = 0
    blocks[:32, 64:] = 1
    assert pictures.window(blocks, 16)[1] in {52, 56, 60}
    row, column = pictures.window(np.full((10, 10), 0), 16)
    assert (row, column) == (0, 0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([np.nan, np.nan], (0.0, 1.0, "neither")),
        ([3.0, 3.0, np.nan], (2.5, 3.5, "neither")),
        ([0.0] * 99 + [1.0], (0.0, 0.01, "max")),
        ([*range(101)], (1.0, 99.0, "both")),
    ],
)
def test_limits_are_percentiles_and_tell_what_lies_beyond(values, expected):
    low, high, extend = pictures.limits(values)
    assert (low, high) == pytest.approx(expected[:2])
    assert extend == expected[2]


def test_store_without_any_value_is_drawn_in_grey(domain, view):
    nothing = np.full(domain.pixels, np.nan)
    figure = pictures.field(domain, view, nothing, HEADING, "observations")
    assert painted(figure)[-1].mask.all()
    assert canvas.png(figure).startswith(b"\x89PNG")


def test_png_says_what_it_is_and_shows_the_colours(domain, view):
    labels = np.zeros(domain.pixels, int)
    figure = pictures.classes(domain, view, labels, HEADING, classes.defaults(["all"]))
    image = Image.open(io.BytesIO(canvas.png(figure, Title="Clusters", Source="a run")))
    assert image.text["Title"] == "Clusters"
    assert image.text["Source"] == "a run"
    pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    colour = np.round(classes.rgb(classes.defaults(["all"]))[0] * 255)
    assert (pixels == colour).all(axis=1).mean() > 0.3
    assert image.width > 1000
