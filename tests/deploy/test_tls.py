"""A Dask cluster that speaks TLS, by the settings of the manifests' component `tls`, on loopback."""

import os
import re
import subprocess

import dask
import pytest
import trustme
from distributed import Client
from distributed.security import Security

from tests.deploy.manifests import PROGRAMS, ROOT, overlay
from tests.deploy.pods import Runner
from tests.jobs import small


@pytest.fixture(scope="module")
def certificates() -> dict[str, str]:
    """What cert-manager, or whoever keeps certificates, puts into the Secret dask-tls."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    return {
        "ca.crt": authority.cert_pem.bytes().decode(),
        "tls.crt": "".join(blob.bytes().decode() for blob in issued.cert_chain_pems),
        "tls.key": issued.private_key_pem.bytes().decode(),
    }


@pytest.fixture(scope="module")
def address(certificates, tmp_path_factory):
    """Of the scheduler of the overlay for AWS, with one worker; the lake is a folder."""
    with Runner(
        overlay("aws"), {"dask-tls": certificates}, tmp_path_factory.mktemp("tls")
    ) as runner:
        scheduler, _ = runner.cluster("lake", workers=1)
        yield f"tls://127.0.0.1:{scheduler.ports[8786]}"


@pytest.fixture(scope="module")
def truth(tmp_path_factory) -> small.Truth:
    return small.build(tmp_path_factory.mktemp("jobs") / "lake")


@pytest.fixture
def laptop(certificates, tmp_path) -> dict[str, str]:
    """The settings of docs/deploy.md, with certificates from the Secret."""
    for name, content in certificates.items():
        (tmp_path / name).write_text(content)
    text = (ROOT / "docs" / "deploy.md").read_text()
    settings = dict(re.findall(r"export (DASK_\w+)=(\S+)", text))
    assert len(settings) == 4
    return {name: value.replace("$PWD", str(tmp_path)) for name, value in settings.items()}


@pytest.fixture
def ask(truth):
    """`lake sample` on a small store through the cluster, with some settings."""

    def run(address, settings, statistics):
        where = [truth.key, "--lake", truth.root, "--address", address, "--json"]
        command = [PROGRAMS / "lake", "sample", *where, "--set", f"statistics={statistics}"]
        quick = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "10s", "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=120,
            env=os.environ | quick | settings,
        )  # fmt: skip

    return run


def test_job_runs_with_a_certificate(address, laptop, ask):
    done = ask(address, laptop, "mean")
    assert done.returncode == 0, done.stderr
    assert '"already_done": false' in done.stdout


def test_client_without_certificate_is_refused(address, ask):
    for where in (address, address.replace("tls://", "tcp://")):
        done = ask(where, {}, "count")
        code, message = (64, "has no certificate here") if where == address else (1, "speaks TLS")
        assert (done.returncode, message in done.stderr) == (code, True), done.stderr
        assert "Traceback" not in done.stderr


def test_certificate_of_another_authority_is_refused(address, certificates, tmp_path):
    issued = trustme.CA().issue_cert("localhost")
    (tmp_path / "ca.crt").write_text(certificates["ca.crt"])  # the server is who it should be
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "tls.pem")
    security = Security(
        tls_ca_file=str(tmp_path / "ca.crt"), tls_client_cert=str(tmp_path / "tls.pem"),
        tls_client_key=str(tmp_path / "tls.pem"), require_encryption=True,
    )  # fmt: skip
    quick = dask.config.set({"distributed.comm.timeouts.connect": "3s"})
    with quick, pytest.raises(OSError, match=r"TLS certificate|[Tt]imed out|closed"):
        Client(address, security=security)
