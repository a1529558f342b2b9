"""The metadata of a small store against the golden one; a difference is a change of the format."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from lake.errors import ConfigError
from lake.format import bands, order, schema
from lake.format.bands import Quantity
from lake.format.domain import from_mask
from lake.format.grid import Grid, Projection
from lake.format.schema import Cube

GOLDEN = Path(__file__).parents[2] / "golden" / "generation.json"
CUBES = (
    Cube("day-2km", "2km", 1, "ABI-L1b-RadC", "Rad", ("C06", "C13"), (54000, 0)),
    Cube("day-500m", "500m", 4, "ABI-L1b-RadC", "Rad", ("C02",), (54000, 0)),
    Cube("lst", "2km", 1, "ABI-L2-LSTC", "LST", ("LST",), (54000,)),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    projection = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)
    y, x = 0.092372 - 5.6e-5 * np.arange(6), -0.017332 + 5.6e-5 * np.arange(8)
    mask = np.ones((6, 8), bool)
    mask[2, 3] = False
    domain = from_mask(mask, Grid(projection, y, x), order.Layout(chunk=8, phases=2))
    folder = tmp_path_factory.mktemp("schema") / "v.zarr"
    about = {"key": "goes16/a/20200101_20201231/geom-goes-conus-0", "months": [], "suspect": []}
    schema.create(zarr.storage.LocalStore(folder), domain, CUBES, about)
    zarr.consolidate_metadata(folder)
    return folder


def test_metadata_is_the_golden_one(folder):
    assert json.loads((folder / "zarr.json").read_text()) == json.loads(GOLDEN.read_text())


def test_geometry_groups_say_where_every_pixel_lies(folder):
    group = xr.open_zarr(folder, group="geom/500m", chunks=None)
    step_x, _, left, _, step_y, top = group.attrs["spatial:transform"]
    np.testing.assert_allclose(left + step_x * (np.arange(32) + 0.5), group["x"], rtol=0, atol=1e-3)
    np.testing.assert_allclose(top + step_y * (np.arange(24) + 0.5), group["y"], rtol=0, atol=1e-3)
    np.testing.assert_allclose(group["x"], group["scan_angle_x"] * 35786023.0)
    assert group["crs"].attrs["sweep_angle_axis"] == "x"
    assert group["m_domain"].attrs["grid_mapping"] == "crs"
    assert int(group["m_domain"].sum()) == 47 * 16


def test_empty_results_are_nan_without_any_object(folder):
    assert not (folder / "day-2km" / "results" / "c").exists()
    assert np.isnan(xr.open_zarr(folder, group="lst", chunks=None)["results"].values).all()


def test_cube_comes_back_from_its_attributes(folder):
    for cube in CUBES:
        attributes = json.loads((folder / cube.name / "zarr.json").read_text())["attributes"]
        assert schema.cube_from(cube.name, attributes) == cube


@pytest.mark.parametrize(
    ("broken", "said"),
    [({"bands": ()}, "bands"), ({"tods": (1, 1)}, "tods"), ({"refinement": 0}, "0")],
)
def test_cube_that_cannot_be_is_refused(broken, said):
    fields = {"bands": ("C13",), "tods": (0,), "refinement": 1} | broken
    with pytest.raises(ConfigError, match=said):
        Cube(name="c", resolution="2km", product="p", variable="Rad", **fields)


def test_bands_have_units_and_wavelengths():
    assert (bands.quantity("C02").unit, bands.quantity("C13").unit) == ("1", "K")
    assert bands.wavelength_um("C13") == 10.35
    assert np.isnan(bands.wavelength_um("LST"))
    with pytest.raises(ConfigError, match="C99"):
        bands.quantity("C99")


def cube_of(variable, *labels, **more):
    return Cube("c", "2km", 1, "p", variable, labels, (0,), **more)


def test_cube_says_what_its_bands_or_its_variable_are():
    both = "reflectance factor and brightness temperature"
    assert cube_of("Rad", "C13", "C02").quantities() == both
    assert cube_of("LST", "LST").quantity_of("LST") == Quantity("land surface temperature", "K")
    rain = cube_of("RRQPE", "RRQPE", quantity=Quantity("rainfall rate", "mm h-1"))
    assert (rain.quantities(), rain.quantity_of("RRQPE").unit) == ("rainfall rate", "mm h-1")
    with pytest.raises(ConfigError, match="RRQPE"):
        cube_of("RRQPE", "RRQPE").quantity_of("RRQPE")


def test_group_says_the_quantity_of_a_variable_that_version_1_does_not_imply():
    rain = cube_of("RRQPE", "RRQPE", quantity=Quantity("rainfall rate", "mm h-1"))
    attributes = json.loads(json.dumps(schema.cube_attributes(rain)))
    assert attributes["quantity"] == {"name": "rainfall rate", "unit": "mm h-1"}
    assert schema.cube_from("c", attributes) == rain
    for implied in (cube_of("LST", "LST"), cube_of("Rad", "C02")):
        assert list(schema.cube_attributes(implied)) == ["cube"]
        assert schema.cube_from("c", schema.cube_attributes(implied)) == implied


@pytest.mark.parametrize(
    "broken",
    [{"tods": [86400]}, {"tods": [-1]}, {"tods": [10**30]}, {"tods": [1.5]}, {"refinement": 3}],
)
def test_attributes_of_no_cube_are_refused(broken):
    attributes = json.loads(json.dumps(schema.cube_attributes(cube_of("Rad", "C13"))))
    attributes["cube"] |= broken
    with pytest.raises(ConfigError, match="the attributes of the cube 'c' are"):
        schema.cube_from("c", attributes)
