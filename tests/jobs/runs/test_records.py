import hashlib
import json
from dataclasses import asdict, dataclass

import pytest

from jobs.runs import heartbeat, records
from jobs.runs.spec import FinishedRun, Input, Spec
from lake.errors import ConfigError, FormatError, MissingError

STORE = Input("goes16/a/20180101_20180102/g", "00000001-abc", "ledgers/0-1.parquet")
SPEC = Spec("pca", {"components": 4}, (STORE,), {"sample": "s-1"})


@dataclass(frozen=True)
class Settings:
    run: str = "given"
    months: tuple[int, ...] = (1, 2)


class Held:
    key = "goes16/a/20180101_20180102/g"
    generation = "00000001-abc"
    url = "s3://elsewhere/g.zarr"
    attributes = {"provenance": {"ledger": "ledgers/0-1.parquet"}}  # noqa: RUF012


def made(root, spec):
    records.write_spec(root, spec)
    done = FinishedRun(spec.id, ("out",), 1.0, records.now())
    records.folder(root, spec.id).put("done.json", records.as_json(asdict(done)))
    return spec.id


def test_id_is_the_digest_of_the_canonical_spec():
    text = (
        '{"inputs":{"sample":"s-1"},"job":"pca","settings":{"components":4},'
        '"stores":[{"generation":"00000001-abc","key":"goes16/a/20180101_20180102/g",'
        '"ledger":"ledgers/0-1.parquet","url":""}]}'
    )
    assert SPEC.id == "pca-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def test_spec_holds_settings_as_json_inputs_apart_and_where_a_store_elsewhere_lies():
    spec = records.spec_of(
        "lake", Settings(), "pca", (Held(),), {"sample": "sample-1"}, without=("run",)
    )
    assert spec.settings == {"months": [1, 2]}
    assert spec.inputs == {"sample": "sample-1"}
    assert (spec.store, spec.generation) == (Held.key, Held.generation)
    assert spec.stores[0].ledger == "ledgers/0-1.parquet"
    assert spec.stores[0].url == Held.url


def test_spec_is_read_as_it_was_written(tmp_path):
    made(tmp_path, SPEC)
    assert records.read_spec(tmp_path, SPEC.id) == SPEC
    assert records.names(tmp_path) == [SPEC.id]
    assert records.find(tmp_path, SPEC.id).outputs == ("out",)


def test_run_of_an_older_version_is_refused_by_its_path(tmp_path):
    records.folder(tmp_path, "pca-1").put("spec.json", b'{"job": "pca", "store": "a"}')
    with pytest.raises(FormatError, match=r"pca-1/spec\.json .*0\.1\.0.*make it anew"):
        records.read_spec(tmp_path, "pca-1")


def test_status_of_another_version_is_read_as_far_as_it_is_known(tmp_path):
    noted = {"state": "done", "at": "2026-01-01T00:00:00+00:00", "of_another_version": 1}
    records.folder(tmp_path, "pca-1").put("status.json", records.as_json(noted))
    assert heartbeat.read(tmp_path, "pca-1") == heartbeat.Status("done", noted["at"])


def test_store_of_the_lake_is_named_by_its_key_and_opened_at_its_generation(truth):
    source = records.open_store(truth.root, truth.key)
    spec = records.spec_of(truth.root, Settings(), "pca", (source,))
    assert spec.stores[0].url == ""
    assert records.open_input(truth.root, spec.stores[0]).url == source.url


def test_versions_are_noted_beside_the_spec_but_do_not_name_it(tmp_path):
    made(tmp_path, SPEC)
    noted = json.loads((tmp_path / "runs" / SPEC.id / "spec.json").read_text())
    assert set(noted["versions"]) >= {"goeslake", "numpy", "zarr"}
    assert noted["run"] == SPEC.id


def test_require_refuses_a_run_that_is_not_there_not_complete_or_of_another_kind(tmp_path):
    made(tmp_path, SPEC)
    assert records.require(tmp_path, SPEC.id, "pca", Held()) == SPEC.id
    with pytest.raises(MissingError, match="no run 'pca-0'"):
        records.require(tmp_path, "pca-0", "pca", Held())
    with pytest.raises(ConfigError, match="wanted sample of"):
        records.require(tmp_path, SPEC.id, "sample", Held())
    later = Held()
    later.generation = "00000002-def"
    with pytest.raises(ConfigError, match="00000002-def"):
        records.require(tmp_path, SPEC.id, "pca", later)
    (tmp_path / "runs" / SPEC.id / "done.json").unlink()
    with pytest.raises(MissingError, match="not complete"):
        records.require(tmp_path, SPEC.id, "pca", Held())


def test_ancestor_is_found_through_other_runs(tmp_path):
    embed = Spec("embed", {}, (STORE,), {"pca": SPEC.id})
    for spec in (SPEC, embed):
        made(tmp_path, spec)
    assert records.ancestor(tmp_path, embed.id, "pca") == SPEC.id
    assert records.ancestor(tmp_path, embed.id, "sample") == "s-1"
    with pytest.raises(MissingError, match="no run of 'cluster'"):
        records.ancestor(tmp_path, made(tmp_path, Spec("embed", {}, (STORE,))), "cluster")


def test_store_is_opened_by_key_in_the_lake_and_by_url(truth):
    by_key = records.open_store(truth.root, truth.key)
    assert records.open_store("elsewhere", f"{truth.root}/{truth.key}").url == by_key.url
    with pytest.raises(MissingError, match="no store"):
        records.open_store(truth.root, truth.key.replace("small", "large"))
