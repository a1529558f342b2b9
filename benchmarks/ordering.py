"""What the order of pixels costs a reader and gains a sampler, on the real land of GOES East CONUS.

    python benchmarks/ordering.py [--json]

Population: pixels of the 2 km CONUS grid (1500 x 2500, -75 degrees) whose centre is land in the
30-arcsec mask, in chunks of 1024 pixels. Orders: row-major, a random permutation (the two ends of
the scale), and `lake.format.order` with 1, 4 and 16 phases, at 1 phase no interleaving.

- Read amplification: pixels of all inner chunks that hold one of the wanted pixels / pixels wanted.
  Mean over the bounding boxes of 8 states, and over 200 windows of 64 x 64 pixels at random places,
  each at least half land.
- Design effect: variance of the mean of a sample of whole chunks / variance of the mean of a simple
  random sample, without replacement, of as many pixels (1 = as good as that; below: better). Two
  samples of 1/16 of the chunks (105), both computed exactly, not simulated:
  `every 16th` chunk of the store, mean squared error over all 16 possible ones - with 16 phases this
  is one phase of every superblock, the sample that this project draws; and `random` chunks, by the
  variance of chunk means (remainder that fills no chunk left out).
- Mean over 12 smooth fields (Gaussian random fields with a Gaussian covariance; standard deviation
  of the smoothing kernel 8, 32 and 128 pixels, 4 each), and over the shares of all Koppen-Geiger
  classes of land that cover at least 1 % of the pixels.

Needs the land mask and the Koppen map at LAKE_SHARED_DATA (default ../shared/data). Seeds are fixed.
"""

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import record
from numpy.typing import NDArray
from PIL import Image

from lake.format.domain import Domain, from_mask
from lake.format.grid import Grid, Projection, axis, lonlat
from lake.format.order import Layout, permutation, phase_of, superblock_of

DATA = Path(os.environ.get("LAKE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
CHUNK = 1024
SHARE = 16
"""One chunk in so many is sampled."""
WINDOW, WINDOWS = 64, 200
KERNELS, FIELDS_EACH = (8, 32, 128), 4
LEAST_CLASS, OCEAN = 0.01, 32
STATES = {  # west, south, east, north
    "Arizona": (-114.8, 31.3, -109.05, 37.0),
    "Colorado": (-109.05, 37.0, -102.05, 41.0),
    "Georgia": (-85.6, 30.4, -80.9, 35.0),
    "Iowa": (-96.6, 40.4, -90.1, 43.5),
    "Kansas": (-102.05, 37.0, -94.6, 40.0),
    "Nevada": (-120.0, 35.0, -114.0, 42.0),
    "Oregon": (-124.5, 42.0, -116.5, 46.2),
    "Pennsylvania": (-80.5, 39.7, -74.7, 42.3),
}


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """One way to lay the pixels out."""

    name: str
    place: NDArray[np.int64]
    """(P,) pixel, in row-major order, by position in the store."""
    chunk: NDArray[np.int64]
    """(P,) inner chunk by position in the store."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    order: str
    states: float
    """Read amplification."""
    windows: float
    every_16th_smooth: float
    """Design effect."""
    every_16th_koppen: float
    random_smooth: float
    random_koppen: float


def land() -> Domain:
    """Land pixels of the grid, in row-major order."""
    projection = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)
    y, x = axis(np.arange(1500), -5.6e-5, 0.128212), axis(np.arange(2500), 5.6e-5, -0.101332)
    lon, lat = lonlat(projection, y[:, None], x)
    with np.load(DATA / "maps" / "land" / "globe_combined_mask_compressed.npz") as mask:
        ocean = mask["mask"]
    mask = ~at(ocean, lon, lat)
    everything = from_mask(mask, Grid(projection, y, x), Layout(CHUNK, 1))
    row, column = (a.astype(np.int32) for a in np.nonzero(everything.mask))
    return Domain(everything.grid, everything.layout, row, column)


def at(image: NDArray[Any], lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[Any]:
    """Values of a global image, north up, at positions; where there is no position, of row 0."""
    rows, columns = image.shape
    known = np.isfinite(lon)
    row = np.where(known, (90 - lat) / 180 * rows, 0).astype(int).clip(0, rows - 1)
    column = np.where(known, (lon + 180) / 360 * columns, 0).astype(int).clip(0, columns - 1)
    values: NDArray[Any] = image[row, column]
    return values


def orders(domain: Domain) -> Iterator[Order]:
    """The orders compared."""
    n = domain.pixels
    in_turn = np.arange(n)
    yield Order("row-major", in_turn, in_turn // CHUNK)
    shuffled = np.random.default_rng(0).permutation(n)
    yield Order("random permutation", shuffled, in_turn // CHUNK)
    for phases, name in ((1, "no interleave"), (4, "4 phases"), (16, "16 phases (default)")):
        layout = Layout(CHUNK, phases)
        chunk = superblock_of(n, layout).astype(np.int64) * phases + phase_of(n, layout)
        yield Order(f"Hilbert, {name}", permutation(domain.row, domain.column, layout), chunk)


def windows(domain: Domain) -> list[NDArray[np.int64]]:
    """Pixels of square windows at random places, half land or more."""
    rng = np.random.default_rng(1)
    rows, columns = domain.grid.shape
    number = domain.to_grid(np.arange(domain.pixels), fill=-1)
    found: list[NDArray[np.int64]] = []
    while len(found) < WINDOWS:
        row, column = rng.integers(rows - WINDOW), rng.integers(columns - WINDOW)
        pixels = number[row : row + WINDOW, column : column + WINDOW]
        if (pixels >= 0).mean() >= 0.5:
            found.append(pixels[pixels >= 0])
    return found


def amplification(order: Order, regions: list[NDArray[np.int64]]) -> float:
    """Mean over the regions of pixels read / pixels wanted."""
    chunk_of_pixel = np.empty_like(order.chunk)
    chunk_of_pixel[order.place] = order.chunk
    size = np.bincount(order.chunk)
    return float(np.mean([size[np.unique(chunk_of_pixel[r])].sum() / r.size for r in regions]))


def smooth_fields(domain: Domain) -> Iterator[NDArray[np.float64]]:
    """(P,) Gaussian random fields."""
    rng = np.random.default_rng(2)
    shape = tuple(n + 4 * max(KERNELS) for n in domain.grid.shape)  # no wrapping around
    down, right = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
    for kernel in KERNELS:
        damping = np.exp(-2 * (np.pi * kernel) ** 2 * (down**2 + right**2))
        for _ in range(FIELDS_EACH):
            spectrum = np.fft.rfft2(rng.standard_normal(shape)) * damping
            yield np.fft.irfft2(spectrum, shape)[domain.row, domain.column]


def koppen_classes(domain: Domain) -> Iterator[NDArray[np.float64]]:
    """(P,) 1 where the pixel is of a class, 0 elsewhere."""
    zones = np.asarray(Image.open(DATA / "maps" / "koppen" / "kmz_int_reshape.png"))
    zone = at(zones, *domain.lonlat())
    for number, count in enumerate(np.bincount(zone.ravel())):
        if number != OCEAN and count >= LEAST_CLASS * domain.pixels:
            yield (zone == number).astype(np.float64)


def every_16th(order: Order, field: NDArray[np.float64]) -> float:
    """Design effect of the chunks i, i + 16, i + 32, ..., exact over all i."""
    sample = order.chunk % SHARE
    size = np.bincount(sample, minlength=SHARE)
    means = np.bincount(sample, field[order.place], minlength=SHARE) / size
    n = field.size / SHARE
    return float(np.mean((means - field.mean()) ** 2) / _variance_of_random_pixels(field, n))


def random_chunks(order: Order, field: NDArray[np.float64]) -> float:
    """Design effect of a simple random sample of chunks."""
    size = np.bincount(order.chunk)
    means = (np.bincount(order.chunk, field[order.place]) / size)[size == CHUNK]
    drawn = means.size // SHARE
    variance = means.var(ddof=1) / drawn * (1 - drawn / means.size)
    return float(variance / _variance_of_random_pixels(field, drawn * CHUNK))


def _variance_of_random_pixels(field: NDArray[np.float64], n: float) -> float:
    return float(field.var(ddof=1) / n * (1 - n / field.size))


def measure() -> dict[str, Any]:
    """Everything, as plain values."""
    domain = land()
    states = [domain.pixels_in(bbox) for bbox in STATES.values()]
    squares = windows(domain)
    compared = list(orders(domain))
    effects: dict[tuple[str, str, str], list[float]] = {}
    for kind, fields in (("smooth", smooth_fields(domain)), ("koppen", koppen_classes(domain))):
        for field in fields:
            for order in compared:
                for design in (every_16th, random_chunks):
                    key = (order.name, design.__name__, kind)
                    effects.setdefault(key, []).append(design(order, field))
    rows = [
        Row(
            order.name,
            amplification(order, states),
            amplification(order, squares),
            *(
                float(np.mean(effects[order.name, design, kind]))
                for design in ("every_16th", "random_chunks")
                for kind in ("smooth", "koppen")
            ),
        )
        for order in compared
    ]
    return {
        "pixels": domain.pixels,
        "chunk": CHUNK,
        "rows": [asdict(row) for row in rows],
        "each": {"/".join(key): values for key, values in effects.items()},
    }


def table(found: dict[str, Any]) -> str:
    """For people."""
    lines = [
        f"{found['pixels']} land pixels of GOES East CONUS at 2 km, chunks of {found['chunk']}",
        "",
        f"{'':<28}    read amplification    design effect, smooth / Koppen",
        f"{'order':<28}    8 states   windows    every 16th chunk    random chunks",
    ]
    for row in (Row(**values) for values in found["rows"]):
        every_16th, at_random = (
            " / ".join(f"{effect:.0f}" if effect >= 10 else f"{effect:.2g}" for effect in pair)
            for pair in (
                (row.every_16th_smooth, row.every_16th_koppen),
                (row.random_smooth, row.random_koppen),
            )
        )
        lines.append(
            f"{row.order:<28}{row.states:12.1f}{row.windows:10.1f}    {every_16th:<20}{at_random}"
        )
    return "\n".join(lines)


RECORDED = {
    "states": "read amplification: 8 states",
    "windows": "64 x 64 windows",
    "every_16th_smooth": "design effect of every 16th chunk: smooth fields",
    "every_16th_koppen": "Koppen class shares",
    "random_smooth": "of random chunks: smooth fields",
    "random_koppen": "of random chunks: Koppen class shares",
}
"""Names of the columns of a record."""


def main() -> None:
    """Print the table, or one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON document")
    record.add_option(parser)
    arguments = parser.parse_args()
    if not DATA.is_dir():
        parser.error(f"no maps at {DATA}: set LAKE_SHARED_DATA to the folder that holds maps/")
    found = measure()
    by_order = {
        row["order"]: {column: row[name] for name, column in RECORDED.items()}
        for row in found["rows"]
    }
    record.write(arguments.record, record.of_figures(by_order))
    print(json.dumps(found) if arguments.json else table(found))


if __name__ == "__main__":
    main()
