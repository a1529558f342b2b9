"""An invented country as a lake: a store for each year, and beside it a table of the truth.

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
class SyntheticLake:
    """A lake of an invented country."""

    root: str
    keys: tuple[str, ...]
    """Keys of the stores, by year."""
    truth: str
    """URL of the table."""


def write(root: str, options: Country, layout: Layout, truth: str) -> SyntheticLake:
    """Make the country and write all of its years.

    Args:
        root: folder or URL of the lake.
        options: of the country.
        layout: of the stores.
        truth: folder or URL for the table; no part of the lake.
    """
    land = country.make_land(options)
    store_domain = domain.from_mask(land.mask, land.grid, layout)
    catalogue.claim(connect(root))
    keys = [_year(root, land, store_domain, sky.make_year(land, year)) for year in options.years]
    folder = connect(truth)
    buffer = io.BytesIO()
    pq.write_table(table(land, store_domain), buffer, compression="zstd")
    folder.put(TABLE, buffer.getvalue())
    return SyntheticLake(root, tuple(map(str, keys)), folder.url(TABLE))


def table(land: Land, store_domain: Domain) -> pa.Table:
    """The truth of the pixels of a store, a row each."""
    positions = _positions(land, store_domain)
    columns = {
        "pixel": np.arange(store_domain.pixels),
        "row": store_domain.row,
        "column": store_domain.column,
        "label": land.classes[positions],
    }
    return pa.table(columns | dict(zip(DYNAMICS, land.dynamics[positions].T, strict=True)))


def cubes(options: Country) -> tuple[Cube, ...]:
    """The cubes of the stores, one for each resolution: 2 km, 1 km and 500 m."""
    by_refinement: dict[int, list[str]] = {}
    for band, refinement in bands.REFINEMENTS.items():
        by_refinement.setdefault(refinement, []).append(band)
    return tuple(
        Cube(f"day-{_NAMES[n]}", _NAMES[n], n, "ABI-L2-CMIPC", "CMI", tuple(names), options.tods)
        for n, names in sorted(by_refinement.items())
    )


def results(
    land: Land, year: Year, cube: Cube, month: int, random: np.random.Generator
) -> Iterator[NDArray[np.float32]]:
    """For each time of day (band, metric, P, subpixel) of a month, pixels in the order of the land.

    Args:
        land: the land below.
        year: the anomalies of the year.
        cube: whose bands.
        month: position in the country's months.
        random: noise.
    """
    for tod in range(len(cube.tods)):
        valid = year.valid[month, tod, ..., None]
        days = [bands.daily(land, year, month, tod, band, random) for band in cube.bands]
        yield np.stack(
            [moments.to_results(moments.from_observations(x, valid), axis=0) for x in days]
        )


def _year(root: str, land: Land, store_domain: Domain, year: Year) -> Key:
    """Write the store of a year; returns its key."""
    options, layout = land.country, store_domain.layout
    key = Key(SAT, LISTING, date(year.year, 1, 1), date(year.year, 12, 31), GEOM)
    attributes = {
        "key": str(key), "months": options.months, "suspect": (), "listing": {},
        "provenance": {
            "software": "goeslake, invented land", "country": asdict(options), "invented": True,
        },
    }  # fmt: skip
    objects = connect(join(root, str(key)))
    path, stored = generations.draft(objects, None, store_domain, cubes(options), attributes)
    recorder = Recorder(objects.zarr(path))
    overview.create(recorder, store_domain, cubes(options))
    positions = _positions(land, store_domain)
    shards = []
    for number, cube in enumerate(cubes(options)):
        for index, month in enumerate(options.months):
            random = np.random.default_rng([options.seed, 2, year.year, month, number])
            values = np.stack(list(results(land, year, cube, index, random)))[..., positions, :]
            overview.draw(recorder, store_domain, cube, month, values)
            for n, block in enumerate(order.superblocks(store_domain.pixels, layout)):
                shard = values[..., block, :]
                shards.append(
                    generations.write_shard(objects, path, cube.name, month, n, shard, layout)
                )
    manifest = generations.seal(
        objects, path, [*stored.values(), *shards, *recorder.stored.values()]
    )
    entries = ledger.write(objects, Ledger())
    state = StoreState(path, manifest, options.months, (), entries, (), "", "")
    head = generations.commit(objects, None, state)
    names = (cube.name for cube in cubes(options))
    catalogue.upsert(connect(root), catalogue.row(key, head, Ledger(), names, store_domain))
    return key


def _positions(land: Land, store_domain: Domain) -> NDArray[np.int64]:
    """(P,) position in the order of the land of each pixel of the store."""
    position = np.full(land.mask.shape, -1)
    position[land.mask] = np.arange(land.pixels)
    return position[store_domain.row, store_domain.column]
