"""A lake, a server before it, one browser."""

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from lake.explore.server import server
from lake.storage.connect import connect
from tests import chromium, debian
from tests.explore import lakes

expect.set_options(timeout=30_000)  # milliseconds, as everything else of Playwright


@pytest.fixture(scope="session")
def explored(tmp_path_factory) -> lakes.ExploredLake:
    return lakes.build(tmp_path_factory.mktemp("explored"))


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """The browser; tests are skipped where the machine cannot have one.

    Ended with the tests of a file: Playwright's event loop is in the way of others.
    """
    try:
        with chromium.browser() as running:
            yield running
    except debian.UnavailableError as error:
        pytest.skip(f"no browser: {error}")


@pytest.fixture(scope="session")
def site(explored) -> Iterator[str]:
    """URL of the page."""
    with serving(str(explored.root)) as url:
        yield url


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


@pytest.fixture
def context(chrome) -> Iterator[BrowserContext]:
    """A new profile; whatever it asks for outside its own origin fails the test."""
    context = chrome.new_context(viewport={"width": 1300, "height": 800}, accept_downloads=True)
    strangers = []
    context.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("http://127.0.0.1:", "blob:", "data:"))
            else strangers.append(request.url)
        ),
    )
    yield context
    context.close()
    assert strangers == []


@pytest.fixture
def page(context) -> Iterator[Page]:
    """An empty page; an error of its scripts fails the test."""
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == []
