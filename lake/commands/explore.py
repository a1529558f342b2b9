"""`lake explore`: look at a lake in a browser."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lake.commands.options import json_option, root_option
from lake.console.messages import emit, say
from lake.errors import ConfigError

if TYPE_CHECKING:
    from lake.storage.objects import Objects

PORT = 8765


@click.command()
@root_option
@click.option("--port", default=PORT, show_default=True, help="To listen on; 0: any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--export",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the page for a static host instead of serving it.",
)
@click.option(
    "--url",
    default="",
    help="With --export: where browsers find the lake, e.g. https://bucket.s3.amazonaws.com/lake; a "
    "relative one counts from the page [the lake itself, if it is on the web].",
)
@json_option
def explore(
    root: str, port: int, host: str, folder: Path | None, url: str, *, as_json: bool
) -> None:
    """Serve a page that shows the lake: maps, cycles of pixels, similar land."""
    from lake.explore.contents import Offer
    from lake.explore.server import server
    from lake.storage.connect import connect

    objects = connect(root)
    if folder is not None:
        written = export(objects, folder, url or _on_the_web(root))
        text = f"{folder}: put these files on any web server"
        emit({"folder": str(folder), "files": written}, text, as_json=as_json)
        return
    Offer(objects).document("", is_live=True)  # an error now, if there is no lake
    try:
        running = server(objects, host, port)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error.strerror}; give another --port"
        ) from error
    with running:
        place = f"http://{host}:{running.server_port}/"
        emit({"url": place}, place, as_json=as_json)
        say("open it in a browser; Ctrl+C ends it")
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            return


def export(objects: "Objects", folder: Path, url: str) -> list[str]:
    """Write the page; returns the names of its files.

    Args:
        objects: the lake.
        folder: made if need be; files of the same names are replaced.
        url: of the lake, for browsers.
    """
    from lake.explore.contents import Offer
    from lake.explore.server import OFFER, page_files

    folder.mkdir(parents=True, exist_ok=True)
    offer = Offer(objects).document(url, is_live=False)
    pages = page_files() | {OFFER: json.dumps(offer, indent=1).encode()}
    for name, content in pages.items():
        (folder / name).write_bytes(content)
    return sorted(pages)


def _on_the_web(root: str) -> str:
    if root.startswith(("http://", "https://")):
        return root
    raise ConfigError(
        f"browsers cannot read {root}: say by --url where they find it, e.g. "
        "https://bucket.s3.amazonaws.com/lake, or lake/ if it lies beside the page"
    )
