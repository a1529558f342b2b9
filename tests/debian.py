"""Programs of Debian's that tests run, installed where this is root with apt-get."""

import fcntl
import shutil
import subprocess
from collections.abc import Sequence
from os import environ, geteuid
from pathlib import Path
from tempfile import gettempdir

PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


class UnavailableError(RuntimeError):
    """This machine cannot have a program: it is missing and cannot be installed."""


def missing(programs: Sequence[str]) -> list[str]:
    """Those that are not there."""
    return [name for name in programs if shutil.which(name, path=PATH) is None]


def can_install() -> bool:
    """Whether this is root with apt-get."""
    return shutil.which("apt-get") is not None and geteuid() == 0


def install(packages: Sequence[str], programs: Sequence[str]) -> None:
    """Install packages, if some of the programs in them are missing.

    Raises:
        UnavailableError: something is missing, and this is not root with apt-get.
        RuntimeError: apt-get failed.
    """
    with Path(gettempdir(), "goeslake-tests-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # processes of one test run install once
        _install(packages, missing(programs))


def _install(packages: Sequence[str], lacking: Sequence[str]) -> None:
    if not lacking:
        return
    if not can_install():
        raise UnavailableError(f"no {', '.join(lacking)}; they install as root, with apt-get")
    options = ("-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-unsafe-io")
    quiet = environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", *options, *command], check=False, env=quiet, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(
                f"apt-get {command[0]} of {', '.join(packages)} failed: {done.stderr[-1000:]}"
            )
