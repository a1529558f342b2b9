"""The component for Prometheus' operator: the same alerts, the same ports."""

import copy
import os

import pytest
import yaml

from tests.deploy import alerts
from tests.deploy.manifests import DEPLOY, VERSIONS, fault, name, rendered, selects
from tests.deploy.operator import templates


@pytest.fixture(scope="module")
def monitored(tmp_path_factory):
    """The overlay for AWS as the base of a user's own, with the component for Prometheus' operator."""
    folder = tmp_path_factory.mktemp("overlay").resolve()
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
        "namespace": "goeslake", "resources": [os.path.relpath(DEPLOY / "overlays" / "aws", folder)],
        "components": [os.path.relpath(DEPLOY / "components" / "prometheus-operator", folder)],
    }  # fmt: skip
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return {name(d): d for d in rendered(folder)}


def test_operator_of_prometheus_is_given_the_same_alerts(monitored):
    document = monitored["PrometheusRule/goeslake"]
    assert fault(document, VERSIONS[0]) == ""
    text = alerts.ALERTS.read_text()
    assert document["spec"] == yaml.safe_load(text)
    assert alerts.RULES.read_text() == alerts.as_rule(text)  # else: python -m tests.deploy.alerts


def test_operator_of_prometheus_scrapes_what_the_annotations_name(monitored):
    document = monitored["PodMonitor/goeslake"]
    assert fault(document, VERSIONS[0]) == ""
    wrong = copy.deepcopy(document)
    wrong["spec"]["podMetricsEndpoints"][0]["colour"] = "green"
    assert "colour" in fault(wrong, VERSIONS[0])
    endpoints = {of["port"]: of["path"] for of in document["spec"]["podMetricsEndpoints"]}
    for pod, template in templates("aws").items():
        about = template["metadata"].get("annotations", {})
        (container,) = template["spec"]["containers"]
        ports = {of["name"]: str(of["containerPort"]) for of in container.get("ports", [])}
        scraped = [ports[of] for of in endpoints if of in ports]
        wanted = [about["prometheus.io/port"]] if "prometheus.io/port" in about else []
        assert scraped == wanted, pod
        assert selects(document["spec"]["selector"], template["metadata"]["labels"])
