"""The server of `lake explore`, in a thread of the test."""

import threading

from lake.explore.server import server
from lake.storage.connect import connect


class serving:  # noqa: N801 (a context manager)
    """The server of `lake explore` in a thread; gives its URL."""

    def __init__(self, root: str) -> None:
        self._server = server(connect(root), "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
