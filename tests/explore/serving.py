"""The server of `lake explore`, in a thread of the test."""

import threading

from lake.explore import addresses
from lake.explore.server import server
from lake.storage.connect import connect

TOKEN = "0123-token_x"  # noqa: S105 (of tests)


class serving:  # noqa: N801 (a context manager)
    """The server of `lake explore` in a thread; gives its URL, with a token."""

    def __init__(self, root: str, token: str = TOKEN) -> None:
        self._token = token
        self._server = server(connect(root), "127.0.0.1", 0, token)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return addresses.url("127.0.0.1", self._server.server_port, self._token)

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
