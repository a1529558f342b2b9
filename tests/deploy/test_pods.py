"""The rendered `local` overlay as processes against an S3 server: every workload does what it is for."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import yaml
from distributed import Client
from prometheus_client.parser import text_string_to_metric_families

import lake
from ingest import ingestion
from ingest.listing import listing
from ingest.synthetic import granules
from lake.catalogue import catalogue
from lake.storage.connect import connect
from lake.storage.objects import exists
from lake.storage.urls import join
from lake.store import commits, ledger
from lake.store.generations import StoreState
from lake.upkeep import reports
from tests import s3
from tests.compare import assert_equal
from tests.deploy.guide import documented
from tests.deploy.manifests import DEPLOY, PROGRAMS, ROOT, pods, rendered
from tests.deploy.pods import PROCESS_1, Runner

SMALL = [
    "sat=goes16", "t0=2020-01-01", "tf=2020-12-31", "layout.chunk=128", "layout.phases=4",
    "domain.mask=none", *(f"cubes.day-{size}.tods=[54000]" for size in ("2km", "1km", "500m")),
    "cubes.night-2km.tods=[54000]",
]  # fmt: skip
"""Two days of two months, at 15 UTC: four time steps."""
STEPS = 4
KEY = "goes16/clearland-l1b-c0/20200101_20201231/geom-goes-conus-0"
FEBRUARY = "goes16/clearland-l1b-c0/20200201_20200229/geom-goes-conus-0"


METRIC = re.compile(r"^(lake_\w+)", re.MULTILINE)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    days = {"years": (2020,), "months": (1, 2), "days": (10, 20), "tods": (54000,)}
    granules.write(folder, shape=(40, 48), seed=3, missing=False, **days)
    return folder


@pytest.fixture(scope="module")
def reference(client, source, tmp_path_factory) -> lake.Store:
    """The same source taken by one undisturbed run, in a folder."""
    rules = listing.load("clearland-l1b-c0", SMALL)
    (outcome,) = ingestion.run(
        client, rules, str(source), str(tmp_path_factory.mktemp("reference"))
    )
    assert outcome.stored == STEPS
    return lake.open(outcome.url)


@pytest.fixture(scope="module")
def settings(source, s3_environment) -> dict[str, str]:
    """What a user's own overlay says: where the lake is, and what goes into it."""
    bucket = connect(f"s3://{s3.BUCKET}/source-{uuid4().hex[:8]}")
    for path in source.glob("*.nc"):
        bucket.put(path.name, path.read_bytes())
    return {
        "LAKE_ROOT": f"s3://{s3.BUCKET}/{uuid4().hex}",
        "AWS_ENDPOINT_URL": s3_environment["AWS_ENDPOINT_URL"],
        "AWS_REGION": s3_environment["AWS_REGION"],
        "SOURCE": bucket.root,
        "PERIOD": "listing",
        "SINCE": "2020-01-01",
        "UNTIL": "2020-02-29",
        "PUBLISH": "now",
        "LAKE_LISTING_SET": " ".join(SMALL),
        "VERIFY": KEY,
    }


@pytest.fixture(scope="module")
def runner(settings, s3_environment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("overlay")
    lake_ = [f"{name}={value}" for name, value in settings.items()]
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(DEPLOY / "overlays" / "local", folder.resolve())],
        "namespace": "goeslake",
        "generatorOptions": {"disableNameSuffixHash": True},
        "configMapGenerator": [{"name": "lake", "behavior": "merge", "literals": lake_}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    secrets = {"lake-credentials": {name: s3_environment[name] for name in keys}}
    with Runner(rendered(folder), secrets, tmp_path_factory.mktemp("pods")) as running:
        yield running


@pytest.fixture(scope="module")
def ingested(runner, settings, reference) -> str:
    """A lake that the CronJob's pod filled: killed once under way, then twice at the same time."""
    root = connect(settings["LAKE_ROOT"])
    first = runner.job("ingest")
    while first.process.poll() is None and not root.list(f"{KEY}/parts"):
        time.sleep(0.05)
    first.kill()
    assert first.process.returncode == -9, first.err  # it was under way
    pods = [runner.job("ingest"), runner.job("ingest")]
    for pod in pods:
        assert pod.finish() == 0, pod.err
    merged = [json.loads(pod.out)[0]["merged"] for pod in pods]
    assert sum(merged) == STEPS, merged
    return settings["LAKE_ROOT"]


@pytest.fixture(scope="module")
def dask(runner):
    return runner.cluster("lake", workers=2)


def test_overlapping_and_killed_pods_take_every_time_step_once(ingested, reference):
    store = connect(join(ingested, KEY))
    entries = ledger.read(store, StoreState.from_commit(commits.head(store)).ledger)
    assert len(entries.steps(ledger.MERGED)) == STEPS
    assert_equal(lake.open(join(ingested, KEY)), reference)


def test_logs_are_json_with_one_run_id_a_pod(runner, ingested):
    """A pod that found everything done by the other says nothing."""
    pods = [pod.err.splitlines() for pod in runner.started if pod.name == "ingest"]
    ids = [{json.loads(line)["run"] for line in lines} for lines in pods if lines]
    assert ids
    assert all(len(of) == 1 for of in ids)
    assert len(set.union(*ids)) == len(ids)


@pytest.mark.parametrize(
    ("wrong", "code", "message"),
    [
        ({"LAKE_LISTING_SET": "sat=goes99"}, 64, "goes99"),
        ({"SOURCE": "broken"}, 65, "no granule of"),
    ],
)
def test_exit_code_says_whether_a_retry_helps(runner, settings, source, wrong, code, message):
    root = f"s3://{s3.BUCKET}/{uuid4().hex}"
    if "SOURCE" in wrong:
        broken = connect(f"s3://{s3.BUCKET}/broken-{uuid4().hex[:8]}")
        for path in source.glob("*_s20200101*.nc"):
            broken.put(path.name, b"cut" if "C13" in path.name else path.read_bytes())
        wrong = {"SOURCE": broken.root}
    pod = runner.job("ingest", **{"LAKE_ROOT": root} | wrong)
    assert pod.finish() == code, pod.err
    last = json.loads(pod.err.splitlines()[-1])
    assert (last["level"], message in last["message"]) == ("error", True)
    policy = runner.document("CronJob", "ingest")["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]
    assert code in policy["rules"][0]["onExitCodes"]["values"]


def test_backfill_is_computed_by_the_cluster(runner, dask, ingested, reference):
    february = [of for of in SMALL if not of.startswith(("t0", "tf"))]
    month = " ".join([*february, "t0=2020-02-01", "tf=2020-02-29"])
    pod = runner.job("backfill", LAKE_LISTING_SET=month)
    assert pod.finish() == 0, pod.err
    (outcome,) = json.loads(pod.out)
    assert (outcome["key"], outcome["stored"]) == (FEBRUARY, STEPS // 2)
    found, wanted = (
        store.block("day-1km", slice(None), 2) for store in (lake.open(outcome["url"]), reference)
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    said = [json.loads(line)["message"] for line in pod.err.splitlines()]
    assert any(message.startswith("Dask cluster at tcp://") for message in said)


@pytest.mark.parametrize(("index", "code"), [("0", 0), ("1", 64)])
def test_backfill_of_years_fills_the_year_of_its_index(runner, settings, index, code):
    """Without a standing cluster; an index too many is refused, which fails that index alone."""
    rules = [of for of in SMALL if not of.startswith(("t0", "tf"))]
    years = {"BACKFILL_SINCE": "2020-01-01", "BACKFILL_UNTIL": "2020-12-31"}
    root = {"LAKE_ROOT": f"s3://{s3.BUCKET}/{uuid4().hex}", "LAKE_LISTING_SET": " ".join(rules)}
    pod = runner.job("backfill-years", JOB_COMPLETION_INDEX=index, **years, **root)
    assert pod.finish() == code, pod.err
    if code == 0:
        (outcome,) = json.loads(pod.out)
        assert (outcome["key"], outcome["stored"]) == (KEY, STEPS)


@pytest.fixture(scope="module")
def laptop(dask, ingested, s3_environment):
    """A shell on a laptop that speaks to the cluster by the forwarded port: what a command prints."""
    scheduler, _ = dask
    forwarded = f"localhost:{scheduler.ports[8786]}"  # kubectl port-forward
    begin = documented("export LAKE_ROOT=s3://BUCKET/lake").replace("localhost:8786", forwarded)
    begin = begin.replace("s3://BUCKET/lake", ingested)
    path = f"{PROGRAMS}:{os.environ['PATH']}"

    def run(command) -> str:
        done = subprocess.run(
            ["bash", "-ec", f"{begin}\n{command}"],
            check=False, capture_output=True, text=True, timeout=120,
            env=os.environ | s3_environment | {"PYTHONPATH": str(ROOT), "PATH": path},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_job_from_the_laptop_runs_in_the_cluster(laptop, dask, ingested):
    scheduler, _ = dask
    run_id = laptop(documented("lake pca KEY --detach").replace("KEY", KEY)).strip()
    folder = connect(join(ingested, f"runs/{run_id}"))
    finished = laptop(documented("lake runs watch RUN").replace("RUN", run_id))
    assert f"{folder.root}/pca.zarr" in finished
    again = documented("lake runs resume RUN --address ...").replace("RUN", run_id)
    assert run_id in laptop(again.replace("...", f"tcp://localhost:{scheduler.ports[8786]}"))
    laptop(documented("lake runs rm RUN").replace("RUN", run_id))
    assert folder.list() == []


def test_verify_gc_and_metrics_tell_how_the_lake_fares(runner, ingested):
    for name in ("verify", "gc"):
        pod = runner.job(name)
        assert pod.finish() == 0, pod.err
    assert _command(runner.document("CronJob", "gc")).startswith(documented("lake gc"))
    deployment = runner.document("Deployment", "metrics")
    assert _command(deployment).startswith(documented("lake prometheus serve"))
    spec = deployment["spec"]["template"]["spec"]
    pod = runner.start("metrics", spec)
    runner.wait_ready(pod, spec)
    with urllib.request.urlopen(f"http://127.0.0.1:{pod.ports[9105]}/metrics") as answer:
        text = answer.read().decode()
    printed = pod.execute(documented("lake prometheus").split())
    assert set(METRIC.findall(printed.out.decode())) == set(METRIC.findall(text))
    families = text_string_to_metric_families(text)
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }
    assert found["lake_store_steps", KEY, "merged"] == STEPS
    assert (
        found["lake_command_exit_code", "goes16/clearland-l1b-c0/20200101_20201231", "ingest"] == 0
    )
    end = found[
        "lake_command_counted", "goes16/clearland-l1b-c0/20200101_20201231", "ingest", "period_end"
    ]
    assert datetime.fromtimestamp(end, UTC).date() == date(2020, 12, 31)
    assert found["lake_command_counted", "findings", KEY, "verify"] == 0
    assert found["lake_command_exit_code", "", "gc"] == 0


def _command(document) -> str:
    """What the container of a workload runs."""
    (pod,) = pods(document)
    (container,) = pod["containers"]
    return " ".join([*container["command"], *container["args"]])


def test_dashboard_of_the_scheduler_is_there(dask):
    """Without bokeh this is a page that asks for it."""
    scheduler, _ = dask
    with urllib.request.urlopen(f"http://127.0.0.1:{scheduler.ports[8787]}/status") as answer:
        page = answer.read().decode()
    assert page.count("data-root-id") > 3  # its plots


def test_retired_worker_is_named_as_its_deployment(dask, ingested):
    """What the operator deletes is the Deployment of the name that the scheduler gives back."""
    scheduler, workers = dask
    url = f"http://127.0.0.1:{scheduler.ports[8787]}/api/v1"
    with Client(f"tcp://127.0.0.1:{scheduler.ports[8786]}") as client:
        client.wait_for_workers(len(workers), timeout=60)
    ask = urllib.request.Request(  # noqa: S310 (loopback)
        f"{url}/retire_workers", b'{"n": 1}', {"Content-Type": "application/json"}
    )
    retired = json.load(urllib.request.urlopen(ask))  # noqa: S310
    (name,) = [of["name"] for of in retired.values()]
    (worker,) = [pod for pod in workers if pod.name == name]
    assert worker.finish() == 0, worker.err


def test_pod_that_is_asked_to_end_does_so_in_time_and_may_be_tried_again(runner, settings):
    if subprocess.run([*PROCESS_1, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no right to make a PID namespace")
    job = runner.document("CronJob", "ingest")["spec"]["jobTemplate"]["spec"]
    where = {"LAKE_ROOT": f"s3://{s3.BUCKET}/{uuid4().hex}"}
    root = connect(where["LAKE_ROOT"])
    pod = runner.job("ingest", within=PROCESS_1, **where)
    while pod.process.poll() is None and not exists(root, catalogue.MARKER):
        time.sleep(0.05)  # its cluster stands, its run begins
    pod.ask_to_end()
    code = pod.process.wait(job["template"]["spec"]["terminationGracePeriodSeconds"])
    assert code == 128 + signal.SIGTERM, pod.err
    assert code not in job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"]
    assert "asked to end (SIGTERM)" in pod.err
    assert reports.read(root) == []  # nobody needs to look
