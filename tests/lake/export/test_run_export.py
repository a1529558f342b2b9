"""What runs gave to pixels as files, read back by rasterio, netCDF4, xarray and GeoPandas."""

import re
from dataclasses import dataclass

import netCDF4
import numpy as np
import pytest
import rasterio
import xarray as xr
from click.testing import CliRunner
from numpy.testing import assert_allclose, assert_array_equal

import lake
from jobs.runs import outputs, records
from lake import export
from lake.commands.export import export as command
from lake.errors import ConfigError, MissingError
from lake.export import RunSelection
from lake.export.pixel_run import of_pixels
from lake.format import schema
from lake.reading import classes
from lake.storage.connect import connect
from tests.lake.small_store import KEY, small_domain, write

COUNT = 4


@dataclass(frozen=True)
class Nothing:
    """Settings of a job that has none."""


@pytest.fixture(scope="module")
def domain():
    return small_domain()


@pytest.fixture(scope="module")
def root(tmp_path_factory, domain):
    root = tmp_path_factory.mktemp("runs")
    write(str(root / KEY), domain)
    return str(root)


@pytest.fixture(scope="module")
def numbers(domain):
    numbers = (domain.row + domain.column).astype(np.int16) % COUNT
    numbers[3] = -1
    return numbers


@pytest.fixture(scope="module")
def scores(domain):
    scores = np.random.default_rng(0).normal(size=(domain.pixels, 3)).astype(np.float32)
    scores[3] = np.nan
    return scores


def run(root, job, arrays, values):
    """A complete run whose arrays over pixels have these values."""
    store = lake.open(f"{root}/{KEY}")
    spec = records.spec_of(root, Nothing(), job, (store,))
    records.write_spec(root, spec)
    made = [*schema.pixel_coordinates(store.domain), *arrays(store)]
    outputs.create(records.folder(root, spec.id), spec, made, schema.PIXEL_COORDINATES)
    for name, value in values.items():
        outputs.write(root, spec.id, name, value)
    records.folder(root, spec.id).put(
        "done.json", b'{"outputs": ["%s.zarr"], "seconds": 1}' % job.encode()
    )
    return spec.id


@pytest.fixture(scope="module")
def clusters(root, numbers):
    made = run(
        root, "cluster",
        lambda store: [
            outputs.whole_array("centres", ("cluster", "latent"), np.eye(COUNT)),
            outputs.pixel_array("labels", store, {}, "int16", -1),
        ],
        {"labels": numbers},
    )  # fmt: skip
    given = {2: {"name": "irrigated crops", "colour": "#88aa33"}}
    classes.write_given(connect(root), made, given)
    return made


@pytest.fixture(scope="module")
def components(root, scores):
    return run(
        root, "pca",
        lambda store: [
            outputs.whole_array("component", ("component",), np.arange(3)),
            outputs.pixel_array("scores", store, {"component": 3}, "float32", np.nan),
        ],
        {"scores": scores},
    )  # fmt: skip


def test_geotiff_of_classes_has_their_colours_and_names(root, clusters, domain, numbers, tmp_path):
    path = tmp_path / "classes.tif"
    export.run_geotiff(lake.open_run(clusters, lake=root), path, RunSelection())
    with rasterio.open(path) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (file.count, file.dtypes, file.nodata) == (1, ("uint8",), 255)
        image = file.read(1)
        assert file.shape == domain.grid.shape
        assert_array_equal(image[domain.row, domain.column], np.where(numbers < 0, 255, numbers))
        assert (image[~domain.mask] == 255).all()
        assert file.colormap(1)[2] == (0x88, 0xAA, 0x33, 255)
        assert file.colormap(1)[0] == (0x33, 0x22, 0x88, 255)
        assert file.tags(1)["class_2"] == "irrigated crops"
        assert file.tags()["run"] == clusters
        x, y = file.xy(domain.row[7], domain.column[7])
        assert_allclose((x, y), 35786023.0 * np.array(
            [domain.grid.x[domain.column[7]], domain.grid.y[domain.row[7]]]
        ), atol=1)  # fmt: skip
    rasterio.shutil.copy(
        path, tmp_path / "names.vrt", driver="VRT"
    )  # by GDAL, which reads the names
    names = re.findall("<Category>(.*?)</Category>", (tmp_path / "names.vrt").read_text())
    assert names == ["class 0", "class 1", "irrigated crops", "class 3"]


def test_many_classes_are_numbers_of_two_bytes(root, domain, tmp_path):
    many = np.arange(domain.pixels, dtype=np.int32) % 300
    made = run(
        root, "classify",
        lambda store: [
            outputs.whole_array("class", ("class",), [f"kind {n}" for n in range(300)]),
            outputs.pixel_array("classes", store, {}, "int32", -1),
            outputs.pixel_array("probability", store, {}, "float32", np.nan),
        ],
        {"classes": many, "probability": np.full(domain.pixels, 0.5, np.float32)},
    )  # fmt: skip
    export.run_geotiff(lake.open_run(made, lake=root), tmp_path / "a.tif", RunSelection())
    with rasterio.open(tmp_path / "a.tif") as file:
        assert (file.dtypes, file.nodata) == (("uint16",), 65535)
        assert_array_equal(file.read(1)[domain.row, domain.column], many)
        assert file.tags(1)["class_299"] == "kind 299"
    export.run_geotiff(
        lake.open_run(made, lake=root), tmp_path / "p.tif", RunSelection(("probability",))
    )
    with rasterio.open(tmp_path / "p.tif") as file:
        assert_allclose(np.nanmean(file.read(1)), 0.5)
    with pytest.raises(ConfigError, match="a GeoTIFF holds one array"):
        export.run_geotiff(
            lake.open_run(made, lake=root),
            tmp_path / "x.tif",
            RunSelection(("classes", "probability")),
        )


def test_geotiff_of_components_has_a_layer_for_each(root, components, domain, scores, tmp_path):
    path = tmp_path / "a.tif"
    export.run_geotiff(lake.open_run(components, lake=root), path, RunSelection(components=(2, 0)))
    with rasterio.open(path) as file:
        assert file.descriptions == ("scores_2", "scores_0")
        assert np.isnan(file.nodata)
        for number, column in ((1, 2), (2, 0)):
            image = file.read(number)
            assert_array_equal(image[domain.row, domain.column], scores[:, column])
            assert np.isnan(image[~domain.mask]).all()


def test_netcdf_of_classes_has_flags_of_cf(root, clusters, domain, numbers, tmp_path):
    path = tmp_path / "a.nc"
    export.run_netcdf(lake.open_run(clusters, lake=root), path, RunSelection())
    with netCDF4.Dataset(path) as file:
        variable = file["labels"]
        assert variable.dimensions == ("y", "x")
        assert variable.flag_meanings.split() == [
            "class_0",
            "class_1",
            "irrigated_crops",
            "class_3",
        ]
        assert_array_equal(variable.flag_values, range(COUNT))
        assert variable.flag_colors.split()[2] == "#88aa33"
        assert file[variable.grid_mapping].grid_mapping_name == "geostationary"
        stored = variable[:].filled(-1)
        assert_array_equal(stored[domain.row, domain.column], numbers)
        assert (stored[~domain.mask] == -1).all()
        assert file.Conventions == "CF-1.11"


def test_netcdf_of_components_is_read_by_xarray(root, components, domain, scores, tmp_path):
    path = tmp_path / "a.nc"
    export.run_netcdf(lake.open_run(components, lake=root), path, RunSelection(components=(1,)))
    with xr.open_dataset(path, engine="netcdf4", decode_coords="all") as opened:
        image = opened["scores"].sel(component=1).values
        assert_array_equal(image[domain.row, domain.column], scores[:, 1])
        assert_allclose(opened["x"], domain.grid.x * 35786023.0)


def test_geoparquet_is_read_by_geopandas(
    root, clusters, components, domain, numbers, scores, tmp_path
):
    geopandas = pytest.importorskip("geopandas")
    export.run_parquet(lake.open_run(clusters, lake=root), tmp_path / "a.parquet", RunSelection())
    table = geopandas.read_parquet(tmp_path / "a.parquet").sort_values("pixel")
    assert_array_equal(table["labels"].fillna(-1), numbers)
    assert table["labels_name"].isna().to_numpy().nonzero()[0].tolist() == [3]
    named = table["labels_name"][table["labels"] == 2]
    assert set(named) == {"irrigated crops"}
    lon, lat = domain.lonlat()
    assert_allclose(table.geometry.x, lon)
    assert_allclose(table.geometry.y, lat)
    assert table.crs.to_epsg() == 4326 or "CRS84" in str(table.crs)
    box = tuple(float(np.quantile(axis, q)) for q in (0.3, 0.7) for axis in (lon, lat))
    inside = (lon >= box[0]) & (lon <= box[2]) & (lat >= box[1]) & (lat <= box[3])
    selection = RunSelection(components=(0, 2), region=box)
    export.run_parquet(lake.open_run(components, lake=root), tmp_path / "b.parquet", selection)
    table = geopandas.read_parquet(tmp_path / "b.parquet")
    assert_array_equal(table["pixel"], np.flatnonzero(inside))
    assert_array_equal(table[["scores_0", "scores_2"]], scores[inside][:, [0, 2]])


def test_what_a_run_has_not_is_said(root, clusters, components, tmp_path):
    for selection, message in (
        (RunSelection(("scores",)), "no array 'scores' of pixels: wanted some of labels"),
        (RunSelection(region=(0.0, 0.0, 1.0, 1.0)), "no pixel of"),
    ):
        with pytest.raises(ConfigError, match=message):
            export.run_parquet(
                lake.open_run(clusters, lake=root), tmp_path / "x.parquet", selection
            )
    with pytest.raises(ConfigError, match="has no component 3: wanted 0 to 2"):
        RunSelection(components=(3,)).columns(
            of_pixels(lake.open_run(components, lake=root)), "scores"
        )
    with pytest.raises(MissingError, match="there is no run at"):
        lake.open_run("pca-000000000000", lake=root)


def test_run_without_values_of_pixels_says_what_it_has(root):
    store = lake.open(f"{root}/{KEY}")
    spec = records.spec_of(root, Nothing(), "evaluate", (store,))
    records.write_spec(root, spec)
    with pytest.raises(MissingError, match="can be read once it is done"):
        of_pixels(lake.open_run(spec.id, lake=root))
    records.folder(root, spec.id).put("evaluate.json", b"{}")
    done = b'{"outputs": ["evaluate.json"], "seconds": 1}'
    records.folder(root, spec.id).put("done.json", done)
    with pytest.raises(ConfigError, match=r"has no values of all pixels.*: it has evaluate\.json"):
        of_pixels(lake.open_run(spec.id, lake=root))


def test_command_takes_the_format_from_the_ending(root, clusters, tmp_path):
    def call(*arguments):
        return CliRunner().invoke(command, [*arguments, "--lake", root])

    for name in ("a.tif", "a.nc", "a.parquet"):
        result = call("--run", clusters, "--out", str(tmp_path / name))
        assert result.exit_code == 0, result.output
        assert (tmp_path / name).stat().st_size > 0
    for wrong, message in (
        ((), "either the key"),
        ((KEY, "--run", clusters), "either the key"),
        (("--run", clusters, "--cube", "day-2km"), "are of a store"),
        ((KEY,), "needs --cube"),
        ((KEY, "--cube", "day-2km", "--array", "labels"), "are of a run"),
    ):
        refused = call(*wrong, "--out", str(tmp_path / "x.tif"))
        assert isinstance(refused.exception, ConfigError)
        assert message in str(refused.exception)
    assert "names no format" in str(
        call("--run", clusters, "--out", str(tmp_path / "x.y")).exception
    )
