"""Statistics of several seeds."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


def half_interval(values: ArrayLike, confidence: float = 0.95) -> float:
    """Half of Student's interval of the mean of values, one a seed; without end for one seed."""
    count = np.size(values)
    if count < 2:
        return math.inf
    return float(stats.t.ppf((1 + confidence) / 2, count - 1) * stats.sem(values))
