"""`lake.open_run`: runs as anybody reads them, by id or URL, without what made them."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import lake
from jobs.linear import passes, pca
from jobs.runs import driver, records
from jobs.sampling import sample
from lake.errors import ConfigError, FormatError, MissingError
from lake.storage.connect import connect


@pytest.fixture(scope="module")
def run(client, truth) -> str:
    where = client, truth.root, truth.key
    drawn = driver.run(*where, sample.Settings(phase=1, phases=2))
    return driver.run(*where, pca.Settings(drawn, fit=passes.Fit(components=10)))


def test_run_is_opened_by_id_and_lake_by_url_and_by_the_environment(truth, run, monkeypatch):
    opened = lake.open_run(run, lake=truth.root)
    assert (opened.id, opened.job, opened.lake) == (run, "pca", truth.root)
    assert opened.url == lake.open_run(f"{truth.root}/runs/{run}/").url
    assert opened.url == lake.open_run(Path(truth.root) / "runs" / run).url
    monkeypatch.setenv("LAKE_ROOT", truth.root)
    assert lake.open_run(run).url == opened.url


def test_arrays_are_those_that_xarray_reads_with_the_coordinates_of_the_store(truth, run):
    opened = lake.open_run(run, lake=truth.root)
    plain = xr.open_zarr(f"{opened.url}/pca.zarr", zarr_format=3).load()
    xr.testing.assert_identical(opened.scores.load(), plain["scores"])
    store = opened.store
    assert store.url == lake.open(truth.key, root=truth.root).url
    for name in ("lon", "lat", "row", "column"):
        np.testing.assert_array_equal(opened.scores[name], store.cube("day-2km")[name])
    assert opened.dataset.sizes["component"] == 10
    assert "scores" in dir(opened)


def test_run_says_what_it_is(truth, run):
    opened = lake.open_run(run, lake=truth.root)
    assert opened.state == "done"
    assert opened.stores == (truth.key,)
    assert opened.settings["components"] == 10
    assert opened.settings["clip"] == 6.0
    assert opened.inputs == {"sample": opened.settings["run"]}
    assert [url.rpartition("/")[2] for url in opened.files] == ["pca.zarr", "model.json"]
    assert opened.seconds > 0
    for shown in (repr(opened), opened._repr_html_()):
        for text in (run, truth.key, "components=10", "scores (pixel 675, component 10)"):
            assert text in shown


def test_run_that_is_not_done_can_be_opened_and_not_read(truth):
    spec = driver.specs(truth.root, truth.key, sample.Settings(phase=0, phases=1))[-1]
    records.write_spec(truth.root, spec)
    opened = lake.open_run(spec.id, lake=truth.root)
    assert (opened.state, opened.files, opened.seconds) == ("queued", (), None)
    assert "queued" in repr(opened)
    with pytest.raises(MissingError, match="is queued: it can be read once it is done"):
        _ = opened.dataset
    with pytest.raises(AttributeError, match="it can be read once it is done"):
        _ = opened.scores
    assert "features" not in dir(opened)


def test_array_that_a_run_does_not_have_is_named_with_those_it_has(truth, run):
    with pytest.raises(AttributeError, match=r"has no 'embedding': it has .*scores"):
        _ = lake.open_run(run, lake=truth.root).embedding


def test_run_crosses_to_workers_by_its_url(client, truth, run):
    opened = lake.open_run(run, lake=truth.root)
    assert pickle.loads(pickle.dumps(opened)).url == opened.url
    sizes = client.submit(lambda there: dict(there.scores.sizes), opened).result(timeout=60)
    assert sizes == {"pixel": 675, "component": 10}


def test_secrets_are_neither_shown_nor_sent(s3_root, truth, run):
    import os

    target = connect(f"{s3_root}/runs/{run}")
    source = records.folder(truth.root, run)
    for path in source.list():
        target.put(path, source.get(path))
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    names = {"key": "AWS_ACCESS_KEY_ID", "secret": "AWS_SECRET_ACCESS_KEY"}
    secrets = {option: os.environ[name] for option, name in names.items()}
    opened = lake.open_run(run, lake=s3_root, endpoint_url=endpoint, **secrets)
    assert opened.settings["components"] == 10
    shown = repr(opened) + opened._repr_html_() + str(vars(opened).get("url"))
    assert f"secret={secrets['secret']}" not in shown.replace("'", "").replace(": ", "=")
    with pytest.raises(ConfigError, match="key, secret, which may be secrets"):
        pickle.dumps(opened)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("pca", ConfigError, "'pca' is no id of a run"),
        ("pca-0123456789ab", ConfigError, "say of which lake, by lake="),
        ("/nowhere/runs/pca-0123456789ab", MissingError, "there is no run at /nowhere"),
    ],
)
def test_what_is_no_run_is_refused(text, error, said, monkeypatch):
    monkeypatch.delenv("LAKE_ROOT", raising=False)
    with pytest.raises(error, match=said):
        lake.open_run(text)


def test_run_of_the_first_version_is_refused(tmp_path):
    folder = tmp_path / "runs" / "pca-0123456789ab"
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps({"job": "pca"}))
    with pytest.raises(FormatError, match=r"made by goeslake 0\.1\.0"):
        lake.open_run(folder)


def test_run_is_read_without_clusters_torch_and_jobs(truth, run):
    program = (
        "import lake, sys; run = lake.open_run(sys.argv[1]); run.scores.isel(pixel=0).load(); repr(run);"
        "print([m for m in ('distributed', 'torch', 'sklearn', 'jobs') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, f"{truth.root}/runs/{run}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
