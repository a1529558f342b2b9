"""`lake.catalog(root)`: the stores of a lake as a table, by what they hold, and how to open them.

Asks for the newest commit of the catalogue and its table, four requests however many stores there
are, and never lists.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lake.catalogue import catalogue
from lake.catalogue.catalogue import Row
from lake.errors import ConfigError, MissingError
from lake.format import keys, regions
from lake.reading import reprs
from lake.storage.connect import connect
from lake.storage.urls import absolute, join

if TYPE_CHECKING:
    from lake.reading.store import Store

SHOWN = 20
"""The number of rows that a catalogue shows of itself."""

_COLUMNS = ("key", "pixels", "cubes", "months", "merged", "missing", "suspect")

Words = str | Sequence[str] | None

Day = str | date | np.datetime64
"""Also a `datetime` and a `pandas.Timestamp`, which are dates with a time."""


def catalog(root: str | Path | None = None, **storage_options: Any) -> "Catalog":  # noqa: ANN401
    """The catalogue of a lake, as it is now.

    Args:
        root: folder or any fsspec URL; None: the environment's `LAKE_ROOT`.
        storage_options: as for fsspec; none: credentials come from the environment.

    Raises:
        ConfigError: no root is given.
        MissingError: there is no lake.
    """
    place = root if root is not None else os.environ.get(keys.ROOT)
    if not place:
        raise ConfigError(
            f"no lake is named: give its folder or URL, or set {keys.ROOT} in the environment"
        )
    table = catalogue.table(connect(place, **storage_options))
    return Catalog(absolute(place), table, storage_options)


class Catalog:
    """A table of stores of a lake, one row for each."""

    def __init__(self, root: str, table: pa.Table, options: dict[str, Any]) -> None:
        self.root = root
        self.table = table
        """Columns are the fields of `lake.catalogue.catalogue.Row`; `.to_pandas()` makes a data frame."""
        self._options = options

    def search(
        self,
        *,
        sat: Words = None,
        listing: Words = None,
        geom: Words = None,
        cube: Words = None,
        t0: Day | None = None,
        tf: Day | None = None,
        bbox: Sequence[float] | None = None,
    ) -> "Catalog":
        """The stores for which all that is given holds.

        Args:
            sat: its, or one of these.
            listing: likewise.
            geom: likewise.
            cube: it has this cube, or all of these.
            t0: its period goes on to this day or later (`YYYYMMDD`, `YYYY-MM-DD`, or any datetime).
            tf: its period begins on this day or before; with `t0`: the periods meet.
            bbox: (west, south, east, north) in degrees that meets the box around its pixels; west above
                east: across the antimeridian.

        Raises:
            ConfigError: no such day or box.
        """
        matches = np.ones(len(self), bool)
        for column, words in (("sat", sat), ("listing", listing), ("geom", geom)):
            if words is not None:
                matches &= _numpy(
                    pc.is_in(self.table[column], pa.array(_words(words), pa.string()))
                )
        for name in _words(cube):
            cubes = self.table["cubes"].to_pylist()
            matches &= np.array([name in names.split() for names in cubes], bool)
        if t0 is not None:
            matches &= _numpy(pc.greater_equal(self.table["tf"], _iso(t0)))
        if tf is not None:
            matches &= _numpy(pc.less_equal(self.table["t0"], _iso(tf)))
        if bbox is not None:
            matches &= self._meets(bbox)
        return Catalog(self.root, self.table.filter(pa.array(matches)), self._options)

    def open(self, key: str | None = None) -> "Store":
        """The store of a key, or the only one there is.

        Args:
            key: `sat/listing/t0_tf/geom`; None: there is but one.

        Raises:
            ConfigError: there are several, and no key says which.
            MissingError: there is none, or nothing of it is published.
        """
        rows = [row for row in self if key is None or row.key == key.strip("/")]
        if not rows:
            raise MissingError(
                f"no store {key or ''} among {len(self)} of {self.root}: widen the search".replace(
                    "  ", " "
                )
            )
        if len(rows) > 1:
            keys = "\n  ".join(row.key for row in rows[:SHOWN])
            raise ConfigError(
                f"{len(rows)} stores are found: say which by open(key), or narrow the search:\n  {keys}"
            )
        generation = catalogue.generation(rows[0])
        from lake.reading import store  # noqa: PLC0415 (xarray takes longer to load than a search does)

        return store.open(join(self.root, generation), **self._options)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(catalogue.rows_of(self.table))

    def __repr__(self) -> str:
        facts = {row.key: row.cubes for row in catalogue.rows_of(self.table[:SHOWN])}
        if len(self) > SHOWN:
            facts["..."] = f"{len(self) - SHOWN} more"
        return reprs.text(self._title(), facts, self._plain_line())

    def _repr_html_(self) -> str:
        rows = [
            [str(getattr(row, name)) for name in _COLUMNS]
            for row in catalogue.rows_of(self.table[:SHOWN])
        ]
        title = self._title() + f", the first {SHOWN}" * (len(self) > SHOWN)
        return reprs.table(_COLUMNS, rows, title) + reprs.html("", {}, self._plain_line())

    def _title(self) -> str:
        return f"lake.Catalog {len(self)} stores of {self.root}"

    def _plain_line(self) -> str:
        published = [name for name in self.table["generation"][:SHOWN].to_pylist() if name]
        if not published:
            return ""
        url = join(self.root, published[0]).rpartition("::")[2]
        return f'xarray.open_datatree("{url}", engine="zarr", zarr_format=3)'

    def _meets(self, bbox: Sequence[float]) -> NDArray[np.bool_]:
        """(row,) whether the box around its pixels meets `bbox`."""
        west, south, _, north = bbox
        width = regions.width(bbox)
        its = {name: _numpy(self.table[name]) for name in ("west", "south", "east", "north")}
        in_height = (its["south"] <= north) & (its["north"] >= south)
        begins_inside = (its["west"] - west) % 360 <= width
        holds_begin = (west - its["west"]) % 360 <= its["east"] - its["west"]
        met: NDArray[np.bool_] = in_height & (begins_inside | holds_begin)
        return met


def _words(words: Words) -> list[str]:
    if words is None:
        return []
    return [words] if isinstance(words, str) else list(words)


def _iso(day: Day) -> str:
    """A day as the table has it; of a moment its day, in UTC.

    Raises:
        ConfigError: it is none.
    """
    if isinstance(day, str):
        return keys.day(day).isoformat()
    if isinstance(day, datetime) and day.tzinfo is not None:
        day = day.astimezone(UTC).replace(tzinfo=None)
    try:
        moment = np.datetime64(np.asarray(day, "datetime64[D]").item(), "D")
    except (TypeError, ValueError):
        moment = np.datetime64("NaT", "D")
    if np.isnat(moment):
        raise ConfigError(
            f"{day!r} is no day: wanted YYYY-MM-DD, a date, a datetime or a datetime64"
        )
    return str(moment)


def _numpy(column: Any) -> NDArray[Any]:  # noqa: ANN401 (pyarrow has no types)
    return np.asarray(column.to_numpy())
