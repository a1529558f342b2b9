"""An invented country: its classes, hidden dynamics and other causes of the signal of its pixels.

`Country` determines all of it; arrays over pixels, (P,), are in row-major order of the land. Lengths of
patches are in pixels, so that a larger country has more of them, not larger ones.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from jobs.runs.settings import check
from lake.format import grid
from lake.format.arrays import Floats, Singles
from lake.format.grid import Grid, Projection

PROJECTION = Projection(*grid.SIZES, longitude_of_projection_origin=-75.0)
NORTH_RAD, WEST_RAD, HEIGHT_URAD = 0.1180, -0.045, 57_344
"""Upper left corner, and height of the country for any number of rows: 24 to 46 degrees north."""
DYNAMICS = ("phase", "amplitude", "sharpness", "moisture", "inertia")
"""Dynamics of a pixel. Vegetation: day of the year of its peak, how green it gets, how briefly. Then
moisture of the soil, and how slowly it warms. Unit: `phase` days, else 1."""
_LOWEST = (110.0, 0.15, 0.8, 0.1, 0.2)
_HIGHEST = (230.0, 0.95, 6.0, 0.9, 1.2)
FAMILY = 4
"""Classes of a family are alike but for details."""
SEASONS = 4
PERSISTENT = ("haze", "vapour", "warmth")
"""Fields of `Country.nuisance`: relative optical depth, relative water vapour, temperature of the air."""
BANDS = ("C02", "C03", "C07", "C13")
SUBPIXELS = 4
"""Subpixels along an edge of a pixel, in the finest band."""

_PERSISTENT_LENGTHS = 10
"""Length of a persistent field: so many of them make the country's rows."""
_MIDDLE_CONTRAST, _CONTRAST_STEP, _PHASE_STEP = 0.275, 0.25, 45.0
"""Middle of the contrasts of fine pixels; by how much twins differ in contrast, and in phase (days)."""
_FAMILY_SHARE, _WITHIN = 0.35, 0.16
"""Spread of the classes of a family, and of the pixels of a class, as shares of a dynamic's range."""


@dataclass(frozen=True, slots=True)
class Country:
    """Settings of an invented country and of what is observed of it."""

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
    """Days of a month that are observed at most."""
    missing: float = 0.22
    """Share of (pixel, month, tod) without any observation."""
    artefacts: float = 0.01
    """Share of the observed (pixel, month, tod) that hold a wrong observation."""
    nuisance: float = 0.0
    """Strength of the fields of `PERSISTENT`, which lie over the same places in the same season of every
    year; 0: there are none, 2: they outweigh what tells classes apart."""
    twins: int = 0
    """Number of pairs of classes that differ in one trait alone: in turn, texture or phase."""

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
        check("nuisance must be 0 or more", self.nuisance, holds=self.nuisance >= 0)
        pairs = self.classes // FAMILY
        check(f"twins must be 0 to {pairs}", self.twins, holds=0 <= self.twins <= pairs)


@dataclass(frozen=True, slots=True, eq=False)
class ClassTraits:
    """The traits of the classes; all arrays are (class, ...)."""

    dynamics: Floats
    """(class, dynamic) dynamics of the mean pixel."""
    soil: Floats
    """(class, 2) reflectance of C02, C03 without vegetation."""
    leaf: Floats
    """(class, 2) reflectance of C02, C03 of vegetation."""
    emissivity: Floats
    """(class, 2) how much colder it appears in C07, C13, K."""
    shine: Floats
    """(class,) reflected sunlight in C07, K."""
    rough: Floats
    """(class, 2) how its reflectance depends on sun and view: shadows, hot spot."""
    season: Floats
    """(class, season, band) deviation from all of the above; half of it changes sign with moisture."""
    restless: Floats
    """(class, band) standard deviation from day to day, share of the band's own."""
    skew: Floats
    """(class,) skewness of the deviations from day to day."""
    texture: Floats
    """(class, 2) contrast of the fine pixels, and the share of it that is a slope, not a grain."""
    shelter: Floats
    """(class,) share of snow that it hides."""


@dataclass(frozen=True, slots=True, eq=False)
class Land:
    """The truth of every pixel."""

    country: Country
    grid: Grid
    mask: NDArray[np.bool_]
    """(row, column) True: land."""
    traits: ClassTraits
    classes: NDArray[np.int64]
    """(P,) class of each pixel."""
    dynamics: Floats
    """(P, dynamic) dynamics of each pixel."""
    pattern: Singles
    """(P, 4, 4) relative brightness of the fine pixels, mean 0."""
    lon: Floats
    """(P,) degrees east."""
    lat: Floats
    """(P,) degrees north."""
    elevation: Floats
    """(P,) km."""
    view: Floats
    """(P,) cosine of the view zenith angle."""
    cloudy: Floats
    """(P,) how cloudy it usually is; mean 0, standard deviation 1."""
    persistent: Floats
    """(field, season, P) the fields of `PERSISTENT`; mean 0, standard deviation `nuisance` over the grid."""

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.classes.size


def make_land(country: Country) -> Land:
    """The land that the settings describe."""
    random = np.random.default_rng([country.seed, 0])
    shape = country.rows, country.columns
    pixels = _grid(shape)
    lon, lat = grid.lonlat(PROJECTION, pixels.y[:, None], pixels.x[None, :])
    shore = smooth(random, shape, country.rows / 16)
    mask = (shore < np.quantile(shore, country.land)) & np.isfinite(lon)
    traits = _twinned(_traits(random, country.classes), country.twins)
    classes = _classes(random, country, lat)[mask]
    lon, lat = lon[mask], lat[mask]
    heights = smooth(random, shape, country.rows / 14)[mask]
    cloudy = smooth(random, shape, country.rows / 9)[mask] + 0.05 * (lat - lat.mean())
    return Land(
        country, pixels, mask, traits, classes, _dynamics(random, shape, mask, traits, classes),
        _pattern(random, shape, mask, traits, classes), lon, lat, 0.7 * np.exp(0.8 * heights),
        np.cos(np.deg2rad(grid.view_zenith(PROJECTION, lon, lat))),
        (cloudy - cloudy.mean()) / cloudy.std(), _persistent(country, mask),
    )  # fmt: skip


def smooth(random: np.random.Generator, shape: tuple[int, int], length: float) -> Floats:
    """(row, column) a random field of mean 0 and standard deviation 1, smooth over `length` pixels."""
    field = np.asarray(gaussian_filter(random.normal(size=shape), length, mode="wrap"))
    standard: Floats = (field - field.mean()) / field.std()
    return standard


def _grid(shape: tuple[int, int]) -> Grid:
    """A grid of pixels whose quarters have whole microradians too."""
    step = max(round(HEIGHT_URAD / shape[0] / 8), 1) * 8e-6
    rows, columns = (np.arange(n, dtype=np.float64) * step for n in shape)
    return Grid(PROJECTION, np.float64(NORTH_RAD) - rows, np.float64(WEST_RAD) + columns)


def _traits(random: np.random.Generator, classes: int) -> ClassTraits:
    families = -(-classes // FAMILY)
    family = np.arange(classes) % families

    def uniform(low: float, high: float, *shape: int) -> Floats:
        """(class, *shape) uniform between two values, similar within a family."""
        common = random.random((families, *shape))[family]
        mixed = (1 - _FAMILY_SHARE) * common + _FAMILY_SHARE * random.random((classes, *shape))
        return low + (high - low) * mixed

    dynamics = np.stack([uniform(a, b) for a, b in zip(_LOWEST, _HIGHEST, strict=True)], axis=1)
    soil = uniform(0.06, 0.26, 2) * (1.0, 1.3)
    leaf = uniform(0.03, 0.07, 2) * (1.0, 6.0)
    return ClassTraits(
        dynamics, soil, leaf, uniform(0.5, 6.0, 2), uniform(0, 8), uniform(-0.25, 0.45, 2),
        random.normal(size=(classes, SEASONS, len(BANDS))), uniform(0.4, 1.6, len(BANDS)),
        uniform(-0.6, 0.6), uniform(0.05, 0.5, 2) * (1.0, 1.8), uniform(0.1, 0.9),
    )  # fmt: skip


def _twinned(traits: ClassTraits, pairs: int) -> ClassTraits:
    """The traits, in which each of the first `pairs` classes has a twin: the next class of its family."""
    first = np.arange(pairs)
    twin = first + -(-len(traits.skew) // FAMILY)
    twinned = {field.name: getattr(traits, field.name).copy() for field in fields(traits)}
    for values in twinned.values():
        values[twin] = values[first]
    by_texture, by_phase = twin[::2], twin[1::2]
    contrast, phase = twinned["texture"][:, 0], twinned["dynamics"][:, 0]
    is_weak = contrast[by_texture] < _MIDDLE_CONTRAST
    contrast[by_texture] += np.where(is_weak, _CONTRAST_STEP, -_CONTRAST_STEP)
    is_early = phase[by_phase] < (_LOWEST[0] + _HIGHEST[0]) / 2
    phase[by_phase] += np.where(is_early, _PHASE_STEP, -_PHASE_STEP)
    return ClassTraits(**twinned)


def _classes(random: np.random.Generator, country: Country, lat: Floats) -> NDArray[np.int64]:
    """(row, column) index of the highest of as many random fields; sizes fall like 1 / (rank + 4)."""
    shape, count = (country.rows, country.columns), country.classes
    north = np.nan_to_num((lat - np.nanmean(lat)) / np.nanstd(lat))
    preference = np.stack(
        [smooth(random, shape, country.patch) + 0.3 * random.normal() * north for _ in range(count)]
    )
    target = 1 / (np.arange(count) + 4)
    target /= target.sum()
    offset = np.zeros(count)
    for _ in range(40):
        classes = (preference + offset[:, None, None]).argmax(axis=0)
        share = np.bincount(classes.ravel(), minlength=count) / classes.size
        offset += 0.25 * np.log(target / np.maximum(share, 0.1 * target))
    return np.asarray(classes, np.int64)


def _dynamics(
    random: np.random.Generator,
    shape: tuple[int, int],
    mask: NDArray[np.bool_],
    traits: ClassTraits,
    classes: NDArray[np.int64],
) -> Floats:
    """(P, dynamic): those of the class, and deviations that change from place to place."""
    dynamics = traits.dynamics[classes]
    for column, (low, high) in enumerate(zip(_LOWEST, _HIGHEST, strict=True)):
        local = 0.85 * smooth(random, shape, 3)[mask] + 0.5 * random.normal(size=classes.size)
        dynamics[:, column] += _WITHIN * (high - low) * local
        if column:  # all but the phase cannot be below 0
            dynamics[:, column] = np.maximum(dynamics[:, column], 0.3 * low)
    return dynamics


def _persistent(country: Country, mask: NDArray[np.bool_]) -> Floats:
    """(field, season, P) by a generator of their own, so that they change nothing else of the country."""
    random = np.random.default_rng([country.seed, 3])
    length, count = country.rows / _PERSISTENT_LENGTHS, len(PERSISTENT) * SEASONS
    drawn = [smooth(random, mask.shape, length)[mask] for _ in range(count)]
    return country.nuisance * np.array(drawn).reshape(len(PERSISTENT), SEASONS, -1)


def _pattern(
    random: np.random.Generator,
    shape: tuple[int, int],
    mask: NDArray[np.bool_],
    traits: ClassTraits,
    classes: NDArray[np.int64],
) -> Singles:
    """(P, 4, 4) relative brightness of the fine pixels: slopes and grains."""
    n = SUBPIXELS
    direction = np.arctan2(smooth(random, shape, 4), smooth(random, shape, 4))[mask]
    y, x = np.mgrid[:n, :n] - (n - 1) / 2
    slope = np.sin(direction)[:, None, None] * y + np.cos(direction)[:, None, None] * x
    grain = random.normal(size=(classes.size, n, n))
    share = traits.texture[classes, 1, None, None]
    mixed = share * slope / slope.std() + (1 - share) * grain
    contrast = traits.texture[classes, 0, None, None]
    return np.asarray(contrast * (mixed - mixed.mean(axis=(1, 2), keepdims=True)), np.float32)
