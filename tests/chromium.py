"""A headless Chromium of Debian's, driven by Playwright; installed where this is root with apt-get."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests import debian

PROGRAM = "chromium"


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window; raises as `debian.install` where there is none."""
    debian.install((PROGRAM,), (PROGRAM,))
    # a container has no user namespaces for the sandbox, and a small /dev/shm
    flags = ["--no-sandbox", "--disable-dev-shm-usage"]
    path = shutil.which(PROGRAM, path=debian.PATH)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=flags)
        yield running
        running.close()
