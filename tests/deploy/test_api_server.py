"""A real API server takes the manifests and keeps every field; with `KUBEBUILDER_ASSETS` alone.

The folder holds kube-apiserver and etcd, e.g. of `setup-envtest use -p path`; they come from no package
registry, so that CI skips this. There is no kubelet: Dask's operator runs here, and what it creates is
looked at; pods stay pending.
"""

import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import trustme
import yaml

from tests.deploy.manifests import PROGRAMS, overlay
from tests.deploy.pods import free_port

ASSETS = os.environ.get("KUBEBUILDER_ASSETS")
pytestmark = pytest.mark.skipif(
    not ASSETS,
    reason="no real API server: set KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd",
)
PATIENCE_S = 60
TOKEN = "test-token"  # noqa: S105 (of a server that lives for this test)


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory):
    """Ask the server: `kubectl(*arguments, given=text)`."""
    folder = tmp_path_factory.mktemp("apiserver")
    etcd, peer, port = free_port(), free_port(), free_port()
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(folder / "ca.crt")
    issued.private_key_pem.write_to_path(folder / "key")
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "crt")
    (folder / "tokens").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
    server = f"https://127.0.0.1:{port}"
    store = f"http://127.0.0.1:{etcd}"
    commands = [
        [
            "etcd", f"--data-dir={folder}/etcd", f"--listen-client-urls={store}",
            f"--advertise-client-urls={store}", f"--listen-peer-urls=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync",
        ],
        [
            "kube-apiserver", f"--etcd-servers={store}", "--bind-address=127.0.0.1",
            f"--secure-port={port}", f"--tls-cert-file={folder}/crt", f"--tls-private-key-file={folder}/key",
            f"--token-auth-file={folder}/tokens", "--authorization-mode=RBAC",
            f"--service-account-issuer={server}", f"--service-account-key-file={folder}/key",
            f"--service-account-signing-key-file={folder}/key", "--service-cluster-ip-range=10.0.0.0/24",
            "--disable-admission-plugins=ServiceAccount",
        ],
    ]  # fmt: skip
    user = {"name": "test", "user": {"token": TOKEN}}
    cluster = {
        "name": "test",
        "cluster": {"server": server, "certificate-authority": str(folder / "ca.crt")},
    }
    context = {
        "name": "test",
        "context": {"cluster": "test", "user": "test", "namespace": "goeslake"},
    }
    config = {"apiVersion": "v1", "kind": "Config", "current-context": "test", "users": [user],
              "clusters": [cluster], "contexts": [context]}  # fmt: skip
    (folder / "config").write_text(yaml.safe_dump(config))
    environment = os.environ | {"KUBECONFIG": str(folder / "config")}
    running = []
    with (folder / "log").open("wb") as log:
        for command in commands:
            program = str(Path(ASSETS) / command[0])
            running.append(subprocess.Popen([program, *command[1:]], stdout=log, stderr=log))

        def ask(*arguments: str, given: str | None = None) -> str:
            done = subprocess.run(
                [PROGRAMS / "kubectl", *arguments],
                check=False, input=given, capture_output=True, text=True, env=environment,
            )  # fmt: skip
            if done.returncode:
                raise RuntimeError(done.stderr)
            return done.stdout

        ask.environment = environment
        try:
            _until(lambda: ask("get", "--raw", "/readyz") == "ok")
            yield ask
        finally:
            for process in reversed(running):
                process.terminate()
                process.wait()


def _until(happens) -> None:
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            if happens():
                return
        except (RuntimeError, urllib.error.URLError):
            if time.monotonic() > end:
                raise
        if time.monotonic() > end:
            raise TimeoutError("it did not happen")
        time.sleep(0.2)


@pytest.fixture(scope="module")
def applied(kubectl):
    """The overlay `local` in the server, applied strictly."""
    from importlib import resources

    chart = resources.files("dask_kubernetes") / "operator/deployment/helm/dask-kubernetes-operator"
    crds = [(chart / "crds" / f"{n}.yaml").read_text() for n in
            ("daskcluster", "daskworkergroup", "daskautoscaler", "daskjob")]  # fmt: skip
    kubectl("apply", "--server-side", "-f", "-", given="\n---\n".join(crds))
    kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    documents = overlay("local")
    namespace = [d for d in documents if d["kind"] == "Namespace"]
    others = [d for d in documents if d["kind"] != "Namespace"]
    for given in (namespace, others):
        text = yaml.safe_dump_all(given)
        kubectl("apply", "--server-side", "--validate=strict", "-f", "-", given=text)
    return documents


def test_server_keeps_every_field(kubectl, applied):
    for document in applied:
        found = yaml.safe_load(
            kubectl("get", document["kind"], document["metadata"]["name"], "-o", "yaml")
        )
        assert_within(document, found)


def assert_within(wanted, found) -> None:
    """Everything of `wanted` is in `found`, which may have more keys: the server's defaults."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            if value not in ({}, None):
                assert_within(value, found[key])
    elif isinstance(wanted, list):
        assert len(wanted) == len(found)
        for one, other in zip(wanted, found, strict=True):
            assert_within(one, other)
    else:
        assert str(wanted) == str(found)  # 1000m is 1


def test_operator_makes_the_cluster(kubectl, applied, tmp_path):
    with (tmp_path / "operator.log").open("wb") as log:
        operator = subprocess.Popen(
            [PROGRAMS / "kopf", "run", "-n", "goeslake", "-m", "dask_kubernetes.operator.controller"],
            env=kubectl.environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            _until(lambda: "lake-scheduler" in kubectl("get", "deployments", "-o", "name"))
            _until(lambda: kubectl("get", "deployments", "-o", "name").count("default-worker") == 2)
        finally:
            operator.terminate()
            operator.wait()
    assert "lake-scheduler" in kubectl("get", "services", "-o", "name")
