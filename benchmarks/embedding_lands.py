"""Land that `benchmarks/embedding.py` measures on: features of two periods, and the truth of every pixel.

A land is made once and kept as a file of arrays in a folder, which later runs read. Features are those
that `lake sample` takes by default: merged subpixels, without those missing in half of the pixels.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

import lake
from jobs.evaluation.cases import Pixels
from jobs.features import features, texture
from jobs.features.features import FeatureSelection
from jobs.sampling import sample
from jobs.synthetic import stores
from jobs.synthetic.country import DYNAMICS, Country
from lake.catalogue import catalogue
from lake.commands import demo
from lake.format import order
from lake.format.domain import Domain
from lake.format.order import Layout
from lake.reading.store import Store
from lake.storage.connect import connect

Singles = NDArray[np.float32]

DATA = Path(os.environ.get("LAKE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
PERIODS = (("2022-12-14", "2023-02-21"), ("2022-12-15", "2023-02-22"))
OCEAN = 32
LAYOUT = Layout(256, 8)
EVERYTHING = FeatureSelection()
TEXTURED = "textured"
PLACE = "place"
"""The quantity of an invented land that is latitude and longitude, (pixel, 2) degrees."""
MAX_MISSING = sample.Settings().max_missing


@dataclass(frozen=True, slots=True, eq=False)
class Land:
    """Features of two periods of some pixels, and the truth about the pixels."""

    first: Singles
    """(feature, pixel) NaN: missing."""
    second: Singles
    names: tuple[str, ...]
    """Names of the features: `day-2km/C13/07/64800/mean`."""
    truth: Pixels
    """Places, classes and quantities; no vectors."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large invented land is."""

    rows: int = 128
    """Rows and columns of a country of `jobs.synthetic`."""
    demo: tuple[int, int] = (200, 300)
    """Rows and columns of the demo's country."""


QUICK = Size(80, (100, 150))


@dataclass(frozen=True, slots=True, kw_only=True)
class LandKind:
    """An entry of `LANDS`."""

    make: Callable[[int, Size, Path], Land]
    """The land of a seed; what it keeps for later runs lies in the folder."""
    square: int
    """Rows and columns of the squares that training and held-out pixels lie in."""
    is_real: bool = False
    """There is one such land: a seed is another split of its pixels, not another land."""
    help: str


def load(name: str, seed: int, size: Size, folder: Path) -> Land:
    """The land of a kind and seed, from the folder where it has been made before."""
    kind = LANDS[name]
    path = folder / f"{name}-{'all' if kind.is_real else f'{size.rows}-{seed}'}.npz"
    if not path.exists():
        land = kind.make(0 if kind.is_real else seed, size, folder)
        _write(path, land)
    return _read(path)


def read(
    first: Store, second: Store, selection: FeatureSelection, max_missing: float
) -> tuple[Singles, Singles, tuple[str, ...]]:
    """Features missing in at most this share of the pixels of the first store, of both; and their names."""
    resolved = features.resolve(selection, first)
    names = [str(feature) for feature in features.columns(resolved, first.cubes.values())]
    x, y = (
        features.read(store, resolved, slice(0, store.domain.pixels)) for store in (first, second)
    )
    rows = np.flatnonzero(np.isnan(x).mean(axis=1) <= max_missing)
    return x[rows], y[rows], tuple(names[row] for row in rows)


def true_pixels(store: Store, url: str) -> Pixels:
    """The pixels of a store of `jobs.synthetic` with their true classes and quantities."""
    table = pq.read_table(url)
    dynamics = np.stack([table[name].to_numpy() for name in DYNAMICS], axis=1)
    dynamics = (dynamics - dynamics.mean(axis=0)) / dynamics.std(axis=0)
    domain = store.domain
    blocks = order.superblocks(domain.pixels, domain.layout)
    patterns = np.concatenate([texture.patterns(store, block) for block in blocks])
    cubes = texture.fine_cubes(store)
    lon, lat = domain.lonlat()
    quantities = {"dynamics": dynamics, PLACE: np.stack([lat, lon], axis=1)} | {
        name: dynamics[:, [column]] for column, name in enumerate(DYNAMICS)
    }
    textures = texture.textures(patterns, cubes)
    for name, values in (("patterns", patterns), ("textures", textures)):
        quantities[name] = texture.standardise(values, cubes)
    no_vectors = np.full((domain.pixels, 1), np.nan)
    classes = table["label"].to_numpy().astype(np.int64)
    return Pixels(no_vectors, domain.row, domain.column, classes, None, quantities, dynamics)


def climates(domain: Domain) -> NDArray[np.int64]:
    """(pixel,) Koppen-Geiger class at each pixel's place."""
    zones = np.asarray(Image.open(DATA / "maps" / "koppen" / "kmz_int_reshape.png"))
    lon, lat = domain.lonlat()
    row, column = (90 - lat) / 180 * zones.shape[0], (lon + 180) / 360 * zones.shape[1]
    return zones[row.astype(int), column.astype(int)].astype(np.int64)


def _invented(
    seed: int,
    size: Size,
    selection: FeatureSelection = EVERYTHING,
    **settings: float | tuple[int, ...],
) -> Land:
    """A country of these settings, as the features of a selection show it."""
    rows = size.rows
    country = Country(**{"seed": seed, "rows": rows, "columns": rows, "twins": 0} | settings)
    with tempfile.TemporaryDirectory() as folder:
        written = stores.write(f"{folder}/lake", country, LAYOUT, folder)
        first, second = (lake.open(f"{written.root}/{key}") for key in written.keys)
        x, y, names = read(first, second, selection, MAX_MISSING)
        return Land(x, y, names, true_pixels(first, written.truth))


def _textured(seed: int, size: Size, _: Path) -> Land:
    """Fine pixels apart; quantities have the place, too."""
    apart = FeatureSelection(subpixels=features.SEPARATE)
    return _invented(seed, size, apart, months=(1, 4, 7, 10), tods=(50400, 64800, 79200))


def _demo(seed: int, size: Size, folder: Path) -> Land:
    """As `lake demo` ingests it."""
    root, rows, columns = folder / f"demo-{size.rows}-{seed}", *map(str, size.demo)
    source, stores_url = str(root / "source"), str(root / demo.LAKE)
    if not Path(source, "truth.npz").exists():
        options = ["--shape", rows, columns, "--months", demo.MONTHS, "--days", demo.DAYS]
        _lake("ingest", "synthetic", source, *options, "--seed", str(seed))
    for year in demo.YEARS:
        period = f"t0={year}-01-01", f"tf={year}-12-31", f"layout.chunk={demo.CHUNK}", demo.UNREAL
        options = [word for setting in period for word in ("--set", setting)]
        _lake("ingest", "run", demo.LISTING, "--source", source, "--lake", stores_url, *options)
    keys = sorted(row.key for row in catalogue.rows(connect(stores_url)))
    first, second = (lake.open(f"{stores_url}/{key}") for key in keys)
    x, y, names = read(first, second, FeatureSelection(), MAX_MISSING)
    domain = first.domain
    with np.load(Path(source, "truth.npz")) as truth:
        classes = truth["classes"][domain.row, domain.column].astype(np.int64)
    return Land(x, y, names, _pixels(domain.row, domain.column, classes))


def _koppen(_: int, __: Size, folder: Path) -> Land:
    """Land pixels that both periods have more than half of."""
    first, second = _ingested(folder / "koppen")
    domain = first.domain
    x, y, names = read(first, second, FeatureSelection(statistics=("mean",)), 1)
    valid = [np.isnan(values).mean(axis=0) < 0.5 for values in (x, y)]
    classes = climates(domain)
    land = np.flatnonzero(valid[0] & valid[1] & (classes != OCEAN))
    truth = _pixels(domain.row[land], domain.column[land], classes[land])
    return Land(x[:, land].copy(), y[:, land].copy(), names, truth)


def _koppen_sample(_: int, size: Size, folder: Path) -> Land:
    """One in eight of the pixels of `koppen`, drawn at random."""
    land = load("koppen", 0, size, folder)
    drawn = np.random.default_rng(0).permutation(land.truth.row.size)
    pixels = np.sort(drawn[: drawn.size // 8])
    truth = _pixels(
        *(values[pixels] for values in (land.truth.row, land.truth.column, land.truth.classes))
    )
    return Land(land.first[:, pixels].copy(), land.second[:, pixels].copy(), land.names, truth)


LANDS: dict[str, LandKind] = {
    "demo": LandKind(make=_demo, square=20, help="the demo's country, ingested from granules"),
    "truth": LandKind(
        make=lambda seed, size, _: _invented(seed, size), square=12,
        help="a country of `jobs.synthetic`, 32 classes",
    ),
    "persistent": LandKind(
        make=lambda seed, size, _: _invented(seed, size, nuisance=2.0), square=12,
        help="the same under haze, vapour and warmth that stay over the years (nuisance 2)",
    ),
    "twins": LandKind(
        make=lambda seed, size, _: _invented(seed, size, twins=8), square=12,
        help="the same; 8 classes differ from another one by texture or phase alone",
    ),
    TEXTURED: LandKind(
        make=_textured, square=8,
        help="the country of `truth`, fine pixels apart; four months and three times of day",
    ),
    "koppen": LandKind(
        make=_koppen, square=40, is_real=True,
        help="Koppen climates of real land, by land surface temperature of two days in each period",
    ),
    "koppen-sample": LandKind(
        make=_koppen_sample, square=40, is_real=True,
        help="one in eight of these pixels",
    ),
}  # fmt: skip
"""Every kind of land."""


def _ingested(root: Path) -> tuple[Store, Store]:
    """Two periods of the real granules in a lake, ingested unless that was done before."""
    key, source = "goes16/lst-10km/{}_{}/geom-goes-fulldisk-0", str(DATA / "abi" / "lstf")
    targets = []
    for period in PERIODS:
        days = [day.replace("-", "") for day in period]
        targets.append(key.format(*days))
        if (root / targets[-1]).is_dir():
            continue
        for day in period:
            options = ["--source", source, "--set", f"t0={day}", "--set", f"tf={day}"]
            _lake("ingest", "run", "lst-10km", *options, "--lake", str(root))
        _lake("merge", *(key.format(day, day) for day in days), "--lake", str(root))
    first, second = (lake.open(f"{root}/{target}") for target in targets)
    return first, second


def _lake(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "lake", *arguments], check=True, stdout=sys.stderr)  # noqa: S603


def _pixels(
    row: NDArray[np.integer], column: NDArray[np.integer], classes: NDArray[np.int64]
) -> Pixels:
    return Pixels(np.full((row.size, 1), np.nan), row, column, classes)


def _write(path: Path, land: Land) -> None:
    """Keep a land; the file is there as a whole or not at all."""
    truth = land.truth
    arrays = {f"quantity/{name}": values for name, values in truth.quantities.items()}
    if truth.truth is not None:
        arrays["truth"] = truth.truth
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez(
        part, first=land.first, second=land.second, names=np.array(land.names), row=truth.row,
        column=truth.column, classes=truth.classes, **arrays,
    )  # fmt: skip
    part.rename(path)


def _read(path: Path) -> Land:
    with np.load(path) as arrays:
        quantities = {
            name.removeprefix("quantity/"): arrays[name]
            for name in arrays.files
            if name.startswith("quantity/")
        }
        truth = Pixels(
            np.full((arrays["row"].size, 1), np.nan), arrays["row"], arrays["column"],
            arrays["classes"], None, quantities, arrays.get("truth"),
        )  # fmt: skip
        names = tuple(arrays["names"].tolist())
        return Land(arrays["first"], arrays["second"], names, truth)
