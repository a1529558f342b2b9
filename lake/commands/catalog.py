"""`lake catalog`: the catalogue made anew from the stores, and exported as STAC."""

from dataclasses import asdict

import click

from lake.commands.options import json_option, place, root_option
from lake.console.messages import emit, table


@click.group()
def catalog() -> None:
    """Mend the catalogue, or export it."""


@catalog.command("rebuild")
@root_option
@json_option
def rebuild_(root: str, *, as_json: bool) -> None:
    """Read all stores of a lake and make its catalogue anew: where it was lost or damaged."""
    from lake.catalogue import rebuild

    rows = rebuild.rebuild(root)
    columns = ["key", "number", "pixels", "cubes", "months"]
    cells = [[str(getattr(row, name)) for name in columns] for row in rows]
    text = table(columns, cells) if rows else f"no store in {root}"
    emit([asdict(row) for row in rows], text, as_json=as_json)


@catalog.command("stac")
@root_option
@click.option("--out", required=True, callback=place, help="Folder or URL to write into.")
@json_option
def stac_(root: str, out: str, *, as_json: bool) -> None:
    """Write the catalogue as a static STAC catalogue."""
    from lake.catalogue import catalogue, stac
    from lake.storage.connect import connect

    source = connect(root)
    written = stac.write(connect(out), source, catalogue.rows(source))
    url = connect(out).url("catalog.json")
    emit({"url": url, "documents": len(written)}, url, as_json=as_json)
