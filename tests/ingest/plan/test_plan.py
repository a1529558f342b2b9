from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.listing import listing as listings
from ingest.plan.plan import Absent, Step, changed, plan
from ingest.source.source_files import File
from lake.errors import MissingError
from lake.store.ledger import MERGED, MISSING, STAGED, Ledger, LedgerEntry, SourceFile

CREATED = datetime(2030, 1, 1, tzinfo=UTC)


def stamp(time: datetime) -> str:
    return f"{time:%Y%j%H%M%S}{time.microsecond // 100_000}"


def name(product: str, start: datetime, band: str = "", sat: str = "G16", created=CREATED) -> str:
    end = stamp(start + timedelta(seconds=157))
    return f"OR_{product}-M6{band}_{sat}_s{stamp(start)}_e{end}_c{stamp(created)}.nc"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def small(*overrides: str) -> listings.Listing:
    """Two days, 18 UTC in two bands and 3 UTC in one."""
    cubes = (
        'cubes={day={resolution="2km",product="ABI-L1b-RadC",variable="Rad",bands=["C07","C13"],'
        'tods=[64800]},night={resolution="2km",product="ABI-L1b-RadC",variable="Rad",'
        'bands=["C13"],tods=[10800]}}'
    )
    days = ("t0=2018-03-01", "tf=2018-03-02")
    return listings.load("clearland-l1b-c0", [*days, cubes, *overrides])


def scan(start: datetime, *bands: str) -> list[File]:
    names = [name("ABI-L1b-RadC", start, band) for band in bands]
    return [
        File(f"/data/{file}", 100 + size)
        for size, file in enumerate((name("ABI-L2-LSTC", start), *names))
    ]


def named(*names: str) -> list[File]:
    return [File(file, 1) for file in names]


def test_slot_with_all_files_is_a_step_with_the_clear_sky_product_first_then_bands_in_order():
    files = scan(utc(2018, 3, 1, 18, 1, 17, 200_000), "C07", "C13")
    found = plan(small(), reversed(files))
    (step,) = found.steps
    assert step == Step(date(2018, 3, 1), 64800, "20180601801172", tuple(files))
    assert (step.id, step.month) == ("20180301-64800", 3)
    assert [absent.id for absent in found.absent] == [
        "20180301-10800",
        "20180302-10800",
        "20180302-64800",
    ]
    assert {absent.reason for absent in found.absent} == {"no ABI-L2-LSTC within 900 s"}


def test_night_slot_needs_the_bands_of_night_cubes_alone():
    (step,) = plan(small(), scan(utc(2018, 3, 1, 3, 1, 17), "C13", "C07")).steps
    assert (step.tod, len(step.files)) == (10800, 2)
    assert "C13" in step.files[1].name


def test_slot_that_lacks_bands_is_absent_and_says_which():
    found = plan(small(), scan(utc(2018, 3, 1, 18, 1, 17, 200_000)))
    assert found.steps == ()
    assert Absent(date(2018, 3, 1), 64800, "no C07, C13 for start 20180601801172") in found.absent


def test_band_of_another_scan_does_not_complete_a_step():
    start = utc(2018, 3, 1, 18, 1, 17)
    other = name("ABI-L1b-RadC", start + timedelta(minutes=5), "C13")
    assert plan(small(), [*scan(start, "C07"), *named(other)]).steps == ()


def test_nearest_complete_scan_is_taken_even_where_a_nearer_one_lacks_a_band():
    nearer = scan(utc(2018, 3, 1, 18, 1, 17), "C07")
    farther = scan(utc(2018, 3, 1, 17, 51, 17), "C07", "C13")
    farthest = scan(utc(2018, 3, 1, 18, 11, 17), "C07", "C13")
    (step,) = plan(small(), [*farthest, *nearer, *farther]).steps
    assert step.files == tuple(farther)


def test_scan_beyond_the_tolerance_is_not_taken():
    files = scan(utc(2018, 3, 1, 18, 15, 0, 100_000), "C07", "C13")
    assert plan(small(), files).steps == ()
    assert len(plan(small("tolerance_s=901"), files).steps) == 1


def test_scan_before_midnight_stands_for_the_next_days_slot_0():
    listing = small("cubes.night.tods=[0]")
    start = utc(2018, 2, 28, 23, 56, 17)
    (step,) = plan(listing, scan(start, "C13")).steps
    assert (step.id, step.month, step.start) == ("20180301-00000", 3, stamp(start))


def test_later_creation_of_one_file_is_taken():
    start = utc(2018, 3, 1, 3, 1, 17)
    first, second = (
        name("ABI-L1b-RadC", start, "C13", created=CREATED + timedelta(seconds=s)) for s in (0, 9)
    )
    for order in ([first, second], [second, first]):
        (step,) = plan(small(), named(name("ABI-L2-LSTC", start), *order)).steps
        assert step.files[1].path == second


def test_earlier_creations_and_the_next_nearest_scan_are_the_second_choice():
    start, later = utc(2018, 3, 1, 18, 1, 17), utc(2018, 3, 1, 18, 6, 17)
    files = scan(start, "C07", "C13")
    again = [
        File(name(product, start, band, created=CREATED - timedelta(days=1)), 1)
        for product, band in (("ABI-L2-LSTC", ""), ("ABI-L1b-RadC", "C13"))
    ]
    further = scan(later, "C07", "C13")
    (step,) = plan(small(), [*again, *further, *files]).steps
    sky, band = again
    assert [choice.files for choice in step.choices] == [
        tuple(files),
        (sky, *files[1:]),
        (*files[:2], band),
        (sky, files[1], band),
        tuple(further),
    ]
    assert {choice.start for choice in step.choices[:4]} == {stamp(start)}
    assert step.choices[-1].start == stamp(later)
    assert {choice.id for choice in step.choices} == {"20180301-64800"}


def reprocessed(file: File) -> File:
    return replace(file, path=file.path.replace("/OR_", "/RP_"))


def test_reprocessed_files_count_where_they_are_preferred_and_nowhere_else():
    start = utc(2018, 3, 1, 18, 1, 17)
    sky, *bands = scan(start, "C07", "C13")
    files = [sky, *bands, reprocessed(bands[0])]
    (step,) = plan(small(), files).steps
    assert step.choices == (step,)
    assert plan(small(), files).reprocessed_by_product == {}
    preferred = plan(small("prefer=reprocessed"), files)
    assert preferred.steps[0].files == (sky, reprocessed(bands[0]), bands[1])
    assert preferred.steps[0].second_choices[0].files == (sky, *bands)
    assert preferred.reprocessed_by_product == {"ABI-L1b-RadC": 1}
    assert preferred.files_by_product == {"ABI-L1b-RadC": 2, "ABI-L2-LSTC": 1}


def test_files_of_another_satellite_product_or_name_are_ignored():
    start = utc(2018, 3, 1, 3, 1, 17)
    noise = [
        name("ABI-L2-LSTC", start, sat="G17"),
        name("ABI-L2-LSTF", start),
        name("ABI-L1b-RadF", start, "C13"),
        "OR_ABI-L2-LSTC-M6_G16_s20183991801172_e20180601803545_c20180601805371.nc",
        "OR_ABI-L2-LSTC-M6_G16_s20180602561172_e20180601803545_c20180601805371.nc",
        "readme.txt",
        "",
    ]
    assert plan(small(), named(*noise)).steps == ()
    assert len(plan(small(), named(*noise) + scan(start, "C13")).steps) == 1


def test_lst_cube_of_the_clear_sky_product_needs_that_file_alone():
    listing = listings.load("lst-10km", ["t0=2022-12-14", "tf=2022-12-14"])
    path = name("ABI-L2-LSTF", utc(2022, 12, 14, 6, 0, 20))
    (step,) = plan(listing, named(path)).steps
    assert step.files == (File(path, 1),)


def test_days_may_be_bounded_and_are_inclusive():
    starts = [utc(2018, 3, day, 3, 1, 17) for day in range(1, 8)]
    files = [file for start in starts for file in scan(start, "C13")]
    listing = small("tf=2018-03-07")
    found = plan(listing, files, since=date(2018, 3, 3), until=date(2018, 3, 4))
    assert [step.id for step in found.steps] == ["20180303-10800", "20180304-10800"]
    assert {absent.date.day for absent in found.absent} == {3, 4}
    assert len(plan(listing, files, since=date(2018, 2, 1)).steps) == 7
    assert plan(listing, files, since=date(2018, 3, 8)) == plan(
        listing, files, until=date(2018, 2, 1)
    )
    assert len(plan(listing, files, until=date(2018, 3, 1)).steps) == 1


def test_plan_says_how_many_bytes_must_be_read():
    files = [
        *scan(utc(2018, 3, 1, 18, 1, 17), "C07", "C13"),
        *scan(utc(2018, 3, 1, 3, 1, 17), "C13"),
    ]
    unused = scan(utc(2018, 3, 2, 18, 1, 17), "C07")
    found = plan(small(), files + unused)
    assert [step.bytes for step in found.steps] == [100 + 101, 100 + 101 + 102]
    assert found.bytes == 504
    assert found.bytes_by_product == {"ABI-L1b-RadC": 304, "ABI-L2-LSTC": 200}


class TestChanged:
    START = utc(2018, 3, 1, 3, 1, 17)

    def steps(self, **band: object) -> tuple[Step, ...]:
        """One step; its second file has these fields."""
        surface, file = scan(self.START, "C13")
        return plan(small(), [replace(surface, tag="etag:s"), replace(file, **band)]).steps

    def ledger(self, status: str = MERGED, **band: object) -> Ledger:
        surface, file = scan(self.START, "C13")
        second = SourceFile(
            **{"name": file.name, "size": 101, "tag": "etag:b", "checksum": 7} | band
        )
        files = (SourceFile(surface.name, 100, "etag:s", 5), second)
        return Ledger((LedgerEntry("20180301-10800", status, stamp(self.START), files=files),))

    def never(self, file: File) -> int:
        raise AssertionError(f"{file} need not be read")

    def test_same_size_and_tag_are_no_change_and_nothing_is_read(self):
        assert changed(self.steps(tag="etag:b"), self.ledger(), self.never) == []

    @pytest.mark.parametrize("status", [MERGED, STAGED])
    def test_other_size_is_a_change(self, status):
        (change,) = changed(self.steps(size=9, tag="etag:b"), self.ledger(status), self.never)
        assert (change.step, change.name) == ("20180301-10800", scan(self.START, "C13")[1].name)
        assert "it has 9 bytes now and had 101" in str(change)

    def test_other_tag_with_the_same_content_is_no_change(self):
        asked = []
        found = changed(
            self.steps(tag="etag:c"), self.ledger(), lambda file: asked.append(file.name) or 7
        )
        assert found == []
        assert asked == [scan(self.START, "C13")[1].name]

    def test_other_tag_with_other_content_is_a_change(self):
        (change,) = changed(self.steps(tag="etag:c"), self.ledger(), lambda _: 8)
        assert "its content has CRC-32C 00000008 now and had 00000007" in str(change)

    def test_other_tag_whose_content_then_is_not_known_is_a_change(self):
        (change,) = changed(self.steps(tag="etag:c"), self.ledger(checksum=0), self.never)
        assert "its etag is c now and was b, its content then is not known" in str(change)

    def test_other_tag_that_cannot_be_read_is_a_change(self):
        def gone(file: File) -> int:
            raise MissingError(f"no {file.name}")

        (change,) = changed(self.steps(tag="etag:c"), self.ledger(), gone)
        assert "cannot be read: no OR_ABI" in str(change)

    @pytest.mark.parametrize("tag", ["", "mtime:5"])
    def test_tags_of_two_kinds_say_nothing(self, tag):
        assert changed(self.steps(tag=tag), self.ledger(), self.never) == []
        assert changed(self.steps(tag="etag:b"), self.ledger(tag=tag), self.never) == []

    def test_later_creation_of_a_file_is_a_change(self):
        surface, file = scan(self.START, "C13")
        newer = name("ABI-L1b-RadC", self.START, "C13", created=CREATED + timedelta(hours=1))
        steps = plan(small(), [surface, file, *named(newer)]).steps
        (change,) = changed(steps, self.ledger(), self.never)
        assert change.name == newer
        assert f"{file.name} was, and another creation is there now" in str(change)

    def test_nearer_scan_that_came_later_is_a_change(self):
        files = [*scan(self.START, "C13"), *scan(self.START - timedelta(seconds=60), "C13")]
        (change,) = changed(plan(small(), files).steps, self.ledger(), self.never)
        assert f"the scan {stamp(self.START)} was" in str(change)

    def test_missing_time_step_cannot_change(self):
        assert changed(self.steps(size=9), self.ledger(MISSING), self.never) == []
        assert changed(self.steps(size=9), Ledger(), self.never) == []


def naive(listing: listings.Listing, files: list[str]) -> dict[str, tuple[str, ...] | None]:
    """Every slot against every scan, by datetime arithmetic; None where absent."""
    newest: dict[tuple[str, str], dict[datetime, str]] = defaultdict(dict)
    for file in sorted(files, key=lambda path: path.split("_c")[1]):
        kind, sat, start = file.split("_")[1:4]
        product, _, band = kind.rpartition("-M6")
        if sat == "G16":
            time = datetime.strptime(start[1:14], "%Y%j%H%M%S").replace(tzinfo=UTC)
            newest[product, band][time] = file
    slots = {}
    for number in range((listing.tf - listing.t0).days + 1):
        day = datetime.combine(listing.t0, datetime.min.time(), UTC) + timedelta(days=number)
        for tod, bands in ((10800, ["C13"]), (64800, ["C07", "C13"])):
            slot = day + timedelta(seconds=tod)
            kinds = [("ABI-L2-LSTC", ""), *(("ABI-L1b-RadC", band) for band in bands)]
            complete = set.intersection(*(set(newest[kind]) for kind in kinds))
            near = [t for t in complete if abs(t - slot) <= timedelta(seconds=listing.tolerance_s)]
            best = min(near, key=lambda t: (abs(t - slot), t), default=None)
            slots[f"{day:%Y%m%d}-{tod:05}"] = best and tuple(newest[k][best] for k in kinds)
    return slots


scan_times = st.builds(
    lambda day, slot, minutes: utc(2018, 2, 28) + timedelta(days=day, hours=slot, minutes=minutes),
    st.integers(0, 3),
    st.sampled_from([3, 18]),
    st.integers(-17, 17),
)
files = st.builds(
    lambda start, kind, sat, created: name(*kind[:1], start, kind[1], sat, CREATED + created),
    scan_times,
    st.sampled_from([("ABI-L2-LSTC", ""), ("ABI-L1b-RadC", "C07"), ("ABI-L1b-RadC", "C13")]),
    st.sampled_from(["G16", "G16", "G16", "G17"]),
    st.integers(0, 3).map(lambda s: timedelta(seconds=s)),
)


@settings(max_examples=200)
@given(st.lists(files, max_size=40, unique=True), st.lists(scan_times, max_size=6))
def test_plan_equals_comparing_every_slot_with_every_scan(some, whole):
    paths = some + [file.name for start in whole for file in scan(start, "C07", "C13")]
    listing = small()
    found = plan(listing, named(*paths))
    assert {step.id: tuple(file.path for file in step.files) for step in found.steps} | {
        absent.id: None for absent in found.absent
    } == naive(listing, paths)


def test_real_folder_has_every_hour_of_its_four_days(shared_data: Path):
    paths = [str(path) for path in (shared_data / "abi/lstf").glob("*.nc")]
    found = plan(listings.load("lst-10km"), named(*paths))
    assert {step.files for step in found.steps} == {(File(path, 1),) for path in paths}
    days = {date(2022, 12, 14), date(2022, 12, 15), date(2023, 2, 21), date(2023, 2, 22)}
    assert {(step.date, step.tod) for step in found.steps} == {
        (day, hour * 3600) for day in days for hour in range(24)
    }
    assert len(found.absent) == (90 - 4) * 24


def test_legacy_folder_has_its_36_time_steps(shared_data: Path):
    paths = [str(path) for path in (shared_data / "legacy/netcdf").glob("*.nc")]
    listing = listings.load("clearland-l1b-c0", ["tf=2019-12-31"])
    found = plan(listing, named(*paths))
    assert len(found.steps) == 36
    assert {step.tod for step in found.steps} == {54000, 64800, 75600}
    assert {len(step.files) for step in found.steps} == {9}
    assert {
        len({file.name.split("_s")[1][:14] for file in step.files}) for step in found.steps
    } == {1}


@pytest.mark.timeout(60)
def test_years_of_names_are_planned_in_seconds():
    listing = listings.load("clearland-l1b-c0", ["t0=2018-01-01", "tf=2020-12-31"])
    bands = ("C01", "C02", "C03", "C05", "C06", "C07", "C13", "C15")
    starts = [utc(2018, 1, 1, 0, 1, 17) + timedelta(hours=hours) for hours in range(24 * 1096)]
    paths = [path for start in starts for path in scan(start, *bands)]
    assert len(paths) > 200_000
    assert len(plan(listing, paths).steps) == 1096 * 8
