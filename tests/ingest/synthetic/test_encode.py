"""The layout of synthetic files beside that of real ones, as netCDF4, h5py and xarray see it."""

from datetime import UTC, datetime

import h5py
import netCDF4
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ingest.synthetic import encode, granules
from ingest.synthetic.landscape import landscape
from ingest.synthetic.scene import scene

SHAPE = (40, 60)
BANDS = ("C01", "C02", "C03", "C05", "C06", "C07", "C13", "C15")
REFINEMENT = {"C01": 2, "C02": 4, "C03": 2, "C05": 2}
MICRORADIANS = {1: (56, 128212, -101332), 2: (28, 128226, -101346), 4: (14, 128233, -101353)}
SUMMER, WINTER = "20201971", "20220151"


@pytest.fixture(scope="module")
def country():
    return landscape(SHAPE, seed=3)


@pytest.fixture(scope="module")
def files(country, tmp_path_factory):
    """Paths of a summer's and a winter's scan, on either side of the change of the LST product."""
    folder = tmp_path_factory.mktemp("encoded")
    by_start = {}
    for start, when in ((SUMMER, (2020, 7, 15)), (WINTER, (2022, 1, 15))):
        moment = datetime(*when, 18, 1, 17, 200000, tzinfo=UTC)
        paths = granules.write_scene(folder, scene(country, moment), BANDS)
        by_start[start] = dict(zip((*BANDS, "LST"), paths, strict=True))
    return by_start


@pytest.mark.parametrize("refinement", [1, 2, 4])
def test_axes_are_a_crop_of_the_real_grid(files, refinement):
    band = {1: "LST", 2: "C01", 4: "C02"}[refinement]
    step, y0, x0 = MICRORADIANS[refinement]
    with netCDF4.Dataset(files[SUMMER][band]) as file:
        y, x = (np.rint(file[axis][:].astype(np.float64) * 1e6) for axis in ("y", "x"))
        assert_allclose(file["y"][:] * 1e6, y, atol=0.02)
        assert file["Rad" if band != "LST" else "LST"].shape == tuple(n * refinement for n in SHAPE)
    rows, columns = (y0 - y) / step, (x - x0) / step
    assert_array_equal(rows, rows[0] + np.arange(SHAPE[0] * refinement))
    assert_array_equal(columns, columns[0] + np.arange(SHAPE[1] * refinement))
    assert rows[0] % refinement == columns[0] % refinement == 0
    assert rows[-1] < 1500 * refinement
    assert columns[-1] < 2500 * refinement


def test_longitude_and_latitude_are_those_of_proj(country, files):
    pyproj = pytest.importorskip("pyproj")
    with netCDF4.Dataset(files[SUMMER]["C13"]) as file:
        projection = file["goes_imager_projection"]
        place = pyproj.Proj(
            proj="geos",
            h=projection.perspective_point_height,
            a=projection.semi_major_axis,
            b=projection.semi_minor_axis,
            lon_0=projection.longitude_of_projection_origin,
            sweep=projection.sweep_angle_axis,
        )
        x, y = np.meshgrid(file["x"][:], file["y"][:])
        height = projection.perspective_point_height
    lon, lat = place(x.astype(np.float64) * height, y.astype(np.float64) * height, inverse=True)
    assert_allclose(country.lon, lon, atol=1e-5)
    assert_allclose(country.lat, lat, atol=1e-5)


def test_xarray_opens_the_files_with_both_of_its_netcdf_engines(files):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    for band in ("C02", "LST"):
        path = files[WINTER][band]
        opened = [xarray.open_dataset(path, engine=engine) for engine in ("netcdf4", "h5netcdf")]
        name = "Rad" if band != "LST" else "LST"
        for dataset in opened:
            assert dataset[name].dims == ("y", "x")
            assert dataset[name].dtype.kind == "f"
            assert str(dataset["t"].values).startswith("2022-01-15T18:02:3")
            dataset.close()
        xarray.testing.assert_equal(opened[0][name], opened[1][name])


def layout(path, name):
    """What a reader sees of a variable, the values of its attributes included."""
    with h5py.File(path) as file:
        variable = file[name]
        attributes = {k: v for k, v in variable.attrs.items() if not k.isupper()}
        return {
            "storage": (variable.compression, variable.compression_opts, variable.shuffle),
            "dtype": variable.dtype,
            "shape": variable.shape,
            "chunks": max(variable.chunks or (0,)) <= 250,
            "fill": variable.fillvalue.item(),
            **{k: np.asarray(v).tolist() for k, v in attributes.items()},
        }


@pytest.mark.parametrize(
    ("product", "name", "same"),
    [
        ("l1b/*", "Rad", "storage dtype chunks _Unsigned long_name units"),
        ("l1b/*", "DQF", "storage dtype chunks fill _FillValue _Unsigned valid_range flag_values"),
        ("l1b/*", "DQF", "flag_meanings units"),
        (
            "lstm/*",
            "LST",
            "storage dtype chunks fill _FillValue valid_range scale_factor add_offset",
        ),
        ("lstm/*", "DQF", "storage dtype fill _FillValue valid_range flag_masks flag_values"),
        ("lstm/*", "DQF", "flag_meanings"),
        ("lstf/*s2022348000*", "LST", "storage dtype fill _FillValue valid_range scale_factor"),
        (
            "lstf/*s2022348000*",
            "DQF",
            "storage dtype fill _FillValue valid_range flag_masks flag_values",
        ),
        ("lstf/*s2022348000*", "DQF", "flag_meanings"),
        ("lstf/*s2022348000*", "PQI", "storage dtype fill _FillValue"),
        ("l1b/*", "kappa0", "dtype _FillValue"),
        ("l1b/*", "planck_fk1", "dtype _FillValue"),
        ("l1b/*", "band_id", "dtype"),
        ("l1b/*", "t", "dtype units"),
        ("l1b/*", "x", "dtype scale_factor units"),
        ("l1b/*", "y", "dtype scale_factor units"),
        (
            "lstf/*s2022348000*",
            "goes_imager_projection",
            "perspective_point_height semi_major_axis",
        ),
        (
            "lstf/*s2022348000*",
            "goes_imager_projection",
            "semi_minor_axis inverse_flattening dtype",
        ),
        ("lstf/*s2022348000*", "goes_imager_projection", "longitude_of_projection_origin"),
        ("lstf/*s2022348000*", "goes_imager_projection", "sweep_angle_axis grid_mapping_name"),
        ("lstf/*s2022348000*", "algorithm_product_version_container", "product_version"),
    ],
)
def test_variables_are_laid_out_as_in_real_files(shared_data, files, product, name, same):
    real = next((shared_data / "abi").glob(product))
    start, band = (SUMMER if "lstm" in product else WINTER), "LST"
    if "l1b" in product:
        band = "C13"
    synthetic, original = (layout(p, name) for p in (files[start][band], real))
    for part in same.split():
        assert synthetic[part] == original[part], part


def test_the_quality_fields_of_the_later_product_are_the_real_ones(shared_data, files):
    real = next((shared_data / "abi" / "lstf").glob("*s2022348000*"))
    synthetic, original = (layout(p, "PQI") for p in (files[WINTER]["LST"], real))
    assert set(synthetic["flag_masks"]) == set(original["flag_masks"])


def test_packing_is_that_of_the_real_bands(files):
    table = {
        "C01": (10, 0.8121064, -25.93665),
        "C02": (12, 0.15859237, -20.289911),
        "C03": (10, 0.37691253, -12.037643),
        "C05": (10, 0.09580004, -3.0596137),
        "C06": (10, 0.030088475, -0.9609507),
        "C07": (14, 0.001564351, -0.0376),
        "C13": (12, 0.04572892, -1.6443),
        "C15": (12, 0.05277411, -1.7558),
    }
    for band, (bits, scale, offset) in table.items():
        attributes = layout(files[SUMMER][band], "Rad")
        assert attributes["_FillValue"] == [2**bits - 1]
        assert attributes["valid_range"] == [0, 2**bits - 2]
        packing = attributes["scale_factor"] + attributes["add_offset"]
        assert packing == np.array([scale, offset], np.float32).tolist()
        assert attributes["shape"] == tuple(n * REFINEMENT.get(band, 1) for n in SHAPE)


def test_files_of_several_threads_do_not_meet():
    """HDF5 refuses to write what is open under the same name in the process."""
    with encode.blank_file() as one, encode.blank_file() as other:
        one["x"], other["x"] = 1, 2
        assert (one["x"][()], other["x"][()]) == (1, 2)
