"""The packages as users get them: sdist, wheel, and that installed for each extra, outside the checkout."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

KEY = "goes16/test/20200101_20201231/geom-goes-conus-0"
"""Of the store of `tests.lake.small_store`."""

TORCH = {"torch", "safetensors"}
DASK = {"dask", "distributed"}
DRAWING = {"matplotlib", "PIL"}
FILES = {"netCDF4", "rasterio"}
FILLING = {"numba", "h5py", "deflate", "aiohttp", "global_land_mask"}
LEARNING = {"sklearn", "scipy", "threadpoolctl", "prometheus_client"}
HEAVY = TORCH | DASK | DRAWING | FILES | FILLING | LEARNING


@dataclass(frozen=True, slots=True)
class Extra:
    """What must work where an extra was installed, and nothing else."""

    packages: tuple[str, ...]
    """Whose modules are imported, all of them."""
    lacking: frozenset[str]
    """Libraries that these modules may find missing: those of other extras."""
    command: tuple[str, ...] = ("ls", "--json")
    """Of `lake`; `{key}` and `{out}` stand for a store, and a folder."""


EXTRAS = {
    "": Extra(("lake",), frozenset(HEAVY)),
    "plot": Extra(
        ("lake",), frozenset(HEAVY - DRAWING), ("plot", "map", "{key}", "--out", "{out}/map.png")
    ),
    "export": Extra(
        ("lake",),
        frozenset(HEAVY - FILES),
        ("export", "{key}", "--cube", "day-2km", "--format", "netcdf", "--out", "{out}/x.nc"),
    ),
    "ingest": Extra(("lake", "ingest"), frozenset(HEAVY - DASK - FILLING), ("verify", "--help")),
    "jobs": Extra(
        ("lake", "jobs"), frozenset(TORCH | FILES | FILLING | {"prometheus_client"}), ("runs", "ls")
    ),
    "cluster": Extra(
        ("lake", "ingest", "jobs"), frozenset(TORCH | FILES), ("prometheus", "--help")
    ),
}
"""By name; without one: what `pip install goeslake` brings. `embed` adds torch, which the lock's lane has."""

IMPORTS = """
import importlib, pkgutil, sys
names, lacking, found = sys.argv[1].split(), set(sys.argv[2].split()), set()
for name in names:
    for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
        if module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            top = (error.name or "").partition(".")[0]
            if top not in lacking:
                raise
            found.add(top)
print("without", *sorted(found))
"""


def check(root: Path, say: Callable[[str], None]) -> None:
    """Build the packages of a checkout, install and use them.

    Raises:
        subprocess.CalledProcessError: something of it failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(root, folder)
        lake = folder / "lake"
        run([sys.executable, "-c", WRITE, root, lake], folder)
        for extra, wanted in EXTRAS.items():
            label = f"goeslake[{extra}]" if extra else "goeslake"
            said = use(
                folder / (extra or "alone"), f"{wheel}[{extra}]" if extra else wheel, wanted, lake
            )
            say(f"packages: {label}: README, 'lake {wanted.command[0]}', imports {said}")


def build(root: Path, folder: Path) -> str:
    """The wheel, made of the sdist, made of the files that Git knows; complete."""
    source, tools = folder / "source", folder / "tools"
    listed = ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for path in filter(None, output(listed).split("\0")):
        if (root / path).is_file():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / path, source / path)
    run([sys.executable, "-m", "venv", tools])
    python = tools / "bin" / "python"
    install(python, ["build"])
    run([python, "-m", "build", "--outdir", folder / "dist", source], quiet=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(path.relative_to(source))
        for package in ("lake", "ingest", "jobs")
        for path in (source / package).rglob("*")
        if path.is_file() and "explore/page" not in str(path)  # what the page is built from
    }
    if lost := sorted(wanted - held):
        raise subprocess.CalledProcessError(1, ["build", "left out of the wheel:", *lost])
    return str(wheel)


def install(python: Path, wanted: Sequence[str]) -> None:
    """Have pip install what is wanted; modules are compiled when they are imported."""
    run([python, "-m", "pip", "install", "--quiet", "--no-compile", *wanted])


def use(folder: Path, wanted: str, extra: Extra, lake: Path) -> str:
    """Install a package anew, and use it away from the checkout; says what it lacks."""
    run([sys.executable, "-m", "venv", folder])
    python = folder / "bin" / "python"
    install(python, [wanted])
    run([python, "-m", "pip", "check"], folder, quiet=True)
    run([python, "-I", "-c", readme(lake)], folder)
    given = {"key": KEY, "out": str(folder)}
    words = [word.format(**given) for word in extra.command]
    at_lake = [] if "--help" in words else ["--lake", lake]
    run([folder / "bin" / "lake", *words, *at_lake], folder, quiet=True)
    run([folder / "bin" / "lake", "--version"], folder, quiet=True)
    names = [" ".join(extra.packages), " ".join(extra.lacking)]
    said = output([python, "-I", "-c", IMPORTS, *names], folder)
    shutil.rmtree(folder)
    return said


def readme(lake: Path) -> str:
    """The lines of Python of the README, on a store of a lake on this disk."""
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    opened, urls = re.subn(r'lake\.open\(".*?"\)', f"lake.open({f'{lake}/{KEY}'!r})", block)
    if urls != 1:
        raise ValueError(f"the README opens {urls} stores, wanted one")
    return f"{opened}\nassert image.notnull().any()"


WRITE = """
import sys
sys.path.insert(0, sys.argv[1])
from lake.catalogue import catalogue, rebuild
from lake.format import keys
from lake.storage.connect import connect
from tests.lake import small_store
from tests.packages import KEY
objects = connect(sys.argv[2])
catalogue.claim(objects)
small_store.write(f"{sys.argv[2]}/{small_store.KEY}", small_store.small_domain())
catalogue.upsert(objects, rebuild.row_of(sys.argv[2], keys.parse(KEY)))
"""


def run(
    command: Sequence[object], folder: Path | None = None, *, quiet: bool = False, **variables: str
) -> None:
    """Run a command with more variables of its environment; `quiet`: what it prints shows if it fails.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=os.environ | variables,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        check=False,
    )
    if quiet and done.returncode:
        sys.stdout.write(done.stdout)
    done.check_returncode()


def output(command: Sequence[object], folder: Path | None = None) -> str:
    """What a command prints; raises as `run`."""
    words = list(map(str, command))
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stdout.write(done.stdout + done.stderr)
    done.check_returncode()
    return done.stdout.strip()
