"""Everything that `lake explore` serves: the page, its offer, and the objects of the lake, read-only."""

import json
import os
import re
import secrets
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from mimetypes import guess_type
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from lake.errors import ConfigError, LakeError, MissingError, UnreachableError
from lake.explore import coast_lines, ranges
from lake.explore.contents import Offer
from lake.explore.ranges import UnsatisfiableError
from lake.storage.connect import STORE_ERRORS
from lake.storage.objects import Bytes, Objects
from lake.storage.urls import redact

T = TypeVar("T")

LAKE = "lake/"
"""Path of the lake's objects, as the page asks for them."""
OFFER = "stores.json"
LINES = "lines.bin"
ANSWER_S = 9.0
"""How long the lake may take to say what it holds, seconds."""
MOST_SIZES = 20_000
"""How many sizes of objects are remembered."""

_FIXED = re.compile(r"(?:.*/)?v/[^/]+\.zarr/.+")
"""Paths of objects of a generation, which never change."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request."""

    status: int
    body: Bytes
    headers: dict[str, str] = field(default_factory=dict)
    """`Content-Length` only where it is not that of the body, which a HEAD does not get."""


def page_files() -> dict[str, bytes]:
    """The files of the page by name."""
    folders = (Path(__file__).with_name(name) for name in ("static", "built"))
    pages = {file.name: file.read_bytes() for folder in folders for file in folder.iterdir()}
    return pages | {LINES: coast_lines.packed_lines()}


def within(seconds: float, call: Callable[[], T], place: str) -> T:
    """What a call returns; its errors are raised.

    Raises:
        UnreachableError: it took longer; `place` is the URL of what it waits for.
    """
    outcomes: SimpleQueue[tuple[bool, T | BaseException]] = SimpleQueue()
    Thread(target=copy_context().run, args=(_tried, call, outcomes), daemon=True).start()
    try:
        is_done, outcome = outcomes.get(timeout=seconds)
    except Empty:
        raise UnreachableError(
            f"{redact(place)} gave no whole answer within {seconds:.0f} s: check the URL, the network, and "
            "that its server runs"
        ) from None
    if is_done:
        return outcome  # type: ignore[return-value]
    raise outcome  # type: ignore[misc]


def _tried(call: Callable[[], T], outcomes: "SimpleQueue[tuple[bool, T | BaseException]]") -> None:
    try:
        outcomes.put((True, call()))
    except BaseException as error:  # noqa: BLE001 (raised where the result is asked for)
        outcomes.put((False, error))


class SiteContent:
    """Everything that is served, by path."""

    def __init__(self, objects: Objects, token: str = "") -> None:
        """Content for whoever knows the token.

        Args:
            objects: the lake.
            token: the first segment of every path; empty: there is none.
        """
        self._objects = objects
        self._token = token
        self._pages = page_files()
        self._offer = Offer(objects)
        self._sizes: dict[str, int] = {}

    def answer(
        self, target: str, byte_range: str | None = None, *, is_head: bool = False
    ) -> Answer:
        """The answer to a request for a path, or for a range of its bytes."""
        try:
            path = self._path(target)
            if path is None:
                return Answer(308, b"", {"Location": f"/{self._token}/"})
            return self._answer(path or "index.html", byte_range, is_head=is_head)
        except (LakeError, *STORE_ERRORS) as error:
            return text(_status(error), str(error))

    def _path(self, target: str) -> str | None:
        """The path of a request behind the token; None: it lacks the slash there."""
        try:
            path = unquote(urlsplit(target).path).lstrip("/")
        except ValueError as error:
            raise ConfigError(f"{target!r:.80} is no path") from error
        if not self._token:
            return path
        token, slash, path = path.partition("/")
        if not secrets.compare_digest(token.encode(), self._token.encode()):
            raise ConfigError(
                "open the whole address that 'lake explore' printed: it holds a secret, new with each start"
            )
        return path if slash else None

    def _answer(self, path: str, byte_range: str | None, *, is_head: bool) -> Answer:
        if path.startswith(LAKE):
            return self.object(path.removeprefix(LAKE), byte_range, is_head=is_head)
        if path == OFFER:
            return _json(
                within(
                    ANSWER_S, lambda: self._offer.document(LAKE, is_live=True), self._objects.root
                )
            )
        if path in self._pages:
            return _page(path, self._pages[path])
        return text(404, f"there is no {path}")

    def object(self, path: str, byte_range: str | None = None, *, is_head: bool = False) -> Answer:
        """The answer with an object of the lake, or with ranges of its bytes.

        Args:
            path: below the lake's root; one that leads elsewhere is refused.
            byte_range: the `Range` of the request; None: all of it.
            is_head: whether only headers are wanted.
        """
        if not all(part not in ("", ".", "..") for part in path.split("/")) or re.search(
            r"[\\\0]", path
        ):
            return text(400, f"{path!r} is no path below the lake")
        if self._objects.is_folder:
            _check_file(self._objects.root, path)
        age = "private, max-age=31536000, immutable" if _FIXED.fullmatch(path) else "no-cache"
        headers = {
            "Content-Type": "application/octet-stream",
            "Accept-Ranges": "bytes",
            "Cache-Control": age,
        }
        if is_head:
            return Answer(200, b"", headers | {"Content-Length": str(self._size(path))})
        if byte_range is None:
            return Answer(200, self._objects.get(path), headers)
        return self._parts(path, byte_range, headers)

    def _parts(self, path: str, byte_range: str, headers: dict[str, str]) -> Answer:
        size = self._size(path)
        try:
            spans = ranges.spans(byte_range, size)
        except UnsatisfiableError as error:
            refused = text(416, str(error))
            return Answer(416, refused.body, refused.headers | {"Content-Range": f"bytes */{size}"})
        if spans is None:
            return Answer(200, self._objects.get(path), headers)
        parts = self._objects.get_ranges(path, spans)
        if [len(part) for part in parts] != [length for _, length in spans]:
            return text(
                502, f"{self._objects.url(path)} became shorter while it was read: it is damaged"
            )
        places = [f"bytes {first}-{first + length - 1}/{size}" for first, length in spans]
        if len(spans) == 1:
            return Answer(206, parts[0], headers | {"Content-Range": places[0]})
        return _multipart(parts, places, headers)

    def _size(self, path: str) -> int:
        """The size of an object; that of one which never changes is asked for once."""
        if path in self._sizes:
            return self._sizes[path]
        size = self._objects.stat(path).size
        if _FIXED.fullmatch(path):
            if len(self._sizes) >= MOST_SIZES:
                self._sizes.clear()
            self._sizes[path] = size
        return size


def _status(error: BaseException) -> int:
    """The status that says what an error says."""
    if isinstance(error, ConfigError):
        return 403
    return 404 if isinstance(error, MissingError) else 502


def _check_file(root: str, path: str) -> None:
    """Refuse what is no file, such as a pipe, and what lies outside a folder once links are followed."""
    whole = os.path.realpath(root)
    file = os.path.realpath(f"{whole}/{path}")
    if os.path.commonpath([whole, file]) != whole:
        raise ConfigError(
            f"{path} leads out of the lake by a link, which is not followed: copy what it leads to into "
            "the lake, or mount it there"
        )
    if not os.path.isfile(file):  # noqa: PTH113 (False where a name is too long)
        raise MissingError(f"there is no object {whole}/{path}")


def _multipart(parts: Sequence[Bytes], places: list[str], headers: dict[str, str]) -> Answer:
    """Several ranges as one body; RFC 9110, section 14.6."""
    boundary = secrets.token_hex(16)
    body = b"".join(
        f"--{boundary}\r\nContent-Type: {headers['Content-Type']}\r\nContent-Range: {place}\r\n\r\n".encode()
        + bytes(part)
        + b"\r\n"
        for part, place in zip(parts, places, strict=True)
    )
    kind = {"Content-Type": f"multipart/byteranges; boundary={boundary}"}
    return Answer(206, body + f"--{boundary}--\r\n".encode(), headers | kind)


def _page(name: str, body: bytes) -> Answer:
    kind = "text/javascript" if name.endswith(".js") else guess_type(name)[0]
    kind = kind or "application/octet-stream"
    charset = "; charset=utf-8" if kind.startswith("text/") else ""
    return Answer(200, body, {"Content-Type": kind + charset, "Cache-Control": "no-cache"})


def _json(document: object) -> Answer:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Answer(200, json.dumps(document).encode(), headers)


def text(status: int, message: str) -> Answer:
    """An answer of one sentence."""
    headers = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
    return Answer(status, f"{message}\n".encode(), headers)
