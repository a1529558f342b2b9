"""Polygons with attributes as labels: a pixel has the label of the polygon that holds its centre."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jobs.features.pixel_classes import PixelClasses, by_name, number_names
from lake.errors import ConfigError, DataError
from lake.format import regions
from lake.reading import region_files
from lake.reading.region_files import JSON
from lake.reading.store import Store

SHAPEFILE = ".shp"
ENDINGS = (*JSON, SHAPEFILE, ".gpkg")
SIDECARS = (".dbf", ".prj", ".cpg")
"""Files beside a Shapefile that say what it means."""


def classes(data: bytes, url: str, store: Store, column: str) -> PixelClasses:
    """The classes of a store's pixels by an attribute of polygons.

    Args:
        data: the file, where it is GeoJSON; else the file is read by its path.
        url: of the file.
        store: whose pixels.
        column: name of the attribute.

    Raises:
        ConfigError: the polygons have no such attribute, or the file cannot be read here.
        DataError: an attribute that is no label, or no pixel lies in a polygon.
    """
    features = _features(data, url)
    values, names = _labels([feature.get("properties") or {} for feature in features], url, column)
    domain = store.domain
    lon, lat = domain.lonlat()
    labels = np.full(domain.pixels, -1, np.int64)
    contested = np.zeros(domain.pixels, bool)
    for feature, value in zip(features, values, strict=True):
        if value < 0 or not feature.get("geometry"):
            continue
        inside = regions.inside(feature["geometry"], lon, lat)
        contested |= inside & (labels >= 0) & (labels != value)
        labels[inside & (labels < 0)] = value
    if not (labels >= 0).any():
        raise DataError(
            f"no pixel of {store.key} lies in a polygon of {url}: the pixels are at longitudes "
            f"{lon.min():.2f} to {lon.max():.2f}, latitudes {lat.min():.2f} to {lat.max():.2f}"
        )
    notes = [f"{(labels < 0).sum()} of {labels.size} pixels lie in no polygon of {url}"]
    if contested.any():
        notes.append(
            f"{contested.sum()} pixels lie in polygons of different labels: that which comes first is taken"
        )
    return PixelClasses(labels, names, tuple(notes))


def _features(data: bytes, url: str) -> Sequence[Mapping[str, Any]]:
    """The polygons with their attributes."""
    if url.endswith(JSON):
        region: Any = region_files.geojson(data, url)
    else:
        path = Path(url.removeprefix("file://"))
        if not path.exists():
            raise ConfigError(
                f"{url} is read from this machine alone: copy it here, or give GeoJSON, which is read "
                "from any URL"
            )
        region = region_files.read(path)
    features = region.get("features") if region.get("type") == "FeatureCollection" else [region]
    if not isinstance(features, list) or not all(isinstance(each, dict) for each in features):
        raise DataError(f"{url} holds no features of GeoJSON")
    if not features:
        raise DataError(f"{url} holds no polygon")
    return features


def _labels(
    attributes: Sequence[Mapping[str, Any]], url: str, column: str
) -> tuple[Any, tuple[str, ...]]:
    """Number of the class of each polygon, -1: none; and the names of the classes."""
    if not any(column in of_polygon for of_polygon in attributes):
        names = sorted({name for of_polygon in attributes for name in of_polygon})
        raise ConfigError(
            f"the polygons of {url} have no attribute {column!r}: they have {', '.join(names) or 'none'}; "
            "'--set column=NAME' names one"
        )
    values = [_plain(of_polygon.get(column)) for of_polygon in attributes]
    if all(value is None or isinstance(value, int) for value in values):
        numbers = np.array([-1 if value is None else value for value in values], np.int64)
        return numbers, number_names(numbers, url)
    if any(isinstance(value, float) for value in values):
        raise DataError(
            f"attribute {column!r} of {url} holds fractions: wanted whole numbers or text"
        )
    return by_name([None if value is None else str(value) for value in values])


def _plain(value: Any) -> Any:  # noqa: ANN401 (an attribute)
    """An attribute as a whole number, text or None; a float that is whole becomes a whole number."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value
