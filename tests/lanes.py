"""Lanes of CI beside that of the lock: other interpreters, other releases, and the packages themselves.

    python -m tests.lanes [newest] [packages] [oldest]
    python -m tests.lanes --tested 1200 --limit 2100

- `newest`: the newest interpreter found, and of every dependency the newest release;
- `oldest`: the oldest interpreter, and of every dependency that the metadata name the release that
  they name first;
- `packages`: the sdist, the wheel made of it, and that installed for each extra, outside the checkout.

The first two run `TESTS` without torch, of which other interpreters get gigabytes here; tests that need
it are skipped by name. A lane whose interpreter is missing is skipped by name. What pip has cached is
not fetched again; everything else is made anew, in a temporary folder.

The second form is for a CI of limited time, after `make test` took 1200 s of 2100: a lane begins if by
`SHARES` of that it ends in time, and is stopped where it does not. Both are said, and are no failure.
"""

import argparse
import os
import re
import shutil
import signal
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
        options = ["-q", "-o", f"cache_dir={folder}/cache"]
        chosen = ["-m", "not slow", "--hypothesis-profile=lanes", *warnings, *TESTS]
        pytest = [own, "-m", "pytest", *options, *chosen]
        variables = {"LAKE_TEST_S3": "moto", "LAKE_SHARED_DATA": "none"}
        try:
            packages.run([*pytest, "-n", "2", "--dist", "loadfile"], **variables)
        except subprocess.CalledProcessError:
            say(f"{name}: what failed beside other tests, once more by itself")
            packages.run([*pytest, "--last-failed", "--last-failed-no-failures=none"], **variables)


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


LANES = {"newest": newest, "packages": installed, "oldest": oldest}
SHARES = {"newest": 0.5, "packages": 0.2, "oldest": 0.5}
"""What a lane takes at most of the time of `make test` on the same machine."""


def failures(names: Iterable[str]) -> list[str]:
    """Run lanes one after the other; those that failed."""
    failed = []
    for name in names:
        began = time.monotonic()
        try:
            LANES[name]()
        except subprocess.CalledProcessError as error:
            say(f"{name}: failed, exit code {error.returncode} of {' '.join(map(str, error.cmd))}")
            failed.append(name)
        say(f"{name}: {time.monotonic() - began:.0f} s")
    return failed


def failures_in_time(names: Iterable[str], tested: float, limit: float) -> list[str]:
    """Run the lanes that end in time, each in a process of its own; those that failed.

    Args:
        names: of lanes.
        tested: seconds that `make test` took.
        limit: seconds for it and for the lanes.
    """
    failed, end = [], time.monotonic() + limit - tested
    for name in names:
        left, wanted = max(end - time.monotonic(), 0), SHARES[name] * tested
        if left < wanted:
            say(f"{name}: not run: it takes about {wanted:.0f} s here, and {left:.0f} s are left")
            continue
        failed += [] if ends_well(command(name), left) else [name]
    return failed


def command(name: str) -> list[str]:
    """Runs one lane."""
    return [sys.executable, "-m", "tests.lanes", name]


def ends_well(words: list[str], seconds: float) -> bool:
    """Run a command and all that it starts; False: it failed. What does not end in time is stopped."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"TMPDIR": folder}
        process = subprocess.Popen(words, env=environment, start_new_session=True)
        try:
            return process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            say(f"{words[-1]}: stopped, it did not end in the {seconds:.0f} s that were left")
            return True


def main() -> None:
    """Run the lanes that are named, or all; fails after the last if one failed."""
    parser = argparse.ArgumentParser(description="Lanes of CI beside that of the lock.")
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"{', '.join(LANES)}; all of them by default"
    )
    parser.add_argument("--tested", type=float, help="seconds that `make test` took")
    parser.add_argument("--limit", type=float, help="seconds for it and for the lanes")
    arguments = parser.parse_args()
    names = arguments.names or list(LANES)
    if unknown := set(names) - LANES.keys():
        parser.error(f"no lane {', '.join(sorted(unknown))}: there are {', '.join(LANES)}")
    os.chdir(ROOT)
    if arguments.limit is None:
        failed = failures(names)
    else:
        failed = failures_in_time(names, arguments.tested, arguments.limit)
    sys.exit(f"lanes failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
