import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

import lake
from jobs.features import labels
from lake.errors import ConfigError, DataError, MissingError


@pytest.fixture(scope="module")
def store(truth):
    return lake.open(f"{truth.root}/{truth.key}")


def classes(path, store, column="label"):
    return labels.classes(str(path), labels.digest(str(path)), store, column)


def table(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def test_table_by_pixel_leaves_the_others_without_class(store, tmp_path):
    found = classes(table(tmp_path / "x.parquet", pixel=[7, 2], label=[1, 3]), store)
    wanted = np.full(store.domain.pixels, -1)
    wanted[[7, 2]] = 1, 3
    assert_array_equal(found.labels, wanted)
    assert found.names == ("0", "1", "2", "3")


def test_table_by_row_and_column_is_the_same(store, tmp_path):
    row, column = store.domain.row[[7, 2]], store.domain.column[[7, 2]]
    path = table(tmp_path / "x.parquet", row=row, column=column, kind=["wood", "city"])
    found = classes(path, store, "kind")
    assert found.names == ("city", "wood")
    assert [found.names[found.labels[pixel]] for pixel in (7, 2)] == ["wood", "city"]
    assert (found.labels >= 0).sum() == 2


def test_null_and_numbers_below_0_are_no_class(store, tmp_path):
    path = table(
        tmp_path / "x.parquet", pixel=[0, 1, 2], label=[None, -5, 0], kind=["a", None, "b"]
    )
    assert_array_equal(classes(path, store).labels[:3] >= 0, [False, False, True])
    assert_array_equal(classes(path, store, "kind").labels[:3], [0, -1, 1])


@pytest.mark.parametrize("name", ["x.npy", "x.tif"])
def test_image_of_the_coarse_grid(name, store, tmp_path):
    image = np.random.default_rng(0).integers(0, 9, store.domain.grid.shape).astype(np.uint8)
    if name == "x.npy":
        np.save(tmp_path / name, image)
    else:
        Image.fromarray(image).save(tmp_path / name)
    found = classes(tmp_path / name, store)
    assert_array_equal(store.domain.to_grid(found.labels), image)


def test_quantities_are_nan_where_the_table_says_nothing(store, tmp_path):
    path = str(table(tmp_path / "x.parquet", pixel=[3, 1], height=[2.5, 7.0], label=[0, 1]))
    found = labels.quantities(path, labels.digest(path), store, ("height",))
    assert found["height"][3] == 2.5
    assert np.isnan(found["height"]).sum() == store.domain.pixels - 2
    assert labels.quantities("none.npy", "", store, ()) == {}


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"pixel": [0, 99999], "label": [0, 1]}, r"1 of 2 rows.*pixel 99999.*0 to 674"),
        ({"pixel": [-1], "label": [0]}, "of pixel -1"),
        (
            {"row": [0, 500], "column": [0, 0], "label": [0, 1]},
            r"row 500, column 0 of a grid of 25 x 27",
        ),
        ({"pixel": [4, 4], "label": [0, 1]}, "several rows.*pixel 4"),
        ({"label": [0]}, "wanted 'pixel', or 'row' and 'column'"),
        ({"pixel": [0.5], "label": [0]}, "'pixel'.*double.*whole numbers"),
        ({"pixel": [0], "label": [0.5]}, "'label'.*double.*whole numbers or text"),
    ],
)
def test_table_that_does_not_match_the_pixels_is_bad_input(columns, told, store, tmp_path):
    with pytest.raises(DataError, match=told):
        classes(table(tmp_path / "x.parquet", **columns), store)


def test_pixel_that_is_not_at_its_row_and_column_is_bad_input(store, tmp_path):
    row, column = store.domain.row, store.domain.column
    path = table(
        tmp_path / "x.parquet", pixel=[0, 2, 1], row=row[:3], column=column[:3], label=[0, 0, 0]
    )
    with pytest.raises(DataError, match=r"pixel 2 at row.*has pixel 1.*another order"):
        classes(path, store)


@pytest.mark.parametrize("name", ["x.npy", "x.tif", "x.parquet"])
def test_file_of_other_content_is_bad_input(name, store, tmp_path):
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(DataError, match="is no"):
        classes(tmp_path / name, store)


def test_image_of_another_grid_is_bad_input(store, tmp_path):
    Image.fromarray(np.zeros((3, 4), np.uint8)).save(tmp_path / "x.tif")
    with pytest.raises(DataError, match=r"\(3, 4\).*\(25, 27\)"):
        classes(tmp_path / "x.tif", store)


def test_file_that_has_changed_is_told(store, tmp_path):
    path = str(table(tmp_path / "x.parquet", pixel=[0], label=[0]))
    before = labels.digest(path)
    table(path, pixel=[0], label=[1])
    with pytest.raises(DataError, match="has changed"):
        labels.classes(path, before, store, "label")


def test_column_or_file_that_is_not_there(store, tmp_path):
    path = str(table(tmp_path / "x.parquet", pixel=[0], label=[0]))
    with pytest.raises(ConfigError, match="no column 'kind': it has pixel, label"):
        labels.classes(path, labels.digest(path), store, "kind")
    with pytest.raises(ConfigError, match="is no table, and has no quantities"):
        labels.quantities("x.npy", "", store, ("height",))
    with pytest.raises(MissingError):
        labels.digest(str(tmp_path / "none.npy"))
