"""Names and colours that people give to the classes of a run, kept beside it.

They are no part of what a run computes, so its id stays, and they can change at any time.
`lake.reading.classes` says what a class is called where nobody named it.
"""

from jobs.runs import records
from lake.errors import ConfigError
from lake.reading import classes
from lake.reading.classes import COLOUR_FORM, DESCRIBED, LandClass
from lake.storage.connect import connect

LONGEST = 80
"""Characters of a name."""


def read(root: str, run: str) -> tuple[LandClass, ...]:
    """The classes of a run of `cluster`, `classify` or `classes`.

    Raises:
        MissingError: there is no such run, or it is not complete.
        ConfigError: it has no classes.
    """
    records.finished_spec(root, run)
    return classes.of_run(connect(root), run)


def change(
    root: str, run: str, number: int, name: str | None, colour: str | None, *, forget: bool = False
) -> tuple[LandClass, ...]:
    """Give a class of a run a name, a colour, or both; all classes as they then are.

    The classes that a run of `classes` describes are named where they were made.

    Args:
        root: folder or URL of the lake.
        run: the run.
        number: of the class.
        name: none: it keeps its name.
        colour: `#rrggbb`; none: it keeps its colour.
        forget: whether name and colour that were given before are taken off first.

    Raises:
        MissingError: there is no such run, or it is not complete.
        ConfigError: no such class; a name that is empty, too long, or another class has; no colour.
    """
    spec = records.finished_spec(root, run)
    if spec.job == DESCRIBED and (described := spec.inputs.get("run")):
        return change(root, described, number, name, colour, forget=forget)
    current = read(root, run)
    classes.by_number(current, number)
    given = dict(classes.read_given(connect(root), run))
    values = {} if forget else dict(given.get(number, {}))
    if name is not None:
        values["name"] = _name(name, number, current)
    if colour is not None:
        if not COLOUR_FORM.fullmatch(colour.lower()):
            raise ConfigError(
                f"colour {colour!r}: wanted '#' and six hexadecimal digits, '#88aa33'"
            )
        values["colour"] = colour.lower()
    classes.write_given(connect(root), run, {**given, number: values})
    return read(root, run)


def _name(name: str, number: int, current: tuple[LandClass, ...]) -> str:
    text = name.strip()
    if not text or len(text) > LONGEST or not text.isprintable():
        raise ConfigError(f"name {name!r}: wanted 1 to {LONGEST} printable characters")
    for each in current:
        if each.name == text and each.number != number:
            raise ConfigError(
                f"class {each.number} is called {text!r} already: wanted another name"
            )
    return text
