import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lake.format.domain import from_mask
from lake.format.grid import Grid, Projection
from lake.format.order import Layout
from lake.plot import colours
from lake.reading import classes

# Machado, Oliveira and Fernandes (2009), severity 1: sRGB linear light -> what is seen
VISION = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
     [0.0193339, 0.1191920, 0.9503041]]
)  # fmt: skip


def cielab(rgb, vision):
    """CIE 1976 L*a*b* of sRGB colours as someone with this vision sees them (IEC 61966-2-1, D65)."""
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    perceived = np.clip(light @ np.asarray(vision).T, 0, 1)
    t = perceived @ XYZ.T / [0.95047, 1.0, 1.08883]
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


def class_rgb(count):
    return classes.rgb(classes.defaults([str(number) for number in range(count)]))


def least_distance(rgb):
    distances = []
    for vision in VISION.values():
        lab = cielab(rgb, vision)
        apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
        distances.append(apart[np.triu_indices(len(rgb), 1)].min())
    return min(distances)


@pytest.fixture
def domain():
    """Twelve pixels of a 4 x 5 grid, in an order that is not row-major."""
    projection = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)
    grid = Grid(projection, 0.1 - 1e-3 * np.arange(4), 1e-3 * np.arange(5))
    mask = np.ones((4, 5), bool)
    mask[0], mask[1:, 2] = False, False
    return from_mask(mask, grid, Layout(chunk=2, phases=2))


@pytest.mark.parametrize(("count", "distance"), [(8, 20), (16, 16.5), (24, 12)])
def test_colours_of_classes_differ_for_every_kind_of_vision(count, distance):
    assert least_distance(class_rgb(count)) > distance


def test_absent_grey_differs_from_every_class():
    for colour in class_rgb(24):
        assert least_distance(np.array([colour, colours.ABSENT])) > 16


def test_colours_beyond_the_palette_repeat():
    palette = class_rgb(30)
    assert_array_equal(palette[24:], palette[:6])


def test_classes_that_share_a_colour_lie_far_apart():
    """Classes along a line: the 25th beside the 24th gets the colour of the first, at the other end."""
    centres = np.arange(26.0)[:, None]
    colours_of_classes = classes.palette_colours(26, centres)
    assert colours_of_classes[24] == colours_of_classes[0]
    assert colours_of_classes[25] == colours_of_classes[1]
    assert classes.palette_colours(26, centres[::-1])[24] == colours_of_classes[0]
    random = np.random.default_rng(0).normal(size=(60, 3))
    many = np.array(classes.palette_colours(60, random))
    apart = np.linalg.norm(random[:, None] - random[None], axis=-1)
    same = (many[:, None] == many[None]) & ~np.eye(60, dtype=bool)
    assert apart[same].min() > np.median(np.sort(apart + 99 * np.eye(60), axis=1)[:, 0])


def test_stretch_maps_percentiles_to_0_and_1_and_cuts_off_the_rest():
    stretched = colours.stretch(np.arange(101.0)[:, None] * [1, -2, 5], (2, 98))
    expected = np.clip((np.arange(101) - 2) / 96, 0, 1)
    assert_allclose(stretched[:, 0], expected)
    assert_allclose(stretched[:, 1], 1 - expected)
    assert_allclose(stretched[:, 2], expected)


def test_row_with_a_nan_has_no_value_and_does_not_shift_the_others():
    values = np.arange(101.0)[:, None] * np.ones(3)
    spoilt = np.vstack([values, [1e9, np.nan, 0]])
    stretched = colours.stretch(spoilt)
    assert np.isnan(stretched[-1]).all()
    assert_array_equal(stretched[:-1], colours.stretch(values))


def test_constant_column_is_in_the_middle_and_no_value_at_all_stays_nan():
    assert_array_equal(colours.stretch(np.full((5, 1), 7.0)), np.full((5, 1), 0.5))
    assert np.isnan(colours.stretch(np.full((4, 3), np.nan))).all()


def test_composite_places_colours_where_the_pixels_are(domain):
    pixel_colours = np.random.default_rng(0).random((domain.pixels, 3))
    pixel_colours[3, 1] = np.nan
    image = colours.composite(domain, pixel_colours)
    assert image.shape == (4, 5, 4)
    for i in range(domain.pixels):
        colour = colours.ABSENT if i == 3 else pixel_colours[i]
        assert_array_equal(image[domain.row[i], domain.column[i]], [*colour, 1])
    assert (image[..., 3] == 0).sum() == 20 - domain.pixels


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_neighbours_never_share_a_colour_where_there_are_as_many_colours_as_regions(seed, regions):
    image = np.random.default_rng(seed).integers(-1, regions, (6, 7))
    colour_of = colours.distinct_colours(image, regions)
    for a, b in ((image[1:], image[:-1]), (image[:, 1:], image[:, :-1])):
        touching = (a >= 0) & (b >= 0) & (a != b)
        assert (colour_of[a[touching]] != colour_of[b[touching]]).all()


def test_every_colour_is_used():
    image = np.repeat(np.arange(12), 3)[None]
    assert sorted(np.bincount(colours.distinct_colours(image, 4))) == [3, 3, 3, 3]
