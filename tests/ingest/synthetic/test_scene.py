"""Sun, weather and clouds over the invented country."""

from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ingest.synthetic.landscape import landscape
from ingest.synthetic.scene import cos_solar_zenith, scene


@pytest.fixture(scope="module")
def country():
    return landscape((40, 60), seed=3)


def test_the_sun_is_overhead_where_it_should_be():
    lon, lat = np.meshgrid(np.arange(-180, 180, 0.5), np.arange(-90, 90.1, 0.5))
    # solstices and equinox of 2020; equation of time -1.6, +2.0 and -7.4 minutes
    for when, north, east in (
        (datetime(2020, 6, 20, 21, 44, tzinfo=UTC), 23.4, -145.6),
        (datetime(2020, 12, 21, 10, 2, tzinfo=UTC), -23.4, 29.0),
        (datetime(2020, 3, 20, 3, 50, tzinfo=UTC), 0.0, 124.3),
    ):
        cosine = cos_solar_zenith(lon, lat, when)
        highest = np.unravel_index(cosine.argmax(), cosine.shape)
        assert_allclose((lat[highest], lon[highest]), (north, east), atol=0.75)
        assert cosine.max() > 0.9999
        assert_allclose(cosine.min(), -cosine.max(), atol=1e-3)


def test_clouds_move_on_within_a_day_and_are_others_the_next(country):
    def cloud(day, hour):
        return scene(country, datetime(2020, 4, day, hour, 1, tzinfo=UTC)).cloud

    def alike(a, b):
        return np.corrcoef(a.ravel(), b.ravel())[0, 1]

    assert 0.5 < alike(cloud(6, 15), cloud(6, 16)) < 0.9999
    assert abs(alike(cloud(6, 15), cloud(7, 15))) < 0.5


def test_a_scene_is_the_same_whatever_was_looked_at_before(country):
    when = datetime(2020, 4, 6, 15, 1, tzinfo=UTC)
    first = scene(country, when)
    for day in range(1, 6):
        scene(country, datetime(2021, 9, day, 3, 1, tzinfo=UTC))
    again = scene(landscape((40, 60), seed=3), when)
    for name in ("cloud", "skin", "snow", "growth", "humid"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_snow_lies_in_winter_and_on_land_alone(country):
    winter, summer = (
        scene(country, datetime(2020, month, 15, 18, 1, tzinfo=UTC)).snow for month in (1, 7)
    )
    assert winter.max() > 0.9
    assert summer.mean() < 0.01
    assert winter[~country.land].max() == 0


def test_vegetation_grows_in_its_season(country):
    growth = {
        month: scene(country, datetime(2020, month, 20, 18, 1, tzinfo=UTC)).growth.mean()
        for month in (1, 4, 7, 10)
    }
    assert growth[7] > growth[4] > growth[1]
    assert growth[7] > growth[10] > growth[1]
