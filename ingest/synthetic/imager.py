"""Records a scene as the imager does: packed counts and quality flags of bands and of the LST product.

Bands are packed as in the GOES-16 files: counts of a fixed scale and offset, the fill count where
there is no value. The LST product is the surface's own temperature with either version's flags.
Source: values of real GOES-16 L1b and LST files; radiance from temperature by Planck's function
with the files' band corrections (GOES-R PUG, volume 3, "Brightness temperature").
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ingest.synthetic.landscape import Field, enlarge
from ingest.synthetic.scene import Scene, attribute, of_cover


@dataclass(frozen=True, slots=True)
class Channel:
    """One band of GOES-16."""

    number: int
    wavelength_um: float
    refinement: int
    bits: int
    scale: float
    offset: float
    noise: float
    """Standard deviation, in units of the radiance."""
    kappa0: float | None = None
    """kappa0 of a reflective band at a distance of the sun of one astronomical unit."""
    planck: tuple[float, float, float, float] | None = None
    """fk1, fk2, bc1, bc2 of an emissive band."""
    sunlight: float = 0.0
    """Radiance of a white surface under the sun in an emissive band."""

    @property
    def fill(self) -> int:
        """The count that means no value."""
        return int(2**self.bits - 1)


CHANNELS = {
    "C01": Channel(1, 0.47, 2, 10, 0.8121064, -25.93665, 0.6, kappa0=0.0015574),
    "C02": Channel(2, 0.64, 4, 12, 0.15859237, -20.289911, 0.3, kappa0=0.0019258),
    "C03": Channel(3, 0.865, 2, 10, 0.37691253, -12.037643, 0.3, kappa0=0.0032825),
    "C05": Channel(5, 1.61, 2, 10, 0.09580004, -3.0596137, 0.08, kappa0=0.0129529),
    "C06": Channel(6, 2.25, 1, 10, 0.030088475, -0.9609507, 0.025, kappa0=0.0408530),
    "C07": Channel(
        7, 3.9, 1, 14, 0.001564351, -0.0376, 0.002,
        planck=(202263.0, 3698.19, 0.43361, 0.99939), sunlight=5.3,
    ),
    "C13": Channel(
        13, 10.35, 1, 12, 0.04572892, -1.6443, 0.06, planck=(10803.3, 1392.74, 0.0755, 0.99975)
    ),
    "C15": Channel(
        15, 12.3, 1, 12, 0.05277411, -1.7558, 0.06, planck=(6454.62, 1173.03, 0.21702, 0.99916)
    ),
}  # fmt: skip
REFLECTIVE = tuple(band for band, channel in CHANNELS.items() if channel.kappa0)
EMISSIVE = tuple(band for band, channel in CHANNELS.items() if channel.planck)

SNOW = (0.75, 0.72, 0.65, 0.10, 0.06)
CLOUD = (0.64, 0.63, 0.63, 0.45, 0.35)
"""Reflectance of snow and of cloud in the reflective bands."""
AIR = (0.060, 0.022, 0.008, 0.002, 0.001)
"""Reflectance of the air itself."""
TEXTURE = (1.0, 1.0, -0.5, 0.6, 0.6)
"""Relative brightness, in the reflective bands, of fine pixels that are brighter in C02: bright soil has
fewer leaves."""
AIR_DEFICIT = (1.0, 2.0, 3.5)
"""Difference by which a surface appears colder in C07, C13, C15 through usual air, K."""
SNOW_SHINE, CLOUD_SHINE = 0.01, 0.12
"""Reflectance of sunlight in C07 by snow and by cloud."""

BAD_SHARE = 1e-4
"""Share of a band's pixels that are not good."""
NEGATIVE_SHARE = 2e-5
"""Share of an emissive band's good pixels that noise makes negative."""
LOST_LINE_CHANCE = 0.05
"""Chance that a band of a scan lost a piece of a line."""

LST_SCALE, LST_OFFSET, LST_FILL = 0.0025, 190.0, 65535
LST_VALID = {"v01": (9200, 56000), "v02": (9200, 61200)}
ENTERPRISE = datetime(2021, 8, 19, 17, 31, tzinfo=UTC)
"""Time at which GOES-16 changed from the v01 to the v02 LST product."""
CLEAR, PROBABLY_CLEAR, PROBABLY_CLOUDY, RETRIEVED = 0.01, 0.06, 0.15, 0.25
"""Largest cloud opacities of pixels that are called so, and of those that v02 retrieves at all."""

_FAULTS = 4
"""Number of the random stream of a seed."""


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One band of one scan; arrays (Y * r, X * r)."""

    radiance: Field
    """Radiance with noise, before packing; undefined where the flag says no value."""
    counts: NDArray[np.uint16]
    dqf: NDArray[np.int8]
    """0 good, 1 conditionally usable, 2 out of range, 3 no value, -1 off the Earth."""


@dataclass(frozen=True, slots=True, eq=False)
class LstImage:
    """The LST product of one scan; arrays (Y, X)."""

    version: str
    """`v01` or `v02`."""
    counts: NDArray[np.uint16]
    dqf: NDArray[np.uint16]
    pqi: NDArray[np.uint16] | None
    """Product quality information of v02; None for v01."""


def kappa0(band: str, distance: float) -> np.float32:
    """kappa0 of a reflective band at a distance of the sun (astronomical units), as its file has it."""
    return np.float32((CHANNELS[band].kappa0 or np.nan) * distance**2)


def image(scene: Scene, band: str) -> Image:
    """The image of a band as the imager records it."""
    channel = CHANNELS[band]
    radiance = _reflected(scene, band) if channel.kappa0 else _emitted(scene, band)
    moment = (scene.when.toordinal(), scene.when.hour, channel.number)
    faults = np.random.default_rng([scene.landscape.seed, _FAULTS, *moment])
    grain = scene.landscape.grain
    start = faults.integers(0, grain.size - radiance.size)
    radiance += np.float32(channel.noise) * grain[start : start + radiance.size].reshape(
        radiance.shape
    )
    if channel.planck:
        radiance.flat[_some(faults, radiance.size, NEGATIVE_SHARE)] = -3 * channel.noise
    packed = (radiance - np.float32(channel.offset)) * np.float32(1 / channel.scale)
    top = channel.fill - 1
    dqf = (packed > top).astype(np.int8) * np.int8(2)
    counts = np.rint(np.clip(packed, 0, top, out=packed), out=packed).astype(np.uint16)
    _spoil(faults, counts, dqf, channel)
    on_earth = enlarge(scene.landscape.on_earth.astype(np.float32), channel.refinement) > 0
    counts[~on_earth], dqf[~on_earth] = channel.fill, -1
    return Image(radiance, counts, dqf)


def lst_image(scene: Scene) -> LstImage:
    """The LST product as NOAA made it at the time of the scene."""
    version = "v01" if scene.when < ENTERPRISE else "v02"
    counts = np.rint((scene.skin - 20 * scene.cloud - LST_OFFSET) / LST_SCALE).astype(np.int64)
    low, high = LST_VALID[version]
    in_range = (counts >= low) & (counts <= high)
    if version == "v01":
        dqf, pqi = _baseline_flags(scene, in_range), None
        retrieved = (dqf & (22 | 32)) == 0
    else:
        dqf, pqi = _enterprise_flags(scene, in_range)
        retrieved = dqf <= 2
    for flags in (dqf, pqi):
        if flags is not None:
            flags[~scene.landscape.on_earth] = LST_FILL
    retrieved &= scene.landscape.on_earth
    return LstImage(version, np.where(retrieved, counts, LST_FILL).astype(np.uint16), dqf, pqi)


def planck(band: str, temperature: Field) -> Field:
    """Radiance of a black body (K) in an emissive band, mW m-2 sr-1 cm."""
    fk1, fk2, bc1, bc2 = CHANNELS[band].planck or (np.nan,) * 4
    return np.asarray(fk1 / np.expm1(fk2 / (bc1 + bc2 * temperature)), np.float32)


def _reflected(scene: Scene, band: str) -> Field:
    """Radiance of sunlight, (Y * r, X * r)."""
    n, channel = REFLECTIVE.index(band), CHANNELS[band]
    green, bare = (of_cover(scene.landscape, attribute(name)[:, n]) for name in ("green", "bare"))
    ground = bare + (green - bare) * scene.growth
    ground += scene.snow * (SNOW[n] - ground)
    light = np.maximum(scene.sun, 0) / kappa0(band, scene.distance)
    through = ground * (1 - scene.cloud) * light
    hazy = AIR[n] * np.exp(scene.landscape.haze)
    rest = (hazy * (1 - scene.cloud) + CLOUD[n] * scene.cloud) * light
    bumps = through * (1 - scene.snow) * TEXTURE[n]
    fine: Field = enlarge(bumps, channel.refinement)
    fine *= scene.landscape.texture[channel.refinement]
    fine += enlarge(through + rest, channel.refinement)
    return fine


def _emitted(scene: Scene, band: str) -> Field:
    """Radiance of heat, and in C07 of sunlight, (Y, X)."""
    n, channel = EMISSIVE.index(band), CHANNELS[band]
    deficit = of_cover(scene.landscape, attribute("deficit")[:, n]) * (1 - scene.snow)
    air = AIR_DEFICIT[n] * np.maximum(1 + 0.2 * scene.humid + scene.landscape.damp, 0)
    shine = of_cover(scene.landscape, attribute("shine"))
    shine = shine + scene.snow * (SNOW_SHINE - shine)
    light = channel.sunlight * np.maximum(scene.sun, 0)
    cloud = planck(band, scene.cloud_top) + CLOUD_SHINE * light
    land = planck(band, scene.skin - deficit - air) + shine * light
    return np.asarray(land + scene.cloud * (cloud - land), np.float32)


def _some(random: np.random.Generator, size: int, share: float) -> NDArray[np.int64]:
    """Random positions, a share of `size`, at least one."""
    return random.integers(0, size, max(1, round(size * share)))


def _spoil(
    faults: np.random.Generator, counts: NDArray[np.uint16], dqf: NDArray[np.int8], channel: Channel
) -> None:
    """Put in bad pixels, and sometimes a piece of a lost line, in place."""
    places = _some(faults, counts.size, BAD_SHARE)
    dqf.flat[places] = faults.integers(1, 4, places.size)
    if faults.random() < LOST_LINE_CHANCE:
        row, column = (int(faults.integers(0, n)) for n in counts.shape)
        dqf[row, column : column + counts.shape[1] // 5] = 3
    counts[dqf == 2] = channel.fill - 1
    counts[dqf == 3] = channel.fill


def _baseline_flags(scene: Scene, in_range: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """The bit field of v01; water wins over everything."""
    land = scene.landscape.land
    dqf = np.where(scene.cloud > PROBABLY_CLEAR, 4, 0) | np.where(in_range, 0, 32)
    dqf |= np.where(scene.landscape.view_zenith > 70, 8, 0)
    faults = np.random.default_rng(
        [scene.landscape.seed, _FAULTS, scene.when.toordinal(), scene.when.hour]
    )
    bad = _some(faults, dqf.size, BAD_SHARE)
    dqf.flat[bad] = dqf.flat[bad] | 2
    # a pixel that was not retrieved has no temperature to be out of range
    dqf = np.where(dqf & 6, dqf & ~32, dqf)
    return np.where(land, dqf, 16).astype(np.uint16)


def _enterprise_flags(
    scene: Scene, in_range: NDArray[np.bool_]
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """DQF and PQI of v02."""
    landscape, cloud = scene.landscape, scene.cloud
    sky = np.digitize(cloud, (CLEAR, PROBABLY_CLEAR, PROBABLY_CLOUDY))
    oblique = landscape.view_zenith > 55
    quality = np.select(
        [
            ~landscape.land | ~in_range | (cloud > RETRIEVED),
            sky >= 2,
            (sky == 1) | oblique | (scene.humid > 0.8),
        ],
        [3, 2, 1],
        0,
    )
    surface = np.select([landscape.lake, ~landscape.land, scene.snow > 0.5], [2, 3, 0], 1)
    vapour = np.digitize(scene.humid, (-1, 0, 1))
    # bits 0, 1, 10 and 15 are set in every pixel of real files
    pqi = 0b1000010000000011 | (sky << 2) | (surface << 6) | (vapour << 8)
    pqi |= np.where(oblique, 2048, 0) | np.where(scene.sun > 0, 4096, 0)
    return quality.astype(np.uint16), pqi.astype(np.uint16)
