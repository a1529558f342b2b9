"""`lake explore`: look at a lake in a browser."""

import json
import secrets
import socket
from contextlib import suppress
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
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="To listen on; 0: any free one.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 or ::: all of this machine.",
)
@click.option(
    "--token/--no-token",
    "has_token",
    default=True,
    help="Whether the address of the page holds a secret, new with each start. Without it everybody who "
    "reaches the port reads the lake: only where something else keeps them out, such as a proxy. [--token]",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    help="With --no-token: a name by which a proxy, or others, may call this server; can be given again.",
)
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
@click.option(
    "--self-contained",
    "is_whole",
    is_flag=True,
    help="With --export: put a copy of the lake beside the page, for any web server, also one that knows no "
    "ranges of bytes.",
)
@click.option(
    "--most-mb",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="With --self-contained: MB of page and copy; what does not fit is left out and named.",
)
@click.option(
    "--only",
    "keys",
    metavar="KEY",
    multiple=True,
    help="With --self-contained: a store that is copied, instead of all; can be given again.",
)
@json_option
def explore(
    root: str,
    port: int,
    host: str,
    names: tuple[str, ...],
    folder: Path | None,
    url: str,
    most_mb: int,
    keys: tuple[str, ...],
    *,
    has_token: bool,
    is_whole: bool,
    as_json: bool,
) -> None:
    """Serve a page that shows the lake: maps, cycles of pixels, similar land."""
    if is_whole and (folder is None or url):
        raise ConfigError(
            "--self-contained goes with --export, and without --url: the page reads its copy"
        )
    if folder is not None and is_whole:
        export_whole(root, folder, most_mb, keys, as_json=as_json)
        return
    if folder is not None:
        from lake.storage.connect import connect

        objects = connect(root)
        written = export(objects, folder, url or _on_the_web(root))
        text = f"{folder}: put these files on any web server"
        emit({"folder": str(folder), "files": written}, text, as_json=as_json)
        return
    serve(root, host, port, names, has_token=has_token, as_json=as_json)


def serve(
    root: str, host: str, port: int, names: tuple[str, ...], *, has_token: bool, as_json: bool
) -> None:
    """Serve the page until an interrupt."""
    from lake.explore import addresses
    from lake.explore.contents import Offer
    from lake.explore.server import PATIENCE, server
    from lake.explore.site import ANSWER_S, within
    from lake.storage import retries
    from lake.storage.connect import connect

    with retries.patience(PATIENCE):
        objects = within(ANSWER_S, lambda: connect(root), root)
        offer = Offer(objects)  # an error now, if there is no lake
        within(ANSWER_S, lambda: offer.document("", is_live=True), root)
    token = secrets.token_urlsafe() if has_token else ""
    with server(objects, host, port, token, names) as running:
        place = addresses.url(host, running.server_port, token)
        emit({"url": place}, place, as_json=as_json)
        say("open it in a browser; Ctrl+C ends it")
        if addresses.is_open(host):
            say(
                f"others reach it as {addresses.url(socket.gethostname(), running.server_port, token)}, not "
                "encrypted: keep to networks that you trust"
            )
        if not has_token:
            say("warning: without a token everybody who reaches this port can read the lake")
        with suppress(KeyboardInterrupt):
            running.serve_forever()


def export(objects: "Objects", folder: Path, url: str) -> list[str]:
    """Write the page; returns the names of its files.

    Args:
        objects: the lake.
        folder: made if need be; files of the same names are replaced.
        url: of the lake, for browsers.
    """
    from lake.explore.contents import Offer
    from lake.explore.site import OFFER, page_files

    folder.mkdir(parents=True, exist_ok=True)
    offer = Offer(objects).document(url, is_live=False)
    pages = page_files() | {OFFER: json.dumps(offer, indent=1).encode()}
    for name, content in pages.items():
        (folder / name).write_bytes(content)
    return sorted(pages)


def export_whole(
    root: str, folder: Path, most_mb: int, keys: tuple[str, ...], *, as_json: bool
) -> None:
    """Write the page with a copy of the lake; say what is left out."""
    from lake.explore import self_contained
    from lake.storage.connect import connect

    copied = self_contained.write(connect(root), folder, most_mb * 1_000_000, keys)
    left_out = [
        {"of": part.owner, "what": part.words, "bytes": part.size} for part in copied.left_out
    ]
    lines = [
        f"{folder}: {copied.size / 1e6:.1f} MB in {copied.files} files; put them on any web server"
    ]
    if left_out:
        lines.append(f"left out, beyond {most_mb} MB (--most-mb, --only):")
        lines += [
            f"  {part.owner}: {part.words}, {part.size / 1e6:.1f} MB" for part in copied.left_out
        ]
    document = {"folder": str(folder), "files": copied.files, "bytes": copied.size}
    emit(document | {"left_out": left_out}, "\n".join(lines), as_json=as_json)


def _on_the_web(root: str) -> str:
    if root.startswith(("http://", "https://")):
        return root
    raise ConfigError(
        f"browsers cannot read {root}: say by --url where they find it, e.g. "
        "https://bucket.s3.amazonaws.com/lake, or lake/ if it lies beside the page"
    )
