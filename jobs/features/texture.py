"""What the fine pixels of a pixel look like: how much brighter or warmer each is than their mean.

Deviations are means over all months and times of day of which the store has observations, in the
band's unit, of every band of a finer cube. A *pattern* keeps the fine pixels in their places; a
*texture* sorts those of a band, so that it is the same however the pixel is turned.
"""

from collections.abc import Iterator

import numpy as np

from lake.format.arrays import Floats
from lake.format.moments import METRICS
from lake.format.schema import Cube
from lake.reading.store import Store

_MEAN = METRICS.index("m1")


def fine_cubes(store: Store) -> list[Cube]:
    """The cubes that have several pixels in one."""
    return [cube for cube in store.cubes.values() if cube.subpixels > 1]


def patterns(store: Store, pixels: slice) -> Floats:
    """(pixel, band x subpixel) deviations of a slice of pixels, in units of their bands.

    NaN: never observed. Bands are those of `fine_cubes`, one after the other.
    """
    size = pixels.stop - pixels.start
    deviations = [_deviations(store, cube, pixels) for cube in fine_cubes(store)]
    return np.concatenate([values.reshape(size, -1) for values in deviations], axis=1)


def textures(patterns: Floats, cubes: list[Cube]) -> Floats:
    """Patterns with the fine pixels of each band in rising order."""
    return np.concatenate([np.sort(band, axis=1) for band in _bands(patterns, cubes)], axis=1)


def standardise(patterns: Floats, cubes: list[Cube]) -> Floats:
    """Patterns in standard deviations of each band, so that bands of different units count alike."""
    parts = []
    for band in _bands(patterns, cubes):
        spread = float(np.nanstd(band)) if np.isfinite(band).any() else 0.0
        parts.append(band / (spread or 1.0))
    return np.concatenate(parts, axis=1)


def _bands(patterns: Floats, cubes: list[Cube]) -> Iterator[Floats]:
    first = 0
    for cube in cubes:
        for _ in cube.bands:
            yield patterns[:, first : first + cube.subpixels]
            first += cube.subpixels


def _deviations(store: Store, cube: Cube, pixels: slice) -> Floats:
    """(pixel, band, subpixel) deviations of one cube."""
    size = pixels.stop - pixels.start
    total = np.zeros((len(cube.bands), size, cube.subpixels))
    count = np.zeros(total.shape)
    for month in store.months:
        mean = store.block(cube.name, pixels, month)[0, :, :, _MEAN].astype(np.float64)
        deviation = mean - mean.mean(axis=-1, keepdims=True)  # (tod, band, pixel, subpixel)
        is_valid = ~np.isnan(deviation)
        total += np.where(is_valid, deviation, 0).sum(axis=0)
        count += is_valid.sum(axis=0)
    result: Floats = np.where(count > 0, total, np.nan) / np.maximum(count, 1)
    return result.swapaxes(0, 1)
