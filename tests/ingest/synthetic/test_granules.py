"""Synthetic granules as other software reads them: netCDF4, h5py, xarray, and real files beside them."""

import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import netCDF4
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ingest.synthetic import granules
from ingest.synthetic.imager import image
from ingest.synthetic.landscape import COVERS, NO_LAND, landscape
from ingest.synthetic.scene import scene
from lake.errors import ConfigError
from lake.storage.connect import connect

SHAPE = (40, 60)
NAME = re.compile(
    r"OR_(?:ABI-L1b-RadC-M6(C\d\d)|ABI-L2-LSTC-M6)_G16_s(\d{14})_e(\d{14})_c(\d{14})\.nc"
)
BANDS = {"C01", "C02", "C03", "C05", "C06", "C07", "C13", "C15"}
SUMMER_NOON, WINTER_NOON, WINTER_EVENING = "2020197180", "2022015180", "2022015000"


@pytest.fixture(scope="module")
def country():
    return landscape(SHAPE, seed=3)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder of two Januaries and Julys, one day each, and what `write` said."""
    folder = tmp_path_factory.mktemp("synthetic") / "new" / "folder"
    reported = []
    truth = granules.write(
        folder, shape=SHAPE, months=(1, 7), days=(15,), seed=3, report=lambda *n: reported.append(n)
    )
    return folder, truth, reported


@pytest.fixture(scope="module")
def files(written):
    """Paths by start of the stamp and band, `LST` for the LST product."""
    steps = defaultdict(dict)
    for path in written[0].glob("*.nc"):
        band, start = NAME.fullmatch(path.name).groups()[:2]
        steps[start][band or "LST"] = path
    return steps


def paths_at(files, start):
    (paths_of_step,) = (paths for stamp, paths in files.items() if stamp.startswith(start))
    return paths_of_step


def scene_of(country, path):
    start = NAME.fullmatch(path.name)[2]
    when = datetime.strptime(start[:13], "%Y%j%H%M%S").replace(tzinfo=UTC)
    return scene(country, when + timedelta(seconds=int(start[13]) / 10))


def opened(path):
    return netCDF4.Dataset(path)


def quantity(path):
    """Reflectance factor or brightness temperature by the file's own constants, masked where not good."""
    with opened(path) as file:
        radiance = np.ma.masked_where(file["DQF"][:] != 0, file["Rad"][:].astype(np.float64))
        if file["kappa0"][...] is not np.ma.masked:
            return radiance * float(file["kappa0"][...])
        fk1, fk2, bc1, bc2 = (float(file[f"planck_{k}"][...]) for k in ("fk1", "fk2", "bc1", "bc2"))
        radiance = np.ma.masked_less_equal(radiance, 0)
        return (fk2 / np.ma.log(fk1 / radiance + 1) - bc1) / bc2


def coarse(image):
    """The mean of the fine pixels of each coarse one."""
    n = image.shape[0] // SHAPE[0]
    return image.reshape(SHAPE[0], n, SHAPE[1], n).mean(axis=(1, 3))


# which files, under which names


def test_every_time_step_has_its_files_by_day_and_by_night(files):
    assert len(files) == 2 * 2 * 8
    incomplete = []
    for start, paths in files.items():
        night = start[7:9] in ("03", "06", "09")
        expected = ({"C13", "C15"} if night else BANDS) | {"LST"}
        assert set(paths) <= expected
        incomplete += [(start, band) for band in expected - set(paths)]
    ((start, band),) = incomplete
    assert band == "C05"


def test_nothing_is_missing_if_so_asked():
    for missing in (True, False):
        steps = granules.time_steps(missing=missing)
        assert len(steps) == 2 * 12 * 2 * 8
        assert sum(len(step.bands) for step in steps) == 2 * 12 * 2 * (5 * 8 + 3 * 2) - missing


def test_files_of_a_scan_share_their_start_and_differ_in_end_and_creation(files):
    for start, paths in files.items():
        assert start[9:] == "01172"
        stamps = [NAME.fullmatch(path.name).groups()[1:] for path in paths.values()]
        assert all(start < end < creation for _, end, creation in stamps)
        assert len({end for _, end, _ in stamps}) > 1
        assert len({creation for *_, creation in stamps}) == len(stamps)


def test_the_text_and_time_variables_of_a_file_agree_with_its_name(files):
    path = paths_at(files, SUMMER_NOON)["C13"]
    _, start, end, _ = NAME.fullmatch(path.name).groups()
    with opened(path) as file:
        assert file.dataset_name == path.name
        assert file.time_coverage_start == "2020-07-15T18:01:17.2Z"
        begin, finish = netCDF4.num2date(file["time_bounds"][:], file["t"].units)
        assert [
            f"{t.strftime('%Y%j%H%M%S')}{t.microsecond // 100000}" for t in (begin, finish)
        ] == [
            start,
            end,
        ]
        assert file["t"][...] == file["time_bounds"][:].mean()


def test_progress_is_told_after_every_step(written):
    assert written[2] == [(n, 32) for n in range(1, 33)]


# what is in them


@pytest.mark.parametrize("start", [SUMMER_NOON, WINTER_NOON, WINTER_EVENING])
@pytest.mark.parametrize("band", sorted(BANDS))
def test_radiances_are_those_that_were_seen_within_half_a_count(files, country, start, band):
    path = paths_at(files, start)[band]
    original = image(scene_of(country, path), band)
    with opened(path) as file:
        radiance, dqf = file["Rad"][:], file["DQF"][:]
        scale = float(file["Rad"].scale_factor)
    good = dqf == 0
    assert good.mean() > 0.95
    assert_allclose(radiance[good], original.radiance[good], rtol=1e-6, atol=scale * 0.501)
    assert (np.ma.getmaskarray(radiance) == (dqf == 3)).all()


def test_every_kind_of_bad_pixel_occurs(files):
    flags = set()
    for paths in files.values():
        for band in set(paths) - {"LST"}:
            with opened(paths[band]) as file:
                flags |= set(np.unique(file["DQF"][:]).tolist())
    assert flags == {0, 1, 2, 3}


def test_good_pixels_with_a_negative_radiance_occur_in_thermal_bands(files):
    for band in ("C07", "C13", "C15"):
        with opened(paths_at(files, SUMMER_NOON)[band]) as file:
            assert (file["Rad"][:][file["DQF"][:] == 0] < 0).any()


def test_kappa0_follows_the_distance_of_the_sun(files):
    kappa0 = {}
    for start in (SUMMER_NOON, WINTER_NOON):
        with opened(paths_at(files, start)["C01"]) as file:
            kappa0[start] = float(file["kappa0"][...])
            distance = float(file["earth_sun_distance_anomaly_in_AU"][...])
            assert_allclose(
                kappa0[start], np.pi * distance**2 / float(file["esun"][...]), rtol=1e-6
            )
    # squared distances of perihelion and aphelion are in the ratio 0.9355
    assert_allclose(kappa0[WINTER_NOON] / kappa0[SUMMER_NOON], 0.9355, rtol=2e-3)


@pytest.mark.parametrize("band", sorted(BANDS))
def test_constants_of_the_other_kind_of_band_are_unused(files, band):
    kinds = {
        True: ("esun", "kappa0"),
        False: tuple(f"planck_{k}" for k in ("fk1", "fk2", "bc1", "bc2")),
    }
    with opened(paths_at(files, SUMMER_NOON)[band]) as file:
        file.set_auto_mask(False)
        assert file["band_id"][:].tolist() == [int(band[1:])]
        for reflective, names in kinds.items():
            used = [float(file[name][...]) != -999 for name in names]
            assert all(used) == (reflective == (band < "C07"))
            assert any(used) == all(used)


def test_land_in_the_dark_reflects_nothing_and_noise_is_negative_half_the_time(files):
    reflectance = quantity(paths_at(files, WINTER_EVENING)["C02"])
    assert abs(reflectance.mean()) < 0.003
    assert 0.3 < (reflectance < 0).mean() < 0.6


def test_clear_land_is_as_warm_in_the_window_band_as_its_surface_less_a_few_kelvin(files):
    paths = paths_at(files, SUMMER_NOON)
    with opened(paths["LST"]) as file:
        clear = file["DQF"][:] == 0
        surface = file["LST"][:]
    difference = (surface - quantity(paths["C13"]))[clear]
    assert difference.min() > 1
    assert difference.max() < 12


def test_covers_look_as_they_should_through_the_files(files, country):
    paths = paths_at(files, SUMMER_NOON)
    red, near_infrared = (coarse(quantity(paths[band])) for band in ("C02", "C03"))
    greenness = (near_infrared - red) / (near_infrared + red)
    clear = scene_of(country, paths["C02"]).cloud == 0

    def median_of(name):
        (index,) = (n for n, cover in enumerate(COVERS) if cover.name == name)
        is_cover = clear & (country.classes == index)
        assert is_cover.sum() > 5, f"the sample country has no clear {name}"
        return greenness[is_cover].mean()

    assert median_of("deciduous forest") > median_of("grassland") > median_of("shrubland")
    assert greenness[clear & ~country.land].mean() < 0


def test_days_are_warmer_than_nights_and_summers_than_winters(files, country):
    def mean(start):
        path = paths_at(files, start)["C15"]
        clear = (scene_of(country, path).cloud < 0.01) & country.land
        return quantity(path)[clear].mean()

    assert mean("2020197180") > mean("2020197090") + 5
    assert mean("2020197180") > mean("2020015180") + 10


# LST flags


def test_before_the_change_the_flags_are_the_bit_field(files, country):
    path = paths_at(files, SUMMER_NOON)["LST"]
    now = scene_of(country, path)
    with opened(path) as file:
        assert "PQI" not in file.variables
        assert file["DQF"].valid_range.tolist() == [0, 40]
        assert file["algorithm_product_version_container"].product_version == "v01r00"
        dqf, temperature = file["DQF"][:].filled(), file["LST"][:]
    assert_array_equal((dqf & 16) != 0, country.classes == NO_LAND)
    assert set(np.unique(dqf[~country.land])) == {16}
    cloudy = now.cloud > 0.06
    assert_array_equal(((dqf & 4) != 0)[country.land], cloudy[country.land])
    retrieved = (dqf & (22 | 32)) == 0
    assert 0.3 < retrieved[country.land].mean() < 1
    assert_array_equal(np.ma.getmaskarray(temperature), ~retrieved)
    sure = retrieved & (now.cloud == 0)
    assert_allclose(temperature[sure], now.skin[sure], rtol=1e-6, atol=0.00126)


def test_after_the_change_the_flags_are_an_enumeration_and_the_surface_is_as_observed(
    files, country
):
    path = paths_at(files, WINTER_NOON)["LST"]
    now = scene_of(country, path)
    with opened(path) as file:
        assert file["DQF"].valid_range.tolist() == [0, 3]
        assert file["algorithm_product_version_container"].product_version == "v02r00"
        dqf, pqi, temperature = (file[name][:] for name in ("DQF", "PQI", "LST"))
    surface, sky = (pqi >> 6) & 3, (pqi >> 2) & 3
    assert_array_equal(surface == 0, country.land & (now.snow > 0.5))
    assert_array_equal(surface == 2, country.lake)
    assert_array_equal(surface == 3, ~country.land & ~country.lake)
    assert 0 < (surface == 0).mean() < 0.9
    assert set(np.unique(dqf)) == {0, 1, 2, 3}
    assert_array_equal(np.ma.getmaskarray(temperature), dqf == 3)
    assert not (dqf <= 2)[~country.land].any()
    assert (sky[dqf == 0] == 0).all()
    assert_array_equal(sky >= 2, now.cloud > 0.06)
    assert ((sky >= 2) & (dqf <= 2)).any(), "this version retrieves under thin clouds too"
    assert ((pqi & 0b1000010000000011) == 0b1000010000000011).all()
    assert_array_equal((pqi & 4096) != 0, now.sun > 0)


def test_the_version_changes_on_its_day(country, tmp_path):
    for day, version in ((18, "v01r00"), (20, "v02r00")):
        when = datetime(2021, 8, day, 15, 1, 17, 200000, tzinfo=UTC)
        (path,) = granules.write_scene(tmp_path, scene(country, when), ())
        with opened(path) as file:
            assert file["algorithm_product_version_container"].product_version == version


# the truth, and the same again


def test_the_truth_beside_the_files_is_that_of_the_country(written, country):
    folder, truth, _ = written
    stored = granules.read_truth(folder)
    for candidate in (truth, stored):
        assert_array_equal(candidate.classes, country.classes)
        assert_array_equal(candidate.land, country.classes >= 0)
        assert candidate.names == tuple(cover.name for cover in COVERS)
    assert stored.classes.dtype == np.int16


def test_the_same_seed_gives_the_same_bytes_in_any_order(written, files, tmp_path):
    again = landscape(SHAPE, seed=3)
    steps = granules.time_steps(months=(1, 7), days=(15,))
    for step in (steps[20], steps[3]):
        for path in granules.write_scene(tmp_path, scene(again, step.start), step.bands):
            assert path.read_bytes() == (written[0] / path.name).read_bytes()


def test_steps_written_by_a_worker_are_those_of_the_whole(written, tmp_path):
    steps = granules.time_steps(months=(1, 7), days=(15,))
    granules.write_steps(tmp_path, SHAPE, 3, steps[9:11])
    paths = list(tmp_path.iterdir())
    assert len(paths) == sum(len(step.bands) + 1 for step in steps[9:11])
    for path in paths:
        assert path.read_bytes() == (written[0] / path.name).read_bytes()


def test_granules_below_a_url_are_those_of_a_folder(written):
    url = f"memory://{uuid4().hex}"
    (step,) = granules.time_steps(years=(2020,), months=(1,), days=(15,), tods=(0,), missing=False)
    granules.write_truth(url, SHAPE, 3)
    granules.write_steps(url, SHAPE, 3, [step])
    target = connect(url)
    names = set(target.list())
    assert len(names) == 1 + len(step.bands) + 1
    for name in names - {granules.TRUTH}:
        assert target.get(name) == (written[0] / name).read_bytes()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"days": (31,)}, "2020-2-31"),
        ({"months": (13,)}, "2020-13-10"),
        ({"tods": (1800,)}, "1800 s: wanted whole hours"),
        ({"tods": (86400,)}, "86400 s"),
        ({"shape": (200, 2600)}, "200 x 2600 coarse pixels"),
        ({"shape": (8, 300)}, "8 x 300 coarse pixels"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path, wrong, message):
    with pytest.raises(ConfigError, match=message):
        granules.write(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()
