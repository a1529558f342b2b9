"""A headless Firefox of Debian's, driven by Playwright; installed where this is root with apt-get.

They speak WebDriver BiDi, as every Firefox does. Playwright's own Firefox is not in the package registries.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from playwright.sync_api import Browser, sync_playwright

from tests import debian

PROGRAM = "firefox-esr"

_REPLACED = {
    # Playwright sends it for every profile; releases of Firefox do not know it, and the profile fails
    '"emulation.setMediaFeaturesOverride"': '"session.status"',
    # to Firefox, a file made by the page is no navigation; Playwright would not see the download
    "if (!event.download && !event.navigation)": "if (false)",
    "event.download ?? event.navigation": "event.download ?? event.navigation ?? event.url",
}
"""Text of Playwright's driver -> what replaces it."""
_PATCH = f"""
const {{ Module }} = require("node:module");
const compile = Module.prototype._compile;
Module.prototype._compile = function (source, ...others) {{
  const texts = Object.entries({json.dumps(_REPLACED)});
  const patched = texts.reduce((code, [text, other]) => code.replaceAll(text, other), source);
  return compile.call(this, patched, ...others);
}};
"""


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window; raises as `debian.install` where there is none."""
    debian.install((PROGRAM,), (PROGRAM,))
    path = shutil.which(PROGRAM, path=debian.PATH)
    with TemporaryDirectory() as folder:
        script = Path(folder, "patch.cjs")
        script.write_text(_PATCH)
        with (
            patch.dict(os.environ, NODE_OPTIONS=f"--require={script}"),
            sync_playwright() as playwright,
        ):
            running = playwright.firefox.launch(channel="moz-firefox", executable_path=path)
            yield running
            running.close()
