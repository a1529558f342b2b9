"""Names and colours of classes: defaults, what people give, what is refused."""

import pytest

from jobs.runs import class_names, driver, records
from lake.errors import ConfigError, FormatError, MissingError
from lake.reading import classes
from lake.storage.connect import connect


@pytest.fixture
def forgotten(truth, chain):
    """Whatever a test gives is taken off again."""
    yield
    classes.write_given(connect(truth.root), chain.cluster, {})


def test_classes_have_names_and_colours_without_anybody(truth, chain):
    named = class_names.read(truth.root, chain.cluster)
    assert [each.number for each in named] == [0, 1, 2]
    assert [each.name for each in named] == ["class 0", "class 1", "class 2"]
    assert [each.colour for each in named] == list(classes.PALETTE[:3])
    assert named[0].rgb == pytest.approx((0x33 / 255, 0x22 / 255, 0x88 / 255))


def test_name_and_colour_are_given_by_and_by_and_taken_off(truth, chain, forgotten):
    change = class_names.change
    change(truth.root, chain.cluster, 2, " irrigated crops ", None)
    named = change(truth.root, chain.cluster, 2, None, "#88AA33")
    assert (named[2].name, named[2].colour) == ("irrigated crops", "#88aa33")
    assert named[1].name == "class 1"
    named = change(truth.root, chain.cluster, 2, "desert", None, forget=True)
    assert (named[2].name, named[2].colour) == ("desert", classes.PALETTE[2])
    named = change(truth.root, chain.cluster, 2, None, None, forget=True)
    assert named[2].name == "class 2"


def test_names_stay_when_the_run_is_made_anew(truth, chain, tmp_path):
    spec = records.read_spec(truth.root, chain.cluster)
    records.write_spec(str(tmp_path), spec)
    folder = records.folder(str(tmp_path), spec.id)
    for name in ("pictures.json", "tags.json", "cluster.zarr/zarr.json"):
        folder.put(name, b"[]")
    classes.write_given(connect(tmp_path), spec.id, {1: {"name": "city"}})
    driver.forget(str(tmp_path), spec.id)
    assert folder.list() == [classes.GIVEN, "tags.json"]
    assert classes.read_given(connect(tmp_path), spec.id) == {1: {"name": "city"}}


@pytest.mark.parametrize(
    ("number", "name", "colour", "message"),
    [
        (3, "x", None, "there is no class 3: wanted 0 to 2"),
        (-1, "x", None, "there is no class -1"),
        (1, "  ", None, "wanted 1 to 80"),
        (1, "a\nb", None, "wanted 1 to 80"),
        (1, "x" * 81, None, "wanted 1 to 80"),
        (1, "class 2", None, "class 2 is called 'class 2' already"),
        (1, None, "green", "six hexadecimal digits"),
        (1, None, "#12345", "six hexadecimal digits"),
    ],
)
def test_what_cannot_be_a_name_or_a_colour_is_refused(truth, chain, number, name, colour, message):
    with pytest.raises(ConfigError, match=message):
        class_names.change(truth.root, chain.cluster, number, name, colour)


def test_run_without_classes_is_refused(truth, chain):
    with pytest.raises(ConfigError, match="of pca, which has no classes"):
        class_names.read(truth.root, chain.pca)
    with pytest.raises(MissingError, match="no run"):
        class_names.read(truth.root, "cluster-000000000000")


def test_names_of_labels_stay_and_numbers_become_words():
    named = classes.defaults(("wood", "7", "city"))
    assert [each.name for each in named] == ["wood", "class 7", "city"]


@pytest.mark.parametrize("content", ['{"1": {"colour": "red"}}', '{"one": {}}', '{"1": "city"}'])
def test_file_of_names_that_is_damaged_is_named(tmp_path, content):
    lake = connect(tmp_path)
    lake.put(f"runs/cluster-1/{classes.GIVEN}", content.encode())
    with pytest.raises(FormatError, match=r"class_names\.json says"):
        classes.read_given(lake, "cluster-1")
