"""What a reader finds in the catalogue, from anywhere, and how it is mended."""

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import lake
from lake.catalogue import catalogue, rebuild
from lake.errors import ConfigError, MissingError
from lake.storage.connect import connect
from tests import web
from tests.faults.proxy import Faults
from tests.lake.catalogue.rows import ROW, ROWS
from tests.lake.small_store import CUBES, KEY, small_domain, write

SEARCH = 4
"""Requests: the hint, the commit it names, the one after that, which is not there, and the table."""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A lake of several rows, of which one is a store."""
    root = tmp_path_factory.mktemp("search")
    catalogue.claim(connect(root))
    write(str(root / KEY), small_domain())
    made = rebuild.row_of(str(root), lake.open(root / KEY).key)
    assert catalogue.replace(connect(root), None, [*ROWS, made])
    return root


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, {0, 1, 2, 3, 4}),
        ({"sat": "goes17"}, {2}),
        ({"sat": ["goes17", "goes18"]}, {2, 3}),
        ({"listing": "clearland", "sat": "goes16"}, {4}),
        ({"geom": "geom-goes-conus-1"}, set()),
        ({"cube": "day-2km"}, {4}),
        ({"cube": ["day-2km", "lst-10km"]}, set()),
        ({"cube": "day"}, set()),
        ({"t0": "2019-01-01"}, {1}),
        ({"tf": "20181231"}, {0, 2, 3, 4}),
        ({"t0": "2018-12-31", "tf": "2019-01-01"}, {0, 1, 2, 3, 4}),
        ({"bbox": (-180, 0, -175, 15)}, {2, 3}),
        ({"bbox": (160, 0, 170, 15)}, {2, 3}),
        ({"bbox": (170, 0, -100, 45)}, {0, 1, 2, 3, 4}),
        ({"bbox": (-71, 49, -60, 60)}, {0, 1, 3, 4}),
        ({"bbox": (-69, 49, -60, 60)}, {3}),
        ({"bbox": (-180, -90, 180, 90)}, {0, 1, 2, 3, 4}),
    ],
)
def test_search_finds_the_stores_for_which_all_holds(root, asked, found):
    keys = {r.key for r in lake.catalog(root).search(**asked)} - {KEY}
    assert keys == {ROWS[i].key for i in found}


def test_searches_narrow_and_the_only_store_opens(root):
    found = (
        lake.catalog(root).search(listing="test").search(cube="day-500m", bbox=(-90, 30, -60, 60))
    )
    assert len(found) == 1
    assert found.open().url == lake.open(root / KEY).url
    assert lake.catalog(root).open(KEY).pixels == small_domain().pixels


def test_opening_none_or_several_is_an_error_that_names_them(root):
    with pytest.raises(ConfigError, match=r"6 stores are found.*\n.*clearland"):
        lake.catalog(root).open()
    with pytest.raises(MissingError, match="no store among 0"):
        lake.catalog(root).search(sat="goes99").open()
    with pytest.raises(MissingError, match="no store a/b among 6"):
        lake.catalog(root).open("a/b")
    with pytest.raises(ConfigError, match="bbox is"):
        lake.catalog(root).search(bbox=(0, 50, 10, 40))
    with pytest.raises(ConfigError, match="no day"):
        lake.catalog(root).search(t0="2018")


def test_table_has_a_column_for_each_field_and_becomes_a_data_frame(root):
    found = lake.catalog(root).search(sat="goes17")
    assert isinstance(found.table, pa.Table)
    frame = found.table.to_pandas()
    assert frame.loc[0, "key"] == ROWS[2].key
    assert frame.loc[0, "west"] == 150


def test_root_comes_from_the_environment(root, monkeypatch):
    with pytest.raises(ConfigError, match="LAKE_ROOT"):
        lake.catalog()
    monkeypatch.setenv("LAKE_ROOT", str(root))
    assert len(lake.catalog()) == 6


def test_search_on_a_web_server_asks_four_times_and_lists_nothing(root):
    with web.server(root) as site:
        found = lake.catalog(site.url).search(listing="test")
        assert len(site.asked) == SEARCH
        assert found.open().months == (1, 7)


def test_search_on_s3_asks_four_times(s3_root, break_s3):
    catalogue.claim(connect(s3_root))
    assert catalogue.replace(connect(s3_root), None, ROWS)
    proxy = break_s3(Faults())
    assert len(lake.catalog(s3_root).search(sat="goes16")) == 3
    assert proxy.requests == SEARCH


def test_catalogue_shows_its_size_and_how_to_open_its_first_store_without_us(root):
    found = lake.catalog(root).search(listing="test")
    line = f'xarray.open_datatree("{lake.open(root / KEY).url}", engine="zarr", zarr_format=3)'
    assert "1 stores" in repr(found)
    assert KEY in repr(found)
    assert line in repr(found)
    assert KEY in found._repr_html_()
    assert "xarray.open_datatree" in found._repr_html_()


def test_rebuilt_catalogue_is_that_of_the_stores(tmp_path, run_lake):
    for year in (2020, 2021):
        write(str(tmp_path / KEY.replace("2020", str(year))), small_domain())
    (tmp_path / "runs" / "a" / "b" / "c").mkdir(parents=True)
    objects = connect(tmp_path)
    assert catalogue.replace(objects, None, [ROW])
    code, _, _ = run_lake("catalog", "rebuild", "--lake", str(tmp_path))
    assert code == 0
    rows = catalogue.rows(objects)
    assert [r.key for r in rows] == [KEY, KEY.replace("2020", "2021")]
    lon, lat = small_domain().lonlat()
    first = rows[0]
    assert (first.west, first.north) == (lon.min(), lat.max())
    assert first.cubes.split() == [cube.name for cube in CUBES]
    assert lake.catalog(tmp_path).open(KEY).url.endswith(first.generation)


def test_lost_table_is_told_with_the_way_to_mend_it(tmp_path):
    write(str(tmp_path / KEY), small_domain())
    objects = connect(tmp_path)
    catalogue.mark(objects)
    catalogue.upsert(objects, ROW)
    objects.delete(objects.list("catalog/tables"))
    with pytest.raises(MissingError, match="lake catalog rebuild"):
        lake.catalog(tmp_path)
    assert [r.key for r in rebuild.rebuild(str(tmp_path))] == [KEY]
    assert len(lake.catalog(tmp_path)) == 1


def test_place_with_neither_lake_nor_store_is_not_made_a_lake(tmp_path):
    (tmp_path / "holidays").mkdir()
    with pytest.raises(MissingError, match="no lake"):
        rebuild.rebuild(str(tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["holidays"]


@pytest.mark.parametrize(
    "day",
    [
        "2018-12-31", "20181231", date(2018, 12, 31), datetime(2018, 12, 31, 23, 30),  # noqa: DTZ001 (as people have them)
        datetime(2018, 12, 31, 23, 30, tzinfo=UTC), pd.Timestamp("2018-12-31 12:00"),
        datetime(2019, 1, 1, 1, tzinfo=timezone(timedelta(hours=5))),
        pd.Timestamp("2018-12-31", tz="UTC"), np.datetime64("2018-12-31"),
        np.datetime64("2018-12-31T18:00:00.5"), np.datetime64("2018-12-31", "ns"),
    ],
)  # fmt: skip
def test_any_kind_of_day_finds_the_stores_that_end_on_it(root, day):
    found = lake.catalog(root).search(listing="lst", t0=day, tf=day)
    assert "2018-12-31" in found.table["tf"].to_pylist()


@pytest.mark.parametrize("day", [pd.NaT, np.datetime64("NaT", "s"), object(), 3.5])
def test_what_is_no_day_is_refused(root, day):
    with pytest.raises(ConfigError, match="is no day"):
        lake.catalog(root).search(t0=day)


def test_relative_lake_is_found_from_elsewhere_too(root, monkeypatch, tmp_path):
    monkeypatch.chdir(root.parent)
    catalog = lake.catalog(root.name)
    monkeypatch.chdir(tmp_path)
    assert catalog.open(KEY).pixels == small_domain().pixels
