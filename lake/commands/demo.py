"""`lake demo DIR`: the whole way on synthetic files, by the commands that a user would give.

Every step is a command of its own, shown before it runs. All share one Dask cluster on this
machine, made of processes of their own: it ends with the demo, however that ends. What was run
stays in `DIR/demo.sh`.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

import click

from lake.commands.options import Months, json_option
from lake.console.messages import emit, say
from lake.errors import ConfigError

LISTING = "clearland-l1b-c0"
LAKE = "stores"
"""The folder of the lake; of the name `lake` it would hide the package from a Python started beside it."""
YEARS = (2020, 2022)
"""One on each side of the change of the LST product's flags."""
UNREAL = "domain.mask=none"
"""The granules are of an invented country: no map of the Earth agrees with it."""
MONTHS, DAYS = "1,4,7,10", "3,8,13,18,23,28"
"""Of both years; of every month."""
CLUSTERS = 20
"""As many as the invented country has covers: with fewer, k-means joins some and cuts others in two."""
CHUNK = 256
"""Pixels of an inner chunk: small, so that there are several superblocks."""


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--shape",
    default=(200, 300),
    type=(int, int),
    show_default=True,
    help="Rows and columns at 2 km.",
)
@click.option("--months", type=Months(), default=MONTHS, show_default=True, help="Of both years.")
@click.option("--days", default=DAYS, show_default=True, help="Of every month.")
@json_option
def demo(
    folder: Path, shape: tuple[int, int], months: tuple[int, ...], days: str, *, as_json: bool
) -> None:
    """Show the whole way on synthetic files: ingest, merge, every job, a report with pictures."""
    from lake import dask_cluster

    _check_software()
    _claim(folder)
    began = time.monotonic()
    rows, columns = map(str, shape)
    with _sigterm_raises(), dask_cluster.client(None) as client:
        steps = Steps(folder / "demo.sh", str(client.scheduler_info()["address"]))
        run, key = _way(
            steps,
            folder,
            ["--shape", rows, columns, "--months", ",".join(map(str, months)), "--days", days],
        )
    seconds = time.monotonic() - began
    report = folder / "report.html"
    say("")
    document = {
        "report": str(report),
        "lake": str(folder / LAKE),
        "store": key,
        "run": run,
        "seconds": round(seconds, 1),
    }
    text = f"{report}: open it in a browser; the demo took {seconds:.0f} s"
    emit(document, text, as_json=as_json)


@dataclass(frozen=True, slots=True)
class Steps:
    """Runs commands one after the other, and writes them down."""

    script: Path
    """The script in which the commands are written down."""
    address: str
    """The address of the Dask scheduler that the commands share."""

    def __call__(self, *arguments: str) -> str:
        """Run `lake` with these arguments; returns what it printed. On failure the demo ends."""
        line = shlex.join(["lake", *arguments])
        say(f"\n$ {line}")
        self.note(line)
        began = time.monotonic()
        done = subprocess.run(  # noqa: S603 (our own command)
            [sys.executable, "-P", "-m", "lake", *arguments],
            env=os.environ | {"DASK_SCHEDULER_ADDRESS": self.address},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        say(done.stdout.rstrip())
        self.note(f"  # {time.monotonic() - began:.1f} s\n")
        if done.returncode:
            say(f"error: the demo stopped, because '{line}' failed; its message stands above")
            sys.exit(done.returncode if done.returncode > 0 else 128 - done.returncode)
        return done.stdout

    def note(self, text: str) -> None:
        """Append text to the script."""
        with self.script.open("a", encoding="utf-8") as script:
            script.write(text)


def _way(steps: Steps, folder: Path, country: Sequence[str]) -> tuple[str, str]:
    """Run all steps, from nothing to the report; returns the run of the map and the key of the store."""
    source, root = str(folder / "source"), str(folder / LAKE)
    steps("ingest", "synthetic", source, *country)
    for year in YEARS:
        settings = f"t0={year}-01-01", f"tf={year}-12-31", f"layout.chunk={CHUNK}", UNREAL
        steps("ingest", "run", LISTING, "--source", source, "--lake", root, *_set(settings))
    periods = _keys(root)
    steps("merge", *periods, "--lake", root)
    steps("ls", "--lake", root)
    (key,) = set(_keys(root)) - set(periods)
    steps("info", key, "--lake", root)
    first, second = sorted(periods)

    def run_job(job: str, store: str, *settings: str) -> str:
        return steps(job, store, "--lake", root, *_set(settings)).splitlines()[0]

    run_job("sample", key)
    run_job("pca", key)
    model = run_job("embed", first, f"second={second}")  # two periods teach more than their sum
    embedding = run_job("transform", key, f"run={model}")
    clusters = run_job("cluster", key, f"run={embedding}", f"k={CLUSTERS}")
    run = run_job("map", key, f"run={clusters}")
    steps(
        "report", run, "--lake", root, "--out", str(folder / "report.html"),
        "--truth", str(folder / "source" / "truth.npz"), "--commands", str(steps.script),
    )  # fmt: skip
    return run, key


def _set(settings: Sequence[str]) -> list[str]:
    """The options that give these settings."""
    return [argument for setting in settings for argument in ("--set", setting)]


def _keys(root: str) -> list[str]:
    from lake.catalogue import catalogue
    from lake.storage.connect import connect

    return [row.key for row in catalogue.rows(connect(root))]


def _check_software() -> None:
    for package in ("h5py", "matplotlib", "sklearn", "torch"):
        if find_spec(package) is None:
            raise ConfigError(f"'lake demo' needs {package}: pip install 'goeslake[all]'")


def _claim(folder: Path) -> None:
    """Make the folder, or check that it is empty."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = sorted(path.name for path in folder.iterdir())
        if not names and not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise ConfigError(
            f"cannot write {folder}: {error.strerror}; give a folder that you may write to"
        ) from error
    if names:
        raise ConfigError(
            f"{folder} is not empty (it holds {names[0]!r}): give a new or empty folder"
        )


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """SIGTERM ends the demo as an exception, so that the cluster is ended too."""

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
