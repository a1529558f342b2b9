"""An invented country: its classes, hidden dynamics and what else moves the signal of its pixels.

All is decided by `Country`; arrays over pixels, (P,), are in row-major order of the land. Lengths of
patches are in pixels, so that a larger country has more of them, not larger ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from jobs.runs.settings import check
from lake.format import grid
from lake.format.arrays import Floats, Singles
from lake.format.grid import Grid, Projection

PROJECTION = Projection(*grid.SIZES, longitude_of_projection_origin=-75.0)
NORTH_RAD, WEST_RAD, HEIGHT_URAD = 0.1180, -0.045, 57_344
"""Upper left corner, and how high the country is, however many rows it has: 24 to 46 degrees north."""
DYNAMICS = ("phase", "amplitude", "sharpness", "moisture", "inertia")
"""Of vegetation: day of the year of its height, how green it gets, how briefly; wet soil; and how slowly
it warms. Unit: `phase` days, else 1."""
_LOWEST = (110.0, 0.15, 0.8, 0.1, 0.2)
_HIGHEST = (230.0, 0.95, 6.0, 0.9, 1.2)
FAMILY = 4
"""Classes of a family are alike but for details."""
SEASONS = 4
BANDS = ("C02", "C03", "C07", "C13")
SUBPIXELS = 4
"""Along an edge, of the finest band."""

_FAMILY_SHARE, _WITHIN = 0.35, 0.16
"""How far classes of a family, and pixels of a class, lie apart; shares of the range of a dynamic."""


@dataclass(frozen=True, slots=True)
class Country:
    """What there is to choose."""

    seed: int = 0
    rows: int = 128
    columns: int = 128
    land: float = 0.75
    """Share of the pixels that are land."""
    classes: int = 32
    patch: float = 2.5
    """Standard deviation of the smoothing that makes patches of a class, pixels."""
    years: tuple[int, ...] = (2020, 2021)
    months: tuple[int, ...] = tuple(range(1, 13))
    tods: tuple[int, ...] = (50400, 57600, 64800, 72000, 79200)
    days: int = 12
    """Observed at most in a month."""
    missing: float = 0.22
    """Share of (pixel, month, tod) without any observation."""
    artefacts: float = 0.01
    """Share of the observed (pixel, month, tod) that hold a wrong observation."""

    def __post_init__(self) -> None:
        check("rows and columns must be 16 or more", (self.rows, self.columns),
              holds=min(self.rows, self.columns) >= 16)  # fmt: skip
        check("classes must be 2 or more", self.classes, holds=self.classes >= 2)
        check(
            "years must be some, and differ",
            self.years,
            holds=0 < len(set(self.years)) == len(self.years),
        )
        check("days must be above 0", self.days, holds=self.days > 0)


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """What the classes are, (class, ...)."""

    dynamics: Floats
    """(class, dynamic) of the middle pixel."""
    soil: Floats
    """(class, 2) reflectance of C02, C03 without vegetation."""
    leaf: Floats
    """(class, 2) and of vegetation."""
    emissivity: Floats
    """(class, 2) how much colder C07, C13 see it, K."""
    shine: Floats
    """(class,) reflected sunlight in C07, K."""
    rough: Floats
    """(class, 2) how its reflectance depends on sun and view: shadows, hot spot."""
    season: Floats
    """(class, season, band) deviation from all of this; half of it changes sign with moisture."""
    restless: Floats
    """(class, band) standard deviation from day to day, share of the band's own."""
    skew: Floats
    """(class,) of that."""
    texture: Floats
    """(class, 2) contrast of the fine pixels, and the share of it that is a slope and no grain."""
    shelter: Floats
    """(class,) share of snow that it hides."""


@dataclass(frozen=True, slots=True, eq=False)
class Land:
    """The truth, and what hides it."""

    country: Country
    grid: Grid
    mask: NDArray[np.bool_]
    """(row, column) True: land."""
    kinds: Kinds
    classes: NDArray[np.int64]
    """(P,)"""
    dynamics: Floats
    """(P, dynamic)"""
    pattern: Singles
    """(P, 4, 4) relative brightness of the fine pixels, mean 0."""
    lon: Floats
    lat: Floats
    elevation: Floats
    """(P,) km."""
    view: Floats
    """(P,) cosine of the view zenith angle."""
    cloudy: Floats
    """(P,) how cloudy it usually is; mean 0, standard deviation 1."""

    @property
    def pixels(self) -> int:
        """How many there are."""
        return self.classes.size


def of(country: Country) -> Land:
    """The country that the options describe."""
    random = np.random.default_rng([country.seed, 0])
    shape = country.rows, country.columns
    place = _grid(shape)
    lon, lat = grid.lonlat(PROJECTION, place.y[:, None], place.x[None, :])
    shore = smooth(random, shape, country.rows / 16)
    mask = (shore < np.quantile(shore, country.land)) & np.isfinite(lon)
    kinds = _kinds(random, country.classes)
    classes = _classes(random, country, lat)[mask]
    lon, lat = lon[mask], lat[mask]
    heights = smooth(random, shape, country.rows / 14)[mask]
    cloudy = smooth(random, shape, country.rows / 9)[mask] + 0.05 * (lat - lat.mean())
    return Land(
        country, place, mask, kinds, classes, _dynamics(random, shape, mask, kinds, classes),
        _pattern(random, shape, mask, kinds, classes), lon, lat, 0.7 * np.exp(0.8 * heights),
        np.cos(np.deg2rad(grid.view_zenith(PROJECTION, lon, lat))),
        (cloudy - cloudy.mean()) / cloudy.std(),
    )  # fmt: skip


def smooth(random: np.random.Generator, shape: tuple[int, int], length: float) -> Floats:
    """(row, column) a random field of mean 0 and standard deviation 1, alike over `length` pixels."""
    field = np.asarray(gaussian_filter(random.normal(size=shape), length, mode="wrap"))
    found: Floats = (field - field.mean()) / field.std()
    return found


def _grid(shape: tuple[int, int]) -> Grid:
    """Pixels whose quarters are whole microradians too."""
    step = max(round(HEIGHT_URAD / shape[0] / 8), 1) * 8e-6
    rows, columns = (np.arange(n, dtype=np.float64) * step for n in shape)
    return Grid(PROJECTION, np.float64(NORTH_RAD) - rows, np.float64(WEST_RAD) + columns)


def _kinds(random: np.random.Generator, classes: int) -> Kinds:
    families = -(-classes // FAMILY)
    family = np.arange(classes) % families

    def drawn(low: float, high: float, *shape: int) -> Floats:
        """(class, *shape) evenly between two values, those of a family near each other."""
        common = random.random((families, *shape))[family]
        mixed = (1 - _FAMILY_SHARE) * common + _FAMILY_SHARE * random.random((classes, *shape))
        return low + (high - low) * mixed

    dynamics = np.stack([drawn(a, b) for a, b in zip(_LOWEST, _HIGHEST, strict=True)], axis=1)
    soil = drawn(0.06, 0.26, 2) * (1.0, 1.3)
    leaf = drawn(0.03, 0.07, 2) * (1.0, 6.0)
    return Kinds(
        dynamics, soil, leaf, drawn(0.5, 6.0, 2), drawn(0, 8), drawn(-0.25, 0.45, 2),
        random.normal(size=(classes, SEASONS, len(BANDS))), drawn(0.4, 1.6, len(BANDS)),
        drawn(-0.6, 0.6), drawn(0.05, 0.5, 2) * (1.0, 1.8), drawn(0.1, 0.9),
    )  # fmt: skip


def _classes(random: np.random.Generator, country: Country, lat: Floats) -> NDArray[np.int64]:
    """(row, column) by which of as many random fields is highest; sizes fall like 1 / (rank + 4)."""
    shape, count = (country.rows, country.columns), country.classes
    north = np.nan_to_num((lat - np.nanmean(lat)) / np.nanstd(lat))
    fields = np.stack(
        [smooth(random, shape, country.patch) + 0.3 * random.normal() * north for _ in range(count)]
    )
    wanted = 1 / (np.arange(count) + 4)
    wanted /= wanted.sum()
    ahead = np.zeros(count)
    for _ in range(40):
        found = (fields + ahead[:, None, None]).argmax(axis=0)
        held = np.bincount(found.ravel(), minlength=count) / found.size
        ahead += 0.25 * np.log(wanted / np.maximum(held, 0.1 * wanted))
    return np.asarray(found, np.int64)


def _dynamics(
    random: np.random.Generator,
    shape: tuple[int, int],
    mask: NDArray[np.bool_],
    kinds: Kinds,
    classes: NDArray[np.int64],
) -> Floats:
    """(P, dynamic): a class's own, and on it what changes from place to place."""
    found = kinds.dynamics[classes]
    for column, (low, high) in enumerate(zip(_LOWEST, _HIGHEST, strict=True)):
        local = 0.85 * smooth(random, shape, 3)[mask] + 0.5 * random.normal(size=classes.size)
        found[:, column] += _WITHIN * (high - low) * local
        if column:  # all but the phase cannot be below 0
            found[:, column] = np.maximum(found[:, column], 0.3 * low)
    return found


def _pattern(
    random: np.random.Generator,
    shape: tuple[int, int],
    mask: NDArray[np.bool_],
    kinds: Kinds,
    classes: NDArray[np.int64],
) -> Singles:
    n = SUBPIXELS
    towards = np.arctan2(smooth(random, shape, 4), smooth(random, shape, 4))[mask]
    y, x = np.mgrid[:n, :n] - (n - 1) / 2
    slope = np.sin(towards)[:, None, None] * y + np.cos(towards)[:, None, None] * x
    grain = random.normal(size=(classes.size, n, n))
    share = kinds.texture[classes, 1, None, None]
    mixed = share * slope / slope.std() + (1 - share) * grain
    found = kinds.texture[classes, 0, None, None] * (mixed - mixed.mean(axis=(1, 2), keepdims=True))
    return np.asarray(found, np.float32)
