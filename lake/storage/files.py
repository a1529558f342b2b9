"""Files that commands write: whole, or not at all."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from lake.errors import ConfigError


def check_folder(out: Path) -> None:
    """Refuse a file whose folder is not there.

    Raises:
        ConfigError: there is none.
    """
    if not out.absolute().parent.is_dir():
        raise ConfigError(
            f"there is no folder {out.absolute().parent}: make it, or give another --out"
        )


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place, then move it there: nobody sees half of it."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        draft = Path(folder) / f"whole-{path.name}"
        write(draft)
        draft.replace(path)
