"""Runs that one can tell apart: what was asked for, tags, what builds on what."""

import json
import re

import pytest

from jobs.classes import cluster
from jobs.embedding import embed
from jobs.linear import pca
from jobs.linear.passes import Fit
from jobs.runs import driver, heartbeat, lineage, records, settings, tags
from jobs.runs.heartbeat import Status
from jobs.runs.records import as_json
from jobs.runs.spec import FinishedRun, Input, Spec
from lake.errors import ConfigError, MissingError


def made(root, job, changed=None, inputs=None, finished=""):
    spec = Spec(job, {}, (Input("goes16/k", "g", "l", ""),), inputs or {}, changed or {})
    records.write_spec(root, spec)
    objects = records.folder(root, spec.id)
    if finished:
        document = FinishedRun(spec.id, (), 61.4, finished)
        objects.put(
            "done.json", as_json({name: getattr(document, name) for name in document.__slots__})
        )
    else:
        heartbeat.write(
            objects, Status(heartbeat.FAILED, records.now(), stage="fit", tasks=8, tasks_done=3)
        )
    return spec.id


@pytest.fixture
def chain_of_three(tmp_path):
    root = str(tmp_path)
    drawn = made(root, "sample", finished="2026-11-29T10:20:30.5+00:00")
    scored = made(root, "pca", {"components": 12}, {"sample": drawn}, "2026-11-29T10:25:00+00:00")
    grouped = made(root, "cluster", {"run": scored, "k": 0}, {"embed": scored})
    return root, drawn, scored, grouped


def test_settings_that_differ_from_the_defaults_are_kept_beside_what_is_computed(truth):
    asked = pca.Settings(fit=Fit(components=7))
    assert settings.changed(asked) == {"components": 7}
    drawn, spec = driver.specs(truth.root, truth.key, asked)
    assert (drawn.changed, spec.changed) == ({}, {"components": 7})
    plain = Spec(spec.job, spec.settings, spec.stores, spec.inputs)
    assert plain.id == spec.id
    assert plain == spec


def test_nested_settings_are_named_as_they_are_set():
    asked = settings.parse(embed.Settings, ["steps=9", "loss=infonce", "inputs=pca"])
    assert settings.changed(asked) == {"inputs": "pca", "loss": ("infonce",), "steps": 9}
    assert settings.changed(cluster.Settings()) == {}


def test_runs_are_listed_with_what_tells_them_apart(chain_of_three, run_lake):
    root, _, scored, grouped = chain_of_three
    code, out, err = run_lake("runs", "tag", scored, "paper", "v1.2", "--lake", root)
    assert (code, out) == (0, f"{scored}: paper v1.2\n"), err
    _, out, _ = run_lake("runs", "ls", "--lake", root, "--sizes")
    lines = {line.split()[0]: re.split("  +", line.strip()) for line in out.splitlines()}
    wanted = [
        scored,
        "done",
        "components=12",
        "goes16/k",
        "2026-11-29 10:25Z",
        "61 s",
        "paper v1.2",
    ]
    assert lines[scored][:-1] == wanted
    assert lines[scored][-1].endswith("bytes")
    assert lines[grouped][1:4] == ["failed fit 3/8", f"run={scored} k=0", "goes16/k"]
    _, out, _ = run_lake("runs", "ls", "--lake", root, "--json")
    row = {row["run"]: row for row in json.loads(out)}[scored]
    assert row["settings"] == {"components": 12}
    assert row["tags"] == ["paper", "v1.2"]
    assert (row["finished"], row["seconds"]) == ("2026-11-29T10:25:00+00:00", 61.4)


def test_lineage_is_a_tree_and_names_what_builds_on_a_run(chain_of_three, run_lake):
    root, drawn, scored, grouped = chain_of_three
    assert list(lineage.tree(root, grouped)) == [(0, grouped), (1, scored), (2, drawn)]
    assert lineage.builders(root, drawn) == [scored]
    _, out, _ = run_lake("runs", "tree", scored, "--lake", root)
    assert out == (
        f"{scored}  goes16/k  components=12\n    {drawn}  goes16/k\n{grouped} build on {scored}\n"
    )
    _, out, _ = run_lake("runs", "tree", grouped, "--lake", root, "--json")
    assert [row["depth"] for row in json.loads(out)["tree"]] == [0, 1, 2]


def test_tags_come_and_go_and_are_checked(chain_of_three):
    root, drawn, scored, _ = chain_of_three
    assert tags.read(root, scored) == ()
    assert tags.change(root, scored, ["b", "a"]) == ("a", "b")
    assert tags.change(root, scored, ["c"], ["a"]) == ("b", "c")
    with pytest.raises(ConfigError, match="tag 'two words': wanted letters"):
        tags.change(root, scored, ["two words"])
    with pytest.raises(MissingError, match="there is no run 'pca-0'"):
        tags.change(root, "pca-0", ["a"])
    driver.forget(root, scored)
    assert tags.read(root, scored) == ("b", "c")
    assert records.folder(root, scored).list() == [tags.FILE]
    assert drawn in records.names(root)
