"""Tags of runs: short names that people give them, `tags.json` in the folder of the run.

They are no part of what a run computes, so its id stays, and they can change at any time.
"""

import json
import re
from collections.abc import Collection

from jobs.runs import records
from lake.errors import ConfigError, MissingError

FILE = "tags.json"
FORM = re.compile(r"[\w.:-]{1,40}")


def read(root: str, run: str) -> tuple[str, ...]:
    """The tags of a run, in order of the alphabet."""
    try:
        return tuple(json.loads(records.folder(root, run).get(FILE)))
    except MissingError:
        return ()


def change(
    root: str, run: str, added: Collection[str], removed: Collection[str] = ()
) -> tuple[str, ...]:
    """Add tags to a run and take others off; all that it then has.

    Raises:
        MissingError: there is no such run.
        ConfigError: a tag of another form than letters, digits, `_`, `.`, `:` and `-`, 40 at most.
    """
    records.read_spec(root, run)
    if wrong := [tag for tag in added if not FORM.fullmatch(tag)]:
        raise ConfigError(
            f"tag {wrong[0]!r}: wanted letters, digits, '_', '.', ':' or '-', 40 at most"
        )
    tags = tuple(sorted({*read(root, run), *added} - {*removed}))
    records.folder(root, run).put(FILE, json.dumps(tags).encode())
    return tags
