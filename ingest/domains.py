"""Which pixels a geometry has: decided once for a (sat, listing, geom), then the same in every period.

The first LST product that anyone ingests decides. Its land is written create-only to
`<root>/<sat>/<listing>/domains/<geom>.npz`, and every store of the geometry takes its pixels and
their order from there: else two years would not merge.
"""

import hashlib
import io
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from tempfile import NamedTemporaryFile

import numpy as np

from ingest import granule
from ingest.listing import Listing
from ingest.source import read_bytes
from lake import domain as domains
from lake.domain import Domain
from lake.errors import DataError, GeometryError, GranuleError
from lake.grid import Grid, Projection
from lake.keys import Key
from lake.objects import Objects, connect
from lake.order import Layout


def of_source(listing: Listing, paths: Iterable[str]) -> Domain:
    """Land in the first readable LST product of a run.

    Args:
        listing: says by which rule land is told.
        paths: clear-sky products in the order of their time steps.

    Raises:
        DataError: none of them can be read.
    """
    reasons = []
    for path in paths:
        try:
            with NamedTemporaryFile(suffix=".nc") as local:
                local.write(read_bytes(path))
                local.flush()
                surface = granule.open_surface(local.name, path, listing.clear_sky.rule)
                land = surface.land
        except GranuleError as error:
            reasons.append(str(error))
            continue
        return domains.from_mask(land, surface.grid, listing.layout)
    raise DataError(
        f"no readable {listing.clear_sky.product} tells which pixels are land: "
        + ("; ".join(reasons[:3]) or "there is none")
    )


def settle(objects: Objects, key: Key, found: Domain) -> Domain:
    """The domain of a geometry in this lake: the one already there, else `found`.

    Raises:
        GeometryError: the lake's domain of that name lies on another grid or has another layout.
    """
    with suppress(FileExistsError):
        objects.create(_path(key), to_bytes(found))
        return found
    there = load(objects, key)
    if not there.grid.same_as(found.grid) or there.layout != found.layout:
        raise GeometryError(
            f"{objects.url(_path(key))} has a grid of {there.grid.shape} and {there.layout}, the "
            f"files have {found.grid.shape} and the listing {found.layout}: use another lake, or a "
            "listing of another name"
        )
    return there


def load(objects: Objects, key: Key) -> Domain:
    """The domain that was settled for a geometry.

    Raises:
        MissingError: none was.
    """
    return from_bytes(objects.get(_path(key)))


@lru_cache(maxsize=2)
def known(root: str, key: Key, wanted: str) -> Domain:
    """On a worker: the domain with this digest; the last ones are remembered.

    Raises:
        GeometryError: the lake's domain of that name has another digest by now.
    """
    found = load(connect(root), key)
    if digest(found) != wanted:
        raise GeometryError(
            f"the domain of {key} in {root} is another one than when the run began: run it again"
        )
    return found


def _path(key: Key) -> str:
    return f"{key.sat}/{key.listing}/domains/{key.geom}.npz"


def digest(domain: Domain) -> str:
    """SHA-256 of grid, layout and pixels: equal exactly where stores can be merged."""
    noted = json.dumps([asdict(domain.grid.projection), asdict(domain.layout)], sort_keys=True)
    parts = (domain.grid.y, domain.grid.x, domain.row, domain.column)
    return hashlib.sha256(b"".join([noted.encode(), *(p.tobytes() for p in parts)])).hexdigest()


def to_bytes(domain: Domain) -> bytes:
    """A domain as one `.npz` without pickles."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        projection=np.array(json.dumps(asdict(domain.grid.projection))),
        layout=np.array(json.dumps(asdict(domain.layout))),
        y=domain.grid.y,
        x=domain.grid.x,
        mask=domain.mask,
    )
    return buffer.getvalue()


def from_bytes(data: bytes) -> Domain:
    """The domain that `to_bytes` wrote."""
    with np.load(io.BytesIO(data), allow_pickle=False) as noted:
        projection = Projection(**json.loads(str(noted["projection"])))
        layout = Layout(**json.loads(str(noted["layout"])))
        return domains.from_mask(noted["mask"], Grid(projection, noted["y"], noted["x"]), layout)
