"""Overlays as others use them: images of their own, a second copy."""

import os
import shutil
import subprocess

import pytest

from tests.deploy import kustomize
from tests.deploy.guide import documented
from tests.deploy.manifests import DEPLOY, kind, name, overlay, pods, rendered


@pytest.mark.parametrize("which", ["aws", "gcp"])
def test_documented_digests_reach_the_pods_of_their_own_image(which, tmp_path):
    """The GPU image alone has torch."""
    digests = {"goeslake": f"{1:064x}", "goeslake-gpu": f"{2:064x}"}
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    command = documented("(cd deploy/overlays/aws && kustomize").replace("/aws ", f"/{which} ")
    for image, digest in digests.items():
        command = command.replace(f"/{image}@sha256:...", f"/{image}@sha256:{digest}")
    assert "..." not in command
    if not shutil.which("kustomize"):
        kustomize.install(tmp_path)
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["bash", "-c", command], check=True, env={"PATH": path}, cwd=tmp_path)
    for document in rendered(tmp_path / "deploy" / "overlays" / which):
        gpu = "-gpu" if document["metadata"]["name"] == "lake-gpu" else ""
        for pod in pods(document):
            (container,) = pod["containers"]
            digest = digests[f"goeslake{gpu}"]
            assert container["image"] == f"REGISTRY/goeslake{gpu}@sha256:{digest}"


def test_second_copy_shares_no_name_with_the_first():
    first, second = (
        {name(d) for d in overlay(o) if is_of_the_cluster(d)} for o in ("aws", "staging")
    )
    assert len(first) == len(second) == 4
    assert first.isdisjoint(second)
    for which, namespace in (("aws", "goeslake"), ("staging", "goeslake-staging")):
        own = [d for d in overlay(which) if not is_of_the_cluster(d)]
        assert {d["metadata"]["namespace"] for d in own} == {namespace}
        classes = {p["priorityClassName"] for d in own for p in pods(d)}
        assert classes == {
            d["metadata"]["name"] for d in overlay(which) if kind(d, "PriorityClass")
        }
    lakes = {
        which: [d["data"]["LAKE_ROOT"] for d in overlay(which) if name(d) == "ConfigMap/lake"]
        for which in ("aws", "staging")
    }
    assert lakes["aws"] != lakes["staging"]


def is_of_the_cluster(document):
    return document["kind"] in ("Namespace", "PriorityClass")
