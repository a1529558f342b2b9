"""Images of labels: NumPy arrays and TIFF on the coarse grid, GeoTIFF in any projection.

A TIFF that says no place must be of the coarse grid itself. One that does is brought to the grid by GDAL:
each pixel gets the most frequent value of the cells that it covers, on the ground.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.features.pixel_classes import PixelClasses, number_names
from lake.errors import DataError
from lake.export.geotiff_file import georeference
from lake.export.libraries import require
from lake.format.arrays import Indices
from lake.format.domain import Domain
from lake.reading.store import Store

NUMPY, TIFF = ".npy", (".tif", ".tiff")
ENDINGS = (NUMPY, *TIFF)
PLACE_TAGS = (33550, 34264, 34735)
"""Tags of TIFF that say where an image lies: pixel scale, transformation, keys (OGC GeoTIFF 1.1)."""
NONE = -1


def classes(data: bytes, url: str, store: Store) -> PixelClasses:
    """The classes of a store's pixels by an image.

    Raises:
        ConfigError: a GeoTIFF, and rasterio is not installed.
        DataError: it is no image of whole numbers of these pixels, or lies elsewhere.
    """
    if url.endswith(TIFF) and _has_place(data, url):
        return _georeferenced(data, url, store)
    labels = _image(data, url, store.domain)
    return PixelClasses(labels, number_names(labels, url))


def pixel_labels(labels: NDArray[Any], source: str, domain: Domain) -> Indices:
    """(P,) labels from whole numbers (P,), or (row, column) on the coarse grid.

    Raises:
        DataError: they are neither.
    """
    if labels.shape == domain.grid.shape:
        labels = labels[domain.row, domain.column]
    if labels.dtype.kind not in "iu" or labels.shape != (domain.pixels,):
        raise DataError(
            f"labels of {source} are {labels.dtype} {labels.shape}: wanted whole numbers, "
            f"({domain.pixels},) or {domain.grid.shape}"
        )
    return labels.astype(np.int64)


def _image(data: bytes, url: str, domain: Domain) -> Indices:
    if url.endswith(NUMPY):
        try:
            return pixel_labels(np.load(io.BytesIO(data), allow_pickle=False), url, domain)
        except (EOFError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{url} is no NumPy array: {error}") from error
    from PIL import Image  # noqa: PLC0415 (of images alone)

    try:
        with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
            return pixel_labels(np.asarray(image), url, domain)
    except OSError as error:
        raise DataError(f"{url} is no TIFF image: {error}") from error


def _has_place(data: bytes, url: str) -> bool:
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    try:
        with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
            return any(tag in image.tag_v2 for tag in PLACE_TAGS)  # type: ignore[attr-defined]
    except UnidentifiedImageError as error:
        raise DataError(f"{url} is no TIFF image: {error}") from error


def _georeferenced(data: bytes, url: str, store: Store) -> PixelClasses:
    """The most frequent value of a GeoTIFF in every pixel."""
    rasterio = require("rasterio")
    from rasterio import warp  # noqa: PLC0415

    domain = store.domain
    try:
        with rasterio.MemoryFile(data) as file, file.open() as source:
            _check(source, url)
            image = np.full(domain.grid.shape, NONE, np.int32)
            crs, transform = georeference(domain.grid)
            warp.reproject(
                rasterio.band(source, 1), image, src_nodata=source.nodata, dst_transform=transform,
                dst_crs=crs, dst_nodata=NONE, resampling=warp.Resampling.mode,
            )  # fmt: skip
            tags, bounds, src_crs = source.tags(1), source.bounds, source.crs
    except (rasterio.errors.RasterioError, rasterio.errors.CRSError) as error:
        raise DataError(f"{url} cannot be brought to the pixels of {store.key}: {error}") from error
    labels = image[domain.row, domain.column].astype(np.int64)
    if not (labels >= 0).any():
        lon, lat = domain.lonlat()
        raise DataError(
            f"{url} has no label in any pixel of {store.key}: it covers {_text(bounds)} of {src_crs}, "
            f"the pixels longitudes {lon.min():.2f} to {lon.max():.2f}, latitudes {lat.min():.2f} to "
            f"{lat.max():.2f}; wanted a raster that overlaps them"
        )
    missing = int((labels < 0).sum())
    notes = (f"{missing} of {labels.size} pixels have no label in {url}",) if missing else ()
    names = tuple(
        tags.get(f"class_{number}", name) for number, name in enumerate(number_names(labels, url))
    )
    return PixelClasses(labels, names, notes)


def _check(source: Any, url: str) -> None:  # noqa: ANN401 (rasterio's)
    if source.crs is None:
        raise DataError(
            f"{url} says where it lies, but not in which projection: set it, e.g. by "
            "'gdal_translate -a_srs EPSG:4326 in.tif out.tif'"
        )
    kind = np.dtype(source.dtypes[0])
    if source.count != 1 or kind.kind not in "iu":
        raise DataError(f"{url} has {source.count} layers of {kind}: wanted one of whole numbers")


def _text(bounds: Any) -> str:  # noqa: ANN401 (rasterio's)
    return f"{bounds.left:.6g} to {bounds.right:.6g} and {bounds.bottom:.6g} to {bounds.top:.6g}"
