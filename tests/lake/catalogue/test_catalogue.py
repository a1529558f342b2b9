from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lake.catalogue import catalogue
from lake.errors import ConfigError, FormatError, MissingError
from lake.storage.connect import connect
from lake.storage.objects import exists
from tests.lake.catalogue.rows import ROW


@pytest.fixture
def objects(tmp_path):
    objects = connect(tmp_path)
    catalogue.claim(objects)
    return objects


def test_new_lake_has_no_rows_and_claiming_again_is_allowed(objects):
    catalogue.claim(objects)
    assert catalogue.rows(objects) == []


def test_rows_come_back_sorted_by_key(objects):
    other = replace(ROW, key="goes16/a/20200101_20201231/geom-goes-conus-0")
    for row in (ROW, other):
        catalogue.upsert(objects, row)
    assert catalogue.rows(objects) == [other, ROW]


def test_newer_row_replaces_older_and_older_changes_nothing(objects):
    newer = replace(ROW, number=2, merged=6)
    for row in (ROW, newer, ROW):
        catalogue.upsert(objects, row)
    assert catalogue.rows(objects) == [newer]


def test_writers_at_the_same_time_lose_no_row(objects):
    new = [replace(ROW, key=f"goes16/l{i}/20200101_20201231/geom-goes-conus-0") for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda row: catalogue.upsert(objects, row), new))
    assert catalogue.rows(objects) == new


def test_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"not empty.*holiday\.jpg"):
        catalogue.claim(connect(tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["holiday.jpg"]


def test_lake_of_a_newer_version_is_refused(tmp_path):
    (tmp_path / "lake.json").write_text('{"lake_format": "goeslake", "version": 99}')
    with pytest.raises(FormatError, match=r"99.*upgrade"):
        catalogue.claim(connect(tmp_path))


def test_rows_of_a_place_that_is_no_lake_are_an_error(tmp_path):
    with pytest.raises(MissingError, match="no lake"):
        catalogue.rows(connect(tmp_path / "nothing"))


def test_root_that_another_writer_claims_meanwhile_is_a_lake(tmp_path, monkeypatch):
    objects = connect(tmp_path)
    asked = iter([False])

    def overtaken(there, path):
        if next(asked, True):
            return exists(there, path)
        catalogue.claim(connect(tmp_path))  # between our look and our listing
        return False

    monkeypatch.setattr(catalogue, "exists", overtaken)
    catalogue.claim(objects)
    assert catalogue.rows(objects) == []
