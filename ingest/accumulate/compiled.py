"""Loops compiled to machine code, which run outside Python's global lock."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function compiled at its first call, and remembered on disk where that can be written.

    Division by zero gives infinity or NaN, as in NumPy.
    """
    try:
        found: Callable[P, R] = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # no folder to remember it in: a read-only image
        found = numba.njit(nogil=True, error_model="numpy")(function)
    return found
