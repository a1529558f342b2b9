"""A lake, a server before it, one browser."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from jobs.runs import driver
from jobs.series import series
from tests import chromium, debian
from tests.explore import lakes
from tests.explore.serving import serving

expect.set_options(timeout=30_000)  # milliseconds, as everything else of Playwright


@pytest.fixture(scope="session")
def explored(tmp_path_factory) -> lakes.ExploredLake:
    return lakes.build(tmp_path_factory.mktemp("explored"))


@pytest.fixture(scope="session")
def turned_lake(client, explored, tmp_path_factory) -> str:
    """The lake with a run of `lake series`."""
    root = shutil.copytree(explored.root, tmp_path_factory.mktemp("turned") / "lake")
    driver.run(client, str(root), lakes.KEY, series.Settings())
    return str(root)


@pytest.fixture(scope="session")
def years(explored, tmp_path_factory) -> lakes.TwoYears:
    """The lake with a second store of the same pixels, of the year after."""
    return lakes.two_years(explored, tmp_path_factory.mktemp("years") / "lake")


@pytest.fixture(scope="session")
def years_site(years) -> Iterator[str]:
    """URL of the page of the lake of two years."""
    with serving(str(years.root)) as url:
        yield url


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
