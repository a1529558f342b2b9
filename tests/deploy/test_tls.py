"""A Dask cluster that speaks TLS, by the settings of the manifests' component `tls`, on loopback."""

import os
import ssl
import subprocess
from datetime import UTC, datetime, timedelta

import dask
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from distributed import Client
from distributed.security import Security

from tests.deploy.guide import documented
from tests.deploy.manifests import PROGRAMS, ROOT, name, overlay
from tests.deploy.pods import Runner
from tests.jobs import small


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificates(authority) -> dict[str, str]:
    """What cert-manager, or whoever keeps certificates, puts into the Secret dask-tls."""
    issued = authority.issue_cert("localhost")
    return {
        "ca.crt": authority.cert_pem.bytes().decode(),
        "tls.crt": "".join(blob.bytes().decode() for blob in issued.cert_chain_pems),
        "tls.key": issued.private_key_pem.bytes().decode(),
    }


@pytest.fixture(scope="module")
def of_laptops(authority) -> dict[str, str]:
    """The same of the Secret dask-laptop, with the usages of its Certificate; trustme gives all usages."""
    (document,) = [d for d in overlay("aws") if name(d) == "Certificate/dask-laptop"]
    assert document["spec"]["usages"] == ["client auth"]
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    signer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, document["spec"]["commonName"])])
    unsigned = x509.CertificateBuilder(
        signer.subject, subject, key.public_key(), x509.random_serial_number(),
        now - timedelta(hours=1), now + timedelta(days=1),
    ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=True)  # fmt: skip
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    return {
        "ca.crt": authority.cert_pem.bytes().decode(),
        "tls.crt": unsigned.sign(authority._private_key, hashes.SHA256())
        .public_bytes(pem)
        .decode(),
        "tls.key": key.private_bytes(pem, form, serialization.NoEncryption()).decode(),
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
def laptop(of_laptops, tmp_path) -> dict[str, str]:
    """The settings of docs/deploy.md, with certificates from the Secret."""
    for file, content in of_laptops.items():
        (tmp_path / file).write_text(content)
    lines = [
        documented("export DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"),
        documented("export DASK_DISTRIBUTED__COMM__TLS__CA_FILE"),
        documented("export DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT"),
        documented("export DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY"),
    ]
    command = ["bash", "-ec", "\n".join([*lines, "printenv -0"])]
    told = subprocess.run(command, check=True, capture_output=True, text=True, env={}, cwd=tmp_path)
    settings = dict(item.split("=", 1) for item in told.stdout.split("\0") if item)
    return {key: value for key, value in settings.items() if key.startswith("DASK_")}


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


@pytest.mark.parametrize("role", ["scheduler", "worker"])
def test_certificate_of_laptops_does_not_pass_for_a_server(
    role, certificates, of_laptops, tmp_path
):
    """A handshake in memory, by the contexts of Dask: it works with the servers' certificate alone."""
    for files, error in ((certificates, None), (of_laptops, "unsuitable certificate purpose")):
        for file, content in files.items():
            (tmp_path / file).write_text(content)
        ours = {"tls_ca_file": str(tmp_path / "ca.crt"), "require_encryption": True}
        for of in (role, "client"):
            ours |= {f"tls_{of}_cert": str(tmp_path / "tls.crt")}
            ours |= {f"tls_{of}_key": str(tmp_path / "tls.key")}
        security = Security(**ours)
        server = security.get_listen_args(role)["ssl_context"]
        client = security.get_connection_args("client")["ssl_context"]
        if error is None:
            handshake(client, server)
        else:
            with pytest.raises(ssl.SSLCertVerificationError, match=error):
                handshake(client, server)


def handshake(client, server) -> None:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    waiting = list(sides)
    while waiting:
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)


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
