"""What readers far away ask an object store for: requests, bytes and seconds, beside plain xarray.

    python benchmarks/readers.py [--json] [--superblocks 2] [--repeats 5] [--stores 20000]

The store is that of `benchmarks/reads.py` (two cubes, twelve months) on an S3 server on loopback: a Ceph
RGW where this machine can have one, else moto. `plain` is `xarray.open_datatree` with s3fs and Zarr, no
code of ours. Requests and bytes are counted by a proxy, seconds are taken without it: medians of
`repeats`, with everything opened anew each time but Python's imports. The catalogue has `stores` rows.

- open: until the labels of every cube can be looked at;
- series: all months, tods, bands and metrics of one pixel in both cubes, once opened;
- map: one number (a month, tod, band and metric) of every pixel at 2 km, once opened;
- points: the same number at 1 000 random points, by longitude and latitude;
- search: a filtered query of the catalogue, and that in a new process, imports included.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import numpy as np
import s3fs
import xarray as xr

sys.path.insert(0, str(Path(__file__).parents[1]))  # before this folder
import record

import lake
from benchmarks import reads
from lake.catalogue import catalogue
from lake.catalogue.rebuild import row_of
from lake.storage.connect import connect
from tests import rgw, s3
from tests.faults.proxy import Proxy

PIXEL = 5000
POINTS = 1000
WANTED = {"month": 7, "tod": 64800, "band": "C13", "metric": "m1"}
QUERY = {"sat": "goes16", "t0": "2019-01-01", "tf": "2019-12-31", "bbox": (-110, 30, -100, 40)}


def plain_open(url: str) -> xr.DataTree:
    """The store by xarray and s3fs alone."""
    s3fs.S3FileSystem.clear_instance_cache()
    return xr.open_datatree(url, engine="zarr", chunks=None)


def plain_series(tree: xr.DataTree) -> None:
    """One pixel of both cubes."""
    for cube in reads.CUBES:
        tree[cube.name]["results"].isel(pixel=PIXEL).variable.load()


def plain_map(tree: xr.DataTree) -> None:
    """One number of every pixel."""
    tree["day-2km"]["results"].sel(WANTED).variable.load()


def our_open(url: str) -> lake.Store:
    """The store, and its labels."""
    store = lake.open(url)
    store.tree()
    return store


def our_map(store: lake.Store) -> None:
    """One number of every pixel."""
    store.cube("day-2km")["results"].sel(WANTED).variable.load()


def our_points(store: lake.Store) -> None:
    """One number at many places."""
    lon, lat = store.domain.lonlat()
    some = np.random.default_rng(1).integers(0, store.pixels, POINTS)
    found = store.sel_lonlat("day-2km", lon[some], lat[some])
    found["results"].sel(WANTED).variable.load()


def cases(url: str, root: str) -> dict[str, tuple[Callable[[], Any], Callable[[Any], object]]]:
    """Name: what is done before, and what is measured of it."""
    generation = lake.open(url).url
    return {
        "open": (lambda: url, our_open),
        "open plain": (lambda: generation, plain_open),
        "series": (lambda: our_open(url), lambda store: store.series(PIXEL)),
        "series plain": (lambda: plain_open(generation), plain_series),
        "map": (lambda: our_open(url), our_map),
        "map plain": (lambda: plain_open(generation), plain_map),
        "points": (lambda: our_open(url), our_points),
        "search": (lambda: root, lambda place: len(lake.catalog(place).search(**QUERY))),
        "search, new process": (lambda: root, searched_anew),
    }


def searched_anew(root: str) -> None:
    """The query in a process of its own."""
    program = f"import lake; print(len(lake.catalog({root!r}).search(**{QUERY!r})))"
    subprocess.run(  # noqa: S603 (our own)
        [sys.executable, "-c", program],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )


def fill_catalogue(root: str, key: str, stores: int) -> None:
    """As many rows as a lake of so many stores has; all but the first are invented."""
    first = row_of(root, lake.open(f"{root}/{key}").key)
    if first is None:
        raise RuntimeError(f"{root}/{key} was not written")
    rows = [first]
    for number in range(1, stores):
        year, west = 2018 + number % 7, -170.0 + number % 300
        t0, tf = f"{year}-01-01", f"{year}-12-31"
        sat, listing = f"goes{16 + number % 4}", f"listing-{number // 28}"
        named = f"{sat}/{listing}/{year}0101_{year}1231/{first.geom}"
        generation = f"{named}/v/00000001-{number:012x}.zarr"
        whose = {"key": named, "sat": sat, "listing": listing, "generation": generation}
        rows.append(replace(first, **whose, t0=t0, tf=tf, west=west, east=west + 20))
    catalogue.replace(connect(root), None, rows)


def measured(url: str, root: str, repeats: int) -> dict[str, dict[str, float]]:
    """Requests, bytes and seconds of every case."""
    figures: dict[str, dict[str, float]] = {}
    for name, (prepare, work) in cases(url, root).items():
        with (
            Proxy(os.environ["AWS_ENDPOINT_URL"]) as proxy,
            patch.dict(os.environ, {"AWS_ENDPOINT_URL": proxy.endpoint}),
        ):
            prepared = prepare()
            requests, sent = proxy.requests, proxy.sent.total()
            work(prepared)
            figures[name] = {
                "requests": proxy.requests - requests,
                "bytes": proxy.sent.total() - sent,
            }
        seconds = []
        for _ in range(repeats):
            prepared = prepare()
            began = time.perf_counter()
            work(prepared)
            seconds.append(time.perf_counter() - began)
        figures[name]["seconds"] = median(seconds)
    return figures


@contextmanager
def server() -> Iterator[tuple[str, Mapping[str, str]]]:
    """An S3 server with a bucket: its name, and the environment that finds it."""
    if rgw.is_possible():
        rgw.install()
        with tempfile.TemporaryDirectory() as folder, rgw.server(Path(folder)) as running:
            s3.make_bucket(running.environment)
            yield "Ceph RGW", running.environment
    else:
        with s3.moto() as there:
            yield "moto", there


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--superblocks", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--stores", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    record.add_option(parser)
    given = parser.parse_args()
    # s3fs leaves sessions behind that asyncio tells of
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with server() as (name, there), patch.dict(os.environ, there):
        root = f"s3://{s3.BUCKET}/{uuid4().hex[:8]}"
        url = reads.write(root, given.superblocks)
        fill_catalogue(root, str(reads.KEY), given.stores)
        figures = measured(url, root, given.repeats)
    record.write(given.record, record.of_figures(figures))
    if given.json:
        print(json.dumps({"server": name, "figures": figures}, indent=1))
        return
    print(f"{name}, {given.superblocks * reads.LAYOUT.superblock} pixels\n")
    print("| | requests | MB | seconds |\n|---|---|---|---|")
    for case, found in figures.items():
        size = found["bytes"] / 1e6
        print(f"| {case} | {found['requests']:.0f} | {size:.3f} | {found['seconds']:.3f} |")


if __name__ == "__main__":
    main()
