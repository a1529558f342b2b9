"""A run as exports see it: the values that it gave to the pixels of a store, and their classes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake.errors import ConfigError
from lake.reading import classes
from lake.storage.connect import connect

if TYPE_CHECKING:
    import xarray as xr

    from lake.reading.classes import LandClass
    from lake.reading.run import StoredRun
    from lake.reading.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class PixelRun:
    """A complete run with the generation of the store whose pixels it is of."""

    id: str
    url: str
    store: "Store"
    dataset: "xr.Dataset"
    """Its arrays over `pixel` alone, read when used; (pixel) or (pixel, n)."""
    class_array: str
    """The name of the array of classes; empty: there is none."""
    classes: "tuple[LandClass, ...]"
    """With the names and colours that they have now."""


def of_pixels(run: "StoredRun") -> PixelRun:
    """What a run gave to pixels.

    Raises:
        MissingError: it is not complete.
        ConfigError: it gave nothing to all pixels; the message says what it has instead.
    """
    dataset, store = run.dataset, run.store
    names = [name for name, array in dataset.items() if array.dims[:1] == ("pixel",)]
    if not names or dataset.sizes["pixel"] != store.pixels:
        has = [*map(str, dataset), *(url.rpartition("/")[2] for url in run.files)]
        raise ConfigError(
            f"run {run.id} is of {run.job}, which has no values of all pixels of {store.key}: it has "
            f"{', '.join(has) or 'no files'}"
        )
    array = classes.ARRAYS.get(run.job, "")
    named = classes.of_run(connect(run.lake), run.id) if array else ()
    return PixelRun(run.id, run.url, store, dataset[names], array, named)
