"""A web server for one reader: it serves the page, and the objects of one lake, read-only.

It hands out the objects below the lake's root, with the credentials of this process, to whoever knows the
token: the first segment of every path, which no other user of the machine can guess. It says nothing of
requests, so that no log holds the token; the page sends no `Referer`. Without a token it answers only
requests for an address or for a name of its own, so that no page of another site reaches the lake through
a name that points here.
"""

import socket
import sys
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

from lake.console.messages import say
from lake.explore import addresses
from lake.explore.addresses import Place
from lake.explore.site import Answer, SiteContent, text
from lake.storage import retries
from lake.storage.objects import Objects

PATIENCE = timedelta(seconds=4)
"""How long the lake's server is asked again; with the last try this stays below 10 s."""
IDLE_S = 120
"""How long a connection may say nothing, seconds."""

# search.wat and Zstandard are WebAssembly; nothing is made from text
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_FIXED_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def server(
    objects: Objects, host: str, port: int, token: str = "", names: tuple[str, ...] = ()
) -> ThreadingHTTPServer:
    """A server that listens, and serves once it is started.

    Args:
        objects: the lake.
        host: a name or an address of this machine.
        port: 0: any free one.
        token: the first segment of every path; empty: none, and the name that a request gives is checked.
        names: by which it may be called too, without a token.

    Raises:
        ConfigError: it cannot listen there; says why.
    """
    content = SiteContent(objects, token)
    trusted_names = None if token else addresses.names(host, *names)

    class Handler(_Handler):
        def _answer(self) -> Answer:
            if trusted_names is not None:
                name = addresses.name_in(self.headers.get("Host") or "")
                if not addresses.is_trusted(name, trusted_names):
                    return text(
                        403,
                        f"this server is not {name or 'called so'}; 'lake explore --name NAME' adds a name",
                    )
            # where a server tells no validators none can match: RFC 9110, section 13.1.5
            asked = None if "If-Range" in self.headers else self.headers.get("Range")
            with retries.patience(PATIENCE):
                return content.answer(self.path, asked, is_head=self.command == "HEAD")

    errors = []
    for place in addresses.places(host, port):
        try:
            return _Server(place, Handler)
        except OSError as error:
            errors.append(addresses.refusal(host, port, error))
    raise errors[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "goeslake"
    sys_version = ""
    timeout = IDLE_S
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def do_GET(self) -> None:
        self._send(self._safe_answer())

    def do_HEAD(self) -> None:
        self._send(self._safe_answer())

    def log_message(self, *_: object) -> None:
        """Say nothing of requests: their paths hold the token."""

    def end_headers(self) -> None:
        for name, value in _FIXED_HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def _answer(self) -> Answer:
        raise NotImplementedError

    def _safe_answer(self) -> Answer:
        try:
            return self._answer()
        except Exception as error:  # noqa: BLE001 (a reader shall see a sentence, whatever it is)
            message = f"an error of goeslake: {type(error).__name__}: {error}; please report it"
            say(message)
            return text(500, message)

    def _send(self, answer: Answer) -> None:
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # its body is not read
        self.send_response(answer.status)
        for name, value in ({"Content-Length": str(len(answer.body))} | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(answer.body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, place: Place, handler: type[_Handler]) -> None:
        self.address_family, address = place
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind; `::` takes IPv4 too. The name is not looked up, which may take long."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def handle_error(self, *_: object) -> None:
        """Say nothing of readers that went away, a sentence of the rest."""
        error = sys.exception()
        if not isinstance(error, (ConnectionError, TimeoutError)):
            say(f"an error of goeslake while it answered: {type(error).__name__}: {error}")
