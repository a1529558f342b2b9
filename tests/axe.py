"""axe-core, which finds what keeps people from using a page; its one file comes from npm, once a test run."""

import shutil
import subprocess
import tarfile
from pathlib import Path

from playwright.sync_api import Page

VERSION = "4.14.1"

_FINDINGS = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    const line = ({ html, any }) => `${html.slice(0, 200)} ${any[0]?.message ?? ""}`;
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(line).join(" | ")}`);
}"""


class UnavailableError(RuntimeError):
    """axe-core cannot be had here."""


def script(folder: Path) -> str:
    """The text of axe-core, got into an empty folder.

    Raises:
        UnavailableError: there is no npm, or it reaches no registry.
    """
    if shutil.which("npm") is None:
        raise UnavailableError("no npm")
    done = subprocess.run(
        ["npm", "pack", f"axe-core@{VERSION}", "--prefer-offline", "--silent"],
        cwd=folder, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if done.returncode:
        raise UnavailableError(f"npm gives no axe-core: {done.stderr[-300:]}")
    with tarfile.open(folder / done.stdout.strip()) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


def findings(page: Page, axe: str) -> list[str]:
    """What is wrong with a page as it is now, a line for each rule."""
    page.evaluate(axe)
    return page.evaluate(_FINDINGS)
