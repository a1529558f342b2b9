import errno
import threading
from datetime import date
from pathlib import Path

import fsspec
import google_crc32c
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from ingest.listing import listing as listings
from ingest.source import source_files
from ingest.source.source_files import File
from lake.errors import ConfigError, GranuleError, MissingError, SpaceError
from tests.ingest.sources import HOUR, LST, RAD, TREE, is_empty


def grow(root: Path) -> None:
    for name, data in TREE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.fixture
def memory() -> str:
    files = fsspec.filesystem("memory")
    for name, data in TREE.items():
        files.pipe(f"/source-tree/{name}", data)
    yield "memory://source-tree"
    files.rm("/source-tree", recursive=True)


def paths(found: list[File]) -> list[str]:
    return [file.path for file in found]


class TestListing:
    def test_flat_folder_lists_its_netcdf_files_sorted_and_absolute(self, tmp_path, monkeypatch):
        for name in (RAD, LST, "notes.txt"):
            (tmp_path / name).write_bytes(name.encode())
        (tmp_path / "deeper").mkdir()
        (tmp_path / "deeper" / RAD).write_bytes(b"")
        monkeypatch.chdir(tmp_path.parent)
        for url in (str(tmp_path), f"{tmp_path}/", tmp_path.name, f"file://{tmp_path}"):
            assert source_files.list_files(url, HOUR) == [
                File(str(path), len(path.name), f"mtime:{path.stat().st_mtime_ns}")
                for path in (tmp_path / RAD, tmp_path / LST)
            ]

    def test_flat_folder_lists_files_of_another_suffix(self, tmp_path):
        for name in ("a.pkl", "b.nc"):
            (tmp_path / name).write_bytes(b"")
        assert paths(source_files.list_files(str(tmp_path), suffix=".pkl")) == [
            str(tmp_path / "a.pkl")
        ]

    def test_noaa_layout_lists_all_products_of_the_imager(self, tmp_path):
        grow(tmp_path)
        wanted = [name for name in TREE if name.startswith("ABI") and name.endswith(".nc")]
        found = source_files.list_files(str(tmp_path))
        assert paths(found) == sorted(str(tmp_path / name) for name in wanted)
        assert {file.size for file in found} == {len(TREE[name]) for name in wanted}

    def test_noaa_layout_is_looked_at_in_the_given_folders_alone(self, memory):
        found = source_files.list_files(memory, [*HOUR, "ABI-L2-LSTC/2018/001/19"])
        assert paths(found) == [f"{memory}/{HOUR[0]}/{LST}"]

    def test_unwanted_names_are_left_out(self, memory):
        assert len(source_files.list_files(memory, keep=lambda path: "RadC" in path)) == 1

    def test_file_that_arrives_later_is_listed_and_an_old_one_keeps_its_tag(self, memory):
        before = source_files.list_files(memory)
        fsspec.filesystem("memory").pipe(f"/source-tree/ABI-L2-LSTC/2018/001/19/{LST}", b"new")
        after = source_files.list_files(memory)
        assert len(set(after) - set(before)) == 1
        assert set(before) < set(after)
        assert all(file.tag.startswith("mtime:") for file in after)

    def test_file_that_changes_has_another_tag(self, tmp_path):
        (tmp_path / LST).write_bytes(b"one")
        (before,) = source_files.list_files(str(tmp_path))
        (tmp_path / LST).write_bytes(b"two")
        (after,) = source_files.list_files(str(tmp_path))
        assert (before.size, before.tag) != (after.size, after.tag)

    def test_missing_source_is_an_error(self, tmp_path):
        with pytest.raises(MissingError, match=r"there is no source .*/nowhere: wanted a folder"):
            source_files.list_files(str(tmp_path / "nowhere"))

    def test_source_of_neither_layout_is_an_error(self, tmp_path):
        (tmp_path / "notes.txt").write_text("none")
        with pytest.raises(ConfigError, match=r"holds no \.nc files of ABI-L2-LSTC: wanted"):
            source_files.list_files(str(tmp_path), HOUR)
        with pytest.raises(ConfigError, match=r"holds no \.nc files: wanted"):
            source_files.list_files(str(tmp_path))

    def test_hours_without_files_are_no_error(self, memory):
        assert source_files.list_files(memory, ["ABI-L2-LSTC/2030/001/18"]) == []

    def test_scheme_that_nobody_serves_is_an_error(self):
        with pytest.raises(ConfigError, match=r"cannot open carrier-pigeon://coop.*check the URL"):
            source_files.list_files("carrier-pigeon://coop")


def small(*overrides: str) -> listings.Listing:
    """One day, 18 UTC in two bands."""
    cubes = (
        'cubes={day={resolution="2km",product="ABI-L1b-RadC",variable="Rad",bands=["C07","C13"],'
        "tods=[64800]}}"
    )
    return listings.load("clearland-l1b-c0", ["t0=2018-01-01", "tf=2018-01-01", cubes, *overrides])


def test_listing_is_asked_for_its_hours_and_gives_its_files(memory):
    other_band = f"/source-tree/ABI-L1b-RadC/2018/001/18/{RAD.replace('C13', 'C01')}"
    fsspec.filesystem("memory").pipe(other_band, b"rad")
    names = [f"ABI-L1b-RadC/2018/001/18/{RAD}", f"{HOUR[0]}/{LST}"]
    inventory = source_files.list_for(memory, small())
    assert paths(inventory.files) == [f"{memory}/{name}" for name in names]
    assert inventory.passed_over == {"of a product or band that the listing does not need": 1}
    assert source_files.list_for(memory, small(), since=date(2018, 1, 2)).files == []
    assert source_files.list_for(memory, small("cubes.day.tods=[75600]")).files == []


def test_stray_file_in_the_root_hides_no_tree(memory):
    fsspec.filesystem("memory").pipe("/source-tree/goes16_abi_conus_lat_lon.nc", b"stray")
    inventory = source_files.list_for(memory, small())
    assert len(inventory.files) == 2
    assert inventory.passed_over == {"not named like an ABI granule": 1}


def test_files_of_both_layouts_are_listed_together(memory):
    later = LST.replace("_c2018", "_c2019")
    fsspec.filesystem("memory").pipe(f"/source-tree/{later}", b"lst again")
    assert f"{memory}/{later}" in paths(source_files.list_for(memory, small()).files)


def test_reprocessed_folder_is_looked_at_where_it_is_preferred_and_named_where_it_is_not(memory):
    name = RAD.replace("OR_", "RP_")
    folder = "ABI-L1b-RadC-Reproc"
    fsspec.filesystem("memory").pipe(f"/source-tree/{folder}/2018/001/18/{name}", b"rad")
    (reason,) = source_files.list_for(memory, small()).passed_over
    assert reason == f"folder {folder}: --set prefer=reprocessed looks there"
    inventory = source_files.list_for(memory, small("prefer=reprocessed"))
    assert f"{memory}/{folder}/2018/001/18/{name}" in paths(inventory.files)
    assert inventory.passed_over == {}


def test_source_without_the_products_says_what_it_holds(tmp_path):
    (tmp_path / "ABI-L1b-RadC-Reproc").mkdir()
    with pytest.raises(ConfigError, match=r"no \.nc files of .*; it holds ABI-L1b-RadC-Reproc"):
        source_files.list_for(str(tmp_path), small())


class TestFetch:
    def test_local_file_is_read_where_it_lies(self, tmp_path, scratch):
        (tmp_path / LST).write_bytes(b"lst")
        (file,) = source_files.list_files(str(tmp_path))
        with source_files.fetch(file, scratch) as local:
            assert local == str(tmp_path / LST)
        assert Path(local).exists()
        assert not scratch.place.exists()

    def test_remote_file_lies_on_scratch_while_it_is_read(self, memory, scratch):
        (file,) = source_files.list_files(memory, HOUR)
        with source_files.fetch(file, scratch) as local:
            assert Path(local).read_bytes() == b"lst"
            assert Path(local).parent == scratch.place
        assert is_empty(scratch)

    def test_remote_file_is_deleted_after_an_error(self, memory, scratch):
        (file,) = source_files.list_files(memory, HOUR)
        with pytest.raises(KeyError), source_files.fetch(file, scratch):
            raise KeyError
        assert is_empty(scratch)

    def test_checksum_is_that_of_the_content_wherever_it_lies(self, memory, tmp_path, scratch):
        (tmp_path / LST).write_bytes(b"lst")
        for url, folders in ((memory, HOUR), (str(tmp_path), ())):
            (file,) = source_files.list_files(url, folders)
            assert source_files.checksum(file, scratch) == google_crc32c.value(b"lst")

    @pytest.mark.parametrize("where", ["memory://source-tree", "/"])
    def test_file_that_is_gone_is_an_error(self, scratch, where):
        with (
            pytest.raises(MissingError, match=r"there is no file .*gone\.nc: list the source"),
            source_files.fetch(File(f"{where}/gone.nc", 3), scratch),
        ):
            pass
        assert is_empty(scratch)

    def test_file_of_another_size_than_listed_is_an_error_after_some_tries(
        self, memory, scratch, sleeps
    ):
        short = File(f"{memory}/{HOUR[0]}/{LST}", 4)
        with (
            pytest.raises(
                GranuleError, match=r"cannot fetch .*LSTC.* failed 4 times.* gave 3 bytes"
            ),
            source_files.fetch(short, scratch, sleeps.retry),
        ):
            pass
        assert len(sleeps) == 3
        assert is_empty(scratch)

    def test_full_disk_fails_the_run_and_says_that_nothing_is_lost(
        self, memory, scratch, monkeypatch, sleeps
    ):
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        (file,) = source_files.list_files(memory, HOUR)
        monkeypatch.setattr(MemoryFileSystem, "get_file", full)
        with (
            pytest.raises(SpaceError, match=r"no room on scratch .*nothing is lost"),
            source_files.fetch(file, scratch, sleeps.retry),
        ):
            pass
        assert sleeps == []
        assert is_empty(scratch)

    def test_many_threads_read_one_file_at_one_time(self, memory, scratch):
        (file,) = source_files.list_files(memory, HOUR)
        found = []

        def read() -> None:
            with source_files.fetch(file, scratch) as local:
                met.wait(timeout=20)
                found.append(Path(local).read_bytes())

        met = threading.Barrier(8)
        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [b"lst"] * 8
        assert is_empty(scratch)
