"""Types of arrays, by what their elements are; shapes stand where the arrays do."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
AnyFloats = NDArray[np.floating]
"""Floating-point numbers of half, single or double precision."""
Bools = NDArray[np.bool_]
Indices = NDArray[np.int64]
"""Positions in an array, and other whole numbers of 64 bits."""
Integers = NDArray[np.integer]
"""Whole numbers of any size."""
Counts = NDArray[np.uint16]
"""Packed counts of the imager; `ingest.abi` says what they stand for."""
