"""Metrics, read back by Prometheus' own parser."""

import math
import threading
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from http.client import HTTPConnection

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest import ingestion
from ingest.listing import listing
from ingest.synthetic import granules
from jobs.commands.prometheus_server import PrometheusText, server
from jobs.runs import driver, heartbeat, records
from jobs.runs.spec import FinishedRun
from jobs.sampling import sample
from lake.catalogue import catalogue
from lake.errors import UnreachableError
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import commits
from lake.upkeep import reports
from lake.upkeep.prometheus import Family, text
from tests.faults.proxy import Faults
from tests.jobs import small

RULES = ["t0=2020-01-01", "tf=2020-12-31", "layout.chunk=64", "layout.phases=4", "domain.mask=none"]
KEY = "goes16/clearland-l1b-c0/20200101_20201231/geom-goes-conus-0"


@pytest.fixture(scope="module")
def filled(client, tmp_path_factory):
    """A lake of one day of July, its outcome, and the bytes of its source."""
    source, root = tmp_path_factory.mktemp("source"), str(tmp_path_factory.mktemp("lake"))
    days = {"years": (2020,), "months": (7,), "days": (10,)}
    granules.write(source, shape=(32, 40), seed=3, missing=False, **days)
    rules = listing.load("clearland-l1b-c0", RULES)
    with reports.record(root, "ingest", "it"):
        (outcome,) = ingestion.run(client, rules, str(source), root)
    return root, outcome, sum(path.stat().st_size for path in source.glob("*.nc"))


def read(told: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(told)
        for sample in family.samples
    }


def test_metrics_are_what_was_committed(filled):
    root, outcome, size = filled
    found = read(PrometheusText(root, 0).text())
    steps = {s: found["lake_store_steps", KEY, s] for s in ("merged", "staged", "missing")}
    assert steps == {"merged": outcome.stored, "staged": 0, "missing": outcome.missing}
    last = datetime(2020, 7, 10, 21, tzinfo=UTC).timestamp()
    assert found["lake_store_newest_step_timestamp_seconds", KEY] == last
    end = datetime(2021, 1, 1, tzinfo=UTC).timestamp()
    assert found["lake_store_period_end_timestamp_seconds", KEY] == end
    store = connect(join(root, KEY))
    number = commits.head(store).number
    assert found["lake_store_commits", KEY] == number
    written = store.stat(commits.path(number)).modified.timestamp()
    assert found["lake_store_last_commit_timestamp_seconds", KEY] == written
    assert 0 < found["lake_store_source_bytes", KEY] <= size
    stored = sum(e.size for e in store.entries(outcome.url.partition(KEY + "/")[2]))
    assert found["lake_store_stored_bytes", KEY] == stored
    assert found["lake_command_exit_code", "ingest", "it"] == 0
    assert found["lake_command_counted", "ingest", "it", "commit_seconds_count"] == number
    assert found["lake_command_counted", "ingest", "it", "commit_seconds_max"] > 0


def test_what_did_not_change_is_not_read_again(filled, monkeypatch):
    text = PrometheusText(filled[0], 0)
    first = text.text()
    monkeypatch.setattr("lake.upkeep.prometheus.read_facts", None)
    assert text.text() == first


def test_runs_are_counted_by_job_and_state(client, tmp_path):
    made = small.build(tmp_path / "lake")
    text = PrometheusText(made.root, 0)
    for phases in (1, 2):
        driver.run(client, made.root, made.key, sample.Settings(phases=phases))
    store = records.open_store(made.root, made.key)
    (waiting,) = sample.specs(made.root, store, sample.Settings(phases=3))
    records.write_spec(made.root, waiting)
    found = read(text.text())
    assert found["lake_runs", "sample", "done"] == 2
    assert found["lake_runs", "sample", "queued"] == 1


def test_runs_that_are_done_are_not_read_again(moto_root, break_s3):
    objects = connect(moto_root)
    catalogue.claim(objects)
    many = 40
    for number in range(many):
        run = records.folder(moto_root, f"sample-{number:012x}")
        run.put("spec.json", b"{}")
        run.put("done.json", records.as_json(asdict(FinishedRun("", (), 1, ""))))
    records.folder(moto_root, "no-run").put("left", b"")
    proxy = break_s3(Faults())
    text = PrometheusText(moto_root, 0)
    assert read(text.text())["lake_runs", "sample", "done"] == many
    before = proxy.requests
    assert read(text.text())["lake_runs", "sample", "done"] == many
    assert proxy.requests - before < 10


@contextmanager
def asking(root):
    """Status and body of what a server of this lake answers."""
    with server(PrometheusText(root, 60), "127.0.0.1", 0) as serving:
        threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True).start()

        def ask(path):
            connection = HTTPConnection("127.0.0.1", serving.server_port)
            connection.request("GET", path)
            answer = connection.getresponse()
            told = answer.status, answer.read().decode()
            connection.close()
            return told

        yield ask
        serving.shutdown()


def test_server_answers_prometheus(filled):
    with asking(filled[0]) as ask:
        status, told = ask("/metrics")
        assert (status, "lake_store_steps" in told) == (200, True)
        assert ask("/healthz") == (200, "ok\n")
        assert ask("/")[0] == 404


def test_server_says_when_the_lake_does_not_answer(tmp_path, capsys, monkeypatch):
    def refuse(_):
        raise UnreachableError("the server fails")

    monkeypatch.setattr(catalogue, "rows", refuse)
    with asking(str(tmp_path / "nothing")) as ask:
        assert ask("/metrics")[0] == 503
        assert ask("/healthz")[0] == 200
    assert "the server fails" in capsys.readouterr().err


def test_text_keeps_odd_values_and_labels():
    odd = {"key": 'a "b" \\ c\nd'}
    (family,) = text_string_to_metric_families(
        text([Family("lake_x", "About x.", [(odd, 1.5), ({"key": "nan"}, math.nan)])])
    )
    assert family.samples[0].labels == odd
    assert family.samples[0].value == 1.5
    assert family.samples[1].labels == {"key": "nan"}
    assert math.isnan(family.samples[1].value)


def test_run_that_was_removed_is_no_longer_counted(tmp_path, run_lake):
    """So that its alert ends."""
    root = str(tmp_path / "lake")
    spec = records.Spec("pca", {}, (), {})
    records.write_spec(root, spec)
    heartbeat.write(records.folder(root, spec.id), heartbeat.Status("failed", records.now()))
    assert read(PrometheusText(root, 0).text())["lake_runs", "pca", "failed"] == 1
    code, out, _ = run_lake("runs", "rm", spec.id, "--lake", root)
    assert (code, out.strip()) == (0, f"{spec.id}: 2 objects deleted")
    assert ("lake_runs", "pca", "failed") not in read(PrometheusText(root, 0).text())


def test_place_without_a_lake_has_no_store(tmp_path):
    """Nothing ever came so far: that is known, and not that the exporter is down."""
    assert read(PrometheusText(str(tmp_path / "none"), 0).text())["lake_stores",] == 0
