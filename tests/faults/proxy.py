"""A proxy in front of an S3 server that breaks some of the requests, by kind, rate and seed.

    with Proxy("http://127.0.0.1:7480", Faults({"error_after": 0.1}, seed=7)) as proxy:
        ...                      # clients use proxy.endpoint
        proxy.injected           # how often each kind was

    python -m tests.faults.proxy http://127.0.0.1:7480 --port 7481 --seed 7 error_after=0.1 slow=0.2

Requests pass unchanged, `Host` and signature included, over connections that stay open. Whether a
request is broken depends on the seed, its method, its path below the bucket and how many there were of
it: not on what other clients do at the time.
"""

import argparse
import asyncio
import hashlib
import json
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

KINDS = {
    "error_before": "500 or 503 instead of doing it",
    "expired": "400 instead of doing it: the credentials have expired",
    "error_after": "done, then answered by 500 or 503: the answer is lost",
    "reset_before": "the connection breaks, nothing is done",
    "reset_after": "done, then the connection breaks",
    "stall": "done, then no answer for `stall_s`, and the connection breaks",
    "slow": "the answer takes `slow_s`, in pieces",
    "truncate": "the body ends early, then the connection does",
    "strip": "`If-None-Match` is taken away: create-only writes replace; not where signatures count",
    "check_then_put": "a create-only write becomes a look and, `slow_s` later, a write",
}


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, and how often."""

    rates: Mapping[str, float] = field(default_factory=dict)
    """Kind -> probability; a request suffers one kind at most."""
    seed: int = 0
    match: str = ""
    """A regular expression that "METHOD /path" must contain; others pass."""
    limit: int | None = None
    """Number of requests that are broken in all; then everything passes."""
    stall_s: float = 5
    slow_s: float = 0.5

    def __post_init__(self) -> None:
        if unknown := set(self.rates) - set(KINDS):
            raise ValueError(f"no such faults: {sorted(unknown)}; there are {sorted(KINDS)}")

    def draw(self, method: str, path: str, number: int) -> tuple[str, float]:
        """The kind of fault of this request, "" for none, and a number in [0, 1) for its details."""
        if not re.search(self.match, f"{method} {path}"):
            return "", 0
        below = re.sub(r"^/[^/?]*", "", path)
        text = f"{self.seed} {number} {method} {below}"
        chance, detail = struct.unpack("<QQ", hashlib.sha256(text.encode()).digest()[:16])
        chance /= 2**64
        for kind, rate in self.rates.items():
            if chance < rate:
                return kind, detail / 2**64
            chance -= rate
        return "", 0


@dataclass(slots=True)
class Message:
    """A request or an answer, as it came over the wire."""

    start: str
    """The first line."""
    headers: list[tuple[str, str]]
    body: bytes = b""
    """With the framing of its chunks, if it came in chunks."""

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    def without(self, name: str) -> "Message":
        headers = [(key, value) for key, value in self.headers if key.lower() != name]
        return Message(self.start, headers, self.body)

    def head(self) -> bytes:
        lines = [self.start, *(f"{key}: {value}" for key, value in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Proxy:
    """Runs in a thread of this process from `__enter__` to `__exit__`."""

    def __init__(self, upstream: str, faults: Faults | None = None, port: int = 0) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.faults = faults or Faults()
        """May be replaced at any time."""
        self.injected: Counter[str] = Counter()
        self.requests = 0
        self.sent: Counter[str] = Counter()
        """Path -> bytes of the bodies of all answers."""
        self._seen: Counter[tuple[str, str]] = Counter()
        self._written: set[str] = set()
        self._serving: set[asyncio.Task[None] | None] = set()
        """Asyncio itself holds tasks weakly."""
        self._stop: Callable[[], None] = lambda: None
        self._started = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", port))
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        self._thread.join()

    async def _run(self) -> None:
        stopped = asyncio.Event()
        self._stop = partial(asyncio.get_running_loop().call_soon_threadsafe, stopped.set)
        server = await asyncio.start_server(self._serve, sock=self._listening)
        self._started.set()
        await stopped.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection, request after request."""
        self._serving.add(task := asyncio.current_task())
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while (request := await _read(reader, writer)) is not None:
                if not await self._answer(request, writer):
                    break
        except (OSError, asyncio.IncompleteReadError):
            _reset(writer)
        except asyncio.CancelledError:  # the proxy ends; asyncio would tell of it
            pass
        finally:
            self._serving.discard(task)
            writer.close()

    async def _answer(self, request: Message, writer: asyncio.StreamWriter) -> bool:
        """Answer a request, well or badly; whether the connection goes on."""
        kind, detail = self._draw(request)
        answer: Message | None = None
        if kind == "error_before":
            answer = _failure(detail)
        elif kind == "check_then_put":
            answer = await self._look(request)
        if kind in ("strip", "check_then_put"):
            request = request.without("if-none-match")
        if kind == "expired":
            answer = _expired(request)
        if answer is None and kind != "reset_before":
            answer = await self._forward(request)
        if kind == "stall":
            await asyncio.sleep(self.faults.stall_s)
        if answer is None or kind in ("reset_after", "stall"):
            return _reset(writer)
        if kind == "error_after":
            answer = _failure(detail)
        if kind == "truncate":
            answer.body = answer.body[: int(detail * len(answer.body))]
        self.sent[request.start.split(" ", 2)[1]] += len(answer.body)
        goes_on = await _send(writer, answer, self.faults.slow_s if kind == "slow" else 0)
        return goes_on and kind != "truncate"

    def _draw(self, request: Message) -> tuple[str, float]:
        method, path, _ = request.start.split(" ", 2)
        self.requests += 1
        self._seen[method, path] += 1
        limit = self.faults.limit
        if limit is not None and self.injected.total() >= limit:
            return "", 0
        kind, detail = self.faults.draw(method, path, self._seen[method, path])
        conditional = bool(request.header("if-none-match"))
        if (kind in ("strip", "check_then_put") and not conditional) or (
            kind == "truncate" and method != "GET"
        ):
            return "", 0
        self.injected.update([kind] if kind else [])
        return kind, detail

    async def _forward(self, request: Message) -> Message:
        reader, writer = await asyncio.open_connection(*self._upstream)
        try:
            writer.write(request.head() + request.body)
            await writer.drain()
            answer = await _read(reader, None, request=request)
            while answer is not None and answer.start.split(" ", 2)[1] == "100":
                answer = await _read(reader, None, request=request)
            if answer is None:
                raise ConnectionResetError("the server closed the connection")
            return answer
        finally:
            writer.close()

    async def _look(self, request: Message) -> Message | None:
        """A refusal if the object is there, as a server that does not write atomically would find it."""
        path = request.start.split(" ", 2)[1]
        if path in self._written:
            return Message("HTTP/1.1 412 Precondition Failed", [("Content-Length", "0")])
        await asyncio.sleep(self.faults.slow_s)
        self._written.add(path)
        return None


async def _read(
    reader: asyncio.StreamReader,
    client: asyncio.StreamWriter | None,
    request: Message | None = None,
) -> Message | None:
    """The next message; None where the connection ends before it. `of`: it is the answer to this."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    start, *lines = head.decode("latin-1")[:-4].split("\r\n")
    pairs = (line.partition(":") for line in lines)
    message = Message(start, [(key, value.strip()) for key, _, value in pairs])
    if client and message.header("expect"):
        client.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if request and (
        request.start.startswith("HEAD ") or start.split(" ", 2)[1] in ("100", "204", "304")
    ):
        return message
    if message.header("transfer-encoding").lower() == "chunked":
        message.body = await _read_chunks(reader)
    else:
        message.body = await reader.readexactly(int(message.header("content-length") or 0))
    return message


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        size = await reader.readuntil(b"\r\n")
        data = await reader.readexactly(int(size.split(b";")[0], 16) + 2)
        body += size + data
        if data == b"\r\n":
            return body


async def _send(writer: asyncio.StreamWriter, answer: Message, slow_s: float = 0) -> bool:
    """Send an answer, in ten pieces if it is to take its time; whether the connection goes on."""
    writer.write(answer.head())
    pieces = 10 if slow_s else 1
    step = -(-len(answer.body) // pieces) or 1
    for begin in range(0, max(len(answer.body), 1), step):
        await asyncio.sleep(slow_s / pieces)
        writer.write(answer.body[begin : begin + step])
        await writer.drain()
    return answer.header("connection").lower() != "close"


def _failure(detail: float) -> Message:
    status = ("500 Internal Server Error", "503 Slow Down")[detail > 0.5]
    return Message(f"HTTP/1.1 {status}", [("Content-Length", "0")])


def _expired(request: Message) -> Message:
    body = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
    length = [("Content-Length", str(len(body)))]
    text = b"" if request.start.startswith("HEAD ") else body
    return Message("HTTP/1.1 400 Bad Request", length, text)


def _reset(writer: asyncio.StreamWriter) -> bool:
    """End the connection by a reset, not in good order."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


def main() -> None:
    """Run by hand until interrupted; prints what was injected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("upstream")
    parser.add_argument("rates", nargs="*", metavar="KIND=RATE", help=", ".join(KINDS))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--match", default="")
    options = parser.parse_args()
    rates = {kind: float(rate) for kind, _, rate in (text.partition("=") for text in options.rates)}
    with Proxy(options.upstream, Faults(rates, options.seed, options.match), options.port) as proxy:
        print(proxy.endpoint, flush=True)  # noqa: T201 (for whoever started it)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(json.dumps(proxy.injected))  # noqa: T201 (likewise)


if __name__ == "__main__":
    main()
