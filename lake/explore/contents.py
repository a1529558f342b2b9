"""The offer of the page: the stores of a lake, and the runs that gave something to their pixels.

The page lists no folders and reads no Parquet: it gets the offer as `stores.json`.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from math import prod
from typing import TYPE_CHECKING, Any

from lake.catalogue import catalogue
from lake.console.messages import say
from lake.errors import FormatError, LakeError, MissingError, UnreachableError
from lake.reading import classes
from lake.storage.documents import read_json
from lake.storage.objects import Objects

if TYPE_CHECKING:
    from lake.reading.classes import LandClass

ARRAYS = ("embedding", *classes.ARRAYS.values(), "scores", "series")
"""Arrays of runs that the page can read; `series` serves pixels that are chosen."""
MOST_NUMBERS = 1 << 27
"""Largest number of scores of a run that the page is offered: it reads all to show three of each pixel."""
AT_A_TIME = 8


class Offer:
    """The offer of one lake; complete runs are read once."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._runs: dict[str, dict[str, Any] | None] = {}
        self._classes: dict[str, tuple[LandClass, ...]] = {}
        self._damaged: set[str] = set()

    def document(self, url: str, *, is_live: bool) -> dict[str, Any]:
        """The content of `stores.json`.

        Args:
            url: of the lake as the page reaches it; a relative one counts from the page.
            is_live: whether the offer is made anew for every reader; else the page follows the logs of
                stores to what was published since.

        Raises:
            MissingError: there is no lake.
        """
        rows = catalogue.rows(self._objects)
        stores = [
            {"key": row.key, "generation": row.generation, "pixels": row.pixels}
            for row in rows
            if row.generation
        ]
        return {"lake": url, "is_live": is_live, "stores": stores, "runs": self._complete()}

    def _complete(self) -> list[dict[str, Any]]:
        """Complete runs with something to show, the newest first."""
        names = [path.rpartition("/")[2] for path in self._objects.folders("runs")]
        new_names = [name for name in names if name not in self._runs]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            for name, run in zip(new_names, pool.map(self._sound_run, new_names), strict=True):
                if run is not None:
                    self._runs[name] = run
        shown_runs = [
            run
            for name in names
            if (run := self._runs.get(name)) and (run["arrays"] or run["too_large"])
        ]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            shown_runs = list(pool.map(self._with_classes, shown_runs))
        return sorted(shown_runs, key=lambda run: str(run["finished"]), reverse=True)

    def _with_classes(self, run: dict[str, Any]) -> dict[str, Any]:
        """The entry of a run with its classes, as they are called now."""
        if not {*run["arrays"]} & {*classes.ARRAYS.values()}:
            return run
        name = run["id"]
        if name not in self._classes:
            job = name.rpartition("-")[0]
            self._classes[name] = classes.as_made(self._objects, name, job)
        named = classes.renamed(self._objects, name, self._classes[name])
        return run | {"classes": [asdict(each) for each in named]}

    def _sound_run(self, name: str) -> dict[str, Any] | None:
        """`_run`; one that is damaged is said once, and hides no other."""
        try:
            try:
                return self._run(name)
            except (KeyError, TypeError, IndexError, AttributeError) as error:
                raise FormatError(
                    f"runs/{name} lacks what a run has ({error!r}): it is damaged, restore it"
                ) from error
        except UnreachableError:
            raise
        except LakeError as error:
            if name not in self._damaged:
                say(f"warning: the page does not offer a run: {error}")
            self._damaged.add(name)
            return None

    def _run(self, name: str) -> dict[str, Any] | None:
        """The entry of a run in the offer; None: it is not complete."""
        try:
            done, spec = (self._json(f"runs/{name}/{part}.json") for part in ("done", "spec"))
        except MissingError:
            return None
        path = f"runs/{name}/{spec['job']}.zarr"
        run = {"id": name, "path": path, "store": "", "finished": done["finished"]}
        run |= {"job": spec["job"], "settings": spec.get("settings", {})}
        try:
            arrays = self._json(f"{path}/zarr.json")["consolidated_metadata"]["metadata"]
        except MissingError:  # the job makes no arrays
            return run | {"arrays": [], "too_large": [], "pixels": 0}
        held = [array for array in ARRAYS if array in arrays and "pixel" in arrays]
        too_large = [
            array
            for array in held
            if array == "scores" and prod(arrays[array]["shape"]) > MOST_NUMBERS
        ]
        widths = [shape[1] for array in held if len(shape := arrays[array]["shape"]) > 1]
        return run | {
            "store": spec["stores"][0]["key"],
            "generation": spec["stores"][0].get("generation", ""),
            "arrays": [array for array in held if array not in too_large],
            "too_large": too_large,
            "numbers": widths[0] if widths else 0,
            "pixels": arrays["pixel"]["shape"][0] if held else 0,
        }

    def _json(self, path: str) -> Any:  # noqa: ANN401 (JSON)
        return read_json(self._objects, path)
