"""Every manifest of every overlay, as a strict cluster would judge it."""

import copy

import pytest

from tests.deploy import operator
from tests.deploy.manifests import (
    OVERLAYS,
    QUICKSTARTS,
    VERSIONS,
    fault,
    kind,
    name,
    overlay,
    pods,
    text,
)

EVERYTHING = {text(d): d for o in (*OVERLAYS, *QUICKSTARTS) for d in overlay(o)}
KINDS = {d["kind"]: d for d in EVERYTHING.values()}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("which", OVERLAYS)
def test_every_manifest_is_valid(which, version):
    assert [found for d in overlay(which) if (found := fault(d, version))] == []
    kinds = {d["kind"] for d in overlay(which)}
    certified = set() if which == "local" else {"Issuer", "Certificate"}
    assert kinds == {
        "Namespace", "ServiceAccount", "Role", "PriorityClass", "PodDisruptionBudget", "NetworkPolicy",
        "ConfigMap", "Service", "Deployment", "CronJob", "DaskCluster", "DaskAutoscaler", *certified,
    }  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_operator_makes_of_a_cluster_is_valid(version):
    clusters = [d for d in EVERYTHING.values() if kind(d, "DaskCluster")]
    assert {d["metadata"]["name"] for d in clusters} == {"lake", "lake-gpu"}
    made = [of for cluster in clusters for of in operator.made(cluster, workers=1)]
    assert [found for of in made if (found := fault(of, version))] == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("of", KINDS)
def test_wrong_manifest_of_each_kind_is_refused(of, version):
    for spoil in (unknown_field, wrong_type):
        wrong = copy.deepcopy(KINDS[of])
        spoil(wrong)
        assert of in fault(wrong, version)


def unknown_field(document):
    specs = list(pods(document))
    (specs[0]["containers"][0] if specs else document.get("spec", document))["colour"] = "green"


def wrong_type(document):
    spec = document.get("spec")
    if not spec:
        document["metadata" if document["kind"] != "ConfigMap" else "data"] = "none"
    else:
        spec[next(iter(spec))] = [[5]]


def test_field_of_a_newer_kubernetes_is_refused_in_a_dask_cluster():
    wrong = copy.deepcopy(KINDS["DaskCluster"])
    wrong["spec"]["worker"]["spec"]["containers"][0]["resizePolicy"] = []
    assert "resizePolicy" in fault(wrong, VERSIONS[0])


@pytest.mark.parametrize("which", [*OVERLAYS, *QUICKSTARTS])
def test_what_is_named_is_there(which):
    there = {name(d) for d in overlay(which)}
    for document in overlay(which):
        for pod in pods(document):
            assert f"ServiceAccount/{pod['serviceAccountName']}" in there
            assert f"PriorityClass/{pod['priorityClassName']}" in there
            for container in pod["containers"]:
                for found in container["envFrom"]:
                    of = found.get("configMapRef", {})
                    assert not of or of.get("optional") or f"ConfigMap/{of['name']}" in there
                volumes = {volume["name"] for volume in pod["volumes"]}
                assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
