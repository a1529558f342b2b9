"""A small store with known contents, on every kind of object store."""

import tracemalloc

import fsspec
import numpy as np
import pytest
import xarray as xr
import zarr

import lake
from lake.errors import ConfigError, FormatError, MissingError
from lake.format import keys, schema
from lake.storage.connect import connect
from lake.store import generations
from tests.lake.small_store import CUBES, KEY, LAYOUT, MONTHS, small_domain, values, write


@pytest.fixture(scope="module")
def domain():
    return small_domain()


@pytest.fixture(params=["folder", "memory", "s3"])
def root(request, tmp_path):
    if request.param == "s3":
        return f"{request.getfixturevalue('s3_root')}/{KEY}"
    return f"{tmp_path if request.param == 'folder' else f'memory://{tmp_path.name}'}/{KEY}"


@pytest.fixture
def opened(tmp_path, domain):
    write(str(tmp_path / KEY), domain)
    return lake.open(tmp_path / KEY)


def test_what_was_written_is_read_by_us_by_xarray_and_by_fsspec(root, domain):
    write(root, domain)
    opened = lake.open(root)
    tree = xr.open_datatree(opened.url, engine="zarr", chunks=None)
    mapper = fsspec.get_mapper(opened.url)
    assert str(opened.key) == KEY
    for cube in CUBES:
        wanted = np.full((12, *values(domain, cube, 1).shape), np.nan, np.float32)
        for month in MONTHS:
            wanted[month - 1] = values(domain, cube, month)
        np.testing.assert_array_equal(opened.block(cube.name, slice(None)), wanted)
        np.testing.assert_array_equal(tree[cube.name]["results"].values, wanted)
        presented = opened.results(cube.name)
        assert presented.dims == ("pixel", "subpixel", "month", "tod", "band", "metric")
        np.testing.assert_array_equal(presented.transpose(*schema.RESULTS_DIMS).values, wanted)
    assert "zarr.json" in mapper


def test_same_url_with_explicit_options_is_read_through_s3fs(s3_root, domain, s3_environment):
    write(f"{s3_root}/{KEY}", domain)
    options = {
        "key": s3_environment["AWS_ACCESS_KEY_ID"],
        "secret": s3_environment["AWS_SECRET_ACCESS_KEY"],
        "endpoint_url": s3_environment["AWS_ENDPOINT_URL"],
    }
    opened = lake.open(f"{s3_root}/{KEY}", **options)
    wanted = values(domain, CUBES[1], 7)
    np.testing.assert_array_equal(opened.block("day-1km", slice(None), 7)[0], wanted)


def test_labels_select_on_every_axis(opened, domain):
    found = opened.results("day-2km").sel(month=7, tod=0, band="C13", metric="m1", subpixel=0)
    np.testing.assert_array_equal(found.values, values(domain, CUBES[0], 7)[2, 1, 3, :, 0])
    assert found.coords["units"].item() == "K"
    np.testing.assert_array_equal(found.coords["row"].values, domain.row)


@pytest.mark.parametrize(
    "pick",
    [
        {"pixel": 3},
        {"pixel": slice(5, 90, 7), "month": 6},
        {"pixel": np.array([9, 2, 200]), "metric": slice(None, None, 2)},
        {"month": -6, "tod": 1, "band": 0, "metric": 3, "pixel": -1, "subpixel": 3},
        {"tod": np.array([2, 0]), "subpixel": np.array([3, 1]), "month": slice(5, 8)},
        {"metric": slice(None, None, -1), "month": 0},
    ],
)
def test_any_indexing_equals_that_of_the_loaded_array(opened, pick):
    lazy = opened.results("day-1km")
    loaded = lazy.copy(data=opened.block("day-1km", slice(None)).transpose(4, 5, 0, 1, 2, 3))
    xr.testing.assert_identical(lazy.isel(pick).load(), loaded.isel(pick))


def test_chained_selection_reads_only_what_is_asked_for(opened):
    lazy = opened.results("day-500m")
    tracemalloc.start()
    lazy.isel(subpixel=0, band=0).sel(month=7, tod=0).isel(metric=1).load()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < lazy.nbytes / 4


def test_to_grid_puts_subpixels_where_gather_took_them(opened, domain):
    for cube, refinement in ((CUBES[0], 1), (CUBES[1], 2), (CUBES[2], 4)):
        mask = opened.m_domain(cube.resolution)
        image = np.arange(mask.size, dtype=np.float64).reshape(mask.shape)
        back = opened.to_grid(domain.gather(image, refinement))
        np.testing.assert_array_equal(back[mask], image[mask])
        assert np.isnan(back[~mask]).all()


def test_geom_is_the_outer_product_of_the_exact_axes(opened, domain):
    geom = opened.geom("2km")
    assert geom.shape == (24, 30, 2)
    assert np.array_equal(geom[:, 4, 0], domain.grid.y)
    assert np.array_equal(geom[7, :, 1], domain.grid.x)
    assert opened.geom("500m").shape == (96, 120, 2)


def test_domain_comes_back_bit_for_bit(opened, domain):
    found = opened.domain
    assert found.grid.same_as(domain.grid)
    assert np.array_equal(found.row, domain.row)
    assert np.array_equal(found.column, domain.column)
    assert found.layout == LAYOUT


def test_region_holds_exactly_the_pixels_in_the_box(opened, domain):
    lon, lat = domain.lonlat()
    west, east = np.quantile(lon, [0.2, 0.6])
    south, north = np.quantile(lat, [0.3, 0.9])
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    found = opened.region((west, south, east, north))
    assert np.array_equal(found, np.flatnonzero(inside))
    assert found.size > 20


def test_generation_stays_readable_when_a_newer_one_is_published(tmp_path, domain):
    first = write(str(tmp_path / KEY), domain)
    old = lake.open(tmp_path / KEY)
    write(str(tmp_path / KEY), domain, first, months=(1, 2, 7))
    assert lake.open(tmp_path / KEY).months == (1, 2, 7)
    assert lake.open(old.url).months == MONTHS
    np.testing.assert_array_equal(
        old.block("day-2km", slice(None), 7)[0], values(domain, CUBES[0], 7)
    )


def test_unpublished_draft_is_not_seen(tmp_path, domain):
    write(str(tmp_path / KEY), domain)
    before = lake.open(tmp_path / KEY).generation
    generations.draft(connect(tmp_path / KEY), None, domain, CUBES, {})
    assert lake.open(tmp_path / KEY).generation == before


def test_place_without_a_store_is_an_error_naming_it(tmp_path):
    with pytest.raises(MissingError, match=r"nowhere.*lake ls"):
        lake.open(tmp_path / "nowhere")


def test_zarr_group_that_is_no_store_is_refused(tmp_path):
    zarr.create_group(tmp_path / "other.zarr")
    zarr.consolidate_metadata(tmp_path / "other.zarr")
    with pytest.raises(FormatError, match="no store of goeslake"):
        lake.open(tmp_path / "other.zarr")


def test_newer_format_version_is_refused(tmp_path, domain, monkeypatch):
    monkeypatch.setattr(schema, "VERSION", 2)
    write(str(tmp_path / KEY), domain)
    monkeypatch.undo()
    with pytest.raises(FormatError, match=r"version 2.*up to 1: upgrade"):
        lake.open(tmp_path / KEY)


def test_unknown_cube_and_resolution_name_the_known_ones(opened):
    with pytest.raises(ConfigError, match="day-2km, day-1km, day-500m"):
        opened.results("night")
    with pytest.raises(ConfigError, match="2km, 1km, 500m"):
        opened.geom("4km")


def test_repr_says_what_it_is_and_how_to_open_it_without_us(opened):
    assert KEY in repr(opened)
    assert f'xarray.open_datatree("{opened.url}", engine="zarr", zarr_format=3)' in repr(opened)


def test_key_text_parses_back():
    assert str(keys.parse(KEY)) == KEY


@pytest.mark.parametrize("option", ["rot", "anon", "geom"])
def test_option_of_a_folder_is_an_error(opened, tmp_path, option):
    with pytest.raises(
        ConfigError, match=f"is a folder, for which there are no options: got {option}="
    ):
        lake.open(opened.url, **{option: "x"})
    with pytest.raises(ConfigError, match="for which there are no options"):
        lake.catalog(tmp_path, **{option: "x"})
