"""Imports the original study's folders of pickles into stores of the lake.

The results of one (month, tod) become a staged part, and parts are published as after any ingest. A
single result is stored bit for bit. m3 and m4 of a result that was merged from several batches may be
wrong and are marked suspect. The ledger names the files, because their time steps are unknown.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from ingest.legacy import pickles
from ingest.legacy.pickles import LegacyGeometry
from ingest.listing import listing
from ingest.listing.listing import Listing
from ingest.plan import domains, geometries
from ingest.publish import parts, policy, publish, staging
from ingest.publish.parts import Part
from ingest.publish.target import IngestOutcome, TargetStore, newest, outcome, writable
from ingest.source import source_files
from ingest.source.source_files import File
from lake import dask_cluster
from lake.console.messages import progress
from lake.errors import ConfigError, LegacyError, OverlapError
from lake.format import domain as lake_domain
from lake.format import order
from lake.format.domain import Domain
from lake.format.keys import Key
from lake.format.moments import METRICS
from lake.format.schema import Cube
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import generations
from lake.store.ledger import MERGED, LedgerEntry, SourceFile

SUSPECT = ("m3", "m4")
"""Metrics that may be wrong in a merged result."""

Slot = dict[str, File]
"""The result files of one (month, tod), by band."""


def import_results(
    client: Client, results: str, folder: str, root: str, overrides: Sequence[str] = ()
) -> list[IngestOutcome]:
    """Import every result of a folder, into a store for each key in their names.

    Args:
        client: the Dask client whose workers read the results.
        results: folder or URL of the results.
        folder: folder or URL of the geometry pickles that the results refer to.
        root: folder or URL of the lake.
        overrides: settings that replace those of the listing in the results' names.

    Raises:
        LegacyError: a pickle asks for more than arrays, or does not fit its geometry.
        ConfigError: no listing of that name is known, or the root holds other things than a lake.
        OverlapError: the store holds granules of the same period.
    """
    writable(root)
    slots_by_key: dict[Key, dict[tuple[int, int], Slot]] = defaultdict(lambda: defaultdict(dict))
    for file in source_files.list_files(results, suffix=".pkl"):
        name = pickles.parse_name(file.path)
        slots_by_key[name.key][name.month, name.tod][name.band] = file
    return [
        _import_store(client, _group(key, folder, root, overrides), slots, folder)
        for key, slots in sorted(slots_by_key.items())
    ]


def _group(key: Key, folder: str, root: str, overrides: Sequence[str]) -> TargetStore:
    """The store of a legacy key, with its listing and the domain of its geometry."""
    rules = replace(listing.load(key.listing, overrides), sat=key.sat, t0=key.t0, tf=key.tf)
    geometry = _geometry(folder, key.geom)
    coarse = geometry.resolutions[min(geometry.resolutions)]
    domain = lake_domain.from_mask(coarse.m_domain, coarse.grid, rules.layout)
    if domain.pixels != int(coarse.m_domain.sum()):
        raise LegacyError(
            f"{key.geom} in {folder} has {int(coarse.m_domain.sum()) - domain.pixels} pixels without "
            "latitude and longitude, which no store holds"
        )
    folder_name = f"{key.geom}.pkl in {folder}"
    geometries.check_name(rules, key, coarse.grid.projection, folder_name)
    return TargetStore(root, key, rules, domains.ensure(connect(root), key, domain))


def _geometry(folder: str, geom: str) -> LegacyGeometry:
    path = f"{folder.rstrip('/')}/{geom}.pkl"
    return pickles.read_geometry(source_files.read_bytes(path), path)


def _import_store(
    client: Client, target: TargetStore, slots: Mapping[tuple[int, int], Slot], folder: str
) -> IngestOutcome:
    entries = generations.read_ledger(target.objects, newest(target))
    if entries.entered_steps - set(entries.legacy):
        raise OverlapError(
            f"{target.key} holds time steps of granules: legacy results of the same period would count "
            "them twice; import into another lake"
        )
    new_slots = {
        slot: new
        for slot, files in slots.items()
        if (
            new := {
                band: file for band, file in files.items() if file.name not in entries.entered_steps
            }
        )
    }
    common_arguments = (
        target.root,
        target.key,
        target.listing,
        domains.digest(target.domain),
        folder,
    )
    calls = [(*common_arguments, *slot, files) for slot, files in sorted(new_slots.items())]
    with progress("import") as report:
        since = time.time()
        staging.note(target, dask_cluster.call(client, _stage, calls, report), (), since)
    with progress("publish") as report:
        published = publish.publish(client, target, policy.NOW, report, datetime.now(UTC))
    if newest(target) is None:
        raise LegacyError(f"no result of {target.key} was found")
    return outcome(target, merged=len(published))


def _stage(
    root: str,
    key: Key,
    rules: Listing,
    digest: str,
    folder: str,
    month: int,
    tod: int,
    files: Slot,
) -> Part:
    """Stage the results of one (month, tod), on a worker, as a part of the store."""
    objects = connect(join(root, str(key)))
    domain = domains.load_checked(root, key, digest)
    cubes = [c for c in rules.cubes_at(tod) if set(c.bands) & set(files)]
    lost = set(files) - {band for cube in cubes for band in cube.bands}
    if lost:
        raise ConfigError(
            f"{files[min(lost)].path}: the listing {rules.listing} has no cube with "
            f"{', '.join(sorted(lost))} at {tod} s; add one with --set"
        )
    sources = [SourceFile(f.name, f.size, f.tag) for _, f in sorted(files.items())]
    name = parts.name(rules.digest, digest, *sources)
    if (done := parts.find_fresh(objects, name, staging.FRESH_S)) is not None:
        return done
    entries = tuple(LedgerEntry(s.name, MERGED, files=(s,)) for s in sources)
    geometry = _geometry(folder, key.geom)
    content = _Results({cube.name: cube for cube in cubes}, files, domain, geometry)
    part = Part(name, "", parts.MOMENTS, month, tod, tuple(content.cubes), entries)
    return parts.write(objects, part, content, domain.pixels, domain.layout)


class _Results:
    """The results of one (month, tod) as the numbers of a part; one cube at a time is in memory."""

    form = parts.MOMENTS

    def __init__(
        self, cubes: dict[str, Cube], files: Slot, domain: Domain, geometry: LegacyGeometry
    ) -> None:
        self.cubes = cubes
        self.suspect: tuple[str, ...] = ()
        self._files = files
        self._domain = domain
        self._geometry = geometry
        self._blocks = order.superblocks(domain.pixels, domain.layout)
        self._loaded_cube = ""
        self._values: list[NDArray[np.float32] | None] = []
        self._ranks = np.zeros((0, 1), np.int64)

    def moments(self, cube: str, superblock: int) -> NDArray[np.float32]:
        """Moments of a superblock, (band, metric, pixel, subpixel); NaN for bands that have no result."""
        if cube != self._loaded_cube:
            self._load(self.cubes[cube])
        ranks = self._ranks[self._blocks[superblock]]  # (pixel, subpixel)
        block = np.full((len(self._values), len(METRICS), *ranks.shape), np.nan, np.float32)
        for band, values in enumerate(self._values):
            if values is not None:
                np.take(values, ranks, axis=1, out=block[band])
        return block

    def _load(self, cube: Cube) -> None:
        self._values = []  # frees those of the cube before
        self._values = [self._read(band, cube) for band in cube.bands]
        self._ranks = _ranks(self._domain, cube.refinement)
        self._loaded_cube = cube.name

    def _read(self, band: str, cube: Cube) -> NDArray[np.float32] | None:
        """The values of one result, (metric, rank in the m_domain); None if the band has no result."""
        if band not in self._files:
            return None
        path = self._files[band].path
        result = pickles.read_result(source_files.read_bytes(path), path)
        pickles.check_fit(result, self._geometry, path)
        cube_shape = tuple(n * cube.refinement for n in self._domain.grid.shape)
        if result.shape != cube_shape:
            raise LegacyError(
                f"{path} is on a grid of {result.shape}, the listing's {cube.name} on {cube_shape}"
            )
        if result.suspect:
            self.suspect = SUSPECT
        return result.results


def _ranks(domain: Domain, refinement: int) -> NDArray[np.int64]:
    """(pixel, subpixel) number of each among the True pixels of the m_domain, counted row-major."""
    m_domain = domain.m_domain(refinement)
    ranks = np.cumsum(m_domain.ravel(), dtype=np.int64).reshape(m_domain.shape) - 1
    return domain.gather(ranks, refinement)
