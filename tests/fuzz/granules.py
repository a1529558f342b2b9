"""Granules whose bytes, variables or attributes are wrong, read by `ingest.abi.granule`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

from ingest.abi import granule
from tests.fuzz import mutations
from tests.ingest.abi import test_granule as valid

FLAGS = [[0, 1], [2, 3]]


@contextmanager
def attempts(folder: Path) -> Iterator[Callable[[Random], None]]:
    """Reads a wrong granule in the folder."""
    images = {"lst": [[9200, 9300], [9400, 65535]], "pqi": [[0, 3], [12, 16]]}
    files = (
        (valid.radiances(13, valid.thermal()), valid.RAD_C13, "Rad"),
        (valid.radiances(1, valid.thermal(kappa0=0.0015574)), valid.RAD_C01, "Rad"),
        (valid.lst("v01", FLAGS, **images), valid.LST, "LST"),
        (valid.lst("v02", FLAGS, **images), valid.LST, "LST"),
    )
    local = folder / "granule.nc"

    def attempt(random: Random) -> None:
        data, name, variable = random.choice(files)
        name = mutations.change_text(random, name) if random.random() < 0.1 else name
        if random.random() < 0.5:
            local.write_bytes(mutations.change_bytes(random, data))
        else:
            local.write_bytes(data)
            _change_content(random, local)
        if variable == "Rad" or random.random() < 0.3:
            granule.open_band(str(local), name, variable).quantity()
            return
        sky = granule.open_sky(
            str(local), name, random.choice(("clear-land", "retrieved", "clear"))
        )
        sky.clear()
        sky.domain("land")

    yield attempt


def _change_content(random: Random, local: Path) -> None:
    """One to three variables or attributes are missing, or hold something else."""
    with h5py.File(local, "r+") as file:
        for _ in range(random.randint(1, 3)):
            names = list(file)
            name = random.choice(names)
            if not isinstance(file[name], h5py.Dataset):
                continue
            action = random.randrange(4)
            owner = file if random.random() < 0.1 else file[name]
            attributes = list(owner.attrs)
            if action == 0:
                del file[name]
            elif action == 1:
                del file[name]
                file.create_dataset(name, data=_odd_array(random))
            elif attributes and action == 2:
                del owner.attrs[random.choice(attributes)]
            elif attributes:
                attribute = random.choice(attributes)
                del owner.attrs[attribute]
                owner.attrs[attribute] = _odd_array(random)


def _odd_array(random: Random) -> Any:
    shape = random.choice(((), (), (0,), (1,), (2,), (2, 3), (0, 3), (3, 2), (2, 2), (1, 2, 3)))
    if random.random() < 0.2:
        return random.choice(("", "x", "true", h5py.Empty("f4"), np.bytes_(b"G\xff6")))
    kind = random.choice(["i1", "u1", "i2", "u2", "i4", "i8", "u8", "f4", "f8", ">i2", ">u2", "c8"])
    value = random.choice((0, 1, 7, 100, -1, 1e30, np.nan, np.inf))
    with np.errstate(all="ignore"):
        return np.full(shape, value, np.float64).astype(kind)
