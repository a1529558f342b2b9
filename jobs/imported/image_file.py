"""Images of vectors: GeoTIFF in any projection, a layer for each number of a vector.

A pixel gets the mean of the cells that it covers on the ground, weighted by how much it covers of each, by
GDAL's resampling `average`. Scale and offset of a layer are applied.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.imported import object_file
from jobs.imported.vector_file import check_numbers
from lake.errors import DataError
from lake.export import geotiff_file
from lake.export.libraries import require
from lake.format.arrays import Singles
from lake.format.domain import Domain
from lake.storage.objects import Objects

ENDINGS = (".tif", ".tiff")
PLACED = "by the mean of the cells that a pixel covers"


@dataclass(frozen=True, slots=True)
class VectorImage:
    """An image whose layers are the numbers of vectors."""

    objects: Objects
    name: str
    shape: tuple[int, int]
    """Cells, and layers."""
    dtype: str

    def means(self, domain: Domain, blocks: Iterable[slice]) -> Iterator[Singles]:
        """(pixel, layer) means of cells for each block of pixels.

        NaN where a pixel covers no cell that has a number in every layer.
        """
        with _opened(self.objects, self.name) as source:
            scales, offsets = (
                np.array(values)[:, None] for values in (source.scales, source.offsets)
            )
            for pixels in blocks:
                rows, columns = domain.row[pixels], domain.column[pixels]
                top, left = int(rows.min()), int(columns.min())
                bottom, right = int(rows.max()) + 1, int(columns.max()) + 1
                image = _warped(source, domain, top, left, bottom, right)
                vectors = image[:, rows - top, columns - left] * scales + offsets
                vectors[:, np.isnan(vectors).any(axis=0)] = np.nan
                yield np.ascontiguousarray(vectors.T, np.float32)


def read(objects: Objects, name: str) -> VectorImage:
    """The image of this name.

    Raises:
        ConfigError: rasterio is not installed.
        DataError: it is damaged, says no place, or its cells are no numbers.
        MissingError: there is none.
    """
    with _opened(objects, name) as source:
        if source.crs is None:
            raise DataError(
                f"{objects.url(name)} does not say where it lies: set its projection and corners, e.g. by "
                "'gdal_translate -a_srs EPSG:4326 -a_ullr WEST NORTH EAST SOUTH in.tif out.tif'"
            )
        kinds = {*source.dtypes}
        for kind in kinds:
            check_numbers(np.dtype(kind), objects.url(name))
        cells = source.width * source.height
        return VectorImage(objects, name, (cells, source.count), ", ".join(sorted(kinds)))


def _warped(
    source: Any,  # noqa: ANN401 (rasterio's)
    domain: Domain,
    top: int,
    left: int,
    bottom: int,
    right: int,
) -> Singles:
    """(layer, row, column) means of cells in a window of the coarse grid; NaN: none."""
    from rasterio.vrt import WarpedVRT  # noqa: PLC0415
    from rasterio.warp import Resampling  # noqa: PLC0415

    crs, transform = geotiff_file.georeference(domain.grid)
    is_whole = np.dtype(source.dtypes[0]).kind in "iu"
    missing = np.nan if source.nodata is None and not is_whole else source.nodata
    height, width = domain.grid.shape
    with WarpedVRT(
        source, crs=crs, transform=transform, height=height, width=width, dtype="float32",
        src_nodata=missing, nodata=np.nan, resampling=Resampling.average,
        UNIFIED_SRC_NODATA="NO",  # each layer by itself
    ) as image:  # fmt: skip
        window = ((top, bottom), (left, right))
        values: Singles = image.read(window=window)
    return values


@contextmanager
def _opened(objects: Objects, name: str) -> Iterator[Any]:
    """The image as rasterio has it."""
    rasterio = require("rasterio")
    with object_file.opened(objects, name) as file:
        try:
            with rasterio.open(file) as source:
                yield source
        except (rasterio.errors.RasterioError, rasterio.errors.CRSError) as error:
            raise DataError(f"{objects.url(name)} cannot be read as a GeoTIFF: {error}") from error
