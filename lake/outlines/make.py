"""Make `outlines.npz`, the coast lines and borders of maps, from two npm packages: a developer's tool.

    npm pack world-atlas@2.0.2 us-atlas@3.0.1    # and unpack them into one folder
    python -m lake.outlines.make world-atlas/countries-50m.json us-atlas/states-10m.json

Sources: Natural Earth 1:50m, public domain (naturalearthdata.com), as world-atlas has it; borders of
the states of the USA from the Census Bureau's cartographic boundary files, 2017, public domain, as
us-atlas has them. TopoJSON draws every line once: a line of one country alone is coast, of two a border.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lake.outlines.lines import FILE, STEP

Points = NDArray[np.float64]

TOLERANCE = 0.008
"""Degrees by which a line may be moved where points are left out."""


def kinds(topology: dict[str, Any], layer: str) -> tuple[list[Points], list[Points]]:
    """Lines of one area of a layer, and lines between two, each (point, 2) of degrees east and north."""
    scale, origin = (np.array(topology["transform"][name]) for name in ("scale", "translate"))
    lines = [np.cumsum(arc, axis=0) * scale + origin for arc in topology["arcs"]]
    owners: Counter[int] = Counter()
    for area in topology["objects"][layer]["geometries"]:
        owners.update({i if i >= 0 else ~i for i in _numbers(area.get("arcs", []))})
    return (
        [lines[i] for i, count in sorted(owners.items()) if count == 1],
        [lines[i] for i, count in sorted(owners.items()) if count > 1],
    )


def simplify(line: Points, tolerance: float) -> Points:
    """The line without points that are nearer than `tolerance` to the way between those kept.

    Douglas and Peucker, "Algorithms for the reduction of the number of points required to represent a
    digitized line or its caricature", 1973.
    """
    is_kept = np.zeros(len(line), bool)
    is_kept[[0, -1]] = True
    spans = [(0, len(line) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        along = line[last] - line[first]
        off = line[first + 1 : last] - line[first]
        length = np.hypot(*along)
        share = np.clip(off @ along / length**2, 0, 1) if length else np.zeros(len(off))
        distances = np.hypot(*(off - share[:, None] * along).T)
        farthest = int(distances.argmax())
        if distances[farthest] > tolerance:
            middle = first + 1 + farthest
            is_kept[middle] = True
            spans += [(first, middle), (middle, last)]
    return line[is_kept]


def pack(lines: list[Points]) -> dict[str, NDArray[Any]]:
    """Lines as whole steps from point to point; see `lake.plot.coast_lines`."""
    whole = [_whole(simplify(line, TOLERANCE)) for line in lines]
    whole = [line for line in whole if len(line) > 1]
    joined = np.concatenate(whole)
    steps = np.diff(joined, axis=0, prepend=0)
    sizes = np.array([len(line) for line in whole])
    return {"steps": steps.astype(np.int32), "sizes": sizes.astype(np.int32)}


def _whole(line: Points) -> NDArray[np.int64]:
    """Points in steps of `STEP`, none twice in a row."""
    rounded = np.rint(line / STEP).astype(np.int64)
    moved = np.abs(np.diff(rounded, axis=0)).any(axis=1)
    whole: NDArray[np.int64] = rounded[np.insert(moved, 0, True)]
    return whole


def _numbers(arcs: list[Any]) -> Iterator[int]:
    for arc in arcs:
        if isinstance(arc, int):
            yield arc
        else:
            yield from _numbers(arc)


def main(countries: str, states: str) -> None:
    """Write `outlines.npz`."""
    coast, borders = kinds(json.loads(Path(countries).read_text("utf-8")), "countries")
    _, inner = kinds(json.loads(Path(states).read_text("utf-8")), "states")
    named = {"coast": coast, "border": borders, "state": inner}
    arrays: dict[str, Any] = {
        f"{name}_{part}": array
        for name, lines in named.items()
        for part, array in pack(lines).items()
    }
    np.savez_compressed(FILE, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
