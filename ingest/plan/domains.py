"""Which pixels a geometry has: decided once for a (sat, listing, geom), then the same in every period.

Whoever ingests first decides: the land of several files of the clear-sky product
(`ingest.plan.land_votes`), or that of a land mask, is written create-only to
`<root>/<sat>/<listing>/domains/<geom>.npz`, with how it came about.
Every store of the geometry takes its pixels and their order from there: else two years would not
merge. A product's land must agree with an independent mask (`ingest.plan.landmask`): flags that are read
the wrong way would give the statistics of the sea.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache

import numpy as np

from ingest.abi import granule
from ingest.listing import masks
from ingest.listing.listing import DomainRule, Listing
from ingest.plan import land_votes, landmask
from ingest.plan.land_votes import Vote
from ingest.plan.landmask import Agreement
from ingest.plan.plan import Step
from ingest.source import source_files
from ingest.source.scratch import Scratch
from lake.console.messages import say
from lake.errors import ConfigError, DataError, GeometryError, GranuleError, MissingError
from lake.format import domain as domains
from lake.format.domain import Domain
from lake.format.grid import Grid, Projection
from lake.format.keys import Key
from lake.format.order import Layout
from lake.storage.connect import connect
from lake.storage.objects import Objects

LEGACY = "legacy"
"""The rule of a domain that came with legacy results."""


@dataclass(frozen=True, slots=True)
class Origin:
    """How a domain came about; it is kept beside its pixels."""

    rule: str
    """`land`, `mask`, `water` or `legacy`."""
    mask: str = ""
    """The land mask that decided, or that had to agree; empty: none did."""
    files: tuple[str, ...] = ()
    """Names of the files whose land it is (`ingest.plan.land_votes`)."""
    difference: float = 0.0
    """Largest share of the land in which one of the files differs."""
    agreement: Agreement | None = None
    """With the mask; None: it was not compared."""
    invented: bool = False
    """Whether the files show no observation of the Earth."""


def resolve(
    objects: Objects,
    key: Key,
    listing: Listing,
    grid: Grid,
    steps: Sequence[Step],
    scratch: Scratch,
) -> Domain:
    """The domain of a geometry in this lake: the one already there, else by the listing's rule.

    Args:
        objects: the lake.
        key: of a store of the geometry.
        listing: says by which rule land is told, and what must agree.
        grid: of the geometry.
        steps: on that grid, in order of time; files are read only if the domain is not there yet.
        scratch: for remote files.

    Raises:
        GeometryError: the lake's domain of that name lies on another grid or has another layout.
        ConfigError: it was made by another rule, or there is no such mask.
        DataError: no file tells which pixels are land, or what it tells disagrees with the mask.
    """
    try:
        return _stored(objects, key, listing, grid)
    except MissingError:
        pass
    rule = listing.domain
    if rule.is_by_mask:
        pixels_of = landmask.water if rule.rule == "water" else landmask.land
        land, origin = pixels_of(rule.mask, grid), Origin(rule.rule, rule.mask)
    else:
        vote = land_votes.vote(listing, grid, steps, scratch)
        land, origin = vote.land, _compared(rule, vote, grid)
        for name in vote.left_out:
            say(f"warning: the land of {name} differs from that of the others: it decides no pixel")
    origin = replace(origin, invented=_shows_invented_land(listing, steps, scratch))
    return ensure(objects, key, domains.from_mask(land, grid, listing.layout), origin)


def ensure(
    objects: Objects,
    key: Key,
    domain: Domain,
    origin: Origin = Origin(LEGACY),
) -> Domain:
    """The domain of a geometry in this lake: the one already there, else `domain`.

    Raises:
        GeometryError: the lake's domain of that name lies on another grid or has another layout.
    """
    with suppress(FileExistsError):
        objects.create(_path(key), to_bytes(domain, origin))
        return domain
    stored = load(objects, key)
    _check_same(objects, key, stored, domain.grid, domain.layout)
    return stored


def _shows_invented_land(listing: Listing, steps: Sequence[Step], scratch: Scratch) -> bool:
    """Whether the first file that can be read says that it shows no observation of the Earth."""
    for step in steps:
        file = step.files[0]
        with (
            suppress(GranuleError, MissingError),
            source_files.fetch(file, scratch) as local,
        ):
            return granule.open_sky(local, file.path, listing.clear_sky.rule).is_invented
    return False


def stored_grid(objects: Objects, key: Key) -> Grid | None:
    """The grid of the stored domain of a geometry; None: there is none yet."""
    try:
        return load(objects, key).grid
    except MissingError:
        return None


def _stored(objects: Objects, key: Key, listing: Listing, grid: Grid) -> Domain:
    stored, origin = from_bytes(objects.get(_path(key)))
    _check_same(objects, key, stored, grid, listing.layout)
    rule, mask = listing.domain.rule, listing.domain.mask
    if origin.rule != LEGACY and (
        origin.rule != rule or (listing.domain.is_by_mask and origin.mask != mask)
    ):
        raise ConfigError(
            f"{objects.url(_path(key))} was made by domain.rule {origin.rule!r} and domain.mask "
            f"{origin.mask!r}, the listing says {rule!r} and {mask!r}: every period of a listing has "
            "the same pixels; give the listing another name (--set listing=NAME), or use another lake"
        )
    return stored


def _check_same(objects: Objects, key: Key, stored: Domain, grid: Grid, layout: Layout) -> None:
    if stored.grid.same_as(grid) and stored.layout == layout:
        return
    raise GeometryError(
        f"{objects.url(_path(key))} has a grid of {stored.grid} and {stored.layout}, the files "
        f"have {grid} and the listing {layout}: use another lake, or a listing of another name"
    )


def _compared(rule: DomainRule, vote: Vote, grid: Grid) -> Origin:
    """How the domain came about, if the land of the files agrees with the mask.

    Raises:
        DataError: it does not.
    """
    if rule.mask == masks.NONE:
        return Origin(rule.rule, "", vote.files, vote.difference)
    agreement = landmask.agreement(vote.land, landmask.land(rule.mask, grid), grid)
    if agreement.disagreement > rule.max_disagreement:
        named = vote.files[0] + (f" and {len(vote.files) - 1} more" if len(vote.files) > 1 else "")
        raise DataError(
            f"{named} and the land mask {rule.mask} disagree on {agreement.disagreement:.2%} of "
            f"{agreement.compared} pixels away from coasts: {agreement.land_in_product_alone} are land "
            f"in the files alone, {agreement.land_in_mask_alone} in the mask alone; wanted at most "
            f"{rule.max_disagreement:.2%} (domain.max_disagreement). The files' flags may mean another "
            "thing than domain.rule says: look at a map of both; then set domain.rule=mask (and "
            "clear_sky.rule=clear) to go by the mask, another domain.mask, or another threshold"
        )
    return Origin(rule.rule, rule.mask, vote.files, vote.difference, agreement)


def load(objects: Objects, key: Key) -> Domain:
    """The stored domain of a geometry.

    Raises:
        MissingError: none was.
    """
    return from_bytes(objects.get(_path(key)))[0]


def origin_of(objects: Objects, key: Key) -> Origin:
    """How the stored domain of a geometry came about.

    Raises:
        MissingError: none was.
    """
    return from_bytes(objects.get(_path(key)))[1]


@lru_cache(maxsize=2)
def load_checked(root: str, key: Key, expected_digest: str) -> Domain:
    """On a worker: the domain with this digest; the last ones are remembered.

    Raises:
        GeometryError: the lake's domain of that name has another digest by now.
    """
    domain = load(connect(root), key)
    if digest(domain) != expected_digest:
        raise GeometryError(
            f"the domain of {key} in {root} is another one than when the run began: run it again"
        )
    return domain


def _path(key: Key) -> str:
    return f"{key.sat}/{key.listing}/domains/{key.geom}.npz"


def digest(domain: Domain) -> str:
    """SHA-256 of grid, layout and pixels: equal exactly where stores can be merged."""
    settings = json.dumps([asdict(domain.grid.projection), asdict(domain.layout)], sort_keys=True)
    parts = (domain.grid.y, domain.grid.x, domain.row, domain.column)
    return hashlib.sha256(b"".join([settings.encode(), *(p.tobytes() for p in parts)])).hexdigest()


def to_bytes(domain: Domain, origin: Origin) -> bytes:
    """A domain as one `.npz` without pickles."""
    buffer = io.BytesIO()
    document = asdict(origin)
    if not origin.invented:
        del document["invented"]  # earlier versions of this software do not know it
    np.savez_compressed(
        buffer,
        projection=np.array(json.dumps(asdict(domain.grid.projection))),
        layout=np.array(json.dumps(asdict(domain.layout))),
        origin=np.array(json.dumps(document)),
        y=domain.grid.y,
        x=domain.grid.x,
        mask=domain.mask,
    )
    return buffer.getvalue()


def from_bytes(data: bytes) -> tuple[Domain, Origin]:
    """The domain that `to_bytes` wrote, and how it came about."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        projection = Projection(**json.loads(str(arrays["projection"])))
        layout = Layout(**json.loads(str(arrays["layout"])))
        grid = Grid(projection, arrays["y"], arrays["x"])
        domain = domains.from_mask(arrays["mask"], grid, layout)
        origin = json.loads(str(arrays["origin"]))
    agreement = origin.pop("agreement")
    first = origin.pop("file", "")  # a domain of the time when one file decided
    files = tuple(origin.pop("files", [first] if first else []))
    agreed = Agreement(**agreement) if agreement else None
    return domain, Origin(**origin, files=files, agreement=agreed)
