"""A headless Chromium of Debian's, driven by Playwright; installed where this is root with apt-get."""

import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from os import environ, geteuid
from pathlib import Path
from tempfile import gettempdir

from playwright.sync_api import Browser, sync_playwright

PACKAGE = "chromium"


class UnavailableError(RuntimeError):
    """This machine cannot have the browser: it is missing and cannot be installed."""


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window.

    Raises:
        UnavailableError: there is none.
    """
    path = executable()
    # a container has no user namespaces for the sandbox, and a small /dev/shm
    flags = ["--no-sandbox", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=flags)
        yield running
        running.close()


def executable() -> str:
    """Path of the browser, which is installed if it is missing.

    Raises:
        UnavailableError: it is missing, and this is not root with apt-get.
        RuntimeError: apt-get failed.
    """
    with Path(gettempdir(), "goeslake-tests-chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # processes of one test run install once
        if shutil.which(PACKAGE) is None:
            _install()
    found = shutil.which(PACKAGE)
    if found is None:
        raise RuntimeError(f"apt-get installed {PACKAGE}, but there is no such program")
    return found


def _install() -> None:
    if shutil.which("apt-get") is None or geteuid() != 0:
        raise UnavailableError(f"no {PACKAGE}; it installs as root, with apt-get")
    options = ("-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-unsafe-io")
    quiet = environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", PACKAGE]):
        done = subprocess.run(
            ["apt-get", *options, *command], check=False, env=quiet, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"apt-get {command[0]} of {PACKAGE} failed: {done.stderr[-1000:]}")
