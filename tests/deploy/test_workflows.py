"""The workflows: what they run is what is run by hand, with no more rights than they need."""

import re
import shutil
import subprocess

import pytest
import yaml

from tests.deploy.manifests import DEPLOY, ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in FOLDER.glob("*.yml")}
JOBS = {f"{w} {j}": job for w, of in WORKFLOWS.items() for j, job in of["jobs"].items()}
TARGETS = {"goeslake": "cpu", "goeslake-gpu": "gpu"}


@pytest.mark.parametrize("which", JOBS)
def test_job_names_its_rights_its_time_and_actions_by_their_commit(which):
    job, workflow = JOBS[which], WORKFLOWS[which.partition(" ")[0]]
    rights = job.get("permissions", workflow["permissions"])  # those of a job replace the others
    wanted = {
        "test": {"contents": "read"},
        "image build": {"contents": "read", "packages": "write"},
        "image publish": {"packages": "write", "id-token": "write"},
        "docs publish": {"pages": "write", "id-token": "write"},
    }
    assert rights == wanted.get(which, wanted["test"])
    assert job["timeout-minutes"] <= 90
    for step in job["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
        # what others may write is given by the environment: in the text of a command it would be run
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_commit_of_an_action_is_that_of_one_version():
    """A comment says of which, since a commit says nothing to people."""
    lines = "".join(path.read_text() for path in FOLDER.glob("*.yml"))
    pins = re.findall(r"uses: (\S+)@([0-9a-f]{40})  # (v[\d.]+)$", lines, re.MULTILINE)
    assert len(pins) == lines.count("uses:")
    assert len({action for action, *_ in pins}) == len(set(pins))


def test_every_python_that_is_supported_runs_make_test():
    job = WORKFLOWS["test"]["jobs"]["test"]
    assert job["steps"][-1] == {"run": "make test"}
    assert "make test" in (ROOT / ".ci" / "run").read_text().splitlines()
    changelog = (ROOT / "CHANGELOG.md").read_text()
    first, last = re.findall(r"on Python (3\.\d+) to (3\.\d+)", changelog)[0]
    minors = range(int(first[2:]), int(last[2:]) + 1)
    assert job["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in minors]


def test_site_that_is_published_is_the_one_that_was_built_of_main():
    workflow = WORKFLOWS["docs"]
    assert workflow[True]["push"] == {"branches": ["main"]}  # `on` is true in YAML
    site, publish = workflow["jobs"]["site"], workflow["jobs"]["publish"]
    commands = [step["run"] for step in site["steps"] if "run" in step]
    assert commands == ["make docs"]
    (upload,) = (s for s in site["steps"] if "upload-pages-artifact" in s.get("uses", ""))
    assert upload["with"]["path"] == "build/site"
    assert re.search(
        r"docs\.site\.build build/site$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    assert publish["if"] == upload["if"] == "github.event_name == 'push'"
    assert publish["needs"] == "site"


def test_images_are_those_of_the_manifests_with_every_platform_they_were_built_for():
    jobs = WORKFLOWS["image"]["jobs"]
    built = [(of["image"], of["platform"]) for of in jobs["build"]["strategy"]["matrix"]["include"]]
    assert set(built) == {("goeslake", "amd64"), ("goeslake", "arm64"), ("goeslake-gpu", "amd64")}
    joined = jobs["publish"]["strategy"]["matrix"]["include"]
    assert [(of["image"], p) for of in joined for p in of["platforms"].split()] == built
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    for of in jobs["build"]["strategy"]["matrix"]["include"]:
        assert of["target"] == TARGETS[of["image"]]
        assert re.search(rf"^FROM \w+ AS {of['target']}$", dockerfile, re.MULTILINE)


def test_image_is_scanned_before_it_has_its_tag_and_signed_by_its_digest():
    jobs = WORKFLOWS["image"]["jobs"]
    build, scan = (
        next(s for s in jobs["build"]["steps"] if s.get("uses", "").startswith(action))
        for action in ("docker/build-push-action", "anchore/scan-action")
    )
    assert build["with"]["sbom"] is True
    assert scan["with"]["image"] == build["with"]["tags"]
    assert jobs["publish"]["needs"] == "build"
    script = jobs["publish"]["steps"][-1]["run"]
    assert script.index("imagetools create") < script.index("cosign sign")
    assert re.search(r'cosign sign --yes --recursive "\$image@\$digest"', script)


@pytest.mark.parametrize("command", [["actionlint"], ["zizmor", "--offline", "--no-progress"]])
def test_linters_of_workflows_find_nothing(command, tmp_path):
    if not shutil.which(command[0]):
        pytest.skip(f"no {command[0]} on the path")
    paths = sorted(FOLDER.glob("*.yml"))
    done = subprocess.run([*command, *paths], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    bad = tmp_path / ".github" / "workflows" / "bad.yml"
    bad.parent.mkdir(parents=True)
    bad.write_text(
        "on: pull_request_target\njobs:\n  x:\n    runs-on: ubuntu-24.04\n    steps:\n"
        "      - run: echo ${{ github.event.issue.title }} ${{ nothing.here }}\n"
    )
    assert subprocess.run([*command, bad], check=False, capture_output=True).returncode
