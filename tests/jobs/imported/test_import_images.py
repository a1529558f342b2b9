"""Images whose layers are vectors: the mean of the cells that a pixel covers, by PROJ; what is refused."""

import json

import numpy as np
import pyproj
import pytest
import rasterio
from numpy.testing import assert_allclose

import lake
from jobs.imported.import_vectors import Settings
from jobs.runs import driver, outputs
from lake.errors import ConfigError, DataError
from lake.storage.connect import connect

PROJ = "+proj=geos +h=35786023 +a=6378137 +b=6356752.31414 +lon_0=-75 +sweep=x +units=m +no_defs"
STEP = 0.001
"""Degrees of a cell; a pixel has 0.02."""


@pytest.fixture(scope="module")
def store(truth):
    return lake.open(f"{truth.root}/{truth.key}")


def cell_means(store, image, west, north):
    """(pixel, layer) means of the cells at 40 x 40 points of each pixel."""
    grid, domain = store.domain.grid, store.domain
    step, inside = grid.x[1] - grid.x[0], (np.arange(40) + 0.5) / 40 - 0.5
    x = grid.x[domain.column][:, None, None] + step * inside
    y = grid.y[domain.row][:, None, None] - step * inside[:, None]
    x, y = (35786023.0 * values for values in np.broadcast_arrays(x, y))
    lon, lat = pyproj.Proj(PROJ)(x, y, inverse=True)
    row, column = ((north - lat) / STEP).astype(int), ((lon - west) / STEP).astype(int)
    return image[:, row, column].mean(axis=(2, 3)).T


def write(path, image, west, north, **profile):
    settings = {"dtype": image.dtype, "crs": "EPSG:4326"} | profile
    with rasterio.open(
        path, "w", driver="GTiff", count=len(image), height=image.shape[1], width=image.shape[2],
        transform=rasterio.Affine(STEP, 0, west, 0, -STEP, north), tiled=True, **settings,
    ) as file:  # fmt: skip
        file.write(image)
        file.scales = [0.5] * len(image)
        file.offsets = [10] * len(image)
    return str(path)


def test_pixel_has_the_mean_of_the_cells_that_it_covers(client, truth, store, tmp_path):
    lon, lat = store.domain.lonlat()
    west, north = lon.min() - 0.05, lat.max() + 0.05
    shape = int((north - lat.min() + 0.05) / STEP), int((lon.max() + 0.05 - west) / STEP)
    random = np.random.default_rng(0)
    slope = np.linspace(0, 3000, shape[1])
    image = np.stack([slope + random.integers(0, 100, shape), random.integers(0, 90, shape)])
    image = image.astype(np.int16)
    expected = 10 + 0.5 * cell_means(store, image, west, north)
    image[:, : shape[0] // 4] = -9999
    image[1, -shape[0] // 4 :] = -9999  # one layer is missing there
    path = write(tmp_path / "x.tif", image, west, north, nodata=-9999)
    run = driver.run(client, truth.root, truth.key, Settings(path, note="heights"))
    vectors = outputs.dataset(truth.root, run)["embedding"].values
    is_whole = np.isfinite(vectors).all(axis=1)
    assert 0.5 < is_whole.mean() < 0.65
    assert np.isnan(vectors[~is_whole]).all()
    clear = is_whole & (lat < north - shape[0] // 4 * STEP - 0.03)
    clear &= lat > north - (shape[0] - shape[0] // 4) * STEP + 0.03
    # cells scatter by 14, a pixel has some 500: 25 at an edge more or less move its mean by 14 * 5 / 500
    assert_allclose(vectors[clear], expected[clear], atol=1)
    assert np.corrcoef(vectors[clear, 0], expected[clear, 0])[0, 1] > 0.999
    document = json.loads(connect(truth.root).get(f"runs/{run}/import.json"))
    assert document["shape"] == [shape[0] * shape[1], 2]
    assert document["dtype"] == "int16"
    assert document["placed"] == "by the mean of the cells that a pixel covers"
    assert document["pixels_with_vector"] == is_whole.sum()
    assert document["rows_outside"] == document["pixels_averaged"] == 0


def test_images_that_cannot_be_placed_are_refused(client, truth, tmp_path):
    image = np.ones((1, 20, 30), np.float32)
    elsewhere = write(tmp_path / "elsewhere.tif", image, 10.0, 10.0)
    with pytest.raises(
        DataError, match="gives no pixel a vector: all of its cells that a pixel of"
    ):
        driver.run(client, truth.root, truth.key, Settings(elsewhere))
    nowhere = write(tmp_path / "nowhere.tif", image, 10.0, 10.0, crs=None)
    with pytest.raises(DataError, match="does not say where it lies: set"):
        driver.specs(truth.root, truth.key, Settings(nowhere))
    with pytest.raises(
        ConfigError, match="is an image, whose cells lie where it says: leave out lon"
    ):
        driver.specs(truth.root, truth.key, Settings(elsewhere, lon="x"))
    (tmp_path / "cut.tif").write_bytes((tmp_path / "elsewhere.tif").read_bytes()[:100])
    with pytest.raises(DataError, match=r"cut\.tif cannot be read as a GeoTIFF"):
        driver.specs(truth.root, truth.key, Settings(str(tmp_path / "cut.tif")))
