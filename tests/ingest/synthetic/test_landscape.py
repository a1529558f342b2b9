"""The invented country: its classes, coast and textures."""

from dataclasses import fields, replace
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ingest.synthetic.imager import CHANNELS, image, lst_image
from ingest.synthetic.landscape import CONUS_SHAPE, COVERS, axes, landscape
from ingest.synthetic.scene import scene
from lake.errors import ConfigError

SHAPE = (40, 60)


def coarse(image):
    """The mean of the fine pixels of each coarse one."""
    n = image.shape[0] // SHAPE[0]
    return image.reshape(SHAPE[0], n, SHAPE[1], n).mean(axis=(1, 3))


def test_classes_all_occur_are_unequal_and_lie_in_patches():
    classes = landscape().classes
    assert classes.shape == (200, 300)
    shares = np.bincount(classes[classes >= 0], minlength=len(COVERS)) / (classes >= 0).sum()
    assert len(shares) == len(COVERS) == 20
    assert shares.min() > 0.002
    assert shares.max() > 4 * shares.min()
    neighbours = classes[:, 1:] == classes[:, :-1]
    are_land = (classes[:, 1:] >= 0) & (classes[:, :-1] >= 0)
    assert neighbours[are_land].mean() > 0.85
    assert (shares**2).sum() < 0.25, "as likely as this would two random pixels be alike"


def test_variants_lie_in_patches_within_their_main_cover_and_differ_little():
    classes = landscape().classes
    main = np.where(classes >= 0, classes % 10, classes)
    borders = (main[:, 1:] != main[:, :-1]).mean()
    assert (classes[:, 1:] != classes[:, :-1]).mean() < 2 * borders
    for number, cover in enumerate(COVERS[:10]):
        variant = (classes == number + 10).sum() / (main == number).sum()
        assert 0.05 < variant < 0.95, cover.name
    differing = [
        {f.name for f in fields(a) if getattr(a, f.name) != getattr(b, f.name)} - {"name"}
        for a, b in zip(COVERS[:10], COVERS[10:], strict=True)
    ]
    assert sum(names == {"peak_day"} for names in differing) >= 3
    assert sum(names == {"texture"} for names in differing) >= 3


def test_haze_humidity_and_warmth_are_there_every_year_and_outweigh_those_of_a_year():
    country = landscape()
    july = [scene(country, datetime(year, 7, 9, 18, tzinfo=UTC)) for year in (2020, 2022)]
    assert july[0].landscape.haze is july[1].landscape.haze
    assert country.warmth[country.land].std() > 2
    between = np.corrcoef(country.warmth[country.land], july[0].skin[country.land])[0, 1]
    assert between > 0.2


def test_there_are_a_coast_lakes_and_islands():
    ndimage = pytest.importorskip("scipy.ndimage")
    country = landscape()
    assert 0.5 < country.land.mean() < 0.85
    assert country.lake.sum() > 100
    assert not (country.lake & country.land).any()
    pieces, count = ndimage.label(country.land)
    assert count > 3
    assert np.bincount(pieces.ravel())[1:].max() > 0.7 * country.land.sum()


def test_fine_textures_average_to_the_coarser_ones():
    country = landscape(SHAPE, seed=3)
    fine = country.texture[4]
    assert fine.shape == tuple(4 * n for n in SHAPE)
    assert_allclose(coarse(fine), country.texture[1], atol=1e-6)
    assert_allclose(coarse(country.texture[2]), country.texture[1], atol=1e-6)
    assert fine.std() > country.texture[2].std() > country.texture[1].std() > 0.01


def test_a_seed_makes_one_country_and_another_seed_another():
    first, same, different = (landscape(SHAPE, seed) for seed in (3, 3, 4))
    for name in ("classes", "lake", "elevation", "vigour", "grain", "haze", "damp", "warmth"):
        np.testing.assert_array_equal(getattr(first, name), getattr(same, name))
    assert (first.classes != different.classes).mean() > 0.3


@pytest.mark.parametrize("shape", [(200, 2600), (8, 300)])
def test_a_crop_too_large_or_too_small_is_refused(shape):
    with pytest.raises(ConfigError, match=f"{shape[0]} x {shape[1]} coarse pixels"):
        landscape(shape)


@pytest.mark.parametrize(
    ("refinement", "x0", "y0"), [(1, -0.101332, 0.128212), (4, -0.101353, 0.128233)]
)
def test_largest_crop_is_the_whole_sector(refinement, x0, y0):
    place = axes(CONUS_SHAPE, refinement)
    assert place.shape == tuple(n * refinement for n in CONUS_SHAPE)
    assert_allclose([place.x[0], place.y[0]], [x0, y0], atol=1e-12)


def test_crop_that_reaches_beyond_the_sector_begins_farther_north_or_west():
    usual, tall = axes((200, 300), 1), axes((1200, 300), 1)
    assert tall.x[0] == usual.x[0]
    assert tall.y[0] == axes(CONUS_SHAPE, 1).y[300]


@pytest.mark.parametrize("year", [2020, 2022])
def test_off_the_earth_there_is_nothing_to_see(year):
    country = landscape(SHAPE)
    assert country.on_earth.all()
    on_earth = np.ones(SHAPE, bool)
    on_earth[:5, :7] = False
    edge_scene = scene(replace(country, on_earth=on_earth), datetime(year, 7, 1, 18, tzinfo=UTC))
    for band in ("C02", "C13"):
        recorded, n = image(edge_scene, band), CHANNELS[band].refinement
        assert (recorded.counts[: 5 * n, : 7 * n] == CHANNELS[band].fill).all()
        assert (recorded.dqf[: 5 * n, : 7 * n] == -1).all()
        assert (recorded.dqf[5 * n :] >= 0).all()
    lst = lst_image(edge_scene)
    for flags in (lst.dqf, lst.pqi):
        if flags is not None:
            assert (flags[:5, :7] == 65535).all()
            assert (flags[5:] < 65535).all()
    assert (lst.counts[:5, :7] == 65535).all()
