"""Memory of ingest and verification on full disks of 5 424 x 5 424 pixels: said before, and measured.

    python benchmarks/full_disk.py [--json] [--folder DIR] [--resolution 2km] [--steps 3]

Scans of the whole disk, random smooth fields in the real layout: the cloud mask, and eight bands at 2 km,
or one at 0.5 km (21 696 x 21 696) beside one at 2 km. Half of the pixels are clear. `lake ingest run` and
`lake verify --all` run as a user runs them, on a Dask cluster of their own. `peak_bytes` is the largest
resident memory of any of their processes, by the system's account of those that ended; pages of the
files themselves, which are mapped, are in it. `stated_bytes` is what the run said beforehand.
"""

import argparse
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # before this folder
import record

from ingest.synthetic import acm, encode, imager
from ingest.synthetic.landscape import PROJECTION
from lake.format.grid import Grid

SIZE, STEP_RAD = 5424, 5.6e-5
BANDS = {
    "2km": {"C06": 1, "C07": 1, "C08": 1, "C09": 1, "C10": 1, "C11": 1, "C13": 1, "C14": 1},
    "500m": {"C02": 4, "C13": 1},
}
"""Bands by the finest resolution, each with its refinement of the 2 km grid."""

LISTING = """
sat = "goes16"
listing = "full-{resolution}"
t0 = "20220701"
tf = "20220731"
sector = "fulldisk"
tolerance_s = 600
clear_sky = {{ product = "ABI-L2-ACMF", rule = "clear" }}
domain = {{ product = "ABI-L2-ACMF", rule = "mask" }}
"""
CUBE = """
[cubes.day-{resolution}]
resolution = "{resolution}"
product = "ABI-L1b-RadF"
variable = "Rad"
bands = {bands}
tods = [64800]
"""
KEY = "goes16/full-{resolution}/20220701_20220731/geom-goes-fulldisk-0"


def smooth(random: np.random.Generator, size: int, cell: int) -> np.ndarray:
    """(size, size) float32 of 0..1, constant in squares of some pixels."""
    low = random.random((size // cell + 1,) * 2, dtype=np.float32)
    return low.repeat(cell, 0)[:size].repeat(cell, 1)[:, :size]


def disk_axes(_shape: tuple[int, int], refinement: int) -> Grid:
    """Scan angles of the whole disk."""
    size = SIZE * refinement
    angles = (np.arange(size) - (size - 1) / 2) * (STEP_RAD / refinement)
    return Grid(PROJECTION, -angles, angles)


def write(folder: Path, bands: dict[str, int], steps: int) -> None:
    """The files of some scans, one a day, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    thermal = {
        band: replace(imager.CHANNELS["C13"], number=int(band[1:]))
        for band in bands
        if band not in imager.CHANNELS
    }
    with (
        mock.patch.multiple(encode, axes=disk_axes, BAND_PRODUCT="ABI-L1b-RadF"),
        mock.patch.object(acm, "PRODUCT", "ABI-L2-ACMF"),
        mock.patch.dict(imager.CHANNELS, thermal),
        mock.patch.object(encode, "write_frame", partial(encode.write_frame, scene="Full Disk")),
    ):
        for day in range(1, steps + 1):
            start = datetime(2022, 7, day, 18, 0, 20, 500_000, tzinfo=UTC)
            created = start + timedelta(minutes=10)
            times = encode.Times(start, start + timedelta(minutes=9, seconds=30), created)
            cloud = (smooth(random, SIZE, 60) + smooth(random, SIZE, 24)) / 2
            level = np.digitize(cloud, (0.45, 0.5, 0.55)).astype(np.uint8)
            mask = acm.AcmImage((level >= 2).astype(np.uint8), level, np.zeros_like(level))
            path = folder / encode.file_name(times, "ABI-L2-ACMF")
            path.write_bytes(acm.acm_file(mask, times))
            for band, refinement in bands.items():
                size, top = SIZE * refinement, imager.CHANNELS[band].fill
                counts = (smooth(random, size, 12 * refinement) * (top // 2)).astype(np.uint16)
                counts += random.integers(top // 8, top // 6, counts.shape, dtype=np.uint16)
                image = imager.Image(counts, counts, np.zeros(counts.shape, np.int8))
                path = folder / encode.file_name(times, "ABI-L1b-RadF", band)
                path.write_bytes(encode.band_file(band, image, times, 1.0))


def run(words: Sequence[object]) -> dict[str, Any]:
    """The largest memory of a command's processes, and what it said of it."""
    command = [sys.executable, "-m", "lake", *map(str, words)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603 (ours)
    assert process.stderr is not None
    messages = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed: {messages[-1000:]}")
    stated = re.search(r"memory: at most ([\d.]+) GB a task", messages)
    figures: dict[str, Any] = {
        "peak_bytes": usage.ru_maxrss * 1024,
        "cpu_s": usage.ru_utime + usage.ru_stime,
    }
    return figures | ({"stated_bytes": float(stated[1]) * 1e9} if stated else {})


def measure(folder: Path, resolution: str, steps: int) -> dict[str, Any]:
    """Figures of ingest and of verification."""
    source, root = folder / f"source-{resolution}", folder / f"lake-{resolution}"
    bands = BANDS[resolution]
    if len(list(source.glob("*.nc"))) < steps * (1 + len(bands)):
        # by a process of its own: the memory of this one would count as that of its children
        writer = multiprocessing.get_context("spawn").Process(
            target=write, args=(source, bands, steps)
        )
        writer.start()
        writer.join()
    shutil.rmtree(root, ignore_errors=True)
    names = {1: "2km", 4: "500m"}
    text = LISTING.format(resolution=resolution)
    for refinement in sorted(set(bands.values())):
        cube_bands = json.dumps([band for band, r in bands.items() if r == refinement])
        text += CUBE.format(resolution=names[refinement], bands=cube_bands)
    listing = folder / f"full-{resolution}.toml"
    listing.write_text(text)
    key = KEY.format(resolution=resolution)
    at = ("--source", source, "--lake", root)
    return {
        "resolution": resolution,
        "steps": steps,
        "ingest": run(["ingest", "run", listing, *at]),
        "verify": run(["verify", key, *at, "--all"]),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where files and lakes lie or are written")
    parser.add_argument("--resolution", choices=BANDS, default="2km")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    record.add_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        figures = measure(folder, options.resolution, options.steps)
    record.write(options.record, record.of_figures(figures))
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    for name in ("ingest", "verify"):
        stated = figures[name].get("stated_bytes")
        said = f", {stated / 1e9:.1f} GB were said" if stated else ""
        print(f"{name}: peak {figures[name]['peak_bytes'] / 1e9:.2f} GB{said}")


if __name__ == "__main__":
    main()
