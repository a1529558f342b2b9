"""Vectors of files of every kind, rows that find their pixels, refusals; and the run that they become."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import adjusted_rand_score

import lake
from jobs.classes import cluster
from jobs.evaluation import evaluate
from jobs.evaluation.cases import MeasureSettings
from jobs.figures import run_maps
from jobs.imported import import_vectors, object_file, source, vector_file
from jobs.imported.import_vectors import Settings
from jobs.linear import join
from jobs.report import map as maps
from jobs.runs import driver, outputs, records
from lake.errors import ConfigError, DataError, MissingError
from lake.explore.contents import Offer
from lake.storage.connect import connect

WIDTH = 5


@pytest.fixture(scope="module")
def vectors(truth):
    """(pixel, 5) around a point for each class; pixel 9 has none."""
    random = np.random.default_rng(0)
    centres = 8 * random.normal(size=(3, WIDTH))
    x = centres[truth.classes] + random.normal(size=(truth.classes.size, WIDTH))
    x[9] = np.nan
    return x.astype(np.float32)


@pytest.fixture(scope="module")
def store(truth):
    return lake.open(f"{truth.root}/{truth.key}")


@pytest.fixture
def imported(client, truth):
    def run(file, **settings):
        name = driver.run(client, truth.root, truth.key, Settings(str(file), **settings))
        document = json.loads(connect(truth.root).get(f"runs/{name}/import.json"))
        return outputs.dataset(truth.root, name)["embedding"].values, document

    return run


@pytest.fixture
def refused(truth):
    def why(error, file, **settings):
        with pytest.raises(error) as raised:
            driver.specs(truth.root, truth.key, Settings(str(file), **settings))
        return str(raised.value)

    return why


def saved(folder, kind, x):
    """A file of vectors in store order."""
    path = folder / f"vectors.{kind}"
    if kind == "npy":
        np.save(path, x)
    elif kind == "fortran.npy":
        np.save(path, np.asfortranarray(x))
    elif kind == "npz":
        np.savez_compressed(path, x=x, other=np.arange(3))
    elif kind == "parquet":
        pq.write_table(
            pa.table({f"v{i}": x[:, i] for i in range(x.shape[1])}), path, row_group_size=100
        )
    elif kind == "lists.parquet":
        rows = [None if np.isnan(row).any() else row.tolist() for row in x]
        pq.write_table(
            pa.table({"vector": rows, "name": ["land"] * len(x)}), path, row_group_size=100
        )
    elif kind == "fixed.parquet":
        cells = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), x.shape[1])
        pq.write_table(pa.table({"vector": cells}), path)
    elif kind == "zarr":
        array = zarr.create_array(path, shape=x.shape, chunks=(64, x.shape[1]), dtype=x.dtype)
        array[:] = x
    elif kind == "zarr2":
        array = zarr.create_array(path, shape=x.shape, chunks=(64, 2), dtype=x.dtype, zarr_format=2)
        array[:] = x
    return path


@pytest.mark.parametrize(
    "kind",
    ["npy", "fortran.npy", "npz", "parquet", "lists.parquet", "fixed.parquet", "zarr", "zarr2"],
)
def test_rows_in_store_order_become_the_vectors_of_the_pixels(
    imported, vectors, tmp_path, kind, monkeypatch
):
    path = saved(tmp_path, kind, vectors)
    found, document = imported(path, note="a model's")
    assert_array_equal(found, vectors)
    assert found.dtype == np.float32
    assert document["shape"] == list(vectors.shape)
    assert document["placed"] == "row by row in store order"
    assert document["pixels_with_vector"] == len(vectors) - 1
    assert document["rows_not_finite"] == document["pixels_without"] == 1
    assert document["note"] == "a model's"
    assert document["name"] == path.name
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    assert document["bytes"] == sum(each.stat().st_size for each in files)


def test_file_is_read_in_blocks_that_hold_needed_rows_alone(vectors, tmp_path, monkeypatch):
    monkeypatch.setattr(vector_file, "BLOCK_BYTES", 4 * WIDTH * 64)
    for kind in ("npy", "fortran.npy", "npz", "parquet", "zarr"):
        file = source.opened(source.VectorSource(str(saved(tmp_path, kind, vectors))))
        needed = np.zeros(len(vectors), bool)
        needed[[130, 400]] = True
        pieces = list(file.pieces(needed))
        assert sum(len(x) for _, x in pieces) <= 300
        found = np.full(vectors.shape, np.nan)
        for first, x in pieces:
            assert x.nbytes <= 8 * WIDTH * 64
            found[first : first + len(x)] = x
        assert_array_equal(found[needed], vectors[needed])


def test_superblocks_are_filled_in_groups(imported, vectors, tmp_path, monkeypatch):
    """As where the sums of all pixels are too large for one task."""
    monkeypatch.setattr(import_vectors, "GROUP_BYTES", 8 * WIDTH * 150)
    rows = np.random.default_rng(1).permutation(len(vectors))
    table = pa.table({"pixel": rows, **{f"v{i}": vectors[rows, i] for i in range(WIDTH)}})
    pq.write_table(table, tmp_path / "shuffled.parquet")
    found, document = imported(tmp_path / "shuffled.parquet")
    assert_array_equal(found, vectors)
    assert document["placed"] == "by the pixels in 'pixel'"


def test_rows_by_pixel_are_averaged_and_pixels_without_are_nan(imported, vectors, tmp_path):
    np.savez(
        tmp_path / "some.npz", where=np.array([7, 3, 7, 9]), x=vectors[[0, 1, 2, 9]].astype("f8")
    )
    found, document = imported(tmp_path / "some.npz", pixel="where")
    assert_allclose(found[7], (vectors[0].astype(float) + vectors[2]) / 2, rtol=1e-6)
    assert_allclose(found[3], vectors[1])
    assert np.isfinite(found).any(axis=1).sum() == document["pixels_with_vector"] == 2
    assert (document["pixels_averaged"], document["rows_not_finite"]) == (1, 1)


def test_rows_by_place_go_to_the_pixel_that_contains_it(imported, store, vectors, tmp_path):
    lon, lat = store.domain.lonlat()
    rows = np.array([20, 400, 401, 20])
    table = {
        "longitude": [*lon[rows], 120.0, np.nan],
        "latitude": [*lat[rows], 10.0, 30.0],
        "a": np.arange(6.0),
        "b": np.arange(6, dtype=np.int16),
    }
    pq.write_table(pa.table(table), tmp_path / "places.parquet")
    found, document = imported(tmp_path / "places.parquet")
    assert_array_equal(np.flatnonzero(np.isfinite(found).all(axis=1)), [20, 400, 401])
    assert_allclose(found[[20, 400, 401]], [[1.5, 1.5], [1, 1], [2, 2]])
    assert (document["rows_outside"], document["pixels_averaged"]) == (2, 1)
    assert "'longitude' and 'latitude'" in document["placed"]


def test_whole_numbers_of_a_group_are_scaled_as_its_attributes_say(imported, vectors, tmp_path):
    group = zarr.create_group(tmp_path / "group.zarr")
    scaled = np.where(np.isnan(vectors), -128, np.clip(np.rint(vectors * 4), -127, 127)).astype(
        "i1"
    )
    group.create_array(
        "embedding", data=scaled, attributes={"scale_factor": 0.25, "_FillValue": -128}
    )
    group.create_array("pixel", data=np.arange(len(vectors)))
    group.create_array("other", data=vectors)
    found, document = imported(tmp_path / "group.zarr", array="embedding")
    assert_array_equal(found, np.where(scaled == -128, np.nan, scaled * np.float32(0.25)))
    assert document["dtype"] == "int8"


def test_run_is_evaluated_clustered_joined_mapped_explored_and_drawn(
    client, truth, vectors, tmp_path
):
    where = client, truth.root, truth.key
    run = driver.run(*where, Settings(str(saved(tmp_path, "npy", vectors))))
    labels = str(tmp_path / "classes.parquet")
    pq.write_table(
        pa.table({"pixel": np.arange(truth.classes.size), "label": truth.classes}), labels
    )
    how = MeasureSettings(square=6, most=300, few=60, pairs=120, near=5)
    settings = evaluate.Settings(run=run, labels=labels, seeds=1, patterns=False, how=how)
    measured = evaluate.results(truth.root, driver.run(*where, settings))["measures"]
    assert measured["knn_3"]["mean"] > 0.9
    clusters = driver.run(*where, cluster.Settings(run, k=3))
    found = outputs.read(truth.root, clusters, "labels")
    assert_array_equal(np.flatnonzero(found < 0), [9])
    known = found >= 0
    assert adjusted_rand_score(truth.classes[known], found[known]) > 0.9
    other = driver.run(*where, Settings(str(saved(tmp_path, "zarr", 2 * vectors))))
    joined = driver.run(*where, join.Settings((run, other)))
    assert outputs.dataset(truth.root, joined)["embedding"].shape == (len(vectors), 2 * WIDTH)
    driver.run(*where, maps.Settings(pictures=("embedding", "clusters"), run=clusters))
    assert "5-dimensional embedding" in run_maps.draw(truth.root, run).caption
    offered = Offer(connect(truth.root)).document("", is_live=False)["runs"]
    assert ["embedding"] in [each["arrays"] for each in offered if each["id"] == run]


def test_same_content_is_the_same_run_and_another_is_another(truth, vectors, tmp_path):
    def name(x):
        path = saved(tmp_path, "npy", x)
        return driver.specs(truth.root, truth.key, Settings(str(path)))[-1].id

    assert name(vectors) == name(vectors) != name(vectors + 1)


def test_file_that_changes_under_way_is_found(client, truth, vectors, tmp_path):
    path = saved(tmp_path, "npy", vectors)
    (spec,) = driver.specs(truth.root, truth.key, Settings(str(path)))
    np.save(path, vectors + 1)
    with pytest.raises(DataError, match="has changed since the run was begun"):
        driver.make(client, truth.root, spec)
    assert records.find(truth.root, spec.id) is None


def test_command_names_the_run_and_says_where_rows_went(
    client, truth, vectors, tmp_path, run_lake, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    table = {
        "p": [3, 3, 4],
        **{f"v{i}": vectors[:3, i] for i in range(WIDTH)},
        "site": ["a", "b", "c"],
    }
    pq.write_table(pa.table(table), tmp_path / "some.parquet")
    command = ("import", "vectors", "some.parquet", "--store", truth.key, "--lake", truth.root)
    address = ("--address", client.scheduler.address)
    code, out, err = run_lake(*command, "--pixel", "p", "--columns", "v0,v1", *address)
    assert code == 0, err
    assert out.startswith("import-")
    assert "2 of 675 pixels have a vector of 2 numbers" in err
    assert "1 pixels are the mean of several rows" in err
    code, out, _ = run_lake("runs", "ls", "--lake", truth.root)
    assert "columns=v0,v1 pixel=p" in out
    code, _, err = run_lake(*command, "--pixel", "p")
    assert (code, "'site'" in err, "string" in err) == (65, True, True)
    code, _, err = run_lake(
        "import", "vectors", "x.npy", "--store", truth.key, "--lake", truth.root
    )
    assert (code, "x.npy" in err) == (1, True)


def test_vectors_of_wrong_shape_or_type_are_refused_by_name(refused, vectors, tmp_path):
    def npy(x):
        np.save(tmp_path / "x.npy", x, allow_pickle=True)
        return tmp_path / "x.npy"

    assert "has 600 rows" in refused(DataError, npy(vectors[:600]))
    assert "--pixel NAME" in refused(DataError, npy(vectors[:600]))
    assert "shape (675,)" in refused(DataError, npy(vectors[:, 0]))
    assert "Python objects" in refused(DataError, npy(vectors.astype(object)))
    assert "<U" in refused(DataError, npy(vectors.astype(str)))
    assert "bool" in refused(DataError, npy(vectors > 0))
    assert "complex" in refused(DataError, npy(vectors.astype(complex)))
    assert "[('é', '<f4')]" in refused(DataError, npy(np.zeros((675, 2), [("é", "f4")])))
    with pytest.warns(UserWarning, match="format 3.0"):
        path = npy(np.zeros((675, 2), [("日", "f4")]))
    assert "structured" in refused(DataError, path)
    assert "no vectors" in refused(DataError, npy(vectors[:, :0]))
    wide = np.zeros((675, import_vectors.WIDEST + 1), np.int8)
    assert "have 4097 numbers" in refused(DataError, npy(wide))
    (tmp_path / "x.npy").write_bytes(b"no array")
    assert "no NumPy file" in refused(DataError, tmp_path / "x.npy")


def test_files_that_cannot_be_read_are_refused_by_name(refused, vectors, tmp_path):
    for name, why in (("x.npz", "no NumPy file"), ("x.parquet", "no Parquet table")):
        (tmp_path / name).write_bytes(b"something else")
        assert why in refused(DataError, tmp_path / name)
        assert "x.none" in refused(MissingError, tmp_path / f"x.none{name[1:]}")
    (tmp_path / "x.csv").write_text("1,2")
    assert ".npy, .npz, .parquet" in refused(ConfigError, tmp_path / "x.csv")
    assert "no file and no folder" in refused(MissingError, tmp_path / "absent")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("")
    assert "no Zarr array or group" in refused(DataError, tmp_path / "folder")
    assert "needs the file" in refused(ConfigError, "")


def test_names_that_are_not_there_or_not_clear_are_refused(refused, vectors, tmp_path):
    np.savez(tmp_path / "x.npz", a=vectors, b=vectors, lon=vectors[:, 0])
    assert "arrays a, b, lon: name the one" in refused(ConfigError, tmp_path / "x.npz")
    assert "no array 'c'" in refused(ConfigError, tmp_path / "x.npz", array="c")
    where = {"array": "a"}
    assert "no column 'p'" in refused(ConfigError, tmp_path / "x.npz", pixel="p", **where)
    assert "give both" in refused(ConfigError, tmp_path / "x.npz", lon="lon", **where)
    assert "one of them" in refused(ConfigError, tmp_path / "x.npz", lon="lon", pixel="p", **where)
    assert "goes with a .parquet" in refused(ConfigError, tmp_path / "x.npz", columns=("a",))
    group = zarr.create_group(tmp_path / "x.zarr")
    for name in ("a", "b"):
        group.create_array(name, data=vectors)
    assert "arrays a, b" in refused(ConfigError, tmp_path / "x.zarr")
    assert "no array 'c'" in refused(ConfigError, tmp_path / "x.zarr", array="c")
    assert "without a name" in refused(ConfigError, saved(tmp_path, "npy", vectors), array="a")
    assert "without a name" in refused(ConfigError, tmp_path / "x.zarr" / "a", array="a")
    lists = [row.tolist() for row in vectors]
    pq.write_table(pa.table({"a": lists, "b": lists}), tmp_path / "x.parquet")
    assert "columns of lists a, b" in refused(ConfigError, tmp_path / "x.parquet")
    assert "no column 'c'" in refused(ConfigError, tmp_path / "x.parquet", columns=("c",))
    both = {"array": "a", "columns": ("b",)}
    assert "give one of them" in refused(ConfigError, tmp_path / "x.parquet", **both)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"pixel": [0, 675], "a": [1.0, 2.0]}, "1 of 2 rows .* pixel=675: it has pixels 0 to 674"),
        ({"pixel": [0, None], "a": [1.0, 2.0]}, "pixel=nan"),
        ({"pixel": [0, 1.5], "a": [1.0, 2.0]}, "pixel=1.5"),
        ({"lon": [10.0], "lat": [20.0], "a": [1.0]}, "none of the 1 places .* 'lon' is 10 to 10"),
        ({"pixel": [0, 1], "a": [None, np.nan]}, "gives no pixel a vector: all of its 2 rows"),
        ({"pixel": [0, 1], "a": [[1.0], [1.0, 2.0]]}, "lists of 1 and of 2 numbers"),
    ],
)
def test_rows_that_do_not_fit_fail_the_run(client, truth, tmp_path, table, why):
    path = tmp_path / "x.parquet"
    if table["a"] == [None, np.nan]:
        table = {**table, "a": pa.array(table["a"], pa.float64())}
    pq.write_table(pa.table(table), path)
    with pytest.raises(DataError, match=why):
        driver.run(client, truth.root, truth.key, Settings(str(path)))


def test_truncated_file_is_refused_by_name(client, truth, vectors, tmp_path):
    path = saved(tmp_path, "npy", vectors)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="ends before its numbers do"):
        driver.run(client, truth.root, truth.key, Settings(str(path)))


def test_object_is_read_from_any_position(tmp_path):
    (tmp_path / "x").write_bytes(bytes(range(256)) * 8)
    with object_file.opened(connect(str(tmp_path)), "x") as file:
        file.seek(-6, 2)
        assert file.read() == bytes(range(250, 256))
        assert (file.tell(), file.read(1)) == (2048, b"")
        file.seek(300)
        assert file.read(2) == bytes([44, 45])
