"""A small lake for the page: a store of two cubes and two months, an embedding, clusters."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import lake
from jobs.embedding.vectors import LEVELS, NOTHING
from jobs.runs import outputs, records
from jobs.runs.spec import Spec
from lake.catalogue import catalogue, rebuild
from lake.format import keys, moments, order, schema
from lake.format.domain import Domain, from_mask
from lake.format.grid import Grid, Projection
from lake.format.order import Layout
from lake.format.schema import Cube
from lake.storage.connect import connect
from lake.storage.objects import Objects
from lake.store import generations, overview
from lake.store.manifest import Recorder
from tests.lake.small_store import KEY as OLD  # of a store without overview maps, as there were
from tests.lake.small_store import commit, small_domain, write

KEY = "goes16/small/20200101_20201231/geom-goes-conus-0"
LATER = "goes16/small/20210101_20211231/geom-goes-conus-0"
"""The same pixels in another year."""
CUBES = (
    Cube("day-2km", "2km", 1, "ABI-L1b-RadC", "Rad", ("C06", "C13"), (54000, 64800)),
    Cube("day-1km", "1km", 2, "ABI-L1b-RadC", "Rad", ("C03",), (54000, 64800)),
)
MONTHS = (1, 7)
LOOP_MONTHS, LOOP_TODS = (1, 4, 7, 10), (50400, 61200, 72000)
"""Those of the run of `lake trajectory`."""
LAYOUT = Layout(chunk=256, phases=4)
LATENT = 20
ARRAYS = {"embed": "embedding", "transform": "embedding", "cluster": "labels", "pca": "scores"}
"""Job -> the array of its run."""
UNCLEAR = 11
"""A pixel that was never clear, and has no embedding."""


@dataclass(frozen=True)
class ExploredLake:
    """What was made, and how it is known."""

    root: Path
    store: lake.Store
    embed: str
    cluster: str
    pca: str
    vectors: np.ndarray
    """int8 (pixel, latent)."""


def domain() -> Domain:
    """Florida, about: 120 x 150 pixels with some sea."""
    y, x = 0.0879 - 5.6e-5 * np.arange(120), -0.018 + 5.6e-5 * np.arange(150)
    row, column = np.mgrid[:120, :150]
    mask = np.hypot(row - 90, column - 110) > 35
    return from_mask(
        mask, Grid(Projection(35786023.0, 6378137.0, 6356752.31414, -75.0), y, x), LAYOUT
    )


def build(root: Path) -> ExploredLake:
    """The lake at an empty folder."""
    land = domain()
    catalogue.claim(connect(root))
    opened = publish(root, KEY, land)
    write(f"{root}/{OLD}", small_domain())
    catalogue.upsert(connect(root), rebuild.row_of(str(root), keys.parse(OLD)))
    vectors = embedding(land)
    embed = run(root, opened, "embed", {"latent": LATENT}, vectors)
    labels = (land.row // 40).astype(np.int16)
    cluster = run(root, opened, "cluster", {}, labels)
    scores = vectors[:, :5].astype(np.float32)
    scores[UNCLEAR] = np.nan
    pca = run(root, opened, "pca", {"component": 5}, scores)
    return ExploredLake(root, opened, embed, cluster, pca, vectors)


@dataclass(frozen=True)
class TwoYears:
    """A lake of two stores of the same pixels."""

    root: Path
    store: lake.Store
    later: lake.Store
    transform: str
    """Run: the vectors of the later year, by the model of the first one."""
    other: str
    """Run: those of another model."""
    trajectory: str
    """Run of the first year."""
    vectors: np.ndarray
    """int8 (pixel, latent) of `transform`."""


def two_years(explored: ExploredLake, root: Path) -> TwoYears:
    """A copy of a lake with another store of its pixels."""
    shutil.copytree(explored.root, root)
    later = publish(root, LATER, domain(), 1)
    vectors = embedding(later.domain, 1)
    columns, model = {"latent": LATENT}, {"model": explored.embed}
    transform = run(root, later, "transform", columns, vectors, model)
    other = run(root, later, "embed", columns, vectors)
    store = lake.open(root / KEY)
    return TwoYears(root, store, later, transform, other, trajectory(root, store), vectors)


def publish(root: Path, key: str, land: Domain, year: int = 0) -> lake.Store:
    """A store in the lake, of the fields of a year."""
    objects = connect(root / key)
    attributes = {"key": key, "months": MONTHS, "suspect": [], "listing": {}, "provenance": {}}
    path, stored = generations.draft(objects, None, land, CUBES, attributes)
    recorder = Recorder(objects.zarr(path))
    overview.create(recorder, land, CUBES)
    written = []
    for cube in CUBES:
        for month in MONTHS:
            values = results(land, cube, month, year)
            overview.draw(recorder, land, cube, month, values)
            for n, pixels in enumerate(order.superblocks(land.pixels, LAYOUT)):
                shard = values[..., pixels, :]
                written.append(
                    generations.write_shard(objects, path, cube.name, month, n, shard, LAYOUT)
                )
    commit(objects, None, path, MONTHS, [*stored.values(), *written, *recorder.stored.values()])
    opened = lake.open(root / key)
    catalogue.upsert(connect(root), rebuild.row_of(str(root), opened.key))
    return opened


def results(land: Domain, cube: Cube, month: int, year: int) -> np.ndarray:
    """(tod, band, metric, pixel, subpixel) of six observations of a field with structure."""
    rng = np.random.default_rng([month, cube.refinement, *[year] * bool(year)])
    shape = (6, len(cube.tods), len(cube.bands), land.pixels, cube.subpixels)
    ramp = (land.column + 2 * np.sin(land.row / 9))[:, None] / 150
    level = np.array([0.1 if band < "C07" else 280.0 for band in cube.bands])[:, None, None]
    spread = np.array([0.3 if band < "C07" else 25.0 for band in cube.bands])[:, None, None]
    later = np.arange(len(cube.tods))[:, None, None, None] * 0.1 + 0.02 * month
    ramp = ramp if not year else ramp * (1 + 0.3 * np.cos(land.row / 15))[:, None]
    values = level + spread * (ramp + later + 0.05 * rng.normal(size=shape))
    valid = np.broadcast_to(rng.random((6, 1, 1, land.pixels, 1)) < 0.7, shape).copy()
    valid[:, :, :, UNCLEAR] = False
    return moments.to_results(moments.from_observations(values, valid), axis=2)


def embedding(land: Domain, year: int = 0) -> np.ndarray:
    """int8 vectors of three kinds of land, with noise of each year."""
    rng = np.random.default_rng(5)
    kinds = rng.normal(size=(3, LATENT))
    if year:
        rng = np.random.default_rng(year)
    vectors = kinds[land.row // 40] + 0.4 * rng.normal(size=(land.pixels, LATENT))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    whole = np.rint(vectors * LEVELS).astype(np.int8)
    whole[UNCLEAR] = NOTHING
    return whole


def run(
    root: Path | str,
    store: lake.Store,
    job: str,
    columns: dict[str, int],
    values: np.ndarray,
    settings: dict[str, str] | None = None,
) -> str:
    """A complete run with one array over pixels."""
    spec = records.spec_of(str(root), Nothing(), job, (store,))
    objects = records.folder(str(root), spec.id)
    name = ARRAYS[job]
    encoded = {"scale_factor": 1 / LEVELS, "_FillValue": NOTHING} if name == "embedding" else {}
    fill = {"embedding": NOTHING, "labels": -1, "scores": np.nan}[name]
    array = outputs.pixel_array(name, store, columns, str(values.dtype), fill, **encoded)
    arrays = [*schema.pixel_coordinates(store.domain), array]
    if job == "cluster":
        arrays.append(outputs.whole_array("centres", ("cluster", "latent"), np.eye(3)))
    outputs.create(objects, spec, arrays, schema.PIXEL_COORDINATES)
    outputs.write(str(root), spec.id, name, values)
    complete(objects, spec, settings or {})
    return spec.id


def complete(objects: Objects, spec: Spec, settings: dict[str, str]) -> None:
    """Let a run be complete."""
    stores = [{"key": spec.stores[0].key}]
    document = {"job": spec.job, "stores": stores, "inputs": {}, "settings": settings}
    objects.put("spec.json", json.dumps(document).encode())
    done = {"run": spec.id, "outputs": [], "seconds": 1.0, "finished": "2026-11-26T00:00:00+00:00"}
    objects.put("done.json", json.dumps(done).encode())


def trajectory(root: Path, store: lake.Store) -> str:
    """A complete run of `lake trajectory` of random loops; some slots are not observed."""
    spec = records.spec_of(str(root), Nothing(), "trajectory", (store,))
    objects = records.folder(str(root), spec.id)
    sizes = {"month": len(LOOP_MONTHS), "tod": len(LOOP_TODS), "latent": 2}
    arrays = [
        *schema.pixel_coordinates(store.domain),
        outputs.whole_array("month", ("month",), np.array(LOOP_MONTHS)),
        outputs.whole_array("tod", ("tod",), np.array(LOOP_TODS)),
        outputs.whole_array("latent", ("latent",), ["yearly-0", "daily-0"]),
        outputs.whole_array("channel", ("channel",), ["day-2km/C06/mean", "day-2km/C13/mean"]),
        outputs.pixel_array("embedding", store, {"term": 10}, "float32", np.nan),
        *(
            outputs.pixel_array(name, store, sizes, "float32", np.nan)
            for name in ("trajectory", "second")
        ),
    ]
    outputs.create(objects, spec, arrays, schema.PIXEL_COORDINATES)
    rng = np.random.default_rng(8)
    for name in ("trajectory", "second"):
        values = rng.normal(size=(store.pixels, *sizes.values())).astype(np.float32)
        values[rng.random(values.shape[:3]) < 0.1] = np.nan
        outputs.write(str(root), spec.id, name, values)
    complete(objects, spec, {})
    return spec.id


@dataclass(frozen=True)
class Nothing:
    """Settings of a job that has none."""
