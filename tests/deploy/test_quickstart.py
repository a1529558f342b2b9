"""The overlay `quickstart` as processes: from nothing to a first map, on a node of 2 cores and 8 GiB."""

import json
import logging
import re
import time
import urllib.request

import pytest

import lake
from tests.deploy import api_server
from tests.deploy.manifests import QUICKSTART, ROOT, VERSIONS, fault, kind, overlay, pods, text
from tests.deploy.pods import Pod, Runner

LOG = logging.getLogger(__name__)
KEY = "goes16/lst-10km/20220101_20221231/geom-goes-fulldisk-0"
NODE_CPU, NODE_GIB = 2.0, 8.0
SYSTEM_CPU, SYSTEM_GIB = 0.95, 0.6
"""What Kubernetes' own pods ask for on a node of kind, and what a node keeps for itself."""
GIB = {"Mi": 1 / 1024, "Gi": 1.0}


@pytest.mark.parametrize("version", VERSIONS)
def test_quickstart_is_valid_and_needs_no_operator_and_no_keys(version):
    documents = overlay(QUICKSTART)
    assert [found for d in documents if (found := fault(d, version))] == []
    assert not [d for d in documents if "dask.org" in d["apiVersion"]]
    assert not [d for d in documents if "secretRef" in text(d) or kind(d, "Secret")]
    assert {d["metadata"]["name"] for d in documents if kind(d, "CronJob")} == {
        "ingest", "backfill-years", "verify", "gc",
    }  # fmt: skip
    claims = {d["metadata"]["name"] for d in documents if kind(d, "PersistentVolumeClaim")}
    for document in documents:
        for pod in pods(document):
            of = [
                v["persistentVolumeClaim"] for v in pod["volumes"] if "persistentVolumeClaim" in v
            ]
            assert [claim["claimName"] for claim in of] == ["lake"]
            assert claims == {"lake"}


def test_documented_commands_are_taken_by_a_server_without_an_operator(tmp_path):
    """Up to the job, which a controller would run; the kinds of Dask are not there."""
    text = (ROOT / "docs" / "deploy.md").read_text()
    (line,) = re.findall(
        r"^    (kubectl apply -k deploy/overlays/quickstart .*)$", text, re.MULTILINE
    )
    *commands, wait = line.split(" && ")
    assert wait == "kubectl -n goeslake wait --for=condition=complete --timeout=20m job/first"
    with api_server.stood_in(tmp_path) as server:
        apply, create = commands
        server.shell(apply)
        as_yaml = "--dry-run=client -o yaml | kubectl apply -f -"  # else it is sent as protobuf
        server.shell(f"{create} {as_yaml}")
        job = server.read({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "first"}})
        (container,) = job["spec"]["template"]["spec"]["containers"]
        assert container["args"][:2] == ["ingest", "run"]


@pytest.mark.parametrize("which", ["local", QUICKSTART])
def test_profile_fits_a_small_node(which):
    """All that stays, and of the jobs the two largest at the same time."""
    stays, jobs = [], []
    for document in overlay(which):
        asked = [requests(pod["containers"][0]["resources"]) for pod in pods(document)]
        (jobs if kind(document, "CronJob") else stays).extend(asked)
    cpu = sum(of[0] for of in stays) + sum(sorted((of[0] for of in jobs), reverse=True)[:2])
    gib = sum(of[1] for of in stays) + sum(sorted((of[1] for of in jobs), reverse=True)[:2])
    assert cpu <= NODE_CPU - SYSTEM_CPU
    assert gib <= NODE_GIB - SYSTEM_GIB


def requests(resources) -> tuple[float, float]:
    """Cores and GiB that a container asks for."""
    cpu, memory = resources["requests"]["cpu"], resources["requests"]["memory"]
    cores = float(cpu.removesuffix("m")) / (1000 if cpu.endswith("m") else 1)
    return cores, float(memory[:-2]) * GIB[memory[-2:]]


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    with Runner(overlay(QUICKSTART), {}, tmp_path_factory.mktemp("pods")) as running:
        yield running


@pytest.fixture(scope="module")
def ingested(runner, shared_data) -> tuple[str, int]:
    """The store after the CronJob's pod took a day of real files, and the pod's largest memory."""
    day = {"LAKE_LISTING_SET": "sat=goes16", "SINCE": "2022-12-14", "UNTIL": "2022-12-14"}
    pod = runner.job("ingest", SOURCE=str(shared_data / "abi" / "lstf"), **day)
    peak = peak_bytes(pod)
    assert pod.process.returncode == 0, pod.err
    (outcome,) = json.loads(pod.out)
    assert (outcome["key"], outcome["merged"]) == (KEY, 24)
    return outcome["url"], peak


def peak_bytes(pod: Pod) -> int:
    """The largest memory of a pod until it ends."""
    peak = 0
    while pod.process.poll() is None:
        peak = max(peak, pod.memory_bytes())
        time.sleep(0.2)
    return peak


def limit_bytes(runner, wanted, workload) -> float:
    (pod,) = pods(runner.document(wanted, workload))
    return float(requests(pod["containers"][0]["resources"])[1]) * 2**30


def test_first_ingest_makes_a_store_within_its_memory(runner, ingested):
    url, peak = ingested
    LOG.info("peak of ingest, 24 time steps: %.0f MB", peak / 1e6)
    store = lake.open(url)
    assert len(store.months) == 1
    assert 0 < peak < limit_bytes(runner, "CronJob", "ingest")


@pytest.mark.parametrize(
    ("workload", "port", "path", "expected"),
    [
        ("explorer", 8765, "/stores.json", KEY),
        ("metrics", 9105, "/metrics", f'lake_store_steps{{key="{KEY}",status="merged"}} 24'),
    ],
)
def test_page_and_metrics_show_the_store_within_their_memory(
    runner, ingested, workload, port, path, expected
):
    (spec,) = pods(runner.document("Deployment", workload))
    pod = runner.start(workload, spec)
    runner.wait_ready(pod, spec)
    with urllib.request.urlopen(f"http://127.0.0.1:{pod.ports[port]}{path}") as answer:
        assert expected in answer.read().decode()
    LOG.info("%s: %.0f MB", workload, pod.memory_bytes() / 1e6)
    assert 0 < pod.memory_bytes() < limit_bytes(runner, "Deployment", workload)
