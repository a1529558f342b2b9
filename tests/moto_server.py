"""A moto server whose create-only writes exclude each other, as those of real servers do.

moto looks whether there is an object and writes it in two steps: on a loaded machine two writers win.
"""

import threading
from typing import Any

from moto import server

_CREATING = threading.Lock()
_answer = server.DomainDispatcherApplication.__call__


def _one_creator_at_a_time(app: Any, environ: dict[str, Any], start_response: Any) -> Any:
    if "HTTP_IF_NONE_MATCH" not in environ:
        return _answer(app, environ, start_response)
    with _CREATING:
        return _answer(app, environ, start_response)


if __name__ == "__main__":
    server.DomainDispatcherApplication.__call__ = _one_creator_at_a_time
    server.main()
