"""Vectors of `lake import vectors` as features that need no observation: elevation, slope, share of forest.

`static` names the run, `import-0123456789ab`, and each number of its vectors is a quantity: the first one is
`import-0123456789ab:0`. The run is looked for in the lake of the store, and must be of the same pixels.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np

import lake
from jobs.features import static
from jobs.features.static import StaticFeature
from jobs.runs import outputs, records
from lake.errors import ConfigError
from lake.format.arrays import Singles
from lake.reading.store import Store

JOB = "import"
VECTORS = "embedding"


def names_run(quantity: str) -> bool:
    """Whether a static quantity is a run, or a number of its vectors."""
    return quantity.startswith(f"{JOB}-")


def spell_out(quantities: Iterable[str], store: Store) -> Iterator[str]:
    """Quantities, with the numbers of a run's vectors one by one.

    Raises:
        MissingError: there is no such run in the lake of the store, or it is not complete.
        ConfigError: the store lies in no lake, the run is of other pixels, or lacks the number.
    """
    for quantity in quantities:
        if not names_run(quantity):
            yield quantity
            continue
        run, _, number = quantity.partition(":")
        width = _width(store.url, run)
        if number and not (number.isdecimal() and int(number) < width):
            raise ConfigError(
                f"static: {quantity!r} is not there: {run} has numbers 0 to {width - 1}"
            )
        yield from [quantity] if number else [f"{run}:{n}" for n in range(width)]


def read(store: Store, rows: Sequence[StaticFeature], pixels: slice) -> Singles:
    """(feature, pixel) of consecutive pixels of a store; NaN where a pixel has no vector.

    Args:
        store: what the pixels are of.
        rows: what is read, spelled out.
        pixels: in store order.

    Raises:
        MissingError: there is no such run in the lake of the store.
        ConfigError: the run is of other pixels.
    """
    is_of_run = np.array([names_run(row.quantity) for row in rows])
    block = np.empty((len(rows), pixels.stop - pixels.start), np.float32)
    if is_of_run.any():
        block[is_of_run] = _numbers(store, [row for row in rows if names_run(row.quantity)], pixels)
    computed = [row for row in rows if not names_run(row.quantity)]
    block[~is_of_run] = static.values(store.domain, computed, pixels)
    return block


def _numbers(store: Store, rows: Sequence[StaticFeature], pixels: slice) -> Singles:
    """(feature, pixel) of numbers of the vectors of runs."""
    parts = [row.quantity.partition(":") for row in rows]
    vectors = {}
    for run in {run for run, _, _ in parts}:
        _width(store.url, run)
        vectors[run] = outputs.read(_lake(store), run, VECTORS, pixels)
    chosen = [vectors[run][:, int(number)] for run, _, number in parts]
    return np.array(chosen, np.float32)


@lru_cache(maxsize=16)
def _width(url: str, run: str) -> int:
    """The length of a run's vectors, once it is known to be of the pixels of a store."""
    store = lake.open(url)
    root = _lake(store)
    records.check_pixels(records.store_of(root, run), store)
    return int(outputs.read(root, run, "latent").size)


def _lake(store: Store) -> str:
    if store.lake is None:
        raise ConfigError(f"{store.url} lies in no lake, where runs that 'static' names would be")
    return store.lake
