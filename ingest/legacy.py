"""The original study's folders of pickles -> stores of the lake.

Every result becomes part of a staged part of its (month, tod), and parts are published as after any
ingest. A result alone is stored bit for bit; m3 and m4 of a result merged from several batches
may be wrong and are marked suspect. The ledger names the files, as nobody noted their time steps.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from ingest import domains, listing, parts, pickles, publish, source
from ingest.listing import Listing
from ingest.parts import Part
from ingest.pickles import LegacyGeometry
from ingest.publish import Group, Outcome
from lake import catalog, cluster
from lake import domain as lake_domain
from lake.console import progress
from lake.domain import Domain
from lake.errors import ConfigError, LegacyError, OverlapError
from lake.keys import Key
from lake.ledger import MERGED, Entry, Ledger, Source
from lake.moments import METRICS
from lake.objects import connect
from lake.schema import Cube

SUSPECT = ("m3", "m4")

Slot = dict[str, str]
"""Paths of the results of one (month, tod), by band."""


def import_results(
    client: Client, results: str, geometries: str, root: str, overrides: Sequence[str] = ()
) -> list[Outcome]:
    """Import every result of a folder, a store for each of their keys.

    Args:
        client: Dask.
        results: folder or URL of the results.
        geometries: folder or URL of the geometry pickles they refer to.
        root: folder or URL of the lake.
        overrides: of the listing that the results' names say.

    Raises:
        LegacyError: a pickle that asks for more than arrays, or does not fit its geometry.
        ConfigError: no listing of that name is known, or the root holds other things than a lake.
        OverlapError: the store holds granules of the same period.
    """
    catalog.claim(connect(root))
    groups: dict[Key, dict[tuple[int, int], Slot]] = defaultdict(lambda: defaultdict(dict))
    for path in source.list_files(results, suffix=".pkl"):
        name = pickles.parse_name(path)
        groups[name.key][name.month, name.tod][name.band] = path
    return [
        _import_store(client, _group(key, geometries, root, overrides), slots, geometries)
        for key, slots in sorted(groups.items())
    ]


def _group(key: Key, geometries: str, root: str, overrides: Sequence[str]) -> Group:
    """The store of a legacy key: its listing, and the domain of its geometry."""
    rules = replace(listing.load(key.listing, overrides), sat=key.sat, t0=key.t0, tf=key.tf)
    geometry = _geometry(geometries, key.geom)
    coarse = geometry.resolutions[min(geometry.resolutions)]
    found = lake_domain.from_mask(coarse.m_domain, coarse.grid, rules.layout)
    if found.pixels != int(coarse.m_domain.sum()):
        raise LegacyError(
            f"{key.geom} in {geometries} has {int(coarse.m_domain.sum()) - found.pixels} pixels without "
            "latitude and longitude, which no store holds"
        )
    return Group(root, key, rules, domains.settle(connect(root), key, found))


def _geometry(geometries: str, geom: str) -> LegacyGeometry:
    path = f"{geometries.rstrip('/')}/{geom}.pkl"
    return pickles.read_geometry(source.read_bytes(path), path)


def _import_store(
    client: Client, group: Group, slots: Mapping[tuple[int, int], Slot], geometries: str
) -> Outcome:
    objects = group.objects
    parent = publish.newest(group)
    held = publish.held(objects, parent)
    merged = held.steps(MERGED)
    if merged - set(held.legacy):
        raise OverlapError(
            f"{group.key} holds time steps of granules: legacy results of the same period would count "
            "them twice; import into another lake"
        )
    lacking = {
        slot: new
        for slot, files in slots.items()
        if (new := {band: path for band, path in files.items() if _file(path) not in merged})
    }
    if lacking:
        where = (group.root, group.key, group.listing, domains.digest(group.domain), geometries)
        calls = [(*where, *slot, files) for slot, files in sorted(lacking.items())]
        with progress("import") as report:
            staged = cluster.call(client, _stage, calls, report)
        entries = [entry for part in staged for entry in part.entries]
        known = Ledger(tuple(sorted((*held, *entries))))
        with progress("publish") as report:
            bases = publish.base(group.root, group.key, parent)
            parent = publish.publish(client, group, parent, bases, staged, known, report)
        held = known
    if parent is None:
        raise LegacyError(f"no result of {group.key} was found")
    return publish.outcome(group, parent, held, merged=len(held.steps(MERGED)) - len(merged))


def _stage(
    root: str,
    key: Key,
    rules: Listing,
    digest: str,
    geometries: str,
    month: int,
    tod: int,
    files: Slot,
) -> Part:
    """On a worker: the results of one (month, tod) as a part of the store."""
    group = Group(root, key, rules, domains.known(root, key, digest))
    geometry = _geometry(geometries, group.key.geom)
    cubes = [c for c in group.listing.cubes_at(tod) if set(c.bands) & set(files)]
    lost = set(files) - {band for cube in cubes for band in cube.bands}
    if lost:
        raise ConfigError(
            f"{files[min(lost)]}: the listing {group.listing.listing} has no cube with "
            f"{', '.join(sorted(lost))} at {tod} s; add one with --set"
        )
    arrays = {}
    suspect = False
    for cube in cubes:
        shape = (len(cube.bands), len(METRICS), group.domain.pixels, cube.subpixels)
        arrays[cube.name] = np.full(shape, np.nan, np.float32)
        for index, band in enumerate(cube.bands):
            if band in files:
                values, merged = _result(files[band], geometry, group.domain, cube)
                arrays[cube.name][index] = values
                suspect |= merged
    entries = tuple(
        Entry(_file(p), MERGED, files=(Source(_file(p)),)) for p in sorted(files.values())
    )
    part = Part("", month, tod, tuple(arrays), entries, suspect=SUSPECT if suspect else ())
    name = parts.name(rules.digest, digest, *(entry.step for entry in entries))
    return parts.write(group.objects, name, part, arrays, group.domain.layout)


def _result(
    path: str, geometry: LegacyGeometry, domain: Domain, cube: Cube
) -> tuple[NDArray[np.float32], bool]:
    """(metric, pixel, subpixel) of one result in store order, and whether it is suspect."""
    result = pickles.read_result(source.read_bytes(path), path)
    pickles.check_fit(result, geometry, path)
    m_domain = geometry.resolutions[result.shape].m_domain
    if m_domain.shape != domain.m_domain(cube.refinement).shape:
        raise LegacyError(
            f"{path} is on a grid of {result.shape}, the listing's {cube.name} on "
            f"{domain.m_domain(cube.refinement).shape}"
        )
    values = np.empty((len(METRICS), domain.pixels, cube.subpixels), np.float32)
    image = np.full(m_domain.shape, np.nan, np.float32)
    for index, metric in enumerate(result.results):
        image[m_domain] = metric
        values[index] = domain.gather(image, cube.refinement)
    return values, result.suspect


def _file(path: str) -> str:
    return path.rsplit("/", 1)[-1]
