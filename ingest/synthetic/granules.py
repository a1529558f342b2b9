"""Writes granules of the real layout with a hidden truth, for the demonstration and for tests.

The granules show an invented country on a crop of the real GOES-East grid
(`ingest.synthetic.landscape`). `ingest.synthetic.scene` gives its state at a time,
`ingest.synthetic.imager` the image of it, and `ingest.synthetic.encode` the file. Files are
ABI-L1b-RadC of eight bands and ABI-L2-LSTC: at 12, 15, 18, 21 and 0 UTC all bands, at 3, 6 and 9 UTC
C13 and C15 alone. Of two years one lies on each side of the change of the LST product. The true land
covers are stored beside the files in `truth.npz`.

A time step needs nothing but the landscape, which is quickly made from (shape, seed): after
`write_truth`, `write_steps` can be run by many processes, in any order, with the same bytes.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest.synthetic import acm, encode, sst
from ingest.synthetic.encode import BAND_PRODUCT, LST_PRODUCT, Times
from ingest.synthetic.imager import CHANNELS, image, lst_image
from ingest.synthetic.landscape import COVERS, landscape
from ingest.synthetic.scene import Scene, scene
from lake.errors import ConfigError
from lake.storage.connect import connect

DAY_TODS = (43200, 54000, 64800, 75600, 0)
NIGHT_TODS = (10800, 21600, 32400)
NIGHT_BANDS = ("C13", "C15")
TRUTH = "truth.npz"
SCAN = timedelta(seconds=157.2)
"""Duration of a CONUS scan."""
FIRST_SCAN = timedelta(seconds=77.2)
"""Begin of the first CONUS scan of an hour, after the full hour."""
LOST_BAND = "C05"
"""Band whose file the demonstration lacks at one time step."""

L2_FILES: dict[str, Callable[[Scene, Times], bytes]] = {
    LST_PRODUCT: lambda observed_scene, times: encode.lst_file(lst_image(observed_scene), times),
    acm.PRODUCT: lambda observed_scene, times: acm.acm_file(acm.acm_image(observed_scene), times),
    sst.PRODUCT: lambda observed_scene, times: sst.sst_file(sst.sst_image(observed_scene), times),
}
"""What writes an L2 product of a scene, by the name of the product."""

Report = Callable[[int, int], None]
"""Is called with the number of time steps that are done, and the number of all."""


@dataclass(frozen=True, slots=True)
class TimeStep:
    """One scan, and the bands that are written of it beside the LST product."""

    start: datetime
    """Begin of the scan, UTC."""
    bands: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LandscapeTruth:
    """The true land and land covers; arrays (Y, X), rows from the north."""

    classes: NDArray[np.int16]
    """Index into `names`, -1 off land."""
    land: NDArray[np.bool_]
    """True on land; lakes are water."""
    names: tuple[str, ...]


def time_steps(
    *,
    years: Iterable[int] = (2020, 2022),
    months: Iterable[int] = range(1, 13),
    days: Iterable[int] = (10, 20),
    tods: Iterable[int] = (*DAY_TODS, *NIGHT_TODS),
    missing: bool = True,
) -> tuple[TimeStep, ...]:
    """The scans of every year, month, day of the month and time of day, in order of time.

    Args:
        years: calendar years.
        months: 1 to 12.
        days: days of every month.
        tods: seconds of the UTC day, whole hours.
        missing: leave C05 out of one of the steps that have it.

    Raises:
        ConfigError: a day that some month does not have, or a time that is no whole hour.
    """
    tods, days, months = tuple(tods), tuple(days), tuple(months)
    moments = (_moment(y, m, d, tod) for y in years for m in months for d in days for tod in tods)
    steps = [TimeStep(moment + FIRST_SCAN, _bands(moment)) for moment in sorted(moments)]
    full = [n for n, step in enumerate(steps) if LOST_BAND in step.bands]
    if missing and full:
        n = full[len(full) // 3]
        steps[n] = TimeStep(steps[n].start, tuple(b for b in steps[n].bands if b != LOST_BAND))
    return tuple(steps)


def write(
    folder: str | Path,
    *,
    shape: tuple[int, int] = (200, 300),
    years: Iterable[int] = (2020, 2022),
    months: Iterable[int] = range(1, 13),
    days: Iterable[int] = (10, 20),
    tods: Iterable[int] = (*DAY_TODS, *NIGHT_TODS),
    seed: int = 0,
    missing: bool = True,
    report: Report | None = None,
) -> LandscapeTruth:
    """Write all granules, in this process, and `truth.npz` beside them.

    Args:
        folder: or URL, receives the files; files of the same name are replaced.
        shape: of the crop, coarse pixels.
        years: see `time_steps`, as for the next three and `missing`.
        months: see there.
        days: see there.
        tods: see there.
        seed: of the landscape and everything that happens on it.
        missing: see there.
        report: is called after every time step.

    Raises:
        ConfigError: a shape, day or time that cannot be.
    """
    steps = time_steps(years=years, months=months, days=days, tods=tods, missing=missing)
    truth = write_truth(folder, shape, seed)
    write_steps(folder, shape, seed, steps, report)
    return truth


def write_truth(
    folder: str | Path, shape: tuple[int, int] = (200, 300), seed: int = 0
) -> LandscapeTruth:
    """Write `truth.npz`, arrays `classes`, `land`, `names`, into a folder or below a URL."""
    country = landscape(shape, seed)
    truth = LandscapeTruth(country.classes, country.land, tuple(cover.name for cover in COVERS))
    file = BytesIO()
    np.savez_compressed(file, classes=truth.classes, land=truth.land, names=np.array(truth.names))
    connect(folder).put(TRUTH, file.getvalue())
    return truth


def read_truth(folder: str | Path) -> LandscapeTruth:
    """The truth that `write_truth` wrote."""
    with np.load(Path(folder) / TRUTH, allow_pickle=False) as stored:
        return LandscapeTruth(stored["classes"], stored["land"], tuple(map(str, stored["names"])))


def write_steps(
    folder: str | Path,
    shape: tuple[int, int],
    seed: int,
    steps: Sequence[TimeStep],
    report: Report | None = None,
) -> None:
    """Write some time steps into a folder or below a URL.

    The arguments are small, so that a worker can do it as a task. The time steps of a day share its
    weather: give whole days.
    """
    country, target = landscape(shape, seed), connect(folder)
    for done, step in enumerate(steps, 1):
        for name, data in scene_files(scene(country, step.start), step.bands).items():
            target.put(name, data)
        if report:
            report(done, len(steps))


def write_scene(
    folder: str | Path,
    observed_scene: Scene,
    bands: Sequence[str],
    products: Sequence[str] = (LST_PRODUCT,),
) -> list[Path]:
    """Write the files of one scan of a scene, see `scene_files`, and return their paths."""
    files = scene_files(observed_scene, bands, products)
    paths = [Path(folder) / name for name in files]
    for path, data in zip(paths, files.values(), strict=True):
        path.write_bytes(data)
    return paths


def scene_files(
    observed_scene: Scene, bands: Sequence[str], products: Sequence[str] = (LST_PRODUCT,)
) -> dict[str, bytes]:
    """The files of one scan of a scene.

    Args:
        observed_scene: the scene.
        bands: of the L1b files.
        products: L2 products, keys of `L2_FILES`.

    Returns:
        The content of each file by its name, bands first.
    """
    files = {}
    for band in bands:
        times = _times(observed_scene.when, CHANNELS[band].number)
        data = encode.band_file(band, image(observed_scene, band), times, observed_scene.distance)
        files[encode.file_name(times, BAND_PRODUCT, band)] = data
    for product in products:
        times = (
            _full_disk_times(observed_scene.when)
            if product == sst.PRODUCT
            else _l2_times(observed_scene.when)
        )
        files[encode.file_name(times, product)] = L2_FILES[product](observed_scene, times)
    return files


def _moment(year: int, month: int, day: int, tod: int) -> datetime:
    if tod not in range(0, 86400, 3600):
        raise ConfigError(f"time of day {tod} s: wanted whole hours, 0 to 82800, as LSTC is hourly")
    try:
        return datetime(year, month, day, tod // 3600, tzinfo=UTC)
    except ValueError as error:
        raise ConfigError(
            f"{year}-{month}-{day}: {error}; wanted days that every month has"
        ) from error


def _bands(moment: datetime) -> tuple[str, ...]:
    tod = moment.hour * 3600
    return NIGHT_BANDS if tod in NIGHT_TODS else tuple(CHANNELS)


def _times(start: datetime, band: int) -> Times:
    """Times of a band's file: the bands of a scan end and are written a little after one another."""
    end = start + SCAN + timedelta(seconds=0.1 * (band % 7))
    return Times(start, end, end + timedelta(seconds=41 + 1.3 * band))


def _full_disk_times(when: datetime) -> Times:
    """Times of an hourly product of the full disk: all scans of the hour."""
    start = when.replace(minute=0, second=32, microsecond=0)
    end = start + timedelta(minutes=58, seconds=57)
    return Times(start, end, end + timedelta(minutes=5))


def _l2_times(start: datetime) -> Times:
    end = start + SCAN + timedelta(seconds=0.2)
    return Times(start, end, end + timedelta(seconds=105))
