"""`lake ls`, `lake info`, `lake tree`, `lake url`: what stores there are, and what they hold."""

import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lake.commands.options import json_option, key_argument, root_option
from lake.console.messages import emit, table
from lake.errors import MissingError
from lake.format import keys
from lake.storage.urls import join

if TYPE_CHECKING:
    from lake.catalogue import catalogue
    from lake.storage.objects import Objects
    from lake.store import ledger
    from lake.store.generations import StoreState

SHOWN = 3
"""Time steps named for each reason that they are missing; --json names all."""


@click.command()
@root_option
@json_option
def ls(root: str, *, as_json: bool) -> None:
    """List the stores."""
    from lake.catalogue import catalogue
    from lake.storage.connect import connect

    rows = catalogue.rows(connect(root))
    columns = [
        "key", "number", "pixels", "cubes", "months", "merged", "pending", "missing", "suspect",
    ]  # fmt: skip
    cells = [[str(getattr(row, name)) for name in columns] for row in rows]
    text = table(columns, cells) if rows else f"no store in {root}"
    emit([asdict(row) for row in rows], text, as_json=as_json)


@click.command()
@key_argument
@root_option
@json_option
def url(key: str, root: str, *, as_json: bool) -> None:
    """Print the URL of a store's newest generation."""
    from lake.catalogue import catalogue
    from lake.storage.connect import connect

    url_ = connect(root).url(catalogue.generation(_row(connect(root), key)))
    emit({"key": key, "url": url_}, url_, as_json=as_json)


@click.command()
@key_argument
@root_option
@json_option
def info(key: str, root: str, *, as_json: bool) -> None:
    """Tell what a store holds, what waits, what it lacks and what it was made from."""
    from lake.storage.connect import connect
    from lake.store import ledger

    objects = connect(root)
    row = _row(objects, key)
    store = connect(join(root, row.key))
    state = _newest(store)
    entries = ledger.read(store, state.ledger)
    missing = [entry for entry in entries if entry.status == ledger.MISSING]
    second_choices = [e for e in entries if e.status != ledger.MISSING and e.reason]
    document = asdict(row) | {
        "url": store.url(state.path) if state.path else "",
        "versions": entries.versions,
        "clear_sky": _rule(store, state),
        "domain": _domain_origin(objects, row.key),
        "parts": len(state.parts),
        "pending_steps": [entry.step for entry in entries.pending],
        "missing_steps": _reasons(missing),
        "second_choices": _reasons(second_choices),
    }
    lists = ("pending_steps", "missing_steps", "second_choices")
    facts = {k: v for k, v in document.items() if k not in lists}
    facts["domain"] = _origin_text(document["domain"])
    lines = [f"{name:<12} {value}" for name, value in facts.items()]
    lines += _waiting(entries)
    lines += _summary(missing) + _summary(second_choices)
    if state.path:
        lines += ["", f'xarray.open_datatree("{document["url"]}", engine="zarr", zarr_format=3)']
    emit(document, "\n".join(lines), as_json=as_json)


@click.command()
@key_argument
@root_option
@json_option
def tree(key: str, root: str, *, as_json: bool) -> None:
    """Show the groups and arrays of a store's newest generation."""
    import zarr

    from lake.catalogue import catalogue
    from lake.storage.connect import connect

    objects = connect(root)
    row = _row(objects, key)
    group = zarr.open_consolidated(
        objects.zarr(catalogue.generation(row), read_only=True), mode="r", zarr_format=3
    )
    members = sorted(group.members(max_depth=None))
    arrays: list[dict[str, Any]] = [
        {
            "path": path,
            "shape": list(a.shape),
            "dtype": str(a.dtype),
            "dims": _dims(a),
        }
        for path, a in members
        if isinstance(a, zarr.Array)
    ]
    rows = [[a["path"], a["dtype"], ", ".join(map(_axis, a["dims"], a["shape"]))] for a in arrays]
    emit(arrays, table(["array", "dtype", "axes"], rows), as_json=as_json)


def _domain_origin(objects: "Objects", key: str) -> dict[str, Any]:
    """How the pixels of a geometry came about: rule, mask, files; empty if the lake does not say."""
    import numpy as np

    parsed = keys.parse(key)
    try:
        data = objects.get(f"{parsed.sat}/{parsed.listing}/domains/{parsed.geom}.npz")
    except MissingError:
        return {}
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        origin: dict[str, Any] = json.loads(str(arrays["origin"]))
    return origin


def _origin_text(origin: dict[str, Any]) -> str:
    """The rule, mask and files of a domain; one of the time when a single file decided names that."""
    files = origin.get("files") or [origin[name] for name in ("file",) if origin.get(name)]
    named = f"{files[0]} and {len(files) - 1} more files" if len(files) > 1 else "".join(files)
    rule, mask = origin.get("rule", ""), origin.get("mask", "")
    return ", ".join(text for text in (rule, mask and f"mask {mask}", named) if text)


def _reasons(entries: "list[ledger.LedgerEntry]") -> list[dict[str, str]]:
    return [{"step": entry.step, "reason": entry.reason} for entry in entries]


def _summary(entries: "list[ledger.LedgerEntry]") -> list[str]:
    """A line for each reason that time steps are missing, or a second choice: how many, and which."""
    steps: dict[str, list[str]] = {}
    for entry in entries:
        steps.setdefault(entry.reason, []).append(entry.step)
    return [
        f"  {len(names)} x {reason}: {', '.join(names[:SHOWN])}{', ...' * (len(names) > SHOWN)}"
        for reason, names in sorted(steps.items(), key=lambda item: -len(item[1]))
    ]


def _waiting(entries: "ledger.Ledger") -> list[str]:
    """A line that says how many time steps wait to be published, and from when to when they are."""
    steps = sorted(entry.step for entry in entries.pending)
    if not steps:
        return []
    return [f"  {len(steps)} staged, waiting to be published: {steps[0]} to {steps[-1]}"]


def _rule(store: "Objects", state: "StoreState") -> str:
    """The clear-sky rule of the store's listing; empty where nobody kept it."""
    from lake.storage.documents import read_json

    try:
        listing = read_json(store, f"listings/{state.listing}.json")
    except MissingError:
        return ""
    return str(listing["clear_sky"]["rule"])


def _dims(array: Any) -> list[str]:  # noqa: ANN401 (zarr types it as of v2 or v3; ours are v3)
    return list(array.metadata.dimension_names or ())


def _axis(name: str, length: int) -> str:
    return f"{name} {length}"


def _row(objects: "Objects", key: str) -> "catalogue.Row":
    from lake.catalogue import catalogue

    rows = catalogue.rows(objects)
    for row in rows:
        if row.key == key.strip("/"):
            return row
    keys = "\n  ".join(row.key for row in rows) or "(none)"
    raise MissingError(f"there is no store {key!r} in {objects.root}; its stores are:\n  {keys}")


def _newest(store: "Objects") -> "StoreState":
    from lake.store import commits
    from lake.store.generations import StoreState

    commit = commits.head(store)
    if commit is None:
        raise MissingError(
            f"{store.root} is in the catalogue, but has no commit: its objects are lost"
        )
    return StoreState.from_commit(commit)
