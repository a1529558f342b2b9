"""An API server to ask: a real one by the programs in `KUBEBUILDER_ASSETS`, or `stand_in`.

That folder holds kube-apiserver and etcd, e.g. of `setup-envtest use -p path`; no package registry has
them. Neither server has a kubelet or other controllers: pods stay as they are made.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests
import trustme
import yaml

from tests.deploy import kinds, stand_in
from tests.deploy.manifests import PROGRAMS, ROOT, Document
from tests.deploy.operator import NAMESPACE
from tests.ports import free_port

ASSETS = os.environ.get("KUBEBUILDER_ASSETS", "")
PATIENCE_S = 60
TOKEN = "test-token"  # noqa: S105 (of a server that lives for a test)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Server:
    """Where it is, and how to ask it."""

    url: str
    config: Path
    """For KUBECONFIG."""
    authority: str | bool
    """File of who signed its certificate; True: anybody known."""

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """The answer; RuntimeError with what the server says where it refuses."""
        answer = requests.request(
            method, self.url + path, data=None if body is None else json.dumps(body),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": kind},
            verify=self.authority, timeout=30,
        )  # fmt: skip
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.text.startswith("{") else answer.text

    def shell(self, command: str, folder: Path = ROOT, programs: Path = PROGRAMS) -> str:
        """What a command prints whose kubectl speaks to this server; RuntimeError if it fails.

        Args:
            programs: those in this folder come before others.
        """
        path = f"{programs}:{PROGRAMS}:{os.environ['PATH']}"
        environment = os.environ | {"KUBECONFIG": str(self.config), "PATH": path}
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            check=False, capture_output=True, text=True, env=environment, cwd=folder,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def create(self, command: str) -> None:
        """Run a `kubectl create ...` and apply what it prints: itself it sends protobuf."""
        self.shell(f"{command} --dry-run=client -o yaml | kubectl apply -f -")

    def apply(self, document: Document) -> None:
        """As `kubectl apply --server-side --validate=strict`."""
        path = f"{_path(document)}?fieldManager=test&fieldValidation=Strict"
        self.ask("PATCH", path, document, "application/apply-patch+yaml")

    def read(self, document: Document) -> Document:
        """The object of the same kind and name, as it is now."""
        found: Document = self.ask("GET", _path(document))
        return found

    def has(self, document: Document) -> bool:
        """Whether there is an object of the same kind and name."""
        try:
            self.read(document)
        except RuntimeError as error:
            if " 404 " not in str(error):
                raise
            return False
        return True

    def set_status(self, document: Document, **status: Any) -> None:
        """What a kubelet or a controller says."""
        path = f"{_path(document)}/status"
        self.ask("PATCH", path, {"status": status}, "application/merge-patch+json")

    def deployments(self, cluster: str) -> list[Document]:
        """Of a Dask cluster, the scheduler's first."""
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
        found = self.ask("GET", f"{path}?labelSelector=dask.org/cluster-name={cluster}")["items"]
        return sorted(found, key=lambda of: "-worker-" in of["metadata"]["name"])


@contextmanager
def real(folder: Path) -> Iterator[Server]:
    """kube-apiserver with an etcd, ready."""
    store, peer, url = (
        f"{scheme}://127.0.0.1:{free_port()}" for scheme in ("http", "http", "https")
    )
    _write_secrets(folder)
    etcd = [
        "etcd", f"--data-dir={folder}/etcd", f"--listen-client-urls={store}",
        f"--advertise-client-urls={store}", f"--listen-peer-urls={peer}", "--unsafe-no-fsync",
    ]  # fmt: skip
    apiserver = [
        "kube-apiserver", f"--etcd-servers={store}", "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1", f"--secure-port={url.rpartition(':')[2]}",
        f"--tls-cert-file={folder}/crt", f"--tls-private-key-file={folder}/key",
        f"--token-auth-file={folder}/tokens", "--authorization-mode=RBAC",
        f"--service-account-issuer={url}", f"--service-account-key-file={folder}/key",
        f"--service-account-signing-key-file={folder}/key", "--service-cluster-ip-range=10.0.0.0/24",
        "--disable-admission-plugins=ServiceAccount",
    ]  # fmt: skip
    started = _configured(url, folder, str(folder / "ca.crt"))
    with ExitStack() as stack, (folder / "log").open("wb") as log:
        for program, *arguments in (etcd, apiserver):
            command = [str(Path(ASSETS) / program), *arguments]
            process = stack.enter_context(subprocess.Popen(command, stdout=log, stderr=log))
            stack.callback(process.terminate)
        until(lambda: started.ask("GET", "/readyz") == "ok")
        yield started


@contextmanager
def stood_in(folder: Path) -> Iterator[Server]:
    """The stand-in, ready."""
    with stand_in.serving() as url:
        yield _configured(url, folder, None)


@contextmanager
def operator(server: Server, log: Path) -> Iterator[None]:
    """Dask's operator, at work on our namespace while the context lasts."""
    command = [
        PROGRAMS / "kopf",
        "run",
        "-n",
        NAMESPACE,
        "-m",
        "dask_kubernetes.operator.controller",
    ]
    environment = os.environ | {"KUBECONFIG": str(server.config)}
    with (
        log.open("wb") as out,
        subprocess.Popen(command, env=environment, stdout=out, stderr=out) as run,
    ):
        try:
            yield
        finally:
            run.terminate()


def until(happens: Callable[[], T]) -> T:
    """What it returns, as soon as that is true; errors of the server are waited over."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            if found := happens():
                return found
        except (RuntimeError, requests.ConnectionError):
            if time.monotonic() > end:
                raise
        if time.monotonic() > end:
            raise TimeoutError("it did not happen")
        time.sleep(0.1)


def crds_of_cert_manager() -> Iterator[Document]:
    """Its kinds that our manifests have, with any fields: `manifests.fault` judges those."""
    for kind in ("Certificate", "Issuer"):
        plural, group = kinds.plural(kind), "cert-manager.io"
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version = {
            "name": "v1",
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": schema},
        }
        names = {"kind": kind, "plural": plural, "singular": kind.lower()}
        yield {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [version]},
        }  # fmt: skip


def _path(document: Document) -> str:
    version, kind = document["apiVersion"], document["kind"]
    base = "/api/v1" if version == "v1" else f"/apis/{version}"
    about = document["metadata"]
    namespace = about.get("namespace", NAMESPACE)
    space = "" if kind in kinds.CLUSTER_WIDE else f"/namespaces/{namespace}"
    return f"{base}{space}/{kinds.plural(kind)}/{about['name']}"


def _configured(url: str, folder: Path, authority: str | None) -> Server:
    """With a kubeconfig, which names no namespace: commands of the guide do."""
    cluster = {"server": url} | ({"certificate-authority": authority} if authority else {})
    context = {"cluster": "test", "user": "test"}
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "users": [{"name": "test", "user": {"token": TOKEN}}],
        "clusters": [{"name": "test", "cluster": cluster}],
        "contexts": [{"name": "test", "context": context}],
    }  # fmt: skip
    (folder / "config").write_text(yaml.safe_dump(config))
    return Server(url, folder / "config", authority or True)


def _write_secrets(folder: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(folder / "ca.crt")
    issued.private_key_pem.write_to_path(folder / "key")
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "crt")
    (folder / "tokens").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
