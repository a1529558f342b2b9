"""Loops compiled to machine code, which run outside Python's global lock.

Numba keeps machine code in a folder that it may write, `NUMBA_CACHE_DIR` or beside the source. An image
has the code of all loops in a folder that nobody may write, and names it in `LAKE_COMPILED`: it is copied.
"""

import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")

SHIPPED = "LAKE_COMPILED"
"""Variable with the folder of machine code that an image has."""
CACHE = "NUMBA_CACHE_DIR"


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which is compiled at its first call; the machine code is cached on disk if possible.

    Division by zero gives infinity or NaN, as in NumPy.
    """
    _copy_shipped()
    try:
        dispatcher: Callable[P, R] = numba.njit(cache=True, nogil=True, error_model="numpy")(
            function
        )
    except RuntimeError:  # no folder for the cache: a read-only image
        dispatcher = numba.njit(nogil=True, error_model="numpy")(function)
    return dispatcher


@cache
def _copy_shipped() -> None:
    """Put the machine code of an image where Numba looks: it reads no folder that it may not write.

    Each file appears whole, and an index after the code that it names (`.nbi` after `.nbc`), so that
    processes of one pod may do this at the same time.
    """
    if not (os.environ.get(SHIPPED) and os.environ.get(CACHE)):
        return
    shipped, target = Path(os.environ[SHIPPED]), Path(os.environ[CACHE])
    for path in sorted(shipped.rglob("*.nb[ci]"), key=lambda path: path.suffix):
        copy = target / path.relative_to(shipped)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            draft = copy.with_name(f"{copy.name}.{os.getpid()}")
            shutil.copyfile(path, draft)
            draft.replace(copy)
