"""What the page reads: nothing large without a question; it is shown, and can be stopped."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from lake.format.order import Layout
from tests.explore import lakes
from tests.explore.serving import serving

READY = "body[data-ready]"


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Iterator[str]:
    """The site of a lake whose pixels take 6 MB each and whose vectors take 4.6 MB."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lakes, "LAYOUT", Layout(chunk=16384, phases=1))
        patch.setattr(lakes, "LATENT", 320)
        lake = lakes.build(tmp_path_factory.mktemp("large"))
    with serving(str(lake.root)) as url:
        yield url


def asked(page, part: str) -> list[str]:
    """The URLs with some text in them that the page asks for from now on."""
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url) if part in request.url else None)
    return urls


def test_year_of_a_pixel_waits_for_an_answer(page, large):
    chunks = asked(page, "/results/c/")
    page.goto(f"{large}#store={lakes.KEY}&month=7&a=500")
    page.wait_for_selector(READY)
    question = page.locator("#asking-year")
    expect(question).to_contain_text("Only this month is shown")
    assert chunks
    assert all("/c/6/" in url for url in chunks)  # July
    page.get_by_text("Numbers of this month").click()
    expect(page.locator("#numbers tr")).to_have_count(4)  # a head, three bands
    page.get_by_label("Month").select_option(label="Jan")
    expect(page.locator("#numbers tr")).to_have_count(4)
    page.locator("#clear").click()
    expect(question).to_be_empty()
    page.reload()
    page.wait_for_selector(READY)
    page.goto(f"{large}#store={lakes.KEY}&month=7&a=501")
    page.locator("#asking-year button").click()
    expect(question).to_be_empty()
    expect(page.locator("#fetching")).to_be_hidden()
    assert any("/c/0/" in url for url in chunks)


def test_vectors_wait_for_an_answer_that_holds_for_the_next_ones(page, large):
    chunks = asked(page, "/embedding/c/")
    page.goto(f"{large}#store={lakes.KEY}&show=similar&a=500")
    button = page.locator("#asking button")
    expect(button).to_have_text("Read 4.6 MB")
    page.wait_for_timeout(300)
    assert chunks == []
    page.get_by_label("Show", exact=True).select_option("mean")
    expect(page.locator("#asking")).to_be_empty()
    page.wait_for_selector(READY)  # the pixel of the link, too
    expect(page.locator("#charts svg").first).to_be_visible()
    assert page.locator("#problem").is_hidden()
    page.get_by_label("Show", exact=True).select_option("similar")
    button.click()
    expect(page.locator("#legend")).to_contain_text("similarity to pixel A")
    assert chunks


def test_reading_is_shown_and_can_be_stopped_and_begun_again(page, large):
    page.goto(f"{large}#store={lakes.KEY}")
    page.wait_for_selector(READY)
    page.context.route("**/embedding/c/**", lambda _: None)  # never answered
    page.get_by_label("Show", exact=True).select_option("similar")
    page.locator("#asking button").click()
    expect(page.locator("#fetching")).to_contain_text("Reading 0.0 MB")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("alert")).to_contain_text("Reading was stopped")
    expect(page.locator("#fetching")).to_be_hidden()
    page.context.unroute("**/embedding/c/**")
    page.get_by_label("Show", exact=True).select_option("mean")
    page.get_by_label("Show", exact=True).select_option("similar")
    expect(page.locator("#legend")).to_contain_text("choose a pixel")


def test_lake_that_does_not_answer_is_said_within_ten_seconds(page, site):
    page.route("**/overview/**", lambda _: None)
    page.goto(f"{site}#store={lakes.KEY}")
    expect(page.locator("#fetching")).to_contain_text(
        re.compile(r"The lake has not answered for (8|9|10) s")
    )


def test_refusal_is_said_with_the_servers_reason_and_not_asked_for_again(page, site):
    urls = asked(page, "/overview/")
    page.route(
        "**/overview/**",
        lambda route: route.fulfill(status=502, content_type="text/plain", body="it sleeps\n"),
    )
    page.goto(f"{site}#store={lakes.KEY}")
    expect(page.get_by_role("alert")).to_contain_text("status 502 Bad Gateway: it sleeps")
    assert len(urls) == len(set(urls))
