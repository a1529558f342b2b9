"""Who may speak to whom, and by which address."""

import pytest
import yaml

from tests.deploy import operator
from tests.deploy.manifests import OVERLAYS, kind, name, overlay, selects, text
from tests.deploy.operator import templates


@pytest.mark.parametrize("which", OVERLAYS)
def test_network_policies_know_every_pod_and_who_speaks_to_the_scheduler(which):
    """Where nothing is allowed that no policy names, a label that is missing is a pod that hangs."""
    clients = set()
    for document in overlay(which):
        spec = document.get("spec", {})
        if kind(document, "CronJob"):
            spec = spec["jobTemplate"]["spec"]
        if not kind(document, "CronJob") and not kind(document, "Deployment"):
            continue
        template = spec["template"]
        labels = template["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "goeslake"
        (container,) = template["spec"]["containers"]
        sources = [of.get("configMapRef", {}).get("name") for of in container["envFrom"]]
        assert ("dask" in sources) == (labels.get("goeslake/dask-client") == "true")
        clients |= {document["metadata"]["name"]} if "dask" in sources else set()
    assert clients == {"backfill", "merge"}


def test_operator_can_retire_and_reach_every_cluster():
    for which in OVERLAYS:
        settings = {
            d["metadata"]["name"]: d["data"] for d in overlay(which) if kind(d, "ConfigMap")
        }
        routes = settings["dask"]["DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES"]
        assert "distributed.http.scheduler.api" in yaml.safe_load(routes)
        for document in overlay(which):
            if kind(document, "DaskCluster"):
                scheduler, _, worker = operator.made(document, workers=1)
                (of,) = worker["spec"]["template"]["spec"]["containers"]
                (address,) = [e for e in of["env"] if e["name"] == "DASK_SCHEDULER_ADDRESS"]
                key = address["valueFrom"]["configMapKeyRef"]["key"]
                cluster, scheme = document["metadata"]["name"], settings["dask"]["DASK_PROTOCOL"]
                host = scheduler["metadata"][
                    "name"
                ]  # of the pod's own namespace, whatever its name
                assert host == f"{cluster}-scheduler"
                assert settings["dask"][key] == f"{scheme}://{host}:8786"
                assert "$(DASK_WORKER_NAME)" in of["args"]  # or the operator deletes another's pod
                labels = worker["spec"]["template"]["metadata"]["labels"]
                assert labels["app.kubernetes.io/name"] == "goeslake"  # network policies go by it


@pytest.mark.parametrize("which", OVERLAYS)
def test_no_address_or_certificate_names_the_namespace(which):
    """A copy of another name would speak to the first one's scheduler, or trust its certificate."""
    for document in overlay(which):
        assert ".svc" not in text(document)
        if name(document) == "Certificate/dask-tls":
            schedulers = {"lake-scheduler", "lake-gpu-scheduler"}
            assert set(document["spec"]["dnsNames"]) == schedulers | {"localhost"}


@pytest.mark.parametrize("which", OVERLAYS)
def test_prometheus_is_sent_to_a_port_that_is_open_to_it(which):
    (policy,) = [d["spec"] for d in overlay(which) if name(d) == "NetworkPolicy/prometheus"]
    reachable = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    scraped = set()
    for pod, template in templates(which).items():
        about = template["metadata"].get("annotations", {})
        if about.get("prometheus.io/scrape") == "true":
            (container,) = template["spec"]["containers"]
            port = int(about["prometheus.io/port"])
            assert port in {of["containerPort"] for of in container["ports"]} & reachable, pod
            assert about["prometheus.io/path"] == "/metrics"
            assert selects(policy["podSelector"], template["metadata"]["labels"])
            scraped.add(pod)
    assert scraped == {"metrics", *(pod for pod in templates(which) if " " in pod)}
