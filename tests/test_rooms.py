"""The house is as its plan says: rooms in layers, no circles, no module named by a string."""

import pytest

from tests import rooms

packages = pytest.mark.parametrize("package", rooms.PACKAGES)


@packages
def test_every_room_has_its_place_in_the_contract(package):
    layers = rooms.contracts()[package]
    assert sorted(room for layer in layers for room in layer) == sorted(rooms.rooms(package))


@packages
def test_no_modules_of_a_package_import_each_other(package):
    assert rooms.circles(package) == []


def test_a_circle_would_be_seen(monkeypatch):
    graph = {"jobs.a": {"jobs.b"}, "jobs.b": {"jobs.c"}, "jobs.c": {"jobs.a"}, "jobs.d": {"jobs.a"}}
    monkeypatch.setattr(rooms, "modules", lambda: dict.fromkeys(graph))
    monkeypatch.setattr(rooms, "imports", graph.__getitem__)
    assert rooms.circles("jobs") == [["jobs.a", "jobs.b", "jobs.c"]]


def test_no_module_is_named_by_a_string_outside_the_registry():
    named = {name: lines for name in rooms.modules() if (lines := rooms.strings(name))}
    assert set(named) <= {rooms.REGISTRY}, named


def test_architecture_page_shows_the_rooms_of_the_contracts():
    page = rooms.PAGE.read_text("utf-8")
    assert rooms.shown(page) == rooms.picture() + rooms.table(), "run python -m tests.rooms"
