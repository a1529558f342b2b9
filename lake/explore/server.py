"""A web server for one reader: it serves the page, and the objects of one lake, read-only.

It hands out the objects below the lake's root, with the credentials of this process, to this machine
alone. It listens on loopback, and answers only requests for the name it was started under: so no page of
another site reaches the lake through a name that points here.
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lake.errors import LakeError, MissingError
from lake.explore import coast_lines
from lake.explore.contents import Offer
from lake.storage.connect import STORE_ERRORS
from lake.storage.objects import Bytes, Objects

LAKE = "lake/"
"""Path of the lake's objects, as the page asks for them."""
OFFER = "stores.json"
LINES = "lines.bin"

# the decoder of Blosc (Emscripten's embind) makes functions from text
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_FIXED_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_RANGE = re.compile(r"bytes=(?:(\d+)-(\d+)|-(\d+))")
_FIXED = re.compile(r"(?:.*/)?v/[^/]+\.zarr/.+")
"""Paths of objects of a generation, which never change."""

Answer = tuple[int, Bytes, dict[str, str]]
"""An answer: status, body, headers."""


def page_files() -> dict[str, bytes]:
    """The files of the page by name."""
    folders = (Path(__file__).with_name(name) for name in ("static", "built"))
    pages = {file.name: file.read_bytes() for folder in folders for file in folder.iterdir()}
    return pages | {LINES: coast_lines.packed_lines()}


def server(objects: Objects, host: str, port: int) -> ThreadingHTTPServer:
    """A server that listens, and serves once it is started; port 0: any free port."""
    content = SiteContent(objects)
    names = {host, "localhost", "127.0.0.1", "[::1]"}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(*self._answer())

        def do_HEAD(self) -> None:
            self._send(*self._answer())

        def log_message(self, *_: object) -> None:
            """Say nothing of requests that were answered."""

        def _answer(self) -> Answer:
            asked = (self.headers.get("Host") or "").rpartition(":")[0]
            if asked not in names:
                return _text(403, f"this server is not {asked}")
            return content.answer(self.path, self.headers.get("Range"))

        def _send(self, status: int, body: Bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in (_FIXED_HEADERS | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    return _Server((host, port), Handler)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (as inherited)
        """Say nothing of readers that went away, the rest as ever."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class SiteContent:
    """Everything that is served: the page, its offer, the objects of the lake."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._pages = page_files()
        self._offer = Offer(objects)

    def answer(self, target: str, byte_range: str | None) -> Answer:
        """The answer to a request for a path, or for a range of its bytes."""
        path = unquote(urlsplit(target).path).lstrip("/") or "index.html"
        try:
            return self._answer(path, byte_range)
        except MissingError as error:
            return _text(404, str(error))
        except (LakeError, *STORE_ERRORS) as error:
            return _text(502, str(error))

    def _answer(self, path: str, byte_range: str | None) -> Answer:
        if path.startswith(LAKE):
            return object_answer(self._objects, path.removeprefix(LAKE), byte_range)
        if path == OFFER:
            return _json(self._offer.document(LAKE, is_live=True))
        if path in self._pages:
            return _page(path, self._pages[path])
        return _text(404, f"there is no {path}")


def object_answer(objects: Objects, path: str, byte_range: str | None) -> Answer:
    """The answer with an object of the lake, or with a range of its bytes.

    Args:
        objects: the lake.
        path: below its root; one that leads elsewhere is refused.
        byte_range: the `Range` of the request; None: all of it.
    """
    if not all(part not in ("", ".", "..") for part in path.split("/")) or re.search(
        r"[\\\0]", path
    ):
        return _text(400, f"{path!r} is no path below the lake")
    age = "public, max-age=31536000, immutable" if _FIXED.fullmatch(path) else "no-cache"
    headers = {
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        "Cache-Control": age,
    }
    if byte_range is None:
        return 200, objects.get(path), headers
    match = _RANGE.fullmatch(byte_range)
    if not match:
        return _text(416, f"{byte_range!r} is no range of bytes that is served here")
    if match[3]:
        body = objects.tail(path, int(match[3]))
        size = objects.stat(path).size
        return 206, body, headers | {"Content-Range": f"bytes {size - len(body)}-{size - 1}/{size}"}
    first, last = int(match[1]), int(match[2])
    (body,) = objects.get_ranges(path, [(first, last - first + 1)])
    return 206, body, headers | {"Content-Range": f"bytes {first}-{first + len(body) - 1}/*"}


def _page(name: str, body: bytes) -> Answer:
    kind = "text/javascript" if name.endswith(".js") else guess_type(name)[0]
    kind = kind or "application/octet-stream"
    text = "; charset=utf-8" if kind.startswith("text/") else ""
    return 200, body, {"Content-Type": kind + text, "Cache-Control": "no-cache"}


def _json(document: object) -> Answer:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return 200, json.dumps(document).encode(), headers


def _text(status: int, message: str) -> Answer:
    return status, f"{message}\n".encode(), {"Content-Type": "text/plain; charset=utf-8"}
