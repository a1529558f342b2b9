"""The documents of classes that `lake classes` writes: numbers as JSON has them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from jobs.classes import class_statistics
from jobs.classes.class_statistics import ClassSums
from jobs.runs.stages import Arrays
from lake.format import bands, grid, moments
from lake.format.arrays import Floats
from lake.format.domain import Domain
from lake.format.schema import Cube
from lake.format.times import format_tod
from lake.reading.classes import LandClass
from lake.reading.store import Store

PLACES = 5
"""Decimal places of degrees: a metre."""


def of_class(
    each: LandClass, store: Store, totals: Mapping[str, Floats], sums: Mapping[str, ClassSums]
) -> dict[str, Any]:
    """The part of a class's document that needs no vectors.

    Args:
        each: the class.
        store: whose cubes and months.
        totals: `pixels` (class,), `area` (class,) m2.
        sums: cube -> sums of all classes.
    """
    pixels = int(totals["pixels"][each.number])
    rows: dict[str, list[dict[str, Any]]] = {
        "spectrum": [],
        "annual_cycle": [],
        "diurnal_cycle": [],
    }
    for name, cube in store.cubes.items():
        of_class = ClassSums(
            *(getattr(sums[name], field.name)[each.number] for field in fields(ClassSums))
        )
        for number, band in enumerate(cube.bands):
            about = _band(cube, band)
            cells = of_class.cells[:, :, number]  # (month, tod, metric)
            rows["spectrum"].append(
                about
                | _statistics(class_statistics.merged(cells, 0, 1))
                | {"stddev_between_pixels": _spread(of_class.all[number])}
            )
            rows["annual_cycle"].append(
                about
                | {"months": list(store.months)}
                | _statistics(class_statistics.merged(cells, 1))
                | {"stddev_between_pixels": _spread(of_class.months[:, number])}
            )
            rows["diurnal_cycle"].append(
                about
                | {"tods": [format_tod(tod) for tod in cube.tods], "seconds": list(cube.tods)}
                | _statistics(class_statistics.merged(cells, 0))
                | {"stddev_between_pixels": _spread(of_class.tods[:, number])}
            )
    return {
        "number": each.number,
        "name": each.name,
        "colour": each.colour,
        "pixels": pixels,
        "share": pixels / store.domain.pixels,
        "area_km2": float(totals["area"][each.number]) / 1e6,
        **rows,
    }


def places(number: int, domain: Domain, found: Sequence[Arrays], count: int) -> dict[str, Any]:
    """The typical pixels of a class, the nearest to its mean vector first.

    Args:
        number: of the class.
        domain: the pixels.
        found: `classes`, `pixel` and `distance` of candidates, of each superblock.
        count: number of pixels, at most.
    """
    if not found:
        return {"typical_pixels": []}
    chosen = [part["classes"] == number for part in found]
    pixel = np.concatenate([part["pixel"][of] for part, of in zip(found, chosen, strict=True)])
    distance = np.concatenate(
        [part["distance"][of] for part, of in zip(found, chosen, strict=True)]
    )
    nearest = np.lexsort((pixel, distance))[:count]
    lon, lat = grid.lonlat(
        domain.grid.projection,
        domain.grid.y[domain.row[pixel[nearest]]],
        domain.grid.x[domain.column[pixel[nearest]]],
    )
    rows = zip(pixel[nearest].tolist(), lon.tolist(), lat.tolist(), distance[nearest], strict=True)
    return {
        "typical_pixels": [
            {"pixel": p, "lon": round(x, PLACES), "lat": round(y, PLACES), "distance": float(d)}
            for p, x, y, d in rows
        ]
    }


def neighbours(
    number: int, classes: Sequence[LandClass], means: Floats, count: int
) -> dict[str, Any]:
    """The classes whose mean vectors are nearest to that of a class.

    Args:
        number: of the class.
        classes: all of them.
        means: (class, d) mean vectors, NaN: none.
        count: number of classes, at most.
    """
    distance = np.linalg.norm(means - means[number], axis=1)
    distance[number] = np.nan
    nearest = np.argsort(distance, kind="stable")[:count]  # NaN last
    return {
        "nearest_classes": [
            {"number": int(n), "name": classes[n].name, "distance": float(distance[n])}
            for n in nearest
            if np.isfinite(distance[n])
        ]
    }


def _band(cube: Cube, band: str) -> dict[str, Any]:
    quantity = cube.quantity_of(band)
    return {
        "cube": cube.name,
        "band": band,
        "wavelength_um": bands.wavelength_um(band),
        "quantity": quantity.name,
        "unit": quantity.unit,
    }


def _statistics(union: moments.Moments) -> dict[str, Any]:
    summary_ = moments.finalise(union)
    return {
        "observations": union.count.astype(np.int64).tolist(),
        "mean": summary_.mean.tolist(),
        "stddev": summary_.stddev.tolist(),
    }


def _spread(stacked: Floats) -> Any:  # noqa: ANN401 (a number, or a list of them)
    return class_statistics.between_pixels(stacked).tolist()
