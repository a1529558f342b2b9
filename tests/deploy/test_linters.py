"""What those say who look for bad habits: hadolint of the Dockerfile, checkov of everything."""

import copy
import json
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import requires

import pytest
import yaml
from packaging.requirements import Requirement

from tests.deploy import operator
from tests.deploy.manifests import DEPLOY, OVERLAYS, PROGRAMS, ROOT, kind, overlay, text

EVERYTHING = {text(d): d for o in OVERLAYS for d in overlay(o)}


def test_dockerfile_passes_hadolint_and_a_bad_one_does_not(tmp_path):
    def lint(path):
        command = [PROGRAMS / "hadolint", "--no-color", path]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    done = lint(DEPLOY / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python\nRUN cd /tmp && pip install dask\n")
    assert lint(bad).returncode


def test_checkov_finds_nothing_but_what_is_excused(tmp_path):
    if not (checkov := shutil.which("checkov")):
        pytest.skip("no checkov: pipx install checkov (it installs for minutes)")
    dask = [made for d in EVERYTHING.values() if kind(d, "DaskCluster")
            for made in operator.made(d, workers=1)]  # fmt: skip
    for made in dask:
        made["metadata"]["namespace"] = operator.NAMESPACE
    bad = copy.deepcopy(next(d for d in EVERYTHING.values() if kind(d, "Deployment")))
    del bad["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    failed = []
    for given in ([*EVERYTHING.values(), *dask], [bad]):
        path = tmp_path / "rendered.yaml"
        path.write_text(yaml.safe_dump_all(given))
        where = ["--config-file", DEPLOY / "checkov.yaml", "-f", path, DEPLOY / "Dockerfile"]
        command = [checkov, *where, "--output", "json"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        reports = json.loads(done.stdout)
        assert {of["check_type"] for of in reports} == {"kubernetes", "dockerfile"}
        failed.append({
            f"{found['check_id']} {found['resource']}"
            for of in reports for found in of["results"]["failed_checks"]
        })  # fmt: skip
    ours, spoilt = failed
    # workers without probes: no Service leads to them, their nanny and the scheduler watch them
    assert {
        f"{of.partition(' ')[0]} {of.rpartition('-')[0].rpartition('.')[2]}" for of in ours
    } == {
        f"CKV_K8S_{check} {cluster}-default-worker"
        for check in (8, 9)
        for cluster in ("lake", "lake-gpu")
    }
    assert "CKV_K8S_20 Deployment.goeslake.metrics" in spoilt  # allowPrivilegeEscalation


def test_image_runs_as_the_user_of_the_pods_and_says_what_it_is():
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert re.search(r"^USER 10001:10001$", dockerfile, re.MULTILINE)
    assert re.search(r'^HEALTHCHECK .* CMD \["lake", "--version"\]$', dockerfile, re.MULTILINE)
    assert "org.opencontainers.image.revision" in dockerfile
    (version,) = re.findall(r"^ARG VERSION=(.*)$", dockerfile, re.MULTILINE)
    assert version == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    installs = re.findall(r"pip install .*", dockerfile)
    assert all("--constraint requirements.lock" in line for line in installs)
    assert all("--no-build-isolation" in line for line in installs[1:])  # the first: what builds
    targets = re.findall(r"^FROM \S+ AS (\w+)$", dockerfile, re.MULTILINE)
    assert {"cpu", "gpu"} <= set(targets)


OF_BOKEH = {"jinja2", "contourpy", "narwhals", "numpy", "packaging", "pillow", "pyyaml", "tornado"}
"""And xyzservices: what release 3.9 requires, by its metadata."""


def test_both_images_have_bokeh_without_which_dask_has_no_dashboard():
    """Dask says nothing where it is missing: `/status` is then a page that asks for it."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    installed = re.findall(r'"\.\[(.*)\]"', (DEPLOY / "Dockerfile").read_text())
    assert len(installed) == 2
    for names in installed:
        wanted = [Requirement(of) for name in names.split(",") for of in extras[name]]
        assert "bokeh" in {of.name for of in wanted}
    lines = (ROOT / "requirements.lock").read_text().lower().splitlines()
    locked = dict(line.split("==") for line in lines if not line.startswith("#"))
    (of_dask,) = [of for text in requires("dask") if (of := Requirement(text)).name == "bokeh"]
    assert locked["bokeh"] in of_dask.specifier
    assert locked.keys() >= OF_BOKEH | {"xyzservices"}
