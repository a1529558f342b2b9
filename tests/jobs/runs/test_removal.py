"""A run is deleted when nobody needs it any more, and not before."""

import json

import pytest

from jobs.runs import heartbeat, records, removal
from jobs.runs.heartbeat import Status
from jobs.runs.spec import Input, Spec
from lake.errors import ConfigError, MissingError


@pytest.fixture
def root(tmp_path) -> str:
    return str(tmp_path)


def made(root, job, state, inputs=None):
    """A run with a part of its output, that ended, or is, so."""
    spec = Spec(job, {}, (Input("k", "g", "l", ""),), inputs or {})
    records.write_spec(root, spec)
    objects = records.folder(root, spec.id)
    objects.put(f"{job}.zarr/zarr.json", b"{}")
    if state == heartbeat.DONE:
        objects.put("done.json", b"{}")
    heartbeat.write(objects, Status(state, records.now()))
    return spec.id


@pytest.mark.parametrize("state", [heartbeat.FAILED, heartbeat.STOPPED])
def test_run_that_ended_is_gone_with_all_it_made_and_others_stay(root, state):
    run, other = made(root, "pca", state), made(root, "mnf", state)
    assert removal.remove(root, run) == 3
    assert records.names(root) == [other]
    assert records.folder(root, run).list() == []
    with pytest.raises(MissingError, match="there is no run"):
        removal.remove(root, run)


def test_run_that_is_under_way_is_refused(root):
    run = made(root, "pca", heartbeat.RUNNING)
    with pytest.raises(ConfigError, match=f"{run} is running: run 'lake runs stop {run}' first"):
        removal.remove(root, run)
    assert records.names(root) == [run]


def test_run_that_another_builds_on_is_refused(root):
    sample = made(root, "sample", heartbeat.FAILED)
    pca = made(root, "pca", heartbeat.FAILED, {"sample": sample})
    with pytest.raises(ConfigError, match=f"{pca} build on {sample}: remove them first"):
        removal.remove(root, sample)
    removal.remove(root, pca)
    removal.remove(root, sample)
    assert records.names(root) == []


def test_run_of_an_old_version_can_be_deleted(root):
    objects = records.folder(root, "pca-1")
    objects.put("spec.json", json.dumps({"job": "pca"}).encode())
    assert removal.remove(root, "pca-1") == 1


def test_removal_that_was_cut_short_is_finished_by_the_next_one(root, monkeypatch):
    run = made(root, "pca", heartbeat.FAILED)
    records.folder(root, run).delete(["pca.zarr/zarr.json"])
    assert records.names(root) == [run]  # it is still found
    removal.remove(root, run)
    assert records.folder(root, run).list() == []
