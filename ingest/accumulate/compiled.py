"""Loops compiled to machine code, which run outside Python's global lock."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which is compiled at its first call; the machine code is cached on disk if possible.

    Division by zero gives infinity or NaN, as in NumPy.
    """
    try:
        dispatcher: Callable[P, R] = numba.njit(cache=True, nogil=True, error_model="numpy")(
            function
        )
    except RuntimeError:  # no folder for the cache: a read-only image
        dispatcher = numba.njit(nogil=True, error_model="numpy")(function)
    return dispatcher
