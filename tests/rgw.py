"""A Ceph RGW on loopback: a real S3 server, persistent, which checks signatures.

One monitor, one storage daemon on a sparse file and one gateway, all below a scratch folder and on
free ports, children of this process that die with it. No manager daemon: pools are made without it.
`install` brings the programs where this is root on Debian (61 MB to fetch, 330 MB on disk, 25 s); the
server is up in 10 s.
"""

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from tests import debian, s3
from tests.ports import free_ports

PACKAGES = ("ceph-mon", "ceph-osd", "radosgw")
PROGRAMS = (*PACKAGES, "monmaptool", "osdmaptool", "radosgw-admin")
KEY, SECRET = "rgw-test-key", "rgw-test-secret"
START_SECONDS = 60

CONFIGURATION = """
[global]
fsid = {fsid}
mon_host = v1:127.0.0.1:{monitor}
public_network = 127.0.0.0/8
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
osd_pool_default_size = 1
osd_pool_default_min_size = 1
mon_allow_pool_size_one = true
mon_data_avail_warn = 1
mon_data_avail_crit = 1
osd_crush_chooseleaf_type = 0
osd_crush_update_on_start = false
osd_class_update_on_start = false
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
# the map of pools changes a dozen times at the start: once a second by default
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
run_dir = {folder}/run
admin_socket = {folder}/run/$name.asok
log_file = {folder}/log/$name.log
[mon.a]
mon_data = {folder}/mon
[osd.0]
osd_data = {folder}/osd
osd_objectstore = bluestore
bluestore_block_size = 8589934592
osd_memory_target = 1073741824
[client.rgw]
rgw_data = {folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{gateway} tcp_nodelay=1
rgw_enable_apis = s3
rgw_thread_pool_size = 64
rgw_override_bucket_index_max_shards = 1
rgw_dynamic_resharding = false
rgw_gc_obj_min_wait = 60
rgw_gc_processor_period = 60
"""


@dataclass(slots=True)
class Server:
    """A running gateway."""

    folder: Path
    """Of data, logs and configuration."""
    endpoint: str
    key: str = KEY
    secret: str = SECRET
    _gateway: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Under which S3 clients find it."""
        return s3.environment(self.endpoint, self.key, self.secret)

    def start(self) -> None:
        """Start the gateway and wait until it answers."""
        self._gateway.append(_daemon(self.folder, "radosgw", "-n", "client.rgw"))
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > end or self._gateway[-1].poll() is not None:
                raise RuntimeError(
                    f"radosgw does not answer at {self.endpoint}:\n{_logs(self.folder)}"
                )
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill the gateway as a crash would; what it answered for stays."""
        _end(self._gateway.pop())

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.endpoint, timeout=5).close()  # noqa: S310 (loopback)
        except (urllib.error.URLError, OSError):
            return False
        return True


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A server with its data in `folder`; nothing of it runs afterwards.

    Raises:
        RuntimeError: it does not start, with what its daemons logged.
    """
    for name in ("mon", "osd", "rgw", "run", "log"):
        (folder / name).mkdir(parents=True)
    monitor, gateway = free_ports(2)
    fsid = str(uuid4())
    text = CONFIGURATION.format(fsid=fsid, folder=folder, monitor=monitor, gateway=gateway)
    (folder / "ceph.conf").write_text(text)
    running = Server(folder, f"http://127.0.0.1:{gateway}")
    with ExitStack() as stack:
        _make_maps(folder, fsid, monitor)
        stack.callback(_end, _daemon(folder, "ceph-mon", "-i", "a"))
        _run(folder, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", str(uuid4()))
        stack.callback(_end, _daemon(folder, "ceph-osd", "-i", "0"))
        stack.callback(lambda: [_end(process) for process in running._gateway])
        _run(
            folder, "radosgw-admin", "-n", "client.rgw", "user", "create", "--uid=tests",
            "--display-name=tests", f"--access-key={KEY}", f"--secret-key={SECRET}",
        )  # fmt: skip
        running.start()
        yield running


def is_possible() -> bool:
    """Whether the programs are there, or can be installed."""
    return not debian.missing(PROGRAMS) or debian.can_install()


def install() -> None:
    """Install what is missing of the programs; raises as `debian.install`."""
    debian.install(PACKAGES, PROGRAMS)


def _make_maps(folder: Path, fsid: str, monitor: int) -> None:
    """Who is in the cluster, and the monitor's data that begins with it."""
    monmap, osdmap = str(folder / "monmap"), str(folder / "osdmap")
    address = f"[v1:127.0.0.1:{monitor}]"
    _run(folder, "monmaptool", "--create", "--addv", "a", address, "--fsid", fsid, monmap)
    _run(folder, "osdmaptool", "--createsimple", "1", osdmap)
    _run(folder, "ceph-mon", "-i", "a", "--mkfs", "--monmap", monmap, "--osdmap", osdmap)


def _run(folder: Path, *command: str) -> None:
    try:
        done = subprocess.run(
            command,
            check=False,
            env=_environment(folder),
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{' '.join(command)} does not end:\n{_logs(folder)}") from error
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout[-1000:]}{done.stderr[-2000:]}")


def _daemon(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    """A process that is killed when its standard input closes: also when this process is killed."""
    with (folder / "log" / f"{command[0]}.out").open("ab") as output:
        return subprocess.Popen(
            ["bash", "-c", _LEASH, "bash", *command, "-f"],
            env=_environment(folder),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )


_LEASH = """
exec 3<&0
"$@" 3<&- </dev/null & daemon=$!
(cat <&3 >/dev/null; kill -KILL $daemon) 2>/dev/null &
wait $daemon
"""


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": debian.PATH, "CEPH_CONF": str(folder / "ceph.conf")}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.communicate()  # closes its standard input
    process.wait()


def _logs(folder: Path) -> str:
    """The last lines of every daemon."""
    paths = sorted((folder / "log").iterdir())
    return "\n".join(f"{p.name}: {p.read_text(errors='replace')[-1500:]}" for p in paths)
