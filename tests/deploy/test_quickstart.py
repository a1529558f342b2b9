"""The overlays `quickstart` as processes: from nothing to a first map, on a node of 2 cores and 8 GiB."""

import io
import json
import logging
import os
import shutil
import subprocess
import urllib.request
from contextlib import contextmanager
from urllib.parse import urlsplit

import boto3
import numpy as np
import pytest
from PIL import Image

from tests import s3
from tests.deploy import api_server, kubelet
from tests.deploy.guide import documented
from tests.deploy.manifests import (
    DEPLOY,
    QUICKSTARTS,
    ROOT,
    VERSIONS,
    fault,
    kind,
    name,
    overlay,
    pods,
    selects,
    text,
)
from tests.deploy.operator import templates
from tests.deploy.pods import Runner

LOG = logging.getLogger(__name__)
KEY = "goes16/lst-10km/20220101_20221231/geom-goes-fulldisk-0"
SYNTHETIC = "goes16/clearland-l1b-c0/20200101_20201231/geom-goes-conus-0"
NODE_CPU, NODE_GIB = 2.0, 8.0
SYSTEM_CPU, SYSTEM_GIB = 0.95, 0.6
"""What Kubernetes' own pods ask for on a node of kind, and what a node keeps for itself."""
GIB = {"Mi": 1 / 1024, "Gi": 1.0}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("which", QUICKSTARTS)
def test_quickstart_is_valid_and_needs_no_operator(which, version):
    documents = overlay(which)
    assert [found for d in documents if (found := fault(d, version))] == []
    assert not [d for d in documents if "dask.org" in d["apiVersion"]]
    assert {d["metadata"]["name"] for d in documents if kind(d, "CronJob")} == {
        "ingest", "backfill-years", "verify", "gc",
    }  # fmt: skip


@pytest.mark.parametrize("which", QUICKSTARTS)
def test_keys_of_the_object_store_are_in_no_manifest_and_all_pods_have_them(which):
    assert not [d for d in overlay(which) if kind(d, "Secret")]
    for template in templates(which).values():
        (container,) = template["spec"]["containers"]
        secrets = [of["secretRef"]["name"] for of in container["envFrom"] if "secretRef" in of]
        assert secrets == ["lake-credentials"]
    assert "SECRET" not in text({"documents": list(overlay(which))})


@pytest.mark.parametrize("which", QUICKSTARTS)
def test_pods_reach_the_object_store_by_its_address_and_nobody_else_does(which):
    named = {name(d): d for d in overlay(which)}
    url = urlsplit(named["ConfigMap/lake"]["data"]["AWS_ENDPOINT_URL"])
    service = named[f"Service/{url.hostname}"]["spec"]
    (port,) = service["ports"]
    into = named["NetworkPolicy/object-store"]["spec"]
    out = named["NetworkPolicy/to-object-store"]["spec"]
    (rule,), (way,) = into["ingress"], out["egress"]
    for pod, template in templates(which).items():
        labels = template["metadata"]["labels"]
        is_server = pod == "object-store"
        assert selects({"matchLabels": service["selector"]}, labels) == is_server
        assert selects(into["podSelector"], labels) == is_server
        assert all(selects(of["podSelector"], labels) == is_server for of in way["to"])
        assert all(selects(of["podSelector"], labels) for of in rule["from"])
        assert selects(out["podSelector"], labels)
        if is_server:
            (container,) = template["spec"]["containers"]
            ports = {of["name"]: of["containerPort"] for of in container["ports"]}
            assert ports[port["targetPort"]] == port["port"] == url.port
    assert rule["ports"] == way["ports"] == [{"protocol": "TCP", "port": url.port}]


@pytest.mark.parametrize("which", ["local", *QUICKSTARTS])
def test_profile_fits_a_small_node(which):
    """All that stays, and of the jobs the two largest at the same time."""
    stays, jobs = [], []
    for document in overlay(which):
        asked = [requests(pod["containers"][0]["resources"]) for pod in pods(document)]
        (jobs if document["kind"] in ("CronJob", "Job") else stays).extend(asked)
    cpu = sum(of[0] for of in stays) + sum(sorted((of[0] for of in jobs), reverse=True)[:2])
    gib = sum(of[1] for of in stays) + sum(sorted((of[1] for of in jobs), reverse=True)[:2])
    assert cpu <= NODE_CPU - SYSTEM_CPU
    assert gib <= NODE_GIB - SYSTEM_GIB


def requests(resources) -> tuple[float, float]:
    """Cores and GiB that a container asks for."""
    cpu, memory = resources["requests"]["cpu"], resources["requests"]["memory"]
    cores = float(cpu.removesuffix("m")) / (1000 if cpu.endswith("m") else 1)
    return cores, float(memory[:-2]) * GIB[memory[-2:]]


def limit_bytes(documents, wanted) -> float:
    """Memory that the pod of a workload is given."""
    ((container,),) = [pod["containers"] for d in documents if name(d) == wanted for pod in pods(d)]
    return requests(container["resources"])[1] * 2**30


@contextmanager
def standing(folder, *, may_be_real=True):
    """What `deploy/quickstart.sh up` meets; the S3 server is SeaweedFS where there is a `weed`, else moto."""
    secrets = {}
    with (
        api_server.stood_in(folder) as server,
        s3.moto() as there,
        Runner(overlay("quickstart-synthetic"), secrets, folder / "pods") as runner,
    ):
        if not (may_be_real and shutil.which("weed")):
            stand_in(runner, there)
        here = kubelet.Kubelet(server, runner, secrets)
        with kubelet.programs(here, folder) as programs:
            yield here, programs


def stand_in(runner, there) -> None:
    """Have pods find this moto server as the object store; it has the bucket and takes any keys."""
    runner.services["object-store", 8333] = urlsplit(there["AWS_ENDPOINT_URL"]).port
    bucket("lake", there)


def bucket(name, there):
    """A bucket of a moto server, which is made."""
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=there["AWS_ENDPOINT_URL"], **keys)
    client.create_bucket(Bucket=name)
    return client


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with standing(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture(scope="module")
def first_map(cluster, tmp_path_factory):
    """The picture on the laptop, and what the script said."""
    _, programs = cluster
    path = tmp_path_factory.mktemp("laptop") / "map.png"
    done = run(programs, documented("deploy/quickstart.sh up").replace("map.png", str(path)))
    assert done.returncode == 0, done.stderr
    return path, done.stdout


def run(programs, command, **settings):
    path = f"{programs}:{os.environ['PATH']}"
    return subprocess.run(
        command.split(), check=False, capture_output=True, text=True, cwd=ROOT,
        env=os.environ | {"PATH": path} | settings, timeout=240,
    )  # fmt: skip


def test_one_command_makes_the_cluster_and_a_first_map(cluster, first_map):
    _, programs = cluster
    path, said = first_map
    assert f"{path} is the first map, of {SYNTHETIC}\n" in said
    calls = (programs / "log").read_text().splitlines()
    assert [call.partition(" --build-arg")[0] for call in calls[:1]] == [
        f"docker build -f {DEPLOY}/Dockerfile --target cpu"
    ]
    assert calls[1:] == [
        "kind get clusters",
        "kind create cluster --name goeslake",
        "kind load docker-image goeslake:cpu --name goeslake",
    ]
    picture = np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100  # land of many temperatures


def test_memory_of_every_pod_of_the_first_map_fits_its_limit(cluster, first_map):
    here, _ = cluster
    documents = overlay("quickstart-synthetic")
    workloads = {"granules": "Job/granules", "first": "CronJob/ingest"}
    explorer = here.running["explorer"].memory_bytes()
    peaks = {workload: here.peaks[of] for of, workload in workloads.items()}
    # the page and the drawing are in one container
    peaks["Deployment/explorer"] = explorer + here.peaks["lake plot"]
    if server := here.running.get("object-store"):
        peaks["Deployment/object-store"] = server.peak_bytes()
    for workload, peak in peaks.items():
        LOG.info("peak of %s: %.0f MB", workload, peak / 1e6)
        assert 0 < peak < limit_bytes(documents, workload), workload


def test_second_call_changes_neither_keys_nor_lake(cluster, first_map, tmp_path):
    """By k3d, whose cluster is there already; the API server is the same."""
    here, programs = cluster
    path, _ = first_map
    keys = dict(here.secrets["lake-credentials"])
    assert len(keys["AWS_SECRET_ACCESS_KEY"]) == 40
    before = (programs / "log").read_text().splitlines()
    done = run(programs, f"deploy/quickstart.sh up {tmp_path}/again.png", CLUSTER="k3d")
    assert done.returncode == 0, done.stderr
    calls = (programs / "log").read_text().splitlines()[len(before) + 1 :]
    assert calls == ["k3d cluster get goeslake", "k3d image import goeslake:cpu --cluster goeslake"]
    assert here.secrets["lake-credentials"] == keys
    assert (tmp_path / "again.png").stat().st_size == path.stat().st_size


@pytest.mark.parametrize(
    ("command", "settings", "code", "called"),
    [
        (documented("deploy/quickstart.sh down"), {}, 0, ["kind delete cluster --name goeslake"]),
        ("deploy/quickstart.sh down", {"CLUSTER": "k3d"}, 0, ["k3d cluster delete goeslake"]),
        ("deploy/quickstart.sh up", {"SOURCE": "nasa"}, 64, []),
        ("deploy/quickstart.sh up", {"CLUSTER": "minikube"}, 64, []),
        ("deploy/quickstart.sh sideways", {}, 64, []),
    ],
)
def test_script_takes_it_down_again_and_refuses_what_it_does_not_know(
    cluster, first_map, command, settings, code, called
):
    _, programs = cluster
    before = (programs / "log").read_text().splitlines()
    assert run(programs, command, **settings).returncode == code
    assert (programs / "log").read_text().splitlines() == before + called


def test_failed_job_ends_the_script_with_its_log(tmp_path):
    """Its place is not empty."""
    with standing(tmp_path, may_be_real=False) as (here, programs):
        port = here.runner.services["object-store", 8333]
        client = bucket("other", {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"})
        client.put_object(Bucket="lake", Key="granules/thesis.txt", Body=b"")
        done = run(programs, f"deploy/quickstart.sh up {tmp_path}/map.png")
    assert done.returncode == 1
    assert "job granules did not complete" in done.stderr
    assert "is not empty" in done.stderr
    assert not (tmp_path / "map.png").exists()


@pytest.fixture(scope="module")
def hourly(tmp_path_factory):
    """The overlay that takes NOAA's files."""
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    folder = tmp_path_factory.mktemp("pods")
    with (
        s3.moto() as there,
        Runner(overlay("quickstart"), {"lake-credentials": keys}, folder) as pods,
    ):
        stand_in(pods, there)
        yield pods


@pytest.fixture(scope="module")
def ingested(hourly, shared_data) -> int:
    """The largest memory of the CronJob's pod that took a day of real files."""
    day = {"LAKE_LISTING_SET": "sat=goes16", "SINCE": "2022-12-14", "UNTIL": "2022-12-14"}
    pod = hourly.job("ingest", SOURCE=str(shared_data / "abi" / "lstf"), **day)
    peak = pod.peak_of_all()
    assert pod.process.returncode == 0, pod.err
    (outcome,) = json.loads(pod.out)
    assert (outcome["key"], outcome["merged"]) == (KEY, 24)
    return peak


def test_first_hour_of_real_files_fits_its_memory(ingested):
    LOG.info("peak of ingest, 24 time steps of real files: %.0f MB", ingested / 1e6)
    assert 0 < ingested < limit_bytes(overlay("quickstart"), "CronJob/ingest")


@pytest.mark.parametrize(
    ("workload", "port", "path", "expected"),
    [
        ("explorer", 8765, "/stores.json", KEY),
        ("metrics", 9105, "/metrics", f'lake_store_steps{{key="{KEY}",status="merged"}} 24'),
    ],
)
def test_page_and_metrics_show_the_store_within_their_memory(
    hourly, ingested, workload, port, path, expected
):
    (spec,) = pods(hourly.document("Deployment", workload))
    pod = hourly.start(workload, spec)
    hourly.wait_ready(pod, spec)
    with urllib.request.urlopen(f"http://127.0.0.1:{pod.ports[port]}{path}") as answer:
        assert expected in answer.read().decode()
    LOG.info("%s: %.0f MB", workload, pod.memory_bytes() / 1e6)
    assert 0 < pod.memory_bytes() < limit_bytes(overlay("quickstart"), f"Deployment/{workload}")
