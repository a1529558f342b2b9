"""Benchmarks as modules: scripts of one folder, which import each other by their names."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[1] / "benchmarks"


@contextmanager
def loaded(name: str) -> Iterator[ModuleType]:
    """The module of a benchmark; it and those that it imports are forgotten afterwards."""
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path[:] = [path for path in sys.path if path != str(FOLDER)]
        for module in list(sys.modules.values()):
            if Path(getattr(module, "__file__", None) or "/").parent == FOLDER:
                del sys.modules[module.__name__]
