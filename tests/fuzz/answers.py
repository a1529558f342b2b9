"""Answers of a web server that are wrong in status, headers, length or body, read by `lake.open`."""

import os
import re
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from lake.storage.retries import patience
from tests.fuzz import documents, mutations
from tests.lake import small_store

STATUSES = (
    "200 OK", "200", "204 No Content", "206 Partial Content", "301 Moved", "302 Found", "304 Not Modified",
    "307 Again", "400 Bad", "401 Unauthorized", "403 Forbidden", "404 Not Found", "405 No", "408 Slow",
    "409 C",
    "410 Gone", "412 P", "416 Range", "418 Tea", "429 Many", "451 Law", "500 Error", "501 Not", "503 Busy",
    "100 Continue", "099 Low", "600 High", "999 X", "abc", "",
)  # fmt: skip
HEADERS = (
    "Content-Length: 0", "Content-Length: -1", "Content-Length: 99999999", "Content-Length: x",
    "Content-Length: 18446744073709551616", "Transfer-Encoding: chunked", "Content-Encoding: gzip",
    "Content-Encoding: br", "Content-Range: bytes 0-0/1", "Content-Range: bytes */*", "Content-Range: x",
    "Content-Range: bytes 5-2/3", "Last-Modified: never", "Last-Modified: Thu, 99 Jan 1970 00:00:00 GMT",
    "ETag:", 'ETag: "\xff"', "Location: /", "Location: /a/b", "Location: ftp://127.0.0.1:9/",
    "Location: \xff",
    "Location: file:///etc/hosts", "Retry-After: 99999", "X: " + "x" * 70_000, "NoColon", "\x00: \x00",
    ": empty",
    "Content-Type: text/html; charset=\xff", "Connection: upgrade", "Set-Cookie: a=b",
)  # fmt: skip


class Server(socketserver.ThreadingTCPServer):
    """Serves objects, with what a `Random` decides wrong in some of the answers."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.contents = contents
        self.random = Random(0)  # noqa: S311 (a seed decides)
        self.share = 0.0
        self.lock = threading.Lock()

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no fault of ours."""


class _Answer(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        request = self.rfile.readline(65536).decode("latin-1").split()
        asked = ""
        while (line := self.rfile.readline(65536)) not in (b"\r\n", b""):
            if line.lower().startswith(b"range:"):
                asked = line.decode("latin-1").partition(":")[2]
        if len(request) < 2:
            return
        with self.server.lock:
            answer = self._answer(request[0], request[1].lstrip("/"), asked)
        self.wfile.write(answer)

    def _answer(self, method: str, path: str, asked: str) -> bytes:
        random = self.server.random
        data = self.server.contents.get(path)
        status, headers = ("200 OK", []) if data is not None else ("404 Not Found", [])
        body = data or b""
        if data is not None and (match := re.search(r"bytes=(\d*)-(\d*)", asked)):
            start = int(match[1]) if match[1] else max(len(data) - int(match[2]), 0)
            end = min(int(match[2]) + 1, len(data)) if match[1] and match[2] else len(data)
            body, status = data[start:end], "206 Partial Content"
            headers.append(f"Content-Range: bytes {start}-{end - 1}/{len(data)}")
        headers.append("Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT")
        length = len(body)
        is_wrong = random.random() < self.server.share
        action = random.randrange(8) if is_wrong else -1
        if action in {0, 1}:
            status = random.choice(STATUSES)
        elif action == 2:
            headers = [h for h in headers if random.random() < 0.5]
        elif action in {3, 4}:
            headers.insert(random.randint(0, len(headers)), random.choice(HEADERS))
        elif action == 5:
            body = documents.wrong(random, path, body)
            length = len(body) if random.random() < 0.7 else length
        elif action == 6:
            length = random.choice((0, length + 1, length - 1, length * 2))
        headers += [f"Content-Length: {length}", "Connection: close"]
        head = "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode("latin-1")
        answer = head if method == "HEAD" else head + body
        return mutations.change_bytes(random, answer) if action == 7 else answer


@contextmanager
def attempts(folder: Path) -> Iterator[Callable[[Random], None]]:
    """Reads a store or a catalogue from a server whose answers are wrong."""
    contents = documents.write(folder / "lake")
    os.environ["LAKE_REQUEST_SECONDS"] = "1"
    with Server(contents) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        root = f"http://127.0.0.1:{server.server_address[1]}"

        def attempt(random: Random) -> None:
            server.random = Random(random.random())  # noqa: S311
            server.share = random.choice((0.1, 0.5, 1.0))
            with patience(timedelta(seconds=0.2)):
                if random.random() < 0.7:
                    documents.read_store(f"{root}/{small_store.KEY}")
                else:
                    documents.read_catalogue(root)

        try:
            yield attempt
        finally:
            server.shutdown()
            thread.join()
            del os.environ["LAKE_REQUEST_SECONDS"]
