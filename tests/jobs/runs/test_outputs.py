import numpy as np
import pytest
import xarray as xr

from jobs.runs import outputs, records
from jobs.runs.spec import Input, Spec
from lake.errors import MissingError
from lake.format.schema import Array

SPEC = Spec(
    "thing",
    {"a": 1},
    (Input("goes16/a/20180101_20180102/g", "00000001-abc", ""),),
    {"sample": "s-1"},
)


@pytest.fixture(params=["folder", "memory"])
def root(request, tmp_path):
    return str(tmp_path) if request.param == "folder" else f"memory://{tmp_path.name}-outputs"


def make(root, values=np.nan):
    arrays = [
        outputs.whole_array("name", ("name",), ["a", "bc"], long_name="of a column"),
        outputs.whole_array("flag", ("name",), [True, False]),
        Array("values", ("row", "name"), (5, 2), "float32", (2, 2), fill_value=values),
    ]
    return outputs.create(records.folder(root, SPEC.id), SPEC, arrays, "flag")


def test_group_is_read_as_it_was_written(root):
    assert make(root) == "thing.zarr"
    outputs.write(root, SPEC.id, "values", np.ones((2, 2)), slice(2, 4))
    found = outputs.dataset(root, SPEC.id)
    assert list(found["name"].values) == ["a", "bc"]
    assert set(found.coords) == {"name", "flag"}
    np.testing.assert_array_equal(np.isnan(found["values"]).all(axis=1), [1, 1, 0, 0, 1])
    assert found.attrs["run"] == SPEC.id
    assert found.attrs["inputs"] == {"sample": "s-1"}
    np.testing.assert_array_equal(outputs.read(root, SPEC.id, "values", np.array([3, 2])), 1)
    assert outputs.read(root, SPEC.id, "flag").tolist() == [True, False]


def test_text_that_an_older_xarray_read_as_objects_is_text():
    text = outputs.whole_array("name", ("name",), np.array(["a", "bc"], dtype=object))
    assert text.dtype == "string"
    assert text.data.tolist() == ["a", "bc"]


def test_group_of_an_interrupted_run_is_found_as_it_was(root):
    make(root)
    outputs.write(root, SPEC.id, "values", np.ones((5, 2)))
    make(root)
    assert (outputs.read(root, SPEC.id, "values") == 1).all()


def test_group_that_was_half_made_is_made_anew(root):
    make(root)
    records.folder(root, SPEC.id).put("thing.zarr/zarr.json", b"{}")
    make(root)
    assert np.isnan(outputs.read(root, SPEC.id, "values")).all()


def test_group_opens_without_our_code(tmp_path):
    make(str(tmp_path))
    found = xr.open_zarr(tmp_path / "runs" / SPEC.id / "thing.zarr", consolidated=True)
    assert found["values"].sel(name="bc").shape == (5,)


def test_run_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(MissingError, match="thing-0"):
        outputs.dataset(tmp_path, "thing-0")
