"""Coast lines and borders, from a small file of the package: `lake.outlines.make` says where they are from.

In `outlines.npz`, of each kind: `<kind>_steps` (point, 2) whole steps of a hundredth of a degree east and
north from the point before, through all lines; `<kind>_sizes` (line,) points of each line.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("outlines.npz")
STEP = 0.01
"""Length of one step, degrees."""


def read(kind: str) -> list[NDArray[np.int64]]:
    """Each line of a kind, `coast`, `border` (of countries) or `state`: (point, 2) steps east and north."""
    with np.load(FILE, allow_pickle=False) as archive:
        points = np.cumsum(archive[f"{kind}_steps"], axis=0, dtype=np.int64)
        return np.split(points, np.cumsum(archive[f"{kind}_sizes"])[:-1])
