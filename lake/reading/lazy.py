"""Results as arrays that xarray reads only where they are indexed, in the study's order of axes.

Whatever is read comes through `lake.reading.blocks`: a missing or damaged object is an error that names it.
xarray's own lazy transposition would build index arrays as large as the data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from lake.format import moments
from lake.format.arrays import Indices
from lake.format.moments import METRICS
from lake.format.schema import MONTHS, Cube
from lake.reading import blocks
from lake.reading.generation import Generation

STUDY_DIMS = ("pixel", "subpixel", "month", "tod", "band", "metric")
"""The order in which results are presented; stored pixel-last."""

EVERYTHING = slice(None)

Along = blocks.Along


@dataclass(frozen=True, slots=True)
class CubeSource:
    """The results of one cube. Pickled it is its store's URL: a worker opens that itself."""

    store: Generation
    cube: Cube

    @property
    def sizes(self) -> dict[str, int]:
        """The length of every axis."""
        cube = self.cube
        shape = (len(MONTHS), len(cube.tods), len(cube.bands), len(METRICS))
        return dict(zip(STUDY_DIMS, (self.store.pixels, cube.subpixels, *shape), strict=True))

    def read(self, pixels: Indices, month: Along, cut: blocks.Cut) -> NDArray[np.float32]:
        """Read a part of some pixels.

        Returns:
            (pixel, subpixel, month, tod, band, metric), NaN in months that hold nothing.
        """
        months = np.array(MONTHS)[month]
        lengths = (cut.tod, cut.band, cut.metric)
        names = ("tod", "band", "metric")
        inner = [np.arange(self.sizes[n])[k].size for n, k in zip(names, lengths, strict=True)]
        subpixels = np.arange(self.sizes["subpixel"])[cut.subpixel].size
        values = np.empty((months.size, *inner, pixels.size, subpixels), np.float32)
        if values.size:
            self.store.blocks.gather(self.cube, months.tolist(), pixels, cut, list(values))
        return values.transpose(4, 5, 0, 1, 2, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The pixel and the subpixel in which each point lies."""

    pixel: Indices
    """(point,) the pixel's position; -1: no pixel, and NaN is read."""
    subpixel: Indices
    """(point,) the subpixel's number."""


class LazyResults(BackendArray):
    """The metrics of all pixels, or of points; or one statistic that is computed from them."""

    def __init__(
        self, source: CubeSource, points: Points | None = None, statistic: str | None = None
    ) -> None:
        """Read nothing yet.

        Args:
            source: of the results.
            points: instead of axes pixel and subpixel, one over these points.
            statistic: a field of `moments.Summary`, instead of the axis of metrics.
        """
        self._source, self._points, self._statistic = source, points, statistic
        place = STUDY_DIMS[:2] if points is None else ("point",)
        self.dims = (*place, *STUDY_DIMS[2 : -1 if statistic else None])
        sizes = source.sizes | {"point": 0 if points is None else points.pixel.size}
        self.shape = tuple(sizes[dim] for dim in self.dims)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[np.float32]:
        support = indexing.IndexingSupport.OUTER
        return np.asarray(indexing.explicit_indexing_adapter(key, self.shape, support, self._read))

    def _read(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        """`key` has a number, slice or array for each of `dims`; a number drops its axis."""
        axes = {dim: _kept_axis(k) for dim, k in zip(self.dims, key, strict=True)}
        if self._points is None:
            pixels = np.arange(self._source.sizes["pixel"])[axes["pixel"]]
            values = self._values(pixels, axes["subpixel"], axes)
        else:
            values = self._at_points(self._points, axes)
        drop = tuple(0 if isinstance(k, (int, np.integer)) else EVERYTHING for k in key)
        return values[drop]

    def _values(
        self, pixels: Indices, subpixel: Along, axes: dict[str, Along]
    ) -> NDArray[np.float32]:
        """(pixel, subpixel, month, tod, band) and metric, if that is an axis."""
        metric = axes.get("metric", EVERYTHING)
        cut = blocks.Cut(axes["tod"], axes["band"], metric, subpixel)
        results = self._source.read(pixels, axes["month"], cut)
        if self._statistic is None:
            return results
        summary = moments.finalise(moments.from_results(results, axis=-1))
        return np.asarray(getattr(summary, self._statistic), np.float32)

    def _at_points(self, points: Points, axes: dict[str, Along]) -> NDArray[np.float32]:
        """(point, month, tod, band) and metric, if that is an axis."""
        pixel, subpixel = points.pixel[axes["point"]], points.subpixel[axes["point"]]
        inside = pixel >= 0
        values = self._values(pixel[inside], EVERYTHING, axes)
        series = np.full((pixel.size, *values.shape[2:]), np.nan, np.float32)
        series[inside] = values[np.arange(values.shape[0]), subpixel[inside]]
        return series


class LazyMonths(BackendArray):
    """An array of a store whose first axis are months, float32: those that hold nothing are NaN."""

    def __init__(self, store: Generation, path: str, shape: tuple[int, ...]) -> None:
        self._store, self._path = store, path
        self.shape = shape
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[np.float32]:
        support = indexing.IndexingSupport.OUTER
        return np.asarray(indexing.explicit_indexing_adapter(key, self.shape, support, self._read))

    def _read(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        """`key` has a number, slice or array for each axis; a number drops it."""
        axes = [_kept_axis(k) for k in key]
        shape = [np.arange(n)[k].size for n, k in zip(self.shape, axes, strict=True)]
        values = np.full(shape, np.nan, np.float32)
        for at, month in enumerate(np.array(MONTHS)[axes[0]].tolist()):
            if month in self._store.months:
                values[at] = self._store.read(self._path, (month - 1, *axes[1:]))
        return values[tuple(0 if isinstance(k, (int, np.integer)) else EVERYTHING for k in key)]


class LazyWhole(BackendArray):
    """An array that is made whole when some of it is indexed."""

    def __init__(
        self, shape: tuple[int, ...], dtype: DTypeLike, make: Callable[[], NDArray[Any]]
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._make = make

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[Any]:
        support = indexing.IndexingSupport.OUTER
        return np.asarray(
            indexing.explicit_indexing_adapter(key, self.shape, support, self._indexed)
        )

    def _indexed(self, key: tuple[Any, ...]) -> NDArray[Any]:
        """`key` has a number, slice or array for each axis; a number drops it."""
        array = self._make()
        for axis in reversed(range(len(key))):
            array = array[(*[EVERYTHING] * axis, key[axis])]
        return np.asarray(array)


def _kept_axis(key: Any) -> Along:  # noqa: ANN401 (a number, slice or array)
    """A number as a slice of one, so that the axis stays."""
    along: Along = (
        slice(int(key), int(key) + 1 or None)
        if np.ndim(key) == 0 and not isinstance(key, slice)
        else key
    )
    return along
