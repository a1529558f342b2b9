"""The page shows a run of `lake classify`: names of the labels, names and colours that people gave."""

import json

import numpy as np
import pytest
from playwright.sync_api import expect

from jobs.runs import outputs, records
from lake.format import schema
from lake.reading import classes as land_classes
from lake.storage.connect import connect
from tests.explore import lakes
from tests.explore.serving import serving
from tests.explore.visits import point, visit

NAMES = ("maize", "12", "no pixel", "swamp forest")
COLOUR = "#123456"


@pytest.fixture(scope="module")
def classified(tmp_path_factory):
    """A lake with a run of `lake classify`: its URL while it is served, the store, the run, the classes."""
    root = tmp_path_factory.mktemp("classified")
    store = lakes.build(root).store
    spec = records.spec_of(str(root), lakes.Nothing(), "classify", (store,))
    objects = records.folder(str(root), spec.id)
    arrays = [
        *schema.pixel_coordinates(store.domain),
        outputs.whole_array("class", ("class",), NAMES),
        outputs.pixel_array("classes", store, {}, "int32", -1),
    ]
    outputs.create(objects, spec, arrays, schema.PIXEL_COORDINATES)
    classes = np.array([0, 1, 3])[store.domain.row // 40].astype(np.int32)
    classes[lakes.UNCLEAR] = -1
    outputs.write(str(root), spec.id, "classes", classes)
    document = {
        "job": "classify",
        "stores": [{"key": str(store.key)}],
        "inputs": {},
        "settings": {},
    }
    objects.put("spec.json", json.dumps(document).encode())
    done = {"run": spec.id, "outputs": [], "seconds": 1.0, "finished": "2026-11-27T00:00:00+00:00"}
    objects.put("done.json", json.dumps(done).encode())
    given = {3: {"name": "mangrove", "colour": COLOUR}}
    land_classes.write_given(connect(root), spec.id, given)
    with serving(str(root)) as url:
        yield url, store, spec.id, classes


def test_legend_and_cursor_name_the_classes_of_a_classifier(page, classified):
    url, store, run, classes = classified
    visit(page, url, show="classes", run=run)
    page.wait_for_selector('#map[data-shown*="classes"]')
    shares = [100 * (classes == number).mean() for number in (0, 1, 3)]
    expect(page.locator("#legend li")).to_have_text(
        [
            f"{name}, {share:.1f} %"
            for name, share in zip(("maize", "class 12", "mangrove"), shares, strict=True)
        ]
        + ["no class"]
    )
    land = store.domain
    for number, name in ((0, "maize"), (-1, "no class"), (3, "mangrove")):
        pixel = int(np.flatnonzero(classes == number)[0])
        page.mouse.move(*point(page, land.row[pixel] + 0.5, land.column[pixel] + 0.5))
        expect(page.locator("#readout")).to_contain_text(f" · {name}")


def test_map_has_the_colours_that_people_gave(page, classified):
    url, store, run, classes = classified
    visit(page, url, show="classes", run=run)
    page.wait_for_selector('#map[data-shown*="classes"]')
    pixel = int(np.flatnonzero(classes == 3)[40])
    x, y = point(page, store.domain.row[pixel] + 0.5, store.domain.column[pixel] + 0.5)
    colour = page.locator("#canvas").evaluate(
        """(canvas, [x, y]) => {
            const box = canvas.getBoundingClientRect();
            const at = [(x - box.x) * canvas.width / box.width, (y - box.y) * canvas.height / box.height];
            return [...canvas.getContext("2d").getImageData(...at.map(Math.floor), 1, 1).data];
        }""",
        [x, y],
    )
    assert bytes(colour[:3]).hex() == COLOUR[1:]
