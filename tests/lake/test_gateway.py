"""Clusters behind a Dask Gateway: which addresses are taken, and a real gateway where it is installed.

It is, with `pip install dask-gateway dask-gateway-server[local]`; its schedulers and workers are processes
of this machine.
"""

import os
import subprocess
import sys
import time
from importlib.util import find_spec

import dask
import numpy as np
import pytest

from lake import dask_cluster
from lake.errors import ConfigError, UnreachableError
from tests.jobs import small
from tests.ports import free_port

PATIENCE_S = 60


@pytest.mark.parametrize(
    "address",
    [
        "gateway://",
        "gateway://gateway.example.org",
        "gateway+https://gateway.example.org/",
        "gateway+ftp://gateway.example.org/one",
        "gateway+https:///one",
    ],
)
def test_address_without_gateway_or_cluster_is_refused_with_the_form_of_one(address):
    refused = pytest.raises(ConfigError, match=r"wanted gateway\+https://GATEWAY/CLUSTER")
    with refused, dask_cluster.client(address):
        pass


def test_address_of_the_scheduler_alone_needs_the_gateway_that_gives_out_its_certificate():
    with dask.config.set({"gateway.address": None}):
        refused = pytest.raises(ConfigError, match="set DASK_GATEWAY__ADDRESS")
        with refused, dask_cluster.client("gateway://gateway.example.org:443/prod.1"):
            pass


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("gateway+https://hub.org/services/dask-gateway/prod.1",
         ("https://hub.org/services/dask-gateway", "prod.1")),
        ("gateway+http://127.0.0.1:8000/1", ("http://127.0.0.1:8000", "1")),
        ("gateway://traefik:443/prod.1", ("https://hub.org", "prod.1")),
    ],
)  # fmt: skip
def test_gateway_and_cluster_are_told_apart(address, expected):
    with dask.config.set({"gateway.address": "https://hub.org"}):
        assert dask_cluster._gateway_of(address) == expected


def test_missing_package_is_named_with_its_installation(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask_gateway", None)  # as if it were not installed
    refused = pytest.raises(ConfigError, match="pip install dask-gateway")
    with refused, dask_cluster.client("gateway+https://gateway.example.org/prod.1"):
        pass


def program(name) -> list[str]:
    return [sys.executable, "-m", f"distributed.cli.{name}"]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """The URL of a gateway, with the name of a cluster of one worker."""
    if not (find_spec("dask_gateway") and find_spec("dask_gateway_server")):
        pytest.skip("no Dask Gateway: pip install dask-gateway dask-gateway-server[local]")
    from dask_gateway import Gateway

    folder, port = tmp_path_factory.mktemp("gateway"), free_port()
    config = folder / "config.py"
    config.write_text(
        'c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"\n'
        f'c.DaskGateway.address = "127.0.0.1:{free_port()}"\n'
        f'c.Proxy.address = "127.0.0.1:{port}"\n'
        f'c.UnsafeLocalBackend.clusters_directory = "{folder}"\n'
        f"c.ClusterConfig.scheduler_cmd = {program('dask_scheduler')}\n"
        f"c.ClusterConfig.worker_cmd = {program('dask_worker')}\n"
    )
    command = [sys.executable, "-m", "dask_gateway_server", "-f", config]
    url = f"http://127.0.0.1:{port}"
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as server,
    ):
        try:
            end = time.monotonic() + PATIENCE_S
            while True:
                try:
                    there = Gateway(url)
                    name = there.submit()
                    break
                except (OSError, ValueError):  # 404: its routes are not there yet
                    if time.monotonic() > end or server.poll() is not None:
                        raise RuntimeError((folder / "log").read_text()) from None
                    time.sleep(0.2)
            while there.get_cluster(name, wait=True).scheduler_address is None:
                assert time.monotonic() < end
            there.scale_cluster(name, 1)
            yield url, name
            there.stop_cluster(name)
        finally:
            server.terminate()
            try:
                server.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                server.kill()


@pytest.mark.parametrize("form", ["gateway+{url}/{name}", "gateway://{host}/{name}"])
def test_job_runs_in_a_cluster_behind_a_gateway(gateway, form, tmp_path):
    url, name = gateway
    truth = small.build(tmp_path / "lake")
    address = form.format(url=url, name=name, host=url.removeprefix("http://"))
    command = [sys.executable, "-m", "lake", "sample", truth.key, "--lake", truth.root, "--json"]
    done = subprocess.run(
        [*command, "--address", address], check=False, capture_output=True, text=True, timeout=120,
        env=os.environ | {"DASK_GATEWAY__ADDRESS": url},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"already_done": false' in done.stdout
    assert f"Dask cluster at {address}" in done.stderr


def test_run_by_a_client_of_a_gateway_goes_on_when_the_client_is_closed(gateway, tmp_path):
    from dask_gateway import Gateway

    import jobs

    url, name = gateway
    truth = small.build(tmp_path / "lake")
    cluster = Gateway(url).connect(name)
    client = cluster.get_client()
    run = jobs.pca(client, f"{truth.root}/{truth.key}", components=4)
    client.close()
    again = jobs.open_run(run.id, lake=truth.root).wait(PATIENCE_S)
    assert np.isfinite(again.scores).sum() > 4 * 600
    cluster.close()


def test_cluster_that_the_gateway_does_not_have_is_said_with_those_that_it_has(gateway):
    url, name = gateway
    refused = pytest.raises(ConfigError, match=rf"no cluster 'other' of yours; it has {name}")
    with refused, dask_cluster.client(f"gateway+{url}/other"):
        pass


def test_gateway_that_does_not_answer_is_said(gateway):
    nobody = f"http://127.0.0.1:{free_port()}"
    unreachable = pytest.raises(UnreachableError, match=rf"no Dask Gateway answers at {nobody}")
    with unreachable, dask_cluster.client(f"gateway+{nobody}/one"):
        pass
