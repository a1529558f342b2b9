"""A plain web server on loopback: files of a folder, ranges of bytes, no listing, a log of requests."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass(slots=True)
class Web:
    """What runs, and what it was asked for."""

    url: str
    absent: int = 404
    """The status of what is not there: 403 where a bucket forbids to list."""
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    """Method, path and bytes of the answer's body."""


@contextmanager
def server(folder: Path) -> Iterator[Web]:
    """Serve a folder."""
    web = Web("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, *, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            file = folder / path.lstrip("/")
            there = file.is_file()
            data, status = (file.read_bytes(), 200) if there else (b"", web.absent)
            headers = {"Accept-Ranges": "bytes"}
            if there:
                headers |= {
                    "ETag": f'"{len(data)}"',
                    "Last-Modified": "Wed, 01 Jan 2025 00:00:00 GMT",
                    "Content-Type": guess_type(path)[0] or "application/octet-stream",
                }
            if there and (asked := self.headers.get("Range")):
                whole, (data, span) = len(data), _part(data, asked)
                status = 206
                headers["Content-Range"] = f"bytes {span}/{whole}"
            web.asked.append((self.command, path, len(data) if body else 0))
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(data))}).items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(data)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        web.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield web
        running.shutdown()
        thread.join()


def _part(data: bytes, asked: str) -> tuple[bytes, str]:
    """The bytes of one range, and which they are."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", asked)
    assert found, asked
    first, last = found[1], found[2]
    start = int(first) if first else max(len(data) - int(last), 0)
    end = min(int(last) + 1, len(data)) if first and last else len(data)
    return data[start:end], f"{start}-{end - 1}"
