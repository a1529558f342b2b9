import hashlib
import json
from dataclasses import dataclass

import pytest

from jobs import runs
from jobs.runs import Spec
from lake.errors import ConfigError, MissingError

SPEC = Spec(
    "pca", {"components": 4}, "goes16/a/20180101_20180102/g", "00000001-abc", {"sample": "s-1"}
)


@dataclass(frozen=True)
class Settings:
    sample: str = "given"
    months: tuple[int, ...] = (1, 2)


class Held:
    key = "goes16/a/20180101_20180102/g"
    generation = "00000001-abc"


def made(root, spec, text="x"):
    def make(objects):
        objects.put("out", text.encode())
        return ["out"]

    return runs.complete(root, spec, make)


def test_id_is_the_digest_of_the_canonical_spec():
    text = (
        '{"generation":"00000001-abc","inputs":{"sample":"s-1"},"job":"pca",'
        '"settings":{"components":4},"store":"goes16/a/20180101_20180102/g"}'
    )
    assert SPEC.id == "pca-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def test_spec_holds_settings_as_json_and_inputs_apart():
    spec = runs.spec_of(Settings(), "pca", Held(), {"sample": "sample-1"})
    assert spec.settings == {"months": [1, 2]}
    assert spec.inputs == {"sample": "sample-1"}
    assert (spec.store, spec.generation) == (Held.key, Held.generation)


def test_second_time_finds_the_run_done_and_says_so(tmp_path, capsys):
    assert made(tmp_path, SPEC) == SPEC.id
    assert made(tmp_path, SPEC, "never written") == SPEC.id
    assert (tmp_path / "runs" / SPEC.id / "out").read_text() == "x"
    assert f"{SPEC.id}: already done" in capsys.readouterr().err
    done = runs.find(tmp_path, SPEC.id)
    assert done.run == SPEC.id
    assert done.outputs == ("out",)
    assert runs.read_spec(tmp_path, SPEC.id) == SPEC


def test_versions_are_noted_beside_the_spec_but_do_not_name_it(tmp_path):
    made(tmp_path, SPEC)
    noted = json.loads((tmp_path / "runs" / SPEC.id / "spec.json").read_text())
    assert set(noted["versions"]) >= {"goeslake", "numpy", "zarr"}
    assert noted["run"] == SPEC.id


def test_failed_run_tells_why_and_is_made_anew(tmp_path):
    def fail(objects):
        objects.put("half", b"")
        raise ValueError("no luck")

    with pytest.raises(ValueError, match="no luck"):
        runs.complete(tmp_path, SPEC, fail)
    status = tmp_path / "runs" / SPEC.id / "status.json"
    assert json.loads(status.read_text())["error"] == "ValueError: no luck"
    assert runs.find(tmp_path, SPEC.id) is None
    made(tmp_path, SPEC)
    assert runs.find(tmp_path, SPEC.id) is not None
    assert json.loads(status.read_text())["state"] == "done"


def test_same_run_finished_elsewhere_meanwhile_counts(tmp_path):
    def make(objects):
        made(tmp_path, SPEC)
        return ["out"]

    assert runs.complete(tmp_path, SPEC, make) == SPEC.id
    assert runs.find(tmp_path, SPEC.id).outputs == ("out",)


def test_require_refuses_a_run_that_is_not_there_not_complete_or_of_another_kind(tmp_path):
    made(tmp_path, SPEC)
    assert runs.require(tmp_path, SPEC.id, "pca", Held()) == SPEC.id
    with pytest.raises(MissingError, match="no run 'pca-0'"):
        runs.require(tmp_path, "pca-0", "pca", Held())
    with pytest.raises(ConfigError, match="wanted sample of"):
        runs.require(tmp_path, SPEC.id, "sample", Held())
    later = Held()
    later.generation = "00000002-def"
    with pytest.raises(ConfigError, match="00000002-def"):
        runs.require(tmp_path, SPEC.id, "pca", later)
    (tmp_path / "runs" / SPEC.id / "done.json").unlink()
    with pytest.raises(MissingError, match="not complete"):
        runs.require(tmp_path, SPEC.id, "pca", Held())


def test_ancestor_is_found_through_other_runs(tmp_path):
    embed = Spec("embed", {}, Held.key, Held.generation, {"pca": SPEC.id})
    for spec in (SPEC, embed):
        made(tmp_path, spec)
    assert runs.ancestor(tmp_path, embed.id, "pca") == SPEC.id
    assert runs.ancestor(tmp_path, embed.id, "sample") == "s-1"
    with pytest.raises(MissingError, match="no run of 'cluster'"):
        runs.ancestor(tmp_path, made(tmp_path, Spec("embed", {}, "k", "g")), "cluster")


def test_store_is_opened_by_key_in_the_lake_and_by_url(truth):
    by_key = runs.open_store(truth.root, truth.key)
    assert runs.open_store("elsewhere", f"{truth.root}/{truth.key}").url == by_key.url
    with pytest.raises(MissingError, match="no store"):
        runs.open_store(truth.root, truth.key.replace("small", "large"))
