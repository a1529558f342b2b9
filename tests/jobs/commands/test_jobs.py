import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobs.commands import jobs
from jobs.commands.classes import classes
from jobs.commands.runs import runs_
from lake.errors import ConfigError, MissingError
from tests.jobs import small


@pytest.fixture
def lake_(client, truth):
    def call(command, *arguments, key=truth.key):
        where = [key, "--lake", truth.root, "--address", client.scheduler.address]
        return CliRunner().invoke(command, [*where, *arguments])

    return call


def test_json_is_the_one_document_on_stdout_and_a_second_time_nothing_is_done(lake_, truth):
    arguments = ("--set", "phases=1", "--set", "statistics=mean,count", "--json")
    first = lake_(jobs.command("sample"), *arguments)
    document = json.loads(first.stdout)
    assert first.exit_code == 0
    assert document["already_done"] is False
    assert document["seconds"] > 0
    assert document["url"] == f"{truth.root}/runs/{document['run']}"
    assert [Path(path).name for path in document["outputs"]] == ["sample.zarr", "sample.parquet"]
    assert all(Path(path).is_dir() for path in document["outputs"])
    lines = [json.loads(line) for line in first.stderr.splitlines() if line.startswith("{")]
    assert {line["run"] for line in lines} == {document["run"]}
    assert "dashboard http" in first.stderr
    again = lake_(jobs.command("sample"), *arguments)
    assert json.loads(again.stdout) == document | {"already_done": True}
    assert f"{document['run']}: already done" in again.stderr


def test_without_json_the_run_and_its_outputs_are_named(lake_, truth, chain):
    result = lake_(jobs.command("pca"), "--set", f"run={chain.sample}", "--set", "components=10")
    folder = f"{truth.root}/runs/{chain.pca}"
    assert result.stdout.split() == [chain.pca, f"{folder}/pca.zarr", f"{folder}/model.json"]


def test_jobs_build_on_runs_that_are_named(lake_, chain):
    small = ["latent=6", "hidden=16", "steps=60", "batch=64", "threads=1"]
    given = [of for name in small for of in ("--set", name)]
    embedded = lake_(jobs.command("embed"), "--set", f"run={chain.pca}", *given, "--json")
    assert json.loads(embedded.stdout)["run"] == chain.embed
    grouped = lake_(
        jobs.command("cluster"), "--set", f"run={chain.embed}", "--set", "k=3", "--json"
    )
    assert json.loads(grouped.stdout)["run"] == chain.cluster


def test_scores_of_another_store_by_name_of_the_run(lake_, truth, chain):
    result = lake_(jobs.command("transform"), "--set", f"run={chain.pca}", "--json")
    assert json.loads(result.stdout)["outputs"][0].endswith("/transform.zarr")
    refused = lake_(jobs.command("mnf"))
    assert isinstance(refused.exception, ConfigError)
    assert "second=KEY_OR_URL" in str(refused.exception)


def test_what_shrinks_is_said_and_the_log_has_times_with_their_zone(lake_, truth, chain, run_lake):
    result = lake_(jobs.command("pca"), "--set", f"run={chain.sample}", "--set", "components=300")
    run = result.stdout.split()[0]
    assert f"{run}: components=300 became 40: there are as many features" in result.stderr
    _, out, _ = run_lake("runs", "logs", run, "--lake", truth.root)
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S", line) for line in out.splitlines())
    assert out.count("components=300 became 40") == 1


def test_run_of_default_settings_that_is_made_first_is_named(client, tmp_path):
    own = small.build(tmp_path / "lake")  # other tests make runs in the lake of all
    where = [own.key, "--lake", own.root, "--address", client.scheduler.address]
    result, again = (
        CliRunner().invoke(jobs.command("pca"), [*where, "--set", f"components={count}"])
        for count in (7, 8)
    )
    (base,) = re.findall(r"(sample-\w{12}) is made first, of default settings", result.stderr)
    assert "is made first" not in again.stderr
    assert base in {run.name for run in (Path(own.root) / "runs").iterdir()}


def test_unknown_setting_is_a_configuration_error_that_names_the_known(lake_):
    pytest.importorskip("torch")  # which the job imports
    result = lake_(jobs.command("cluster"), "--set", "clusters=3")
    assert isinstance(result.exception, ConfigError)
    assert "run, k, n_init, seed" in str(result.exception)
    assert result.exception.exit_code == 64


def test_unknown_store_is_missing(lake_):
    result = lake_(jobs.command("sample"), key="goes16/none/20180101_20181231/geom-goes-conus-0")
    assert isinstance(result.exception, MissingError)


def test_classes_of_a_run_are_described_by_the_run_alone(client, truth, chain):
    where = ("--lake", truth.root, "--address", client.scheduler.address)
    result = CliRunner().invoke(classes, [chain.cluster, *where])
    assert result.exit_code == 0, result.output
    lines = result.stderr.splitlines()
    assert [line.split()[:3] for line in lines[-3:]] == [
        [str(n), "class", str(n)] for n in range(3)
    ]
    again = CliRunner().invoke(
        classes, [truth.key, *where, "--set", f"run={chain.cluster}", "--json"]
    )
    assert json.loads(again.stdout)["already_done"] is True
    missing = CliRunner().invoke(classes, ["cluster-000000000000", *where])
    assert isinstance(missing.exception, MissingError)


def test_classes_are_named_and_printed(truth, chain):
    def call(*arguments):
        return CliRunner().invoke(
            runs_, ["classes", chain.cluster, *arguments, "--lake", truth.root]
        )

    assert "class 1  #117733" in call().stdout
    named = json.loads(call("1", "city", "--colour", "#ABCDEF", "--json").stdout)["classes"]
    assert named[1] == {"number": 1, "name": "city", "colour": "#abcdef"}
    assert "city" in call().stdout
    assert "class 1  #117733" in call("1", "--forget").stdout
    for wrong in (("1",), ("--forget",), ("9", "x")):
        assert isinstance(call(*wrong).exception, ConfigError)
