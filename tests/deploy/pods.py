"""Runs the pods of rendered manifests as processes of this machine, without a container runtime.

A pod's container is started with the command, arguments and environment that its manifest says, by the
rules of Kubernetes: `envFrom` first, then `env`, in which `$(NAME)` means an earlier item of `env` alone,
and arguments, in which it means any. Image, cluster network and volumes are stood in for: the
Dockerfile's ENV with our interpreter's PATH, a port of 127.0.0.1 for each of a container's, and a folder
for each mount. Nothing else of this process's environment is passed on.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.deploy import operator
from tests.deploy.manifests import DEPLOY, PROGRAMS, ROOT, Document, kind
from tests.ports import free_port

PATIENCE_S = 120
PROCESS_1 = ("unshare", "--pid", "--mount-proc", "--fork", "--kill-child")
"""Runs a command as process 1 of a PID namespace, as in a container."""
HARDWARE = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""About this machine's processor."""


def peak_bytes(process: int) -> int:
    """The largest memory that a process ever had, shared memory too; 0 of one that has ended."""
    status = Path(f"/proc/{process}/status").read_text()
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(peak[1]) * 1024 if peak else 0


@dataclass(frozen=True, slots=True)
class Executed:
    """What a program in a container did."""

    code: int
    out: bytes
    err: bytes
    peak_bytes: int


@dataclass(slots=True)
class Pod:
    """One container that runs."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    """stderr; stdout beside it."""
    ports: Mapping[int, int] = field(default_factory=dict)
    """Of the container -> of this machine."""
    environment: Mapping[str, str] = field(default_factory=dict)
    place: Callable[[str], str] = str
    """From an argument of a container to where that is on this machine."""

    def finish(self) -> int:
        """Its exit code; it is killed when it takes too long."""
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def ask_to_end(self) -> None:
        """As the kubelet asks: SIGTERM to the container's process 1."""
        assert self.process.poll() is None, f"it ended by itself: {self.out} {self.err}"
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        os.kill(int(children), signal.SIGTERM)

    def kill(self) -> None:
        """As a node that is lost: the container and all its processes at once."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def memory_bytes(self) -> int:
        """What all its processes hold that they share with nobody, and their parts of what they share."""
        sizes = []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, ProcessLookupError):  # it may have ended
                if os.getsid(int(path.name)) == self.process.pid:
                    rollup = (path / "smaps_rollup").read_text()
                    sizes += map(int, re.findall(r"^Pss:\s+(\d+)", rollup, re.MULTILINE))
        return sum(sizes) * 1024

    def peak_of_all(self) -> int:
        """The largest memory of all its processes at a time, seen every 0.2 s until it ends."""
        peak = 0
        while self.process.poll() is None:
            peak = max(peak, self.memory_bytes())
            time.sleep(0.2)
        return peak

    def peak_bytes(self) -> int:
        """The largest memory that its first process ever had; shared memory counts too."""
        return peak_bytes(self.process.pid)

    def execute(self, words: Sequence[str]) -> Executed:
        """As `kubectl exec` of a program in its container."""
        command = [str(PROGRAMS / words[0]), *map(self.place, words[1:])]
        if words[0] not in ("lake", "dask"):
            command[0] = words[0]
        with (
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
            subprocess.Popen(
                command, stdout=out, stderr=err, env=self.environment, cwd=self.log.parent
            ) as process,
        ):
            # wait4 would tell the memory of this process, which the new one begins with, if that is larger
            peak = 0
            while process.poll() is None:
                peak = max(peak, peak_bytes(process.pid))
                time.sleep(0.05)
            out.seek(0)
            err.seek(0)
            return Executed(process.returncode, out.read(), err.read(), peak)

    @property
    def out(self) -> str:
        return self.log.with_suffix(".out").read_text()

    @property
    def err(self) -> str:
        return self.log.read_text()


class Runner:
    """Pods of one rendering; use as a context: nothing of it runs afterwards."""

    def __init__(
        self, documents: Sequence[Document], secrets: Mapping[str, Mapping[str, str]], folder: Path
    ) -> None:
        self._folder = folder
        self._documents = documents
        self._config = {d["metadata"]["name"]: d["data"] for d in documents if kind(d, "ConfigMap")}
        self._secrets = secrets
        self.services: dict[tuple[str, int], int] = {}
        """Name and port of a service -> port of this machine."""
        self.started: list[Pod] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pod in reversed(self.started):
            pod.kill()

    def document(self, wanted: str, name: str) -> Document:
        (found,) = [d for d in self._documents if kind(d, wanted) and d["metadata"]["name"] == name]
        return found

    def job(self, cronjob: str, within: Sequence[str] = (), **env: str) -> Pod:
        """A pod of a CronJob, as `kubectl create job --from` and `kubectl set env` make it."""
        template = self.document("CronJob", cronjob)["spec"]["jobTemplate"]["spec"]["template"]
        more = [{"name": k, "value": v} for k, v in env.items()]
        return self.start(cronjob, template["spec"], more, within=within)

    def cluster(self, name: str, workers: int) -> tuple[Pod, list[Pod]]:
        """What the operator makes of a DaskCluster: scheduler and workers, ready."""
        return self.made(operator.made(self.document("DaskCluster", name), workers=workers))

    def made(self, documents: Sequence[Document]) -> tuple[Pod, list[Pod]]:
        """The pods of a scheduler's Deployment and Service, and of workers' Deployments."""
        deployment, service, *rest = documents
        # a pod listens at its own address
        scheduler = self.start(
            deployment["metadata"]["name"], _pod(deployment), more=["--host", "127.0.0.1"]
        )
        self.serve(service, deployment, scheduler)
        self.wait_ready(scheduler, _pod(deployment))
        return scheduler, [self.start(of["metadata"]["name"], _pod(of)) for of in rest]

    def start(
        self,
        name: str,
        spec: Document,
        env: Sequence[Document] = (),
        more: Sequence[str] = (),
        within: Sequence[str] = (),
    ) -> Pod:
        """Start the one container of a pod; `within`: by this command, e.g. `PROCESS_1`."""
        (container,) = spec["containers"]
        home = self._folder / f"{name}-{len(self.started)}"
        mounts = {
            m["mountPath"]: self._mount(home, m["name"], spec) for m in container["volumeMounts"]
        }
        ports = {port["containerPort"]: free_port() for port in container.get("ports", [])}

        def placed(text: str) -> str:
            return self._placed(text, mounts, ports)

        found = self._environment(container, [*container.get("env", []), *env])
        words = [*container["command"], *(expand(a, found) for a in container["args"]), *more]
        is_ours = "goeslake" in container["image"]
        environment = (image_environment() if is_ours else {}) | found
        environment = {k: placed(v) for k, v in environment.items()} | _ours()
        program = PROGRAMS / words[0] if is_ours else shutil.which(words[0])
        log = home / "stderr.log"
        with log.open("wb") as err, log.with_suffix(".out").open("wb") as out:
            process = subprocess.Popen(
                [*within, str(program), *map(placed, words[1:])],
                env=environment,
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                cwd=home,
                start_new_session=True,
            )
        self.started.append(Pod(name, process, log, ports, environment, placed))
        return self.started[-1]

    def wait_ready(self, pod: Pod, spec: Document) -> None:
        """Until its readiness probe succeeds."""
        (container,) = spec["containers"]
        get = container["readinessProbe"]["httpGet"]
        numbers = {of["name"]: of["containerPort"] for of in container["ports"]}
        url = f"http://127.0.0.1:{pod.ports[numbers[get['port']]]}{get['path']}"
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).close()
            except OSError:
                if time.monotonic() > end or pod.process.poll() is not None:
                    raise RuntimeError(f"{pod.name} is not ready at {url}: {pod.err}") from None
                time.sleep(0.1)
            else:
                return

    def _environment(self, container: Document, items: Sequence[Document]) -> dict[str, str]:
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            if of := source.get("configMapRef"):
                held = self._config.get(of["name"])
            else:
                of = source["secretRef"]
                held = self._secrets.get(of["name"])
            if held is None and not of.get("optional"):
                raise RuntimeError(f"CreateContainerConfigError: no {of['name']}")
            found |= held or {}
        earlier: dict[str, str] = {}
        for item in items:
            if "valueFrom" in item:
                of = item["valueFrom"]["configMapKeyRef"]
                earlier[item["name"]] = self._config[of["name"]][of["key"]]
            else:
                earlier[item["name"]] = expand(item["value"], earlier)
        return found | earlier

    def _mount(self, home: Path, volume: str, spec: Document) -> Path:
        """A folder that stands for a volume; of a Secret with its files, of a claim for all pods the same."""
        (of,) = [v for v in spec["volumes"] if v["name"] == volume]
        claim = of.get("persistentVolumeClaim", {}).get("claimName")
        folder = self._folder / f"claim-{claim}" if claim else home / volume
        folder.mkdir(parents=True, exist_ok=claim is not None)
        for name, content in self._secrets.get(of.get("secret", {}).get("secretName"), {}).items():
            (folder / name).write_text(content)
        return folder

    def serve(self, service: Document, deployment: Document, pod: Pod) -> None:
        """Have the others find a pod by the name of its Service."""
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()
        (container,) = _pod(deployment)["containers"]
        numbers = {of["name"]: of["containerPort"] for of in container["ports"]}
        for port in service["spec"]["ports"]:
            key = service["metadata"]["name"], port["port"]
            self.services[key] = pod.ports[numbers[port["targetPort"]]]

    def _placed(self, text: str, mounts: Mapping[str, Path], ports: Mapping[int, int]) -> str:
        """Where paths, ports and names of services are on this machine."""
        for path, folder in mounts.items():
            text = re.sub(rf"^{path}(?=/|$)", str(folder), text)
        for (name, port), here in self.services.items():
            inside = rf"//{name}(\.{operator.NAMESPACE}\.svc\.cluster\.local)?:{port}\b"
            text = re.sub(inside, f"//127.0.0.1:{here}", text)
        if (found := re.fullmatch(r"(:?)(\d+)", text)) and int(found[2]) in ports:
            return f"{found[1]}{ports[int(found[2])]}"
        return text


def expand(text: str, known: Mapping[str, str]) -> str:
    """`$(NAME)` by its value where there is one, `$$` by `$`."""

    def value(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else known.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.]*)\)", value, text)


def image_environment(*, compiled: bool = False) -> dict[str, str]:
    """What the image for amd64 sets.

    Args:
        compiled: with the settings of compiled loops. Without them loops stay beside their source, or
            each pod here would compile them.
    """
    text = (DEPLOY / "Dockerfile").read_text()
    stages = dict(re.findall(r"^FROM \S+ AS (\S+)\n((?:(?!FROM ).*\n)*)", text, re.MULTILINE))
    blocks = [
        re.search(r"^ENV ((?:.*\\\n)*.*)$", stages[of], re.MULTILINE)
        for of in ("base-amd64", "run")
    ]
    words = " ".join(block[1].replace("\\\n", " ") for block in blocks if block).split()
    items = dict(word.split("=", 1) for word in words)
    left_out = () if compiled else ("NUMBA_", "LAKE_COMPILED")
    return {name: value for name, value in items.items() if not name.startswith(left_out)}


def _ours() -> dict[str, str]:
    here = {name: os.environ[name] for name in HARDWARE if name in os.environ}
    return here | {"PATH": f"{PROGRAMS}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}


def _pod(deployment: Document) -> Document:
    spec: Document = deployment["spec"]["template"]["spec"]
    return spec
