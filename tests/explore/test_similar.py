"""Similar land: fainter below a threshold while it is moved, and coloured by rank."""

import matplotlib as mpl
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.explore.lakes import UNCLEAR
from tests.explore.visits import READY, point, state, visit

CHOSEN = 2500


def colour(page, explored, pixel):
    """(3,) red, green and blue of the middle of a pixel on the map."""
    land = explored.store.domain
    x, y = point(page, land.row[pixel] + 0.5, land.column[pixel] + 0.5)
    box = page.locator("#canvas").bounding_box()
    return np.array(
        page.evaluate(
            """([x, y]) => {
                const canvas = document.getElementById("canvas");
                const dots = canvas.width / canvas.clientWidth;
                return [...canvas.getContext("2d").getImageData(x * dots, y * dots, 1, 1).data];
            }""",
            [x - box["x"], y - box["y"]],
        )[:3]
    )


@pytest.fixture
def cosines(explored):
    """(pixel,) with the chosen pixel; NaN where there is no vector."""
    vectors = explored.vectors.astype(float)
    vectors[UNCLEAR] = np.nan
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors @ vectors[CHOSEN]


def test_threshold_is_drawn_while_it_moves_and_colours_go_by_rank(page, site, explored, cosines):
    cividis = mpl.colormaps["cividis"]
    low, high = (int(np.nanargmin(abs(cosines - value))) for value in (0.2, 0.9))
    visit(page, site, show="similar", a=CHOSEN)

    def shown(value):
        return 255 * np.array(cividis(value)[:3])

    np.testing.assert_allclose(colour(page, explored, low), shown(cosines[low]), atol=3)
    page.locator("#least").dispatch_event("input")  # where it is, 0.9
    page.evaluate("least.value = 0.5; least.dispatchEvent(new Event('input'))")
    expect(page.locator("#legend output")).to_contain_text("0.50: ")
    page.wait_for_timeout(300)
    faint = 0.25 * shown(cosines[low]) + 0.75 * 235
    np.testing.assert_allclose(colour(page, explored, low), faint, atol=3)
    np.testing.assert_allclose(colour(page, explored, high), shown(cosines[high]), atol=3)
    page.get_by_label("colours by rank").check()
    expect(page.locator("#legend")).to_contain_text("share of the pixels that are less similar")
    assert state(page)["ranked"] == "1"
    below = np.nanmean(cosines[np.isfinite(cosines)] < cosines[low])
    np.testing.assert_allclose(colour(page, explored, low), shown(below), atol=4)
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector(READY)
    expect(page.get_by_label("colours by rank")).to_be_checked()
    np.testing.assert_allclose(colour(page, explored, low), shown(below), atol=4)
