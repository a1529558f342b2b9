"""What `lake prometheus` answers: stores of a lake, how its commands ended, and the state of its runs.

It looks at the lake no more often than it is told to, however often it is asked. Where the lake does not
answer it says 503, so that `up` is 0.
"""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from jobs.runs import heartbeat, records
from lake.console.messages import say
from lake.errors import LakeError
from lake.storage.connect import STORE_ERRORS
from lake.upkeep.prometheus import Family, Watch, text


class PrometheusText:
    """What Prometheus scrapes of a lake, as text at most `every` seconds old."""

    def __init__(self, root: str, every: float) -> None:
        self._root, self._every = root, every
        self._watch = Watch(root)
        self._done: set[str] = set()
        self._text, self._read = "", float("-inf")
        self._lock = threading.Lock()

    def text(self) -> str:
        """The text, in Prometheus' format."""
        with self._lock:
            if time.monotonic() - self._read >= self._every:
                self._text = text([*self._watch.families(), *self._runs()])
                self._read = time.monotonic()
            return self._text

    def _runs(self) -> list[Family]:
        """How many runs of each job are in each state; finished runs are not read again."""
        runs = records.names(self._root, confirmed=self._done)
        unfinished = [run for run in runs if run not in self._done]
        with ThreadPoolExecutor(records.CONNECTIONS) as pool:
            fresh = pool.map(lambda run: heartbeat.state(self._root, run), unfinished)
        states = dict.fromkeys(runs, heartbeat.DONE) | dict(zip(unfinished, fresh, strict=True))
        self._done = {run for run, state in states.items() if state == heartbeat.DONE}
        counts = Counter((run.rpartition("-")[0], state) for run, state in states.items())
        samples = [({"job": job, "state": state}, n) for (job, state), n in sorted(counts.items())]
        return [Family("lake_runs", "Runs of jobs, by state.", samples)]


def server(source: PrometheusText, host: str, port: int) -> ThreadingHTTPServer:
    """A server of this text, not yet serving."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = _answer(source, self.path)
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Scrapes are not worth a line each."""

    return ThreadingHTTPServer((host, port), Handler)


def _answer(source: PrometheusText, path: str) -> tuple[int, bytes]:
    if path == "/healthz":
        return 200, b"ok\n"
    if path.partition("?")[0] != "/metrics":
        return 404, b"/metrics, /healthz\n"
    try:
        return 200, source.text().encode()
    except (LakeError, *STORE_ERRORS) as error:
        say(f"error: {str(error).partition(chr(10))[0]}")
        return 503, b"the lake does not answer\n"
