"""The invented country is as it says; shares are over a country of some thousand pixels."""

from dataclasses import fields, replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import lake
from jobs.features import texture
from jobs.synthetic import bands, country, sky, stores
from jobs.synthetic.country import DYNAMICS, Country
from lake.catalogue import catalogue
from lake.errors import ConfigError
from lake.format.moments import METRICS
from lake.format.order import Layout
from lake.storage.connect import connect

COUNTRY = Country(rows=64, columns=64, months=(1, 4, 7, 10), tods=(50400, 64800, 79200))
SMALL = replace(COUNTRY, rows=24, columns=24, months=(1, 7))
LAYOUT = Layout(32, 4)


@pytest.fixture(scope="module")
def land():
    return country.make_land(COUNTRY)


@pytest.fixture(scope="module")
def years(land):
    return [sky.make_year(land, year) for year in COUNTRY.years]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truth")
    return stores.write(f"{folder}/lake", SMALL, LAYOUT, str(folder))


def test_classes_are_many_unequal_and_lie_together(land):
    held = np.bincount(land.classes)
    assert held.size == COUNTRY.classes == 32
    assert held.min() > 0
    assert held.max() > 4 * held.min()
    image = np.full(land.mask.shape, -1)
    image[land.mask] = land.classes
    both = (image[:, 1:] >= 0) & (image[:, :-1] >= 0)
    alike = (image[:, 1:] == image[:, :-1])[both].mean()
    by_chance = ((held / held.sum()) ** 2).sum()
    assert alike > 0.7 > 5 * by_chance


def test_dynamics_go_on_within_classes_and_differ_between_them(land):
    assert land.dynamics.shape == (land.pixels, len(DYNAMICS))
    for values in land.dynamics.T:
        within = sum(
            values[land.classes == k].var() * (land.classes == k).mean() for k in range(32)
        )
        assert 0.1 < within / values.var() < 0.9


def test_share_of_missing_is_as_wanted_and_it_lies_together(years):
    for year in years:
        seen = year.valid.any(axis=2)
        assert 1 - seen.mean() == pytest.approx(0.22, abs=0.005)
        together = (seen[..., 1:] == seen[..., :-1]).mean()  # neighbours in a row of the land
        assert together > 0.75 > 0.22**2 + 0.78**2


def test_one_observed_cell_of_a_hundred_holds_a_wrong_observation(years):
    for year in years:
        seen = year.valid.any(axis=2)
        assert (year.wrong >= 0)[seen].mean() == pytest.approx(0.01, abs=0.003)
        assert not (year.wrong >= 0)[~seen].any()


def seasons(land, year, band):
    """(month, P) clear means of noon."""
    return np.stack(
        [bands.mean(land, year, m, 64800, band).mean(axis=1) for m in range(len(COUNTRY.months))]
    )


@pytest.mark.parametrize("band", country.BANDS)
def test_nuisances_hold_more_of_the_variance_than_the_classes(land, years, band):
    seen = seasons(land, years[0], band)
    nuisance = np.stack([land.lat, land.elevation, land.view, land.lon], axis=1)
    nuisance = (nuisance - nuisance.mean(axis=0)) / nuisance.std(axis=0)
    pairs = [nuisance[:, i] * nuisance[:, j] for i in range(4) for j in range(i, 4)]
    model = np.column_stack([np.ones(land.pixels), nuisance, *pairs])
    rest = seen - (model @ np.linalg.lstsq(model, seen.T, rcond=None)[0]).T
    by_nuisance = 1 - rest.var(axis=1) / seen.var(axis=1)
    means = np.stack([seen[:, land.classes == k].mean(axis=1) for k in range(32)], axis=1)
    by_class = means[:, land.classes].var(axis=1) / seen.var(axis=1)
    if band in bands.REFLECTED:
        assert by_nuisance.mean() > 0.2
    else:
        assert by_nuisance.mean() > 0.5 > by_class.mean()
    assert by_class.mean() > 0.1


def test_persistent_nuisance_stays_from_year_to_year_and_outweighs_the_classes(land):
    hazy = country.make_land(replace(COUNTRY, nuisance=2.0))
    one, other = (seasons(hazy, sky.make_year(hazy, year), "C13") for year in COUNTRY.years)
    clear = [seasons(land, sky.make_year(land, year), "C13") for year in COUNTRY.years]
    assert_array_equal(hazy.classes, land.classes)  # nothing else of the country changes
    added = one - clear[0]
    assert np.corrcoef(added.ravel(), (other - clear[1]).ravel())[0, 1] > 0.9
    means = np.stack([clear[0][:, land.classes == k].mean(axis=1) for k in range(32)], axis=1)
    assert added.var(axis=1).mean() > 2 * means[:, land.classes].var(axis=1).mean()


def test_country_without_nuisance_has_none(land):
    assert land.persistent.shape == (len(country.PERSISTENT), country.SEASONS, land.pixels)
    assert not land.persistent.any()


def test_values_of_a_country_are_those_of_before_nuisance_and_twins(land, years):
    """Of commit ea136b8, on which both were unknown."""
    clear = bands.mean(land, years[0], 3, 64800, "C13")
    first = [263.9069297186574, 264.80426642019967, 265.76876236004074]
    assert_allclose(clear[:3, 0], first, rtol=1e-12)
    assert_allclose(clear.sum(), 881958.7888075213, rtol=1e-12)


def test_twins_differ_in_texture_or_in_phase_alone(land):
    twins = country.make_land(replace(COUNTRY, twins=4)).traits
    for pair in range(4):
        differing = set()
        for field in fields(twins):
            one, other = getattr(twins, field.name)[[pair, pair + 8]]
            differing |= {(field.name, at) for at in np.flatnonzero(one != other)}
        assert differing == {("dynamics", 0) if pair % 2 else ("texture", 0)}
    untouched = np.setdiff1d(np.arange(32), np.arange(8, 12))
    assert_array_equal(twins.soil[untouched], land.traits.soil[untouched])


def test_years_differ_and_their_anomalies_lie_together(land, years):
    one, other = (seasons(land, year, "C13") for year in years)
    differ = (one - other).std() / one.std()
    assert 0.1 < differ < 1
    assert np.abs(np.diff(one - other, axis=1)).mean() < 0.5 * (one - other).std()


def test_sun_multiplies_reflectance_and_bright_land_saturates(land, years):
    dark = replace(
        land,
        traits=replace(land.traits, soil=0 * land.traits.soil + 50, leaf=land.traits.leaf + 50),
    )
    full = bands.mean(dark, years[0], 2, 64800, "C03")
    assert full.max() <= 0.6
    assert full.min() > 0.55
    noon, morning = (
        bands.mean(land, years[0], 2, tod, "C02").mean(axis=1) for tod in (64800, 50400)
    )
    up = sky.sun(land, 7, 50400) / sky.sun(land, 7, 64800)
    assert np.corrcoef(morning / noon, up)[0, 1] > 0.9


def test_deviation_of_a_class_changes_sign_with_moisture(land, years):
    """No linear map of features says such a thing: its effect has no mean over the class."""
    wet, dry = (
        replace(land, dynamics=np.where(np.arange(5) == 3, land.dynamics + d, land.dynamics))
        for d in (0.15, -0.15)
    )
    moved = [bands._deviation(of, 0, "C03") for of in (wet, dry)]
    half = bands._deviation(replace(land, dynamics=land.traits.dynamics[land.classes]), 0, "C03")
    assert_allclose(np.mean((moved[0] - half) * (moved[1] - half) < 0), 1, atol=0.35)
    assert np.abs(moved[0] - moved[1]).mean() > np.abs(half).mean()


def test_phase_moves_the_course_of_the_year_and_is_not_added_to_it(land, years):
    later = replace(land, dynamics=land.dynamics + np.array([60, 0, 0, 0, 0]))
    green, moved = (
        np.stack([bands.greenness(of, years[0], m) for m in range(4)]) for of in (land, later)
    )
    change = moved - green
    assert (change.max(axis=1) > 0.1).any()
    assert (change.min(axis=1) < -0.1).any()  # the sign depends on the pixel and the month


def test_stores_are_read_like_any_other_and_noise_falls_with_the_count(written):
    store, other = (lake.open(f"{written.root}/{key}") for key in written.keys)
    assert store.domain.same_as(other.domain)
    assert {c.refinement for c in store.cubes.values()} == {1, 2, 4}
    assert [row.key for row in catalogue.rows(connect(written.root))] == list(written.keys)
    block = store.block("day-500m", slice(None), 7)[0]  # (tod, band, metric, pixel, subpixel)
    count, low, high, mean = (block[:, :, METRICS.index(m)] for m in ("count", "min", "max", "m1"))
    assert count.max() <= SMALL.days
    seen = count > 0
    assert ((low <= mean + 1e-6) & (mean <= high + 1e-6))[seen].all()
    assert np.isnan(mean[~seen]).all()
    again = other.block("day-500m", slice(None), 7)[0]
    away = np.abs(mean - again[:, :, METRICS.index("m1")])
    fewer = np.minimum(count, again[:, :, 0])
    assert np.nanmean(away[fewer == 1]) > 1.15 * np.nanmean(away[fewer >= 6])
    for cube in store.cubes:  # all bands of a pixel share one count
        assert_array_equal(store.block(cube, slice(None), 7)[0, :, 0, 0, :, 0], count[:, 0, :, 0])


def test_table_says_what_is_true_of_every_pixel(written):
    store, table = lake.open(f"{written.root}/{written.keys[0]}"), pq.read_table(written.truth)
    land, domain = country.make_land(SMALL), store.domain
    image = np.full(land.mask.shape, -1)
    image[land.mask] = land.classes
    assert_array_equal(table["pixel"], np.arange(domain.pixels))
    assert_array_equal(table["label"], image[domain.row, domain.column])
    phase = np.zeros(land.mask.shape)
    phase[land.mask] = land.dynamics[:, 0]
    assert_array_equal(table["phase"], phase[table["row"], table["column"]])


def test_patterns_of_the_store_are_those_of_the_land(written):
    store, land = lake.open(f"{written.root}/{written.keys[0]}"), country.make_land(SMALL)
    seen = texture.patterns(store, slice(0, store.domain.pixels))
    assert seen.shape == (store.domain.pixels, 4 + 16)  # C03 at 1 km, C02 at 500 m
    laid = np.zeros((*land.mask.shape, 16))
    laid[land.mask] = land.pattern.reshape(-1, 16)
    true = laid[store.domain.row, store.domain.column]
    there = np.isfinite(seen).all(axis=1)
    strong = there & (true.std(axis=1) > 0.3)
    alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(seen[strong, 4:], true[strong], strict=True)]
    assert np.median(np.abs(alike)) > 0.6


def test_patterns_are_means_of_deviations_over_all_that_was_seen(written):
    store = lake.open(f"{written.root}/{written.keys[0]}")
    found = texture.patterns(store, slice(5, 40))
    mean = store.results("day-1km").sel(metric="m1").values[5:40].astype(np.float64)
    away = (mean - mean.mean(axis=1, keepdims=True))[..., 0].reshape(35, 4, -1)
    seen = np.isfinite(away).any(axis=2)
    assert_allclose(found[:, :4][seen], np.nanmean(away[seen], axis=-1), atol=1e-9)
    turned = texture.textures(found, texture.fine_cubes(store))
    assert_array_equal(np.sort(found[:, 4:], axis=1), turned[:, 4:])
    unit = texture.standardise(found, texture.fine_cubes(store))
    assert np.nanstd(unit[:, :4]) == pytest.approx(1)
    assert np.nanstd(unit[:, 4:]) == pytest.approx(1)


def test_same_seed_same_country_whatever_the_layout_another_seed_another(tmp_path, written):
    again = stores.write(f"{tmp_path}/lake", SMALL, Layout(128, 2), str(tmp_path))
    one, other = (lake.open(f"{of.root}/{of.keys[1]}") for of in (written, again))
    a, b = (s.to_grid(s.block("day-2km", slice(None), 1)[0, 1, 0, 3, :, 0]) for s in (one, other))
    assert_array_equal(a, b)
    third = country.make_land(replace(SMALL, seed=1))
    assert not np.array_equal(third.mask, country.make_land(SMALL).mask)


def test_country_that_cannot_be_is_refused():
    for wrong, told in (
        ({"rows": 3}, "16 or more"),
        ({"years": (2020, 2020)}, "differ"),
        ({"classes": 1}, "classes"),
        ({"nuisance": -1.0}, "nuisance"),
        ({"twins": 9}, "twins must be 0 to 8"),
    ):
        with pytest.raises(ConfigError, match=told):
            Country(**wrong)
