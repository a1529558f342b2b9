"""The classes of a run: their numbers, names and colours, the same ones in every picture and file.

A class is known by its number, 0 or above, as the arrays of its run have it. Its name and colour are those
that people gave it, kept in `class_names.json` beside the run. Otherwise the name is that of its labels, or
"class 3", and the colour is of the palette.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from lake.errors import ConfigError, FormatError, MissingError
from lake.format.arrays import AnyFloats, Floats
from lake.storage.documents import read_json
from lake.storage.objects import Objects

GIVEN = "class_names.json"
"""The file of a run with names and colours that people gave."""
DOCUMENT = "classes.json"
"""The file of a run of `classes` that describes them."""
CLUSTER, CLASSIFY, DESCRIBED = "cluster", "classify", "classes"
ARRAYS = {CLUSTER: "labels", CLASSIFY: "classes"}
"""Job that gives every pixel a class -> the array (pixel) of their numbers, -1: none."""
COLOUR_FORM = re.compile(r"#[0-9a-f]{6}")

_PALETTE = (
    "332288 117733 ddcc77 cc6677 88ccee 552449 aa61db 6d6192 aa8600 f3b631 611824 9e180c "
    "aadbaa e75555 864961 49316d 7992aa db92ff 24559e 6d0000 4992c2 49c279 e79249 aa550c"
)
"""Five of Paul Tol's "muted" scheme, then always the colour farthest from those before and the grey.

Distances are CIE 1976 ones, the least of normal, protan, deutan and tritan vision (Machado, Oliveira
and Fernandes, "A physiologically-based model for simulation of color vision deficiency", 2009).
"""

PALETTE = tuple(f"#{colour}" for colour in _PALETTE.split())
"""Colours as hexadecimal sRGB; the first sixteen are the easiest to distinguish."""


@dataclass(frozen=True, slots=True)
class LandClass:
    """A class of pixels."""

    number: int
    name: str
    colour: str
    """`#rrggbb`, sRGB."""

    @property
    def rgb(self) -> tuple[float, float, float]:
        """Red, green and blue, 0 to 1."""
        red, green, blue = (int(self.colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return red, green, blue


def of_run(lake: Objects, run: str) -> tuple[LandClass, ...]:
    """The classes of a run of `cluster`, `classify` or `classes`, by rising number.

    Args:
        lake: the objects of the lake.
        run: a complete run.

    Raises:
        MissingError: there is no such run, or it is not complete.
        ConfigError: it has no classes.
    """
    spec = read_json(lake, f"runs/{run}/spec.json")
    if spec["job"] == DESCRIBED and (described := spec["inputs"].get("run")):
        return of_run(lake, described)
    return renamed(lake, run, as_made(lake, run, str(spec["job"])))


def renamed(lake: Objects, run: str, classes: Sequence[LandClass]) -> tuple[LandClass, ...]:
    """Classes of a run with the names and colours that people gave them."""
    given = read_given(lake, run)
    return tuple(
        LandClass(
            each.number,
            given.get(each.number, {}).get("name", each.name),
            given.get(each.number, {}).get("colour", each.colour),
        )
        for each in classes
    )


def as_made(lake: Objects, run: str, job: str) -> tuple[LandClass, ...]:
    """The classes of a run of this job as nobody renamed them; they never change.

    Raises:
        MissingError: the run is not complete.
        ConfigError: it has no classes.
    """
    return defaults(*_stored(lake, run, job))


def defaults(names: Sequence[str], centres: AnyFloats | None = None) -> tuple[LandClass, ...]:
    """Classes whose names nobody changed: numbered as the names stand.

    Args:
        names: of the classes; one that is no more than a number becomes "class 3".
        centres: (class, d) vectors of the classes, where they are known: see `palette_colours`.
    """
    colours = palette_colours(len(names), centres)
    return tuple(
        LandClass(number, f"class {name}" if name.isdecimal() else name, colour)
        for number, (name, colour) in enumerate(zip(names, colours, strict=True))
    )


def palette_colours(count: int, centres: AnyFloats | None = None) -> tuple[str, ...]:
    """Colours of so many classes: the first 24 have each their own of the palette.

    Beyond, colours repeat. With centres a class then gets the colour whose other classes lie farthest from
    it, so that classes of one colour are unlike. Without, colours repeat in the order of the palette.

    Args:
        count: number of classes.
        centres: (class, d) vectors of the classes; none: not known.
    """
    chosen = list(range(min(count, len(PALETTE))))
    for number in range(len(PALETTE), count):
        if centres is None:
            chosen.append(number % len(PALETTE))
            continue
        distance = np.linalg.norm(centres[:number] - centres[number], axis=1)
        nearest = np.full(len(PALETTE), np.inf)
        np.minimum.at(nearest, np.array(chosen), np.nan_to_num(distance, nan=np.inf))
        chosen.append(int(nearest.argmax()))
    return tuple(PALETTE[number] for number in chosen)


def rgb(classes: Sequence[LandClass]) -> Floats:
    """(class, 3) red, green and blue of classes, 0 to 1."""
    return np.array([each.rgb for each in classes], np.float64).reshape(-1, 3)


def by_number(classes: Sequence[LandClass], number: int) -> LandClass:
    """The class of this number.

    Raises:
        ConfigError: there is none.
    """
    for each in classes:
        if each.number == number:
            return each
    raise ConfigError(f"there is no class {number}: wanted 0 to {len(classes) - 1}")


def read_given(lake: Objects, run: str) -> dict[int, Mapping[str, str]]:
    """Number -> `name` and `colour` that people gave to classes of a run, either or both.

    Raises:
        FormatError: the file says something else.
    """
    path = f"runs/{run}/{GIVEN}"
    try:
        document = read_json(lake, path)
    except MissingError:
        return {}
    for number, values in document.items():
        is_given = number.isdecimal() and isinstance(values, dict)
        if not (is_given and COLOUR_FORM.fullmatch(str(values.get("colour", PALETTE[0])))):
            raise FormatError(
                f"{lake.url(path)} says {number!r}: {values!r} of a class: wanted a number, and 'name' and "
                "'colour' (#rrggbb); mend it, or delete it and name the classes anew"
            )
    return {int(number): values for number, values in document.items()}


def document(lake: Objects, run: str) -> dict[str, Any]:
    """What a run of `classes` says of its classes.

    Raises:
        MissingError: there is no such run, or it is not complete.
    """
    return read_json(lake, f"runs/{run}/{DOCUMENT}")


def write_given(lake: Objects, run: str, given: Mapping[int, Mapping[str, str]]) -> None:
    """Store names and colours of classes of a run, instead of those that it had."""
    document = {str(number): dict(values) for number, values in sorted(given.items())}
    lake.put(f"runs/{run}/{GIVEN}", json.dumps(document, ensure_ascii=False, indent=1).encode())


def _stored(lake: Objects, run: str, job: str) -> tuple[tuple[str, ...], AnyFloats | None]:
    """Names of the classes as their run has them, and (class, d) centres where it has some."""
    if job == CLUSTER:
        centres = _array(lake, run, job, "centres")
        return tuple(map(str, range(len(centres)))), centres
    if job == CLASSIFY:
        return tuple(map(str, _array(lake, run, job, "class"))), None
    if job == DESCRIBED:
        names = {row["number"]: row["name"] for row in document(lake, run)["classes"]}
        return tuple(names.get(number, str(number)) for number in range(max(names) + 1)), None
    raise ConfigError(
        f"run {run} is of {job}, which has no classes: wanted a run of "
        f"{CLUSTER}, {CLASSIFY} or {DESCRIBED}"
    )


def _array(lake: Objects, run: str, job: str, name: str) -> NDArray[Any]:
    try:
        store = lake.zarr(f"runs/{run}/{job}.zarr/{name}", read_only=True)
        return np.asarray(zarr.open_array(store, mode="r")[...])
    except FileNotFoundError as error:
        raise MissingError(
            f"run {run} is not complete: run 'lake runs resume {run}', or give another"
        ) from error
