"""Overlays as others use them: images of their own, a second copy."""

import re
import shutil

import pytest
import yaml

from tests.deploy.manifests import DEPLOY, ROOT, kind, name, overlay, pods, rendered

GUIDE = ROOT / "docs" / "deploy.md"


@pytest.mark.parametrize("which", ["aws", "gcp"])
def test_documented_digests_reach_the_pods_of_their_own_image(which, tmp_path):
    """As `kustomize edit set image` writes them into the overlay; the GPU image alone has torch."""
    (line,) = re.findall(r"kustomize edit set image (.*)\)$", GUIDE.read_text(), re.MULTILINE)
    digests = {name: f"{number:064x}" for number, name in enumerate(("goeslake", "goeslake-gpu"))}
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    path = tmp_path / "deploy" / "overlays" / which / "kustomization.yaml"
    kustomization = yaml.safe_load(path.read_text())
    entries = {entry["name"]: entry for entry in kustomization["images"]}
    for setting in line.split():
        name, _, image = setting.partition("=")
        place, _, digest = image.partition("@")
        assert digest == "sha256:..."
        entries[name] = {"name": name, "newName": place, "digest": f"sha256:{digests[name]}"}
    assert set(entries) == set(digests)
    path.write_text(yaml.safe_dump(kustomization | {"images": list(entries.values())}))
    for document in rendered(path.parent):
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
