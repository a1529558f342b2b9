"""Whether a file is what its name says: product, satellite, band, sector and time of its content.

Files get wrong names by copying, renaming and broken downloads; statistics by name alone would then be
those of another hour. What a file does not say of itself is not compared.
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingest.abi import filenames
from ingest.abi.filenames import FileName
from lake.errors import GranuleError

START_S = 60.0
"""The start that a file says may differ so much from its name's."""
EARLY_S, LATE_S = 60.0, 600.0
"""The middle of a scan may lie so much before the start and after the end of the name: the names of some
products of Mode 4 end as they start."""

SCENES = {
    "conus": ("CONUS", "PACUS"),
    "fulldisk": ("Full Disk",),
    "meso1": ("Mesoscale",),
    "meso2": ("Mesoscale",),
}
"""How files call the sectors of a listing."""

EPOCH = datetime(2000, 1, 1, 12, tzinfo=UTC)
"""Times in files count from here."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a file says of itself; empty or None: nothing."""

    satellite: str = ""
    """`G16`."""
    band: str = ""
    """`C13`."""
    scene: str = ""
    """`CONUS`, `Full Disk`, `Mesoscale`."""
    first_name: str = ""
    """The name that the file was made under."""
    start: str = ""
    """Start of the scan, ISO 8601."""
    middle_s: float | None = None
    """Middle of the scan, seconds since 2000-01-01 12:00 UTC."""


def mismatch(name: FileName, sector: str, content: Identity) -> str:
    """The first thing in which content and name differ, e.g. `band C13, its name says C01`.

    Args:
        name: parts of the file's name.
        sector: that of the product in the name, as in a listing.
        content: what the file says of itself.

    Returns:
        Empty: they agree.
    """
    for aspect, value, named in _differences(name, sector, content):
        return f"{aspect} {value}, its name says {named}"
    return ""


def _differences(
    name: FileName, sector: str, content: Identity
) -> Iterator[tuple[str, object, object]]:
    """Aspect, value of the content and value of the name of what differs."""
    satellite = f"G{name.sat[-2:]}"
    if content.satellite and content.satellite != satellite:
        yield "satellite", content.satellite, satellite
    if name.band and content.band != name.band:
        yield "band", content.band, name.band
    if content.scene and content.scene not in SCENES[sector]:
        yield "scene", content.scene, SCENES[sector][0]
    with suppress(GranuleError):  # a name of other makers says nothing
        product = filenames.parse_name(content.first_name).product
        if product != name.product:
            yield "product", product, name.product
    start, end = (_time_of(stamp) for stamp in (name.start, name.end))
    if content.start:
        time = _iso(content.start)
        if time is None or abs((time - start).total_seconds()) > START_S:
            yield "start", _text(time) if time else repr(content.start), _text(start)
    if content.middle_s is not None:
        middle = _since_epoch(content.middle_s)
        early, late = timedelta(seconds=EARLY_S), timedelta(seconds=LATE_S)
        if middle is None or not start - early <= middle <= max(start, end) + late:
            value = _text(middle) if middle else content.middle_s
            yield "time", value, f"{_text(start)} to {_text(end)}"


def _time_of(stamp: str) -> datetime:
    """The time of a stamp; a day or hour that there is not is an error.

    Raises:
        GranuleError: no time.
    """
    try:
        seconds = filenames.seconds(stamp) - filenames.DAY_S  # the first day has the number 1
        return datetime(1, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except (ValueError, OverflowError) as error:
        raise GranuleError(f"{stamp} in a name is no time YYYYJJJHHMMSSt") from error


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"


def _iso(text: str) -> datetime | None:
    """A time in ISO 8601, of UTC where it says nothing; None: it is none."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _since_epoch(seconds: float) -> datetime | None:
    """The time of a scan's middle; None: a number that means none."""
    if not math.isfinite(seconds):
        return None
    try:
        return EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None
