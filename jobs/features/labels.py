"""Labels and quantities of pixels from a file that people have: a table, an image, or polygons.

- tables, `.parquet` and `.csv`: a row a pixel, or points by longitude and latitude: `label_tables`. Labels
  are whole numbers or text; null, or a number below 0: none.
- images, `.npy`, `.tif`, `.tiff`: on the coarse grid, or a GeoTIFF in any projection: `label_images`.
- polygons with attributes, `.geojson`, `.json`, `.shp`, `.gpkg`: `label_polygons`.
"""

import hashlib
from functools import lru_cache

import numpy as np

import lake
from jobs.features import label_images, label_polygons, label_tables
from jobs.features.label_images import pixel_labels
from jobs.features.label_polygons import SHAPEFILE, SIDECARS
from jobs.features.pixel_classes import PixelClasses
from lake.console.messages import say
from lake.errors import ConfigError, DataError
from lake.format.arrays import Floats
from lake.reading.store import Store
from lake.storage.connect import folder_and_name
from lake.storage.objects import exists
from lake.storage.urls import absolute

__all__ = ["PixelClasses", "classes", "digest", "is_file", "pixel_labels", "quantities", "resolve"]

ENDINGS = (*label_tables.ENDINGS, *label_images.ENDINGS, *label_polygons.ENDINGS)
MIN_CLASSES = 2
"""How many classes a file must have."""


def is_file(name: str) -> bool:
    """Whether this names a file that can be read here, by its ending."""
    return name.endswith(ENDINGS)


def digest(url: str) -> str:
    """SHA-256 of a file; of a Shapefile with the files beside it.

    Raises:
        MissingError: there is none.
    """
    return _digest(url, _bytes(url))


def _digest(url: str, data: bytes) -> str:
    content = hashlib.sha256(data)
    if url.endswith(SHAPEFILE):
        stem = url.removesuffix(SHAPEFILE)
        objects, name = folder_and_name(stem)
        for ending in SIDECARS:
            if exists(objects, f"{name}{ending}"):
                content.update(objects.get(f"{name}{ending}"))
    return content.hexdigest()


def resolve(url: str, store: Store, column: str) -> tuple[str, str]:
    """The absolute URL and SHA-256 of a file of classes of a store's pixels; what people should know is said.

    Raises:
        ConfigError: a file that is not read here, or a table or polygons without the column.
        MissingError: there is none.
        DataError: labels that do not match the pixels, or of fewer than `MIN_CLASSES` classes.
    """
    if not is_file(url):
        raise ConfigError(f"setting labels must end in one of {', '.join(ENDINGS)}, found {url!r}")
    url, sha256 = absolute(url), digest(url)
    found = classes(url, sha256, store, column)
    for note in found.notes:
        say(note)
    if len(np.unique(found.labels[found.labels >= 0])) < MIN_CLASSES:
        raise DataError(f"{url} has fewer than {MIN_CLASSES} classes in {store.key}")
    return url, sha256


def classes(url: str, sha256: str, store: Store, column: str) -> PixelClasses:
    """The classes of a store's pixels; the last ones stay in memory.

    Args:
        url: of the file.
        sha256: that it had when the run was named.
        store: whose pixels.
        column: of a table, or attribute of polygons.

    Raises:
        ConfigError: there is no such column, or a library that the file needs is not installed.
        DataError: the file is not what it was, is of other pixels, or holds no labels.
    """
    return _classes(url, sha256, column, store.url)


@lru_cache(maxsize=2)
def _classes(url: str, sha256: str, column: str, store_url: str) -> PixelClasses:
    """Tasks of many superblocks ask for the same file."""
    data, store = _unchanged(url, sha256), lake.open(store_url)
    if url.endswith(label_images.ENDINGS):
        found = label_images.classes(data, url, store)
    elif url.endswith(label_polygons.ENDINGS):
        found = label_polygons.classes(data, url, store, column)
    else:
        found = label_tables.classes(label_tables.read(data, url, store), column, store)
    found.labels.flags.writeable = False
    return found


def quantities(url: str, sha256: str, store: Store, columns: tuple[str, ...]) -> dict[str, Floats]:
    """Name -> (P,) values of columns of a table, NaN: unknown.

    Raises:
        ConfigError: it is no table, or has no such column.
        DataError: as for `classes`.
    """
    if not columns:
        return {}
    if not url.endswith(label_tables.ENDINGS):
        raise ConfigError(
            f"{url} is no table, and has no quantities {columns}: give one of "
            f"{', '.join(label_tables.ENDINGS)}"
        )
    table = label_tables.read(_unchanged(url, sha256), url, store)
    return {column: label_tables.quantity(table, column, store) for column in columns}


def _unchanged(url: str, sha256: str) -> bytes:
    data = _bytes(url)
    if _digest(url, data) != sha256:
        raise DataError(f"{url} has changed since the run was begun: ask for it anew")
    return data


def _bytes(url: str) -> bytes:
    objects, name = folder_and_name(url)
    return objects.get(name)
