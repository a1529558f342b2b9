"""A cluster for `deploy/quickstart.sh`: an API server, and what would run its pods, as processes.

In a folder of programs, `docker`, `kind` and `k3d` note how they were called and do nothing; `kubectl`
is the real one and asks the API server, but for `rollout`, `exec` and `logs`. These come here, as pods
run here: Jobs when somebody asks for them, Deployments when somebody waits for them.
"""

import sys
import threading
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Client, Listener
from pathlib import Path

from tests.deploy.api_server import Server
from tests.deploy.manifests import PROGRAMS, Document
from tests.deploy.operator import NAMESPACE
from tests.deploy.pods import Executed, Pod, Runner

NOTE = """#!/bin/sh
echo "$(basename "$0") $*" >> {log}
"""
KUBECTL = """#!{python}
import os, sys
from multiprocessing.connection import Client
words = sys.argv[1:]
assert words[:4:2] == ["--context", "--namespace"] and words[3] == "goeslake", words
assert words[1] in ("kind-goeslake", "k3d-goeslake"), words
verb = words[4]
if verb in ("rollout", "exec", "logs") or verb == "get" and words[5].startswith("job/"):
    with Client({socket!r}) as kubelet:
        kubelet.send(words[4:])
        code, out, err = kubelet.recv()
    sys.stdout.buffer.write(out)
    sys.stderr.buffer.write(err)
    if code or verb != "get":
        sys.exit(code)
os.execv({kubectl!r}, ["kubectl", "--kubeconfig", {config!r}, *words[2:]])
"""


@dataclass(slots=True)
class Kubelet:
    """Runs the pods of what is in the API server."""

    server: Server
    runner: Runner
    secrets: dict[str, dict[str, str]]
    """Which the runner knows too; read from the API server when the first pod starts."""
    peaks: dict[str, int] = field(default_factory=dict)
    """Bytes, by the name of a Job or Deployment, or the program that was executed."""
    running: dict[str, Pod] = field(default_factory=dict)
    """By the name of their Deployment."""

    def answer(self, words: Sequence[str]) -> tuple[int, bytes, bytes]:
        """Exit code, stdout and stderr of `kubectl` with these words."""
        match words:
            case ["get", target, *_]:
                return self._tend(target.removeprefix("job/"))
            case ["logs", target]:
                (pod,) = [p for p in self.runner.started if p.name == target.removeprefix("job/")]
                return 0, (pod.err + pod.out).encode(), b""
            case ["rollout", "restart", target]:
                if pod := self.running.pop(target.removeprefix("deployment/"), None):
                    pod.kill()
                return 0, b"", b""
            case ["rollout", "status", _, target]:
                return self._stand(target.removeprefix("deployment/"))
            case ["exec", target, "--", *command]:
                done = self.running[target.removeprefix("deployment/")].execute(command)
                self._note(" ".join(command[:2]), done)
                return done.code, done.out, done.err
        raise ValueError(words)

    def _note(self, name: str, done: Executed) -> None:
        self.peaks[name] = max(self.peaks.get(name, 0), done.peak_bytes)

    def _tend(self, name: str) -> tuple[int, bytes, bytes]:
        """Run a Job that has not run yet, and say how it ended."""
        about = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}
        job = self.server.read(about)
        if not job.get("status"):
            self._read_secrets()
            pod = self.runner.start(name, job["spec"]["template"]["spec"])
            self.peaks[name] = pod.peak_of_all()
            ended = "Complete" if pod.finish() == 0 else "Failed"
            self.server.set_status(job, conditions=[{"type": ended, "status": "True"}])
        return 0, b"", b""

    def _stand(self, name: str) -> tuple[int, bytes, bytes]:
        """Start a Deployment that does not run yet, and wait until it is ready."""
        if name not in self.running:
            self._read_secrets()
            about = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}}
            self.start(self.server.read(about))
        return 0, b"", b""

    def start(self, deployment: Document) -> None:
        """Start the pod of a Deployment, and have its Service lead to it."""
        name = deployment["metadata"]["name"]
        if name == "object-store" and (name, 8333) in self.runner.services:
            return  # another server stands in
        spec = deployment["spec"]["template"]["spec"]
        pod = self.running[name] = self.runner.start(name, spec)
        self.runner.wait_ready(pod, spec)
        if name == "object-store":
            about = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}}
            self.runner.serve(self.server.read(about), deployment, pod)

    def _read_secrets(self) -> None:
        listed = self.server.ask("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets")
        for secret in listed["items"]:
            data = {key: b64decode(value).decode() for key, value in secret["data"].items()}
            self.secrets[secret["metadata"]["name"]] = data


@contextmanager
def programs(kubelet: Kubelet, folder: Path) -> Iterator[Path]:
    """A folder for PATH; what `docker`, `kind` and `k3d` were asked is in its file `log`."""
    socket = str(folder / "kubelet")
    filling = {
        "python": sys.executable, "socket": socket, "kubectl": str(PROGRAMS / "kubectl"),
        "config": str(kubelet.server.config), "log": folder / "log",
    }  # fmt: skip
    for name in ("docker", "kind", "k3d", "kubectl"):
        text = KUBECTL if name == "kubectl" else NOTE
        (folder / name).write_text(text.format(**filling))
        (folder / name).chmod(0o755)
    with Listener(socket) as listener:
        thread = threading.Thread(target=_listen, args=(listener, kubelet), daemon=True)
        thread.start()
        try:
            yield folder
        finally:
            with Client(socket) as last:
                last.send([])  # ends it
            thread.join()


def _listen(listener: Listener, kubelet: Kubelet) -> None:
    while True:
        with listener.accept() as caller:
            words = caller.recv()
            if not words:
                return
            try:
                caller.send(kubelet.answer(words))
            except Exception as error:  # noqa: BLE001 (the program that called shall say it)
                caller.send((1, b"", f"{type(error).__name__}: {error}".encode()))
