"""The overview maps of a draft: added up from what the tasks of publishing held in their hands anyway.

A task sends the sums of its cells; a month is written when those of all its superblocks are there, in
their order, so that the same input gives the same bytes. In memory are the sums of the months that are
being written: about 40 MB each, of the cube set of full CONUS.
"""

from collections import defaultdict
from collections.abc import Mapping

from lake import order, overview
from lake.domain import Domain
from lake.manifest import Manifest, Recorder, Stored
from lake.objects import Objects
from lake.overview import Sums
from lake.schema import Cube


class Atlas:
    """Of one draft."""

    def __init__(
        self, objects: Objects, path: str, domain: Domain, cubes: tuple[Cube, ...]
    ) -> None:
        """Make the empty maps of the draft at `path` in the store's folder."""
        self._recorder = Recorder(objects.zarr(path))
        self._cubes = cubes
        self._superblocks = len(order.superblocks(domain.pixels, domain.layout))
        self._shape = overview.grid_of(domain).shape
        self._waiting: dict[int, dict[int, Mapping[str, Sums]]] = defaultdict(dict)
        overview.create(self._recorder, domain, cubes)
        self._declared = dict(self._recorder.stored)

    @property
    def stored(self) -> Mapping[str, Stored]:
        """What was written, by path."""
        return self._recorder.stored

    def can_copy(self, base: Manifest, month: int) -> bool:
        """Whether an earlier generation has the same maps of a month, if the month did not change."""
        held = (path for cube in self._cubes for path in overview.paths(cube.name, month))
        alike = all(base.get(path) == stored for path, stored in self._declared.items())
        return alike and all(path in base for path in held)

    def add(self, month: int, superblock: int, sums: Mapping[str, Sums]) -> None:
        """Note what a superblock of a month holds; the last one of a month writes its maps.

        Args:
            month: 1..12.
            superblock: its number.
            sums: `overview.sums` of each cube by name; none, of all superblocks: the maps are copied.
        """
        parts = self._waiting[month]
        parts[superblock] = sums
        if len(parts) < self._superblocks:
            return
        del self._waiting[month]
        for cube in self._cubes:
            held = [parts[n][cube.name] for n in sorted(parts) if cube.name in parts[n]]
            if held:
                maps = overview.maps(held, cube, self._shape)
                overview.write(self._recorder, cube, month, maps)
