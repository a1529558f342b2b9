"""Visits of the page: opening it at a state, pointing at places, reading what it says."""

import json

from playwright.sync_api import Page

from tests.explore.lakes import KEY, ExploredLake

READY = "body[data-ready]"


def visit(page: Page, site: str, **state: object) -> None:
    """Open the page at a state, wait until all of it is there."""
    parameters = {"store": KEY} | state
    page.goto(site + "#" + "&".join(f"{name}={value}" for name, value in parameters.items()))
    page.wait_for_selector(READY)


def shown(page: Page) -> dict[str, str]:
    """What the map shows now."""
    text = page.get_attribute("#map", "data-shown")
    return dict(pair.split("=") for pair in text.lstrip("#").split("&"))


def state(page: Page) -> dict[str, str]:
    """Of the address, once it is written."""
    page.wait_for_selector("body[data-settled]")
    return parameters(page.url)


def parameters(url: str) -> dict[str, str]:
    """What an address says."""
    return dict(pair.split("=") for pair in url.split("#")[1].split("&"))


def view(page: Page) -> tuple[float, float, float]:
    """Row and column in the middle of the map, and screen pixels a pixel."""
    return tuple(json.loads(page.get_attribute("#map", "data-view")))


def until(page: Page, number: int, than: float) -> None:
    """Wait until a number of the view is above another one."""
    wait(page, f"JSON.parse(document.getElementById('map').dataset.view)[{number}] > {than}")


def wait(page: Page, condition: str) -> None:
    """Wait until an expression is true; Playwright's own `wait_for_function` needs 'unsafe-eval'."""
    while not page.evaluate(condition):
        page.wait_for_timeout(50)


def point(page: Page, row: float, column: float) -> tuple[float, float]:
    """Where a place of the grid lies on the screen."""
    box = page.locator("#canvas").bounding_box()
    middle_row, middle_column, zoom = view(page)
    x = box["x"] + box["width"] / 2 + (column - middle_column) * zoom
    y = box["y"] + box["height"] / 2 + (row - middle_row) * zoom
    return x, y


def under(page: Page, row: float, column: float) -> str:
    """What the page says of a place under the cursor."""
    page.mouse.move(*point(page, row, column))
    return page.inner_text("#readout")


def click(page: Page, explored: ExploredLake, pixel: int, *, second: bool = False) -> None:
    land = explored.store.domain
    x, y = point(page, land.row[pixel] + 0.5, land.column[pixel] + 0.5)
    if second:
        page.keyboard.down("Shift")
    page.mouse.click(x, y)
    if second:
        page.keyboard.up("Shift")
