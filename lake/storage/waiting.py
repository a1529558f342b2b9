"""Says that a server is being waited for, once that takes longer than a few seconds."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lake.console.messages import say
from lake.storage.urls import redact

AFTER_S = 5.0
"""Waits shorter than this are not announced, seconds."""
AGAIN_S = 60.0
"""The time between two messages, seconds."""
_LOOK_S = 0.5

_since: dict[object, tuple[float, str]] = {}
"""Requests under way: when they began, and for which URL."""
_under_way = threading.Event()
_starting = threading.Lock()
_watcher: threading.Thread | None = None


@contextmanager
def announce(url: str) -> Iterator[None]:
    """A request to the server of a URL; if it takes long, a message on stderr says so."""
    _watch()
    request = object()
    _since[request] = time.monotonic(), url
    _under_way.set()
    try:
        yield
    finally:
        del _since[request]


def _watch() -> None:
    """Have one thread of this process look at the requests."""
    global _watcher  # noqa: PLW0603 (one for the process)
    with _starting:
        if _watcher is None or not _watcher.is_alive():  # the first, or after a fork
            _watcher = threading.Thread(target=_look, daemon=True, name="lake-waiting")
            _watcher.start()


def _look() -> None:
    last_message = -AGAIN_S
    while True:
        _under_way.wait()
        time.sleep(_LOOK_S)
        pending = list(_since.copy().values())
        if not pending:
            _under_way.clear()
            if _since:  # one began just now
                _under_way.set()
            continue
        began, url = min(pending)
        now = time.monotonic()
        if now - began > AFTER_S and now - last_message > AGAIN_S:
            last_message = now
            say(
                f"waiting for the server of {redact(url)}: no whole answer for {now - began:.0f} s; it is "
                "asked again for some minutes, Ctrl-C ends the waiting"
            )
