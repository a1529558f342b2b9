"""Coast lines and borders for the page: `lake.outlines.lines` in a form that JavaScript reads at once.

The numbers are int16, little-endian. Each line is its kind (0 coast, 1 border of countries, 2 of states),
its number of points, then their longitude and latitude in hundredths of a degree, in turn.
"""

import numpy as np
from numpy.typing import NDArray

from lake.outlines import lines

KINDS = ("coast", "border", "state")
MOST_POINTS = 30000


def packed_lines() -> bytes:
    """All lines as bytes; long lines are cut into pieces that meet."""
    numbers = []
    for kind, name in enumerate(KINDS):
        for line in lines.read(name):
            numbers += [_line(kind, piece) for piece in _pieces(line)]
    return np.concatenate(numbers).astype("<i2").tobytes()


def _pieces(line: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    starts = range(0, max(len(line) - 1, 1), MOST_POINTS)
    return [line[start : start + MOST_POINTS + 1] for start in starts]


def _line(kind: int, points: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[kind, len(points)], points.ravel()])
