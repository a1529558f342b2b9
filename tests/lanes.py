"""Lanes of CI beside that of the lock: other interpreters, other releases, and the packages themselves.

    python -m tests.lanes [newest] [oldest] [packages]

- `newest`: the newest interpreter found, and of every dependency the newest release;
- `oldest`: the oldest interpreter, and of every dependency that the metadata name the release that
  they name first;
- `packages`: the sdist, the wheel made of it, and that installed for each extra, outside the checkout.

The first two run `TESTS` without torch, of which other interpreters get gigabytes here; tests that need
it are skipped by name. A lane whose interpreter is missing is skipped by name. What pip has cached is
not fetched again; everything else is made anew, in a temporary folder.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path

from tests import packages

ROOT = Path(__file__).parents[1]
NEWEST = ("3.14", "3.13", "3.12")
"""Interpreters, the most wanted first."""
OLDEST = ("3.11",)

TESTS = ("tests/test_dependencies.py", "tests/lake", "tests/ingest", "tests/jobs")
EXTRAS = "cluster,export"
"""All but torch."""
TOOLS = (
    "h5netcdf",
    "hypothesis",
    "moto[s3,server]",
    "pandas",
    "pyproj",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "safetensors",  # of the extra that has torch
    "trustme",
)
OF_OLD_RELEASES = ("ignore::DeprecationWarning", "ignore:numpy.ndarray size changed")
"""Warnings that old releases give about newer ones of what they rest on."""


def interpreter(versions: Iterable[str]) -> Path | None:
    """The first of these versions that runs: on the path, or pyenv's."""
    for version in versions:
        of_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
        named = shutil.which(f"python{version}")
        for path in (*of_pyenv[::-1], *([Path(named)] if named else [])):
            if (
                subprocess.run([path, "--version"], capture_output=True, check=False).returncode
                == 0
            ):
                return path
    return None


def environment(python: Path, folder: Path, wanted: Iterable[str]) -> Path:
    """A new virtual environment with this project and what is wanted; its interpreter."""
    packages.run([python, "-m", "venv", folder])
    own = folder / "bin" / "python"
    # the pip of older interpreters finds no solution where there is one
    packages.run([own, "-m", "pip", "install", "--quiet", "--upgrade", "pip"])
    packages.install(own, [*wanted, "--editable", f".[{EXTRAS}]"])
    return own


def lowest() -> list[str]:
    """Of each dependency that the metadata name, the release that they name first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = [
        *project["dependencies"],
        *(n for name in packages.EXTRAS if name for n in extras[name]),
    ]
    bounds = (re.match(r"([\w.\[\]-]+)>=([\w.]+)", name) for name in named)
    return sorted({f"{found[1]}=={found[2]}" for found in bounds if found})


def tested(
    name: str, versions: Iterable[str], wanted: Iterable[str], ignored: Iterable[str]
) -> None:
    """Run the tests by an interpreter of one of these versions; says so where there is none."""
    python = interpreter(versions)
    if python is None:
        say(f"{name}: skipped, no {' nor '.join(f'python{v}' for v in versions)}")
        return
    with tempfile.TemporaryDirectory() as folder:
        own = environment(python, Path(folder) / "venv", [*TOOLS, *wanted])
        say(
            f"{name}: {packages.output([own, '--version'])}, {packages.output([own, '-c', RELEASES])}"
        )
        warnings = [word for rule in ignored for word in ("-W", rule)]
        options = ["-q", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider"]
        chosen = [
            "-m",
            "not slow",
            "--hypothesis-profile=lanes",
            *warnings,
            *TESTS,
        ]
        packages.run(
            [own, "-m", "pytest", *options, *chosen], LAKE_TEST_S3="moto", LAKE_SHARED_DATA="none"
        )


RELEASES = """
from importlib.metadata import version
print(", ".join(f"{name} {version(name)}" for name in ("zarr", "numpy", "xarray", "obstore", "pyarrow")))
"""


def newest() -> None:
    """The newest releases."""
    tested("newest", NEWEST, (), ())


def oldest() -> None:
    """The oldest releases."""
    tested("oldest", OLDEST, lowest(), OF_OLD_RELEASES)


def installed() -> None:
    """The packages, by the interpreter of the lock."""
    packages.check(ROOT, say)


def say(message: str) -> None:
    """A line of what this module does, among those of pip and pytest."""
    sys.stdout.write(f"lane {message}\n")
    sys.stdout.flush()


LANES = {"newest": newest, "oldest": oldest, "packages": installed}


def main() -> None:
    """Run the lanes that are named, or all; fails after the last if one failed."""
    os.chdir(ROOT)
    failed = []
    for name in sys.argv[1:] or LANES:
        began = time.monotonic()
        try:
            LANES[name]()
        except subprocess.CalledProcessError as error:
            say(f"{name}: failed, exit code {error.returncode} of {' '.join(map(str, error.cmd))}")
            failed.append(name)
        say(f"{name}: {time.monotonic() - began:.0f} s")
    sys.exit(f"lanes failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
