"""An invented country on a crop of the real GOES-East grid: the hidden truth of synthetic granules.

The grid is real, everything on it is invented: coast, islands, lakes, mountains and land cover come
from smooth random fields, so that nothing has to be downloaded. Land and sea have nothing to do
with the places that have the same longitudes and latitudes. All is decided by (shape, seed);
lengths are shares of the height of the crop, so a small crop shows the same kind of country.

Reflectances and temperatures of the land covers are rough textbook values, different enough for
bands, seasons and times of day to tell the covers apart, alike enough to need several of them. Each has
a variant that differs little: by the time of its season alone, by the texture of its fine pixels alone,
or by a few values. Haze, humidity and warmth that lie over the same places every year hide them all.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lake.errors import ConfigError
from lake.format import grid
from lake.format.grid import Grid, Projection

Field = NDArray[np.float32]

PROJECTION = Projection(
    perspective_point_height=35786023.0,
    semi_major_axis=6378137.0,
    semi_minor_axis=6356752.31414,
    longitude_of_projection_origin=-75.0,
)
STEP_RAD = {1: 5.6e-5, 2: 2.8e-5, 4: 1.4e-5}
"""By refinement: 2 km, 1 km, 0.5 km."""
CONUS_Y_RAD = {1: 0.128212, 2: 0.128226, 4: 0.128233}
CONUS_X_RAD = {1: -0.101332, 2: -0.101346, 4: -0.101353}
CONUS_SHAPE = (1500, 2500)
FIRST_ROW, FIRST_COLUMN = 390, 1340
"""First row and column of the crop on the 2 km CONUS grid, near 37 degrees north, 83 degrees west. A
crop that reaches beyond the sector's edge from there begins farther north or west."""
SMALLEST = 16
"""Smallest number of rows or columns of a crop."""


@dataclass(frozen=True, slots=True)
class Cover:
    """One kind of surface."""

    name: str
    green: tuple[float, float, float, float, float]
    """Reflectance of C01, C02, C03, C05, C06 at the height of the growing season."""
    bare: tuple[float, float, float, float, float]
    """Reflectance of the same bands outside the growing season."""
    peak_day: int
    """Day of the year of the height of the growing season."""
    season_days: int
    """Standard deviation of the growing season."""
    warmth: float
    """Annual mean temperature, K above that of the region."""
    annual: float
    """Half the range of the year, K."""
    daily: float
    """Half the range of a clear summer day, K."""
    lag_hours: float
    """Time from noon to the warmest hour."""
    deficit: tuple[float, float, float]
    """Difference by which its emissivity makes it appear colder in C07, C13, C15, K."""
    shine: float
    """Reflectance of sunlight in C07."""
    texture: float
    """Relative standard deviation of the reflectance of its 0.5 km pixels."""
    liking: tuple[float, float, float, float, float]
    """Weights in the competition for land: constant, per km of elevation, for dry, northern, coastal land."""
    patch: float
    """Correlation length of its patches, share of the height of the crop."""


_MAIN_COVERS = (
    Cover(
        "deciduous forest", (0.030, 0.035, 0.42, 0.22, 0.09), (0.05, 0.08, 0.20, 0.24, 0.15),
        195, 50, -0.5, 11.0, 6.0, 2.0, (1.0, 0.8, 1.4), 0.02, 0.10, (0.5, 0.1, -0.9, 0.5, 0.0), 0.10,
    ),
    Cover(
        "evergreen forest", (0.025, 0.03, 0.28, 0.13, 0.06), (0.03, 0.035, 0.24, 0.12, 0.06),
        190, 60, -1.0, 9.5, 5.0, 2.2, (0.8, 0.7, 1.2), 0.02, 0.08, (0.2, 0.7, -0.4, 0.3, 0.2), 0.10,
    ),
    Cover(
        "summer crop", (0.050, 0.06, 0.50, 0.26, 0.14), (0.09, 0.14, 0.22, 0.33, 0.28),
        208, 28, 0.5, 12.5, 9.0, 1.6, (1.6, 1.2, 1.5), 0.04, 0.20, (0.6, -1.3, -0.3, 0.4, 0.0), 0.06,
    ),
    Cover(
        "winter crop", (0.050, 0.06, 0.46, 0.27, 0.15), (0.10, 0.17, 0.24, 0.37, 0.32),
        125, 30, 1.0, 12.5, 10.5, 1.5, (2.0, 1.6, 1.6), 0.05, 0.20, (0.1, -1.0, 0.7, 0.0, -0.2), 0.06,
    ),
    Cover(
        "grassland", (0.060, 0.08, 0.34, 0.30, 0.20), (0.10, 0.16, 0.25, 0.37, 0.30),
        150, 45, 1.0, 12.0, 10.5, 1.5, (2.2, 1.8, 1.7), 0.06, 0.08, (0.4, -0.1, 0.5, 0.0, -0.3), 0.09,
    ),
    Cover(
        "shrubland", (0.090, 0.14, 0.25, 0.33, 0.27), (0.10, 0.17, 0.24, 0.36, 0.31),
        120, 55, 2.0, 12.0, 13.0, 1.3, (3.5, 2.8, 1.8), 0.10, 0.10, (0.0, 0.1, 1.3, -0.2, -0.4), 0.10,
    ),
    Cover(
        "desert", (0.160, 0.27, 0.35, 0.45, 0.42), (0.16, 0.27, 0.34, 0.45, 0.42),
        120, 60, 4.0, 13.0, 17.0, 1.1, (6.0, 4.5, 2.0), 0.20, 0.04, (-1.1, -0.3, 2.2, -0.6, -0.8), 0.12,
    ),
    Cover(
        "city", (0.110, 0.13, 0.22, 0.24, 0.22), (0.12, 0.14, 0.19, 0.23, 0.21),
        190, 50, 3.0, 11.5, 9.0, 2.8, (2.2, 2.0, 1.6), 0.05, 0.25, (0.2, -1.2, -0.2, 0.0, 0.5), 0.03,
    ),
    Cover(
        "wetland", (0.035, 0.045, 0.28, 0.12, 0.05), (0.05, 0.07, 0.16, 0.12, 0.06),
        185, 55, 0.0, 9.5, 3.5, 3.2, (0.8, 0.8, 1.6), 0.015, 0.15, (-0.6, -1.6, -0.6, -0.2, 2.2), 0.05,
    ),
    Cover(
        "alpine", (0.080, 0.10, 0.22, 0.22, 0.17), (0.10, 0.13, 0.18, 0.24, 0.20),
        205, 35, -2.0, 11.0, 9.0, 1.2, (2.4, 2.0, 1.6), 0.05, 0.12, (-4.2, 2.7, 0.2, 0.5, 0.0), 0.08,
    ),
)  # fmt: skip
_DIFFERENCES: tuple[dict[str, Any], ...] = (
    {"name": "late deciduous forest", "peak_day": 220},
    {"name": "open evergreen forest", "texture": 0.22},
    {"name": "late summer crop", "peak_day": 232},
    {"name": "early winter crop", "peak_day": 101},
    {"name": "tussock", "texture": 0.20},
    {"name": "stony shrubland", "texture": 0.24},
    {"name": "dunes", "texture": 0.16},
    {"name": "suburb", "green": (0.085, 0.10, 0.27, 0.24, 0.18), "texture": 0.18, "warmth": 2.0},
    {"name": "early wetland", "peak_day": 160},
    {"name": "alpine meadow", "green": (0.065, 0.08, 0.30, 0.24, 0.16), "deficit": (2.0, 1.6, 1.6)},
)
"""By cover, how its variant differs."""
COVERS = _MAIN_COVERS + tuple(
    replace(cover, **difference)
    for cover, difference in zip(_MAIN_COVERS, _DIFFERENCES, strict=True)
)
"""The land covers, the variants after the main ones; a class is an index into this."""

WATER = Cover(
    "water", (0.050, 0.030, 0.015, 0.006, 0.004), (0.05, 0.030, 0.015, 0.006, 0.004),
    190, 60, 2.0, 7.0, 0.5, 3.0, (0.6, 0.8, 1.6), 0.02, 0.0, (0.0, 0.0, 0.0, 0.0, 0.0), 0.1,
)  # fmt: skip

_VARIANT, _PERSISTENT = 5, 6
"""Numbers of the random streams of a seed; `ingest.synthetic.scene` and `imager` have 1 to 4."""
_VARIANT_FROM = 0.2
"""Variants lie where a smooth field of standard deviation 1 is above this: on two fifths of the cover."""
_PERSISTENT_LENGTH = 0.12
"""Correlation length of haze, humidity and warmth, share of the height of the crop."""

NO_LAND = -1
"""The class of sea and lakes."""


@dataclass(frozen=True, slots=True, eq=False)
class Landscape:
    """The country on the crop; arrays of shape (Y, X) unless said otherwise, rows from the north."""

    seed: int
    grid: Grid
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    view_zenith: NDArray[np.float64]
    classes: NDArray[np.int16]
    """Index into `COVERS`, `NO_LAND` on water."""
    on_earth: NDArray[np.bool_]
    """False where the line of sight misses the Earth; longitude and latitude are 0 there."""
    lake: NDArray[np.bool_]
    """Inland water."""
    elevation: Field
    """Height above the sea, km."""
    vigour: Field
    """Relative strength of a pixel's growing season, 0 for the usual one of its class."""
    haze: Field
    """Logarithm of the reflectance of the air over the usual, every year."""
    damp: Field
    """Relative humidity of the air over the usual, every year."""
    warmth: Field
    """Difference of the temperature from that of latitude, height and cover, K, every year."""
    texture: dict[int, Field]
    """By refinement 1, 2, 4: (Y * r, X * r) relative brightness of fine pixels, mean near 0."""
    grain: Field
    """More independent standard normal numbers than the finest image has pixels: noise, ready made."""

    @property
    def land(self) -> NDArray[np.bool_]:
        """True on land."""
        return np.asarray(self.classes != NO_LAND, np.bool_)

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        return self.grid.shape


def landscape(shape: tuple[int, int] = (200, 300), seed: int = 0) -> Landscape:
    """The country of this shape (2 km pixels) and seed, the same on every machine.

    Raises:
        ConfigError: the crop is too small for a country or larger than the CONUS sector.
    """
    _check_shape(shape)
    random = np.random.default_rng([seed, 0])
    place = axes(shape, 1)
    lon, lat = grid.lonlat(PROJECTION, place.y[:, None], place.x[None, :])
    on_earth = np.isfinite(lon) & np.isfinite(lat)
    lon, lat = (np.where(on_earth, angle, 0) for angle in (lon, lat))
    coast = _coast(random, shape)
    sea = (coast < 0) | ~on_earth
    relief = np.clip(coast, 0, 0.35) / 0.35
    elevation = _elevation(random, shape) * relief
    lake = ~sea & (field(random, shape, 0.035) > 2.3) & (coast > 0.05) & (elevation < 1.2)
    covers = _varied(_covers(random, coast, elevation), seed)
    classes = np.where(sea | lake, NO_LAND, covers).astype(np.int16)
    stream = np.random.default_rng([seed, _PERSISTENT])
    haze, damp, warmth = (field(stream, shape, _PERSISTENT_LENGTH) for _ in range(3))
    return Landscape(
        seed=seed,
        grid=place,
        lon=lon,
        lat=lat,
        view_zenith=grid.view_zenith(PROJECTION, lon, lat),
        classes=classes,
        on_earth=on_earth,
        lake=lake,
        elevation=elevation,
        vigour=0.12 * field(random, shape, 0.15),
        haze=0.6 * haze,
        damp=0.3 * damp,
        warmth=3 * warmth,
        texture=_texture(random, classes),
        grain=random.standard_normal(16 * classes.size + (1 << 18), np.float32),
    )


def axes(shape: tuple[int, int], refinement: int) -> Grid:
    """The crop of the real CONUS grid at a refinement; its axes equal those of the files bit for bit."""
    step = STEP_RAD[refinement]
    first_row, first_column = (
        min(first, sector_size - n)
        for first, sector_size, n in zip((FIRST_ROW, FIRST_COLUMN), CONUS_SHAPE, shape, strict=True)
    )
    y0 = CONUS_Y_RAD[refinement] - first_row * refinement * step
    x0 = CONUS_X_RAD[refinement] + first_column * refinement * step
    rows, columns = (np.arange(n * refinement) for n in shape)
    return Grid(PROJECTION, grid.axis(rows, -step, y0), grid.axis(columns, step, x0))


def field(random: np.random.Generator, shape: tuple[int, int], length: float) -> Field:
    """A smooth periodic random field of mean 0 and standard deviation 1.

    Args:
        random: the random generator.
        shape: (Y, X).
        length: correlation length, as a share of Y.
    """
    noise = random.standard_normal(shape)
    rows, columns = np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1])
    wave = (rows[:, None] ** 2 + columns[None, :] ** 2) * (np.pi * length * shape[0]) ** 2
    smooth = np.fft.irfft2(np.fft.rfft2(noise) * np.exp(-wave / 2), shape)
    smooth -= smooth.mean()
    return np.asarray(smooth / smooth.std(), np.float32)


def rough(random: np.random.Generator, shape: tuple[int, int], length: float) -> Field:
    """A random field with details of every size below `length`, standard deviation near 1."""
    octaves = [field(random, shape, length / 2**n) * 0.5**n for n in range(4)]
    return np.asarray(np.sum(octaves, axis=0) / np.sqrt(4 / 3), np.float32)


def _check_shape(shape: tuple[int, int]) -> None:
    if not all(SMALLEST <= n <= largest for n, largest in zip(shape, CONUS_SHAPE, strict=True)):
        raise ConfigError(
            f"a landscape of {shape[0]} x {shape[1]} coarse pixels cannot be made: wanted "
            f"{SMALLEST} to {CONUS_SHAPE[0]} rows and {SMALLEST} to {CONUS_SHAPE[1]} columns"
        )


def _position(shape: tuple[int, int]) -> tuple[Field, Field]:
    """Position of each pixel: 0 in the north to 1 in the south, 0 in the west to 1 in the east."""
    south, east = np.meshgrid(
        *(np.linspace(0, 1, n, dtype=np.float32) for n in shape), indexing="ij"
    )
    return south, east


def _coast(random: np.random.Generator, shape: tuple[int, int]) -> Field:
    """Above 0 on land, below on the sea, which lies in the south-east; islands off the coast."""
    south, east = _position(shape)
    height = 0.62 - (0.45 * south + 0.75 * east) ** 2 + 0.22 * rough(random, shape, 0.16)
    bumps = np.maximum(field(random, shape, 0.03) - 1.7, 0)
    return np.asarray(height + 0.6 * bumps, np.float32)


def _elevation(random: np.random.Generator, shape: tuple[int, int]) -> Field:
    """A mountain range in the north-west, hills elsewhere, km."""
    south, east = _position(shape)
    along = east + 0.35 * south + 0.05 * field(random, shape, 0.2)
    ridge = np.exp(-(((along - 0.33) / 0.11) ** 2)) * (1.1 - 0.5 * south)
    height = 2.2 * ridge * (1 + 0.25 * rough(random, shape, 0.08)) + 0.25
    return np.asarray(np.clip(height + 0.2 * field(random, shape, 0.12), 0, 3.2), np.float32)


def _covers(random: np.random.Generator, coast: Field, elevation: Field) -> NDArray[np.intp]:
    """Index of the cover of each pixel, decided by its weights for the place and smooth chance."""
    south, east = _position(coast.shape)
    dry = 1.2 - 1.9 * east + 0.4 * field(random, coast.shape, 0.25)
    shore = np.exp(-np.maximum(coast, 0) / 0.06)
    place = np.stack([np.ones_like(dry), elevation, dry, 0.5 - south, shore])
    scores = [
        np.tensordot(np.array(cover.liking, np.float32), place, 1)
        + 0.8 * field(random, coast.shape, cover.patch)
        for cover in _MAIN_COVERS
    ]
    return np.asarray(np.argmax(scores, axis=0), np.intp)


def _varied(covers: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """Index of the cover of each pixel, main or variant, from that of the main cover."""
    random = np.random.default_rng([seed, _VARIANT])
    is_variant = np.stack(
        [field(random, covers.shape, cover.patch) > _VARIANT_FROM for cover in _MAIN_COVERS]
    )
    rows, columns = np.indices(covers.shape)
    varied: NDArray[np.intp] = covers + len(_MAIN_COVERS) * is_variant[covers, rows, columns]
    return varied


def _texture(random: np.random.Generator, classes: NDArray[np.int16]) -> dict[int, Field]:
    """Brightness of fine pixels: half of it in patches of 1 km, each coarser one the mean of the finer."""
    strength = np.array([*(c.texture for c in COVERS), WATER.texture], np.float32)[classes]
    rows, columns = classes.shape
    fine = random.standard_normal((rows * 4, columns * 4), np.float32) * np.float32(0.7)
    fine += enlarge(
        random.standard_normal((rows * 2, columns * 2), np.float32) * np.float32(0.7), 2
    )
    texture = {4: np.clip(fine, -2.5, 2.5) * enlarge(strength, 4)}
    for n in (2, 1):
        twice = texture[2 * n]
        texture[n] = twice.reshape(rows * n, 2, columns * n, 2).mean(axis=(1, 3))
    return texture


def enlarge(image: NDArray[np.floating], refinement: int) -> Field:
    """Repeat every pixel as refinement x refinement fine pixels: (Y, X) -> (Y * r, X * r)."""
    tall = np.asarray(image, np.float32).repeat(refinement, axis=0)
    return tall.repeat(refinement, axis=1)
