"""An invented country as a lake: a store for each year, and beside it what is true.

    <root>/goes16/invented/<year>0101_<year>1231/geom-goes-conus-0/    the stores
    truth.parquet    one row a pixel: `pixel` (in store order), `row`, `column`, `label` (class), the
                     dynamics by name

Stores are written as ingest writes them, through `lake.store.generations`, and are read like any other.
"""

import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.synthetic import bands, country, sky
from jobs.synthetic.country import DYNAMICS, Country, Land
from jobs.synthetic.sky import Year
from lake.catalogue import catalogue
from lake.format import domain, moments, order
from lake.format.domain import Domain
from lake.format.keys import Key
from lake.format.order import Layout
from lake.format.schema import Cube
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import generations, ledger, overview
from lake.store.generations import StoreState
from lake.store.ledger import Ledger
from lake.store.manifest import Recorder

SAT, LISTING, GEOM = "goes16", "invented", "geom-goes-conus-0"
TABLE = "truth.parquet"
_NAMES = {1: "2km", 2: "1km", 4: "500m"}


@dataclass(frozen=True, slots=True)
class Written:
    """What lies in a lake."""

    root: str
    keys: tuple[str, ...]
    """Of the stores, by year."""
    truth: str
    """URL of the table."""


def write(root: str, options: Country, layout: Layout, truth: str) -> Written:
    """Make the country and write all of its years.

    Args:
        root: folder or URL of the lake.
        options: of the country.
        layout: of the stores.
        truth: folder or URL for the table; no part of the lake.
    """
    land = country.of(options)
    held = domain.from_mask(land.mask, land.grid, layout)
    catalogue.claim(connect(root))
    keys = [_year(root, land, held, sky.of(land, year)) for year in options.years]
    folder = connect(truth)
    buffer = io.BytesIO()
    pq.write_table(table(land, held), buffer, compression="zstd")
    folder.put(TABLE, buffer.getvalue())
    return Written(root, tuple(map(str, keys)), folder.url(TABLE))


def table(land: Land, held: Domain) -> pa.Table:
    """What is true of the pixels of a store, a row each."""
    there = _order(land, held)
    columns = {
        "pixel": np.arange(held.pixels),
        "row": held.row,
        "column": held.column,
        "label": land.classes[there],
    }
    return pa.table(columns | dict(zip(DYNAMICS, land.dynamics[there].T, strict=True)))


def cubes(options: Country) -> tuple[Cube, ...]:
    """One for each resolution, 2 km, 1 km and 500 m."""
    by_refinement: dict[int, list[str]] = {}
    for band, refinement in bands.REFINEMENTS.items():
        by_refinement.setdefault(refinement, []).append(band)
    return tuple(
        Cube(f"day-{_NAMES[n]}", _NAMES[n], n, "ABI-L2-CMIPC", "CMI", tuple(held), options.tods)
        for n, held in sorted(by_refinement.items())
    )


def results(
    land: Land, year: Year, cube: Cube, month: int, random: np.random.Generator
) -> Iterator[NDArray[np.float32]]:
    """For each time of day (band, metric, P, subpixel) of a month, pixels in the order of the land.

    Args:
        land: what is seen.
        year: in which.
        cube: whose bands.
        month: position in the country's months.
        random: noise.
    """
    for tod in range(len(cube.tods)):
        valid = year.valid[month, tod, ..., None]
        seen = [bands.observed(land, year, month, tod, band, random) for band in cube.bands]
        yield np.stack(
            [moments.to_results(moments.from_observations(x, valid), axis=0) for x in seen]
        )


def _year(root: str, land: Land, held: Domain, year: Year) -> Key:
    options, layout = land.country, held.layout
    key = Key(SAT, LISTING, date(year.year, 1, 1), date(year.year, 12, 31), GEOM)
    about = {
        "key": str(key), "months": options.months, "suspect": (), "listing": {},
        "provenance": {"software": "goeslake, invented land", "country": asdict(options)},
    }  # fmt: skip
    objects = connect(join(root, str(key)))
    path, stored = generations.draft(objects, None, held, cubes(options), about)
    recorder = Recorder(objects.zarr(path))
    overview.create(recorder, held, cubes(options))
    there = _order(land, held)
    written = []
    for number, cube in enumerate(cubes(options)):
        for month, of in enumerate(options.months):
            random = np.random.default_rng([options.seed, 2, year.year, of, number])
            values = np.stack(list(results(land, year, cube, month, random)))[..., there, :]
            overview.draw(recorder, held, cube, of, values)
            for n, block in enumerate(order.superblocks(held.pixels, layout)):
                shard = values[..., block, :]
                written.append(
                    generations.write_shard(objects, path, cube.name, of, n, shard, layout)
                )
    manifest = generations.seal(
        objects, path, [*stored.values(), *written, *recorder.stored.values()]
    )
    noted = ledger.write(objects, Ledger())
    state = StoreState(path, manifest, options.months, (), noted, (), "", "")
    head = generations.commit(objects, None, state)
    names = (cube.name for cube in cubes(options))
    catalogue.upsert(connect(root), catalogue.row(key, head, Ledger(), names, held))
    return key


def _order(land: Land, held: Domain) -> NDArray[np.int64]:
    """(P,) position in the order of the land of each pixel of the store."""
    place = np.full(land.mask.shape, -1)
    place[land.mask] = np.arange(land.pixels)
    return place[held.row, held.column]
