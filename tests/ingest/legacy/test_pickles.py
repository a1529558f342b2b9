"""The original study's files, real and damaged; oracles are the standard library's pickle and netCDF4."""

import pickle
from dataclasses import replace
from datetime import date
from pathlib import PosixPath, PurePosixPath

import netCDF4
import numpy as np
import pytest

from ingest.legacy import pickles
from lake.errors import LegacyError
from lake.format.keys import Key
from lake.format.moments import METRICS

NAME = "goes16_clearland-l1b-c0_20170701_20240630_geom-goes-conus-0_07_64800_C13.pkl"
METADATA = {("geom-goes-conus-0", "C13"): {"planck_fk1": np.array(10803.3, np.float32)}}
BAND_OF_SHAPE = {(48, 60): "C13", (96, 120): "C01", (192, 240): "C02"}


def statistics(count):
    """A result's first part: 4 observed pixels and whatever `count` says."""
    count = np.asarray(count)
    values = np.where(count > 0, np.arange(count.size), np.nan).astype(np.float32)
    return {"shape": (3, 4), "count": count} | dict.fromkeys(METRICS[1:], values)


def geometry(refinement=2, rows=4, columns=5):
    """A geometry as the study pickled it, on a crop of the real grid, at 2 km and finer."""
    m_domain = np.zeros((rows, columns), bool)
    m_domain[1:3, :4] = True
    entries = {}
    for n in (1, refinement):
        step = 5.6e-5 / n
        y = 0.128212 + 5.6e-5 / 2 - step / 2 - step * np.arange(rows * n)
        x = -0.101332 - 5.6e-5 / 2 + step / 2 + step * np.arange(columns * n)
        n_s, e_w = np.meshgrid(y.astype(np.float32), x.astype(np.float32), indexing="ij")
        angles = {
            "n_s_scan_angles": n_s,
            "e_w_scan_angles": e_w,
            "sweep_angle_axis": "x",
            "perspective_point_height": np.float64(35786023.0),
            "longitude_of_projection_origin": np.float64(-75.0),
            "semi_major_axis": np.float64(6378137.0),
            "semi_minor_axis": np.float64(6356752.31414),
        }
        mask = np.ma.masked_array(m_domain.repeat(n, 0).repeat(n, 1), mask=False)
        entries[n_s.shape] = (angles, mask)
    return entries


def read(kind, thing):
    return getattr(pickles, f"read_{kind}")(pickle.dumps(thing), "some.pkl")


# names


def test_the_name_of_a_result_says_its_key_month_tod_and_band():
    name = pickles.parse_name("old/results/" + NAME)
    assert name == pickles.LegacyName(
        sat="goes16",
        listing="clearland-l1b-c0",
        t0=date(2017, 7, 1),
        tf=date(2024, 6, 30),
        geom="geom-goes-conus-0",
        month=7,
        tod=64800,
        band="C13",
    )
    assert name.key == Key(
        "goes16", "clearland-l1b-c0", date(2017, 7, 1), date(2024, 6, 30), "geom-goes-conus-0"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("_07_", "_13_"),
        ("_07_", "_00_"),
        ("_64800_", "_86400_"),
        ("20170701", "20170732"),
        ("20170701", "20250101"),
        (".pkl", ".npz"),
        ("_C13", ""),
        ("goes16", "goes 16"),
    ],
)
def test_a_name_that_is_not_as_wanted_is_refused(old, new):
    assert old in NAME
    with pytest.raises(LegacyError, match="is no name of a result") as caught:
        pickles.parse_name(NAME.replace(old, new))
    assert NAME.replace(old, new) in str(caught.value)


# results


def test_every_real_result_is_read_bit_for_bit(shared_data):
    paths = sorted((shared_data / "legacy").glob("results*/*.pkl"))
    assert len(paths) == 96
    for path in paths:
        result = pickles.read_result(path.read_bytes(), str(path))
        stored, metadata = pickle.loads(path.read_bytes())
        assert result.shape == stored["shape"]
        for metric, values in zip(METRICS, result.results, strict=True):
            assert values.dtype == np.float32
            np.testing.assert_array_equal(values, stored[metric])
        assert result.suspect == (path.parent.name == "results_batched")
        band = pickles.parse_name(path.name).band
        assert result.calibration["geom-goes-conus-0", band] == {
            name: float(value) for name, value in metadata["geom-goes-conus-0", band].items()
        }


@pytest.mark.parametrize(("dtype", "suspect"), [(np.float64, False), (np.float32, True)])
def test_a_result_is_suspect_if_its_count_is_float32(dtype, suspect):
    stored = statistics(np.array([2, 0, 3, 1], dtype))
    result = read("result", (stored, METADATA))
    assert result.suspect is suspect
    assert result.shape == (3, 4)
    np.testing.assert_array_equal(result.results[0], [2, 0, 3, 1])
    np.testing.assert_array_equal(result.results[4], [0, np.nan, 2, 3])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("m2"), r"\['count', 'm1', 'm3', 'm4', 'max', 'min'\]"),
        (lambda s: s.pop("shape"), "wanted a pair of statistics with a shape"),
        (lambda s: s.update(m5=s["m4"]), "wanted count, min, max, m1"),
        (lambda s: s.update(m1=s["m1"][:3]), "'m1': 3"),
        (lambda s: s.update(m1=s["m1"].astype(np.float64)), "float32 for m1"),
        (lambda s: s.update(m1=s["m1"].reshape(2, 2)), "a vector of float32 for m1"),
        (lambda s: s.update(count=s["count"].astype(int)), "for count"),
        (lambda s: s.update(count=s["count"] + 0.5), "no whole numbers in 4 pixels"),
        (lambda s: s.update(count=-s["count"]), "no whole numbers in 3 pixels"),
        (lambda s: s.update(min=np.zeros(4, np.float32)), "1 pixels with a count and without"),
        (lambda s: s.update(count=np.ones(4)), "1 pixels with a count and without"),
    ],
)
def test_a_result_that_is_not_as_wanted_is_refused(change, message):
    stored = statistics(np.array([2.0, 0, 3, 1]))
    change(stored)
    with pytest.raises(LegacyError, match=message) as caught:
        read("result", (stored, METADATA))
    assert "some.pkl" in str(caught.value)


@pytest.mark.parametrize("metadata", [None, {"C13": {}}, {("geom", "C13"): 1.0}])
def test_a_result_without_calibration_constants_by_geometry_and_band_is_refused(metadata):
    with pytest.raises(LegacyError, match="wanted"):
        read("result", (statistics(np.ones(4)), metadata))


def test_a_truncated_real_result_is_refused(shared_data):
    path = min((shared_data / "legacy" / "results").glob("*.pkl"))
    with pytest.raises(LegacyError, match="cannot be read as a pickle"):
        pickles.read_result(path.read_bytes()[:-1], str(path))


# geometries


@pytest.fixture(scope="module")
def real_geometry(shared_data):
    path = shared_data / "legacy" / "domains" / "geom-goes-conus-0.pkl"
    return pickles.read_geometry(path.read_bytes(), str(path))


def test_the_axes_of_the_real_geometry_are_those_of_the_satellite_files(real_geometry, shared_data):
    assert list(real_geometry.resolutions) == list(BAND_OF_SHAPE)
    for shape, band in BAND_OF_SHAPE.items():
        resolution = real_geometry.resolutions[shape]
        path = min((shared_data / "legacy" / "netcdf").glob(f"OR_ABI-L1b-RadC-M6{band}_*.nc"))
        with netCDF4.Dataset(path) as file:
            file.set_auto_scale(False)
            for axis in ("y", "x"):
                v = file[axis]
                scale, offset = (round(float(a), 6) for a in (v.scale_factor, v.add_offset))
                exact = v[:].astype(np.float64) * scale + offset
                angles = getattr(resolution.grid, axis)
                np.testing.assert_allclose(angles, exact, rtol=0, atol=1e-16)
                np.testing.assert_array_equal(angles, np.rint(angles * 1e6) / 1e6)


def test_the_masks_and_projection_of_the_real_geometry_are_the_pickled_ones(
    real_geometry, shared_data
):
    path = shared_data / "legacy" / "domains" / "geom-goes-conus-0.pkl"
    for shape, (angles, mask) in pickle.loads(path.read_bytes()).items():
        np.testing.assert_array_equal(real_geometry.resolutions[shape].m_domain, mask.data)
        for name in (
            "perspective_point_height",
            "longitude_of_projection_origin",
            "semi_minor_axis",
        ):
            assert getattr(real_geometry.projection, name) == angles[name]


def test_every_real_result_fits_the_real_geometry(real_geometry, shared_data):
    for path in (shared_data / "legacy").glob("results*/*_07_*.pkl"):
        result = pickles.read_result(path.read_bytes(), str(path))
        pickles.check_fit(result, real_geometry, str(path))


@pytest.mark.parametrize(("rows", "columns"), [(1500, 2), (2, 2500), (2, 2)])
@pytest.mark.parametrize("refinement", [2, 4])
def test_axes_are_exact_at_any_length_and_refinement(rows, columns, refinement):
    grids = read("geometry", geometry(refinement, rows, columns)).resolutions
    assert list(grids) == [(rows, columns), (rows * refinement, columns * refinement)]
    microradians = {1: (56, 128212, -101332), 2: (28, 128226, -101346), 4: (14, 128233, -101353)}
    for n, resolution in zip((1, refinement), grids.values(), strict=True):
        step, y, x = microradians[n]
        np.testing.assert_array_equal(resolution.grid.y, (y - step * np.arange(rows * n)) / 1e6)
        np.testing.assert_array_equal(resolution.grid.x, (x + step * np.arange(columns * n)) / 1e6)


def change_angles(name, change):
    def apply(entries):
        angles, mask = entries[8, 10]
        entries[8, 10] = (angles | {name: change(angles[name])}, mask)

    return apply


def change_mask(entries):
    entries[8, 10][1][2, 0] = False


def shift_one(field):
    field = field.copy()
    field[3, 3] += np.float32(1e-6)
    return field


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_mask, "differs from that of .* in 1 fine pixels"),
        (change_angles("n_s_scan_angles", shift_one), "no outer product"),
        (change_angles("n_s_scan_angles", lambda f: f * np.float32(1.001)), "away from even steps"),
        (change_angles("n_s_scan_angles", lambda f: f + np.float32(1e-4)), "no refinement"),
        (change_angles("n_s_scan_angles", lambda f: f[:6]), r"n_s_scan_angles of shape \(8, 10\)"),
        (change_angles("n_s_scan_angles", lambda f: f * np.float32(np.nan)), "no outer product"),
        (change_angles("n_s_scan_angles", lambda f: f[::-1]), "y from north to south"),
        (change_angles("semi_major_axis", lambda _: 1.0), "the ellipsoid oblate"),
        (change_angles("sweep_angle_axis", lambda _: "y"), "sweep_angle_axis 'y'"),
        (change_angles("sweep_angle_axis", lambda _: np.zeros(2)), "sweep_angle_axis array"),
        (change_angles("longitude_of_projection_origin", lambda _: -137.0), "2 projections"),
        (lambda e: e.update({(9, 10): e.pop((8, 10))}), "wanted scan angles and a mask of shape"),
        (lambda e: e.update({"2km": e[4, 5]}), "wanted a dictionary of grids by shape"),
        (lambda e: e.clear(), "wanted a dictionary of grids by shape"),
        (lambda e: e[8, 10][0].pop("semi_major_axis"), r"lacks \['semi_major_axis'\]"),
    ],
)
def test_a_geometry_that_is_not_as_wanted_is_refused(change, message):
    entries = geometry()
    read("geometry", entries)
    change(entries)
    with pytest.raises(LegacyError, match=message) as caught:
        read("geometry", entries)
    assert "some.pkl" in str(caught.value)


def test_one_row_is_too_few_to_find_a_step():
    with pytest.raises(LegacyError, match="too few"):
        read("geometry", {k: v for k, v in geometry(2, 1, 5).items() if k == (1, 5)})


def test_a_result_of_another_length_or_shape_does_not_fit():
    grids = read("geometry", geometry())
    result = read("result", (statistics(np.ones(8)) | {"shape": (4, 5)}, METADATA))
    pickles.check_fit(result, grids, "some.pkl")
    with pytest.raises(LegacyError, match=r"some.pkl has 7 pixels, .* \(4, 5\) has 8"):
        pickles.check_fit(replace(result, results=result.results[:, :7]), grids, "some.pkl")
    with pytest.raises(LegacyError, match=r"some.pkl is on a grid of \(5, 5\)"):
        pickles.check_fit(replace(result, shape=(5, 5)), grids, "some.pkl")


# index, listing, permutation


def test_the_real_index_names_the_real_geometry(shared_data, real_geometry):
    path = shared_data / "legacy" / "domains" / "index.pkl"
    index = pickles.read_index(path.read_bytes(), str(path))
    assert list(index) == ["geom-goes-conus-0"]
    entry = index["geom-goes-conus-0"]
    assert entry.path == PurePosixPath("data/domains/geom-goes-conus-0.pkl")
    assert entry.projection == real_geometry.projection
    assert entry.shapes == tuple(real_geometry.resolutions)


def test_an_index_that_is_not_as_wanted_is_refused():
    good = {
        (35786023.0, -75.0, 6378137.0, 6356752.31414): {"path": PosixPath("a/g.pkl"), "shapes": []}
    }
    assert list(read("index", good)) == ["g"]
    for bad in ([], {(1.0, 2.0): good}, {next(iter(good)): {"path": "g.pkl"}}):
        with pytest.raises(LegacyError, match="wanted"):
            read("index", bad)


def test_the_real_listing_names_the_real_files(shared_data):
    path = shared_data / "legacy" / "listing.pkl"
    steps = pickles.read_listing(path.read_bytes(), str(path))
    assert len(steps) == 36
    assert {step.tod for step in steps} == {54000, 64800, 75600}
    assert (steps[0].day, steps[0].tod) == (date(2018, 1, 3), 54000)
    named = {name for step in steps for name in step.files}
    assert named == {p.name for p in (shared_data / "legacy" / "netcdf").iterdir()}


@pytest.mark.parametrize(
    "listing",
    [
        [],
        ([], [("20180103", 15, 54000)]),
        ([], [(("20180199", 15, 54000), [])]),
        ([], [(("20180103", 15, 90000), [])]),
        ([], {}),
    ],
)
def test_a_listing_that_is_not_as_wanted_is_refused(listing):
    with pytest.raises(LegacyError, match=r"some\.pkl"):
        read("listing", listing)


def test_a_permutation_is_read_with_its_inverse():
    order = np.random.default_rng(0).permutation(50)
    pair = np.stack([order, np.argsort(order)], axis=1)
    permutation = read("permutation", (["--seed", 0], pair, {"score": 1.5}))
    np.testing.assert_array_equal(permutation.order, order)
    np.testing.assert_array_equal(
        np.arange(50)[permutation.order][permutation.inverse], np.arange(50)
    )


@pytest.mark.parametrize("change", ["twice", "not inverse", "out of range", "shape"])
def test_a_permutation_that_is_none_is_refused(change):
    order = np.random.default_rng(0).permutation(50)
    pair = np.stack([order, np.argsort(order)], axis=1)
    match change:
        case "twice":
            pair[0] = pair[1]
        case "not inverse":
            pair[:, 1] = pair[::-1, 1]
        case "out of range":
            pair[pair == 49] = 50
        case "shape":
            pair = pair.T
    with pytest.raises(LegacyError, match=r"some\.pkl"):
        read("permutation", ([], pair, {}))


@pytest.mark.parametrize("constant", ["", None, [1], {}, np.zeros(3)], ids=str)
def test_constants_that_are_no_numbers_are_refused(constant):
    entry = {"path": "/old/geom.pkl", "shapes": [(4, 5)]}
    for shapes in ([(4, constant)], [4]):
        with pytest.raises(LegacyError, match=r"some\.pkl"):
            read("index", {(1.0, 2.0, 4.0, 3.0): entry | {"shapes": shapes}})
    with pytest.raises(LegacyError, match=r"some\.pkl"):
        read("result", (statistics([2.0, 1.0]), {("geom", "C01"): {"kappa0": constant}}))
    entries = geometry()
    for angles, _ in entries.values():
        angles["perspective_point_height"] = constant
    with pytest.raises(LegacyError, match=r"some\.pkl"):
        read("geometry", entries)


def test_geometry_whose_keys_are_no_shapes_is_refused():
    with pytest.raises(LegacyError, match="grids by shape"):
        read("geometry", geometry() | {(None, 1): ()})
