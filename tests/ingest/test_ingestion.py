"""Synthetic granules of two years, one on each side of the LST change, into stores of every kind."""

import json
import re
import shutil
from datetime import date
from pathlib import Path

import h5py
import numpy as np
import pytest

import lake
from ingest import ingestion
from ingest.abi import filenames
from ingest.listing import listing
from ingest.publish import merging, policy
from ingest.synthetic import granules
from lake.catalogue import catalogue
from lake.errors import ConfigError, DataError, OverlapError, UnreachableError
from lake.format import keys
from lake.plot import headings
from lake.storage.connect import connect
from lake.store import commits, ledger, manifest
from lake.store.generations import StoreState
from tests import format_page
from tests.compare import EPS, assert_equal
from tests.faults.proxy import Faults
from tests.ingest.sources import copy_as
from tests.oracle import clear_land, decoded

CHUNKS = ["layout.chunk=128", "layout.phases=4", "domain.mask=none"]
YEARS = {2020: ["t0=2020-01-01", "tf=2020-12-31"], 2022: ["t0=2022-01-01", "tf=2022-12-31"]}
SPAN = ["t0=2020-01-01", "tf=2022-12-31"]


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """Two days of January and July of both years, all times of day."""
    folder = tmp_path_factory.mktemp("source")
    granules.write(folder, shape=(40, 48), months=(1, 7), days=(10, 20), seed=3)
    return folder


def rules(overrides, *more):
    return listing.load("clearland-l1b-c0", [*CHUNKS, *overrides, *more])


def key(period: str) -> str:
    return f"goes16/clearland-l1b-c0/{period}/geom-goes-conus-0"


@pytest.fixture(scope="module")
def whole(client, source, tmp_path_factory) -> lake.Store:
    """Both years ingested in one pass."""
    root = str(tmp_path_factory.mktemp("whole"))
    return lake.open(ingestion.run(client, rules(SPAN), str(source), root)[0].url)


@pytest.fixture(scope="module")
def years(client, source, tmp_path_factory) -> str:
    """A lake with a store for each year."""
    root = str(tmp_path_factory.mktemp("years"))
    for period in YEARS.values():
        ingestion.run(client, rules(period), str(source), root)
    return root


@pytest.mark.parametrize("stamp", ["2020", "2022"])
def test_a_pixel_counts_where_clear_land_has_all_bands_good(source, client, tmp_path, stamp):
    folder = tmp_path / "one scan"
    folder.mkdir()
    day = f"{stamp}192" if stamp == "2020" else f"{stamp}191"
    files = {}
    for path in source.glob(f"*_s{day}15*.nc"):
        name = filenames.parse_name(path.name)
        files[name.band or "LST"] = shutil.copy(path, folder)
    assert len(files) == 9
    (outcome,) = ingestion.run(
        client, rules(YEARS[int(stamp)]), str(folder), str(tmp_path / "lake")
    )
    store = lake.open(outcome.url)
    valid = clear_land(files["LST"])
    quantities = {}
    for band in set(files) - {"LST"}:
        quantities[band], good = decoded(files[band])
        refinement = good.shape[0] // valid.shape[0]
        blocks = good.reshape(valid.shape[0], refinement, valid.shape[1], refinement)
        valid = valid & blocks.all(axis=(1, 3))
    assert 0.1 < valid[store.domain.mask].mean() < 0.99
    for cube in ("day-2km", "day-1km", "day-500m"):
        for band in store.cubes[cube].bands:
            cell = store.results(cube).sel(month=7, tod=54000, band=band)
            refinement = store.cubes[cube].refinement
            fine = np.kron(valid, np.ones((refinement, refinement), bool))
            mask = store.m_domain(store.cubes[cube].resolution)
            count = store.to_grid(cell.sel(metric="count").values)
            mean = store.to_grid(cell.sel(metric="m1").values)
            np.testing.assert_array_equal(count[mask], fine[mask])
            expected = np.where(fine, quantities[band], np.nan)
            np.testing.assert_allclose(mean[mask], expected[mask], rtol=2 * EPS, atol=1e-7)


def test_years_merged_equal_the_union_ingested_at_once(client, years, whole):
    outcome = merging.merge(client, [keys.parse(key(f"{y}0101_{y}1231")) for y in YEARS], years)
    assert outcome.key == key("20200101_20221231")
    merged = lake.open(outcome.url)
    assert_equal(merged, whole)
    facts = [store.attributes["provenance"] for store in (merged, whole)]
    assert [fact["days"] for fact in facts] == 2 * [facts[0]["days"]]
    assert facts[0]["invented"]
    again = merging.merge(client, [keys.parse(key(f"{y}0101_{y}1231")) for y in YEARS], years)
    assert (again.merged, again.url) == (0, outcome.url)


def test_store_of_synthetic_granules_says_that_its_land_is_invented_and_names_its_days(whole):
    provenance = whole.attributes["provenance"]
    assert provenance["invented"] is True
    assert provenance["days"] == {"first": "2020-01-10", "last": "2022-07-20", "count": 8}
    named = (
        "8 days, 10 Jan 2020 to 20 Jul 2022  |  invented land under real coast lines and borders"
    )
    assert headings.named(whole) == f"{named}\n{whole.key}"


def test_files_that_come_later_are_merged_once(client, source, whole, tmp_path):
    folder, root = tmp_path / "source", str(tmp_path / "lake")
    folder.mkdir()
    paths = sorted(source.glob("*.nc"), key=lambda path: filenames.parse_name(path.name).start)
    names = [path.name for path in paths]
    merged = 0
    for share in (names[: len(names) // 3], names[len(names) // 3 :]):
        for name in share:
            (folder / name).symlink_to(source / name)
        (outcome,) = ingestion.run(client, rules(SPAN), str(folder), root)
        assert outcome.stored == merged + outcome.merged > merged
        merged = outcome.stored
    assert_equal(lake.open(outcome.url), whole)


def test_same_run_again_does_nothing(client, source, years):
    before = lake.open(f"{years}/{key('20200101_20201231')}").generation
    (outcome,) = ingestion.run(client, rules(YEARS[2020]), str(source), years)
    assert outcome.merged == 0
    assert lake.open(outcome.url).generation == before


def test_run_is_bounded_by_max_steps_and_goes_on(client, source, tmp_path):
    (first,) = ingestion.run(
        client,
        rules(YEARS[2020]),
        str(source),
        str(tmp_path / "l"),
        bounds=ingestion.Bounds(max_steps=5),
    )
    assert (first.merged, first.stored) == (5, 5)
    (second,) = ingestion.run(client, rules(YEARS[2020]), str(source), str(tmp_path / "l"))
    assert second.stored == 5 + second.merged == 31


def test_staged_parts_are_found_by_the_run_after_a_crash(client, source, years, tmp_path):
    folder, root = tmp_path / "source", tmp_path / "lake"
    shutil.copytree(source, folder)
    ingestion.run(client, rules(YEARS[2020]), str(folder), str(root))
    store_folder = root / key("20200101_20201231")
    shutil.rmtree(store_folder / "commits")  # as if it had died before its commit
    (store_folder / "current.json").unlink()
    staged = {path: path.stat().st_mtime_ns for path in (store_folder / "parts").rglob("*")}
    assert staged
    (outcome,) = ingestion.run(client, rules(YEARS[2020]), str(folder), str(root))
    assert outcome.stored == 31
    # nothing was staged again
    assert staged == {path: path.stat().st_mtime_ns for path in (store_folder / "parts").rglob("*")}
    assert_equal(lake.open(outcome.url), lake.open(f"{years}/{key('20200101_20201231')}"))


@pytest.mark.parametrize("changed", ["tolerance_s=600", 'cubes.day-2km.bands=["C13"]'])
def test_other_rules_are_never_mixed_into_a_store(client, source, years, changed):
    before = lake.open(f"{years}/{key('20200101_20201231')}").generation
    with pytest.raises(ConfigError, match="made by another listing of the name clearland-l1b-c0"):
        ingestion.run(client, rules(YEARS[2020], changed), str(source), years)
    assert lake.open(f"{years}/{key('20200101_20201231')}").generation == before


def test_lake_made_anew_in_the_same_place_has_its_own_pixel_order(client, source, years, tmp_path):
    root = tmp_path / "lake"
    ingestion.run(client, rules(YEARS[2020], "layout.chunk=64"), str(source), str(root))
    shutil.rmtree(root)  # the workers live on
    (outcome,) = ingestion.run(client, rules(YEARS[2020]), str(source), str(root))
    assert_equal(lake.open(outcome.url), lake.open(f"{years}/{key('20200101_20201231')}"))


def test_missing_file_is_remembered_with_its_reason(years):
    ledger_entries = entries(years, key("20200101_20201231"))
    lost = [e for e in ledger_entries if e.status == ledger.MISSING and "C05" in e.reason]
    assert len(lost) == 1
    assert {e.version for e in ledger_entries if e.status == ledger.MERGED} == {"v01"}


def entries(root: str, name: str) -> ledger.Ledger:
    objects = connect(f"{root}/{name}")
    return ledger.read(objects, StoreState.from_commit(commits.head(objects)).ledger)


def test_one_broken_granule_is_recorded_and_the_run_goes_on(client, source, tmp_path):
    folder = tmp_path / "source"
    shutil.copytree(source, folder)
    (broken,) = folder.glob("*C02*_s20200101501*.nc")
    broken.write_bytes(broken.read_bytes()[:20000])
    root = str(tmp_path / "lake")
    (outcome,) = ingestion.run(client, rules(YEARS[2020]), str(folder), root)
    assert outcome.stored == 30
    (entry,) = [e for e in entries(root, outcome.key) if broken.name in e.reason]
    assert (entry.step, entry.status) == ("20200110-54000", ledger.MISSING)
    shutil.copy(source / broken.name, broken)  # fetched again
    assert ingestion.run(client, rules(YEARS[2020]), str(folder), root)[0].stored == 31


def test_files_of_two_projections_go_to_a_store_each(client, source, years, tmp_path):
    """A satellite that moved between January and July."""
    folder, root = tmp_path / "source", str(tmp_path / "lake")
    shutil.copytree(source, folder)
    for path in (*folder.glob("*_s2020192*.nc"), *folder.glob("*_s2020202*.nc")):  # July
        with h5py.File(path, "r+") as file:
            file["goes_imager_projection"].attrs["longitude_of_projection_origin"] = [-89.5]
    outcomes = ingestion.run(client, rules(YEARS[2020]), str(folder), root)
    store_key = key("20200101_20201231")
    assert [o.key for o in outcomes] == [store_key, store_key.removesuffix("0") + "2"]
    january, july = (lake.open(o.url) for o in outcomes)
    assert (january.months, july.months) == ((1,), (7,))
    assert july.domain.grid.projection.longitude_of_projection_origin == -89.5
    assert sum(o.stored for o in outcomes) == 31
    single_store = lake.open(f"{years}/{store_key}")
    np.testing.assert_array_equal(
        january.block("day-1km", slice(None), 1), single_store.block("day-1km", slice(None), 1)
    )
    # days without files belong to the store of the time step before them
    missing = [entries(root, o.key).steps(ledger.MISSING) for o in outcomes]
    assert max(missing[0]) < "20200710-32400" < min(missing[1])
    assert [o.merged for o in ingestion.run(client, rules(YEARS[2020]), str(folder), root)] == [
        0,
        0,
    ]


def test_source_without_a_band_is_an_error_naming_it(client, source, tmp_path):
    folder = tmp_path / "source"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*C15*"))
    with pytest.raises(DataError, match=r"no C15 for start"):
        ingestion.run(client, rules(YEARS[2020]), str(folder), str(tmp_path / "lake"))


def test_source_of_broken_files_alone_is_an_error_with_the_reasons(client, source, tmp_path):
    folder = tmp_path / "source"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*_s2022*"))
    for path in folder.glob("*C13*.nc"):
        path.write_text("not a granule")
    with pytest.raises(DataError, match=r"no granule .* could be read.*C13"):
        ingestion.run(client, rules(YEARS[2020]), str(folder), str(tmp_path / "lake"))
    (row,) = catalogue.rows(connect(tmp_path / "lake"))  # what is missing is remembered
    assert (row.generation, row.merged, row.pending) == ("", 0, 0)


def test_overlapping_periods_are_not_merged(client, source, years):
    ingestion.run(client, rules(["t0=2020-07-01", "tf=2020-07-31"]), str(source), years)
    store_keys = [keys.parse(key(period)) for period in ("20200101_20201231", "20200701_20200731")]
    with pytest.raises(ConfigError, match="itself one of the stores"):
        merging.merge(client, store_keys, years)
    ingestion.run(client, rules(["t0=2020-07-01", "tf=2021-07-31"]), str(source), years)
    store_keys[1] = keys.parse(key("20200701_20210731"))
    with pytest.raises(OverlapError, match="20200710-00000"):
        merging.merge(client, store_keys, years)


def test_stores_of_other_rules_are_not_merged(client, source, years):
    other_rules = rules(YEARS[2022], "tolerance_s=600", "t0=2022-01-02")
    ingestion.run(client, other_rules, str(source), years)
    store_keys = [keys.parse(key(period)) for period in ("20200101_20201231", "20220102_20221231")]
    with pytest.raises(ConfigError, match="not the same listing"):
        merging.merge(client, store_keys, years)


def test_lake_on_an_s3_server_equals_that_on_disk(client, source, years, s3_root):
    (outcome,) = ingestion.run(client, rules(YEARS[2020]), str(source), s3_root)
    assert outcome.url.startswith("s3://")
    assert_equal(lake.open(outcome.url), lake.open(f"{years}/{key('20200101_20201231')}"))
    (row,) = catalogue.rows(connect(s3_root))
    assert (row.key, row.merged) == (outcome.key, 31)


def test_source_on_an_s3_server_in_the_layout_of_noaa(client, source, years, s3_root, tmp_path):
    objects = connect(f"{s3_root}/bucket")
    for path in (*source.glob("*_s2020192*.nc"), *source.glob("*_s2020202*.nc")):
        name = filenames.parse_name(path.name)
        start = name.start
        folder = f"{name.product}/{start[:4]}/{start[4:7]}/{start[7:9]}"
        objects.put(f"{folder}/{path.name}", path.read_bytes())
    july = ["t0=2020-07-08", "tf=2020-07-22"]
    (outcome,) = ingestion.run(client, rules(july), f"{s3_root}/bucket", str(tmp_path / "lake"))
    (local,) = ingestion.run(client, rules(july), str(source), str(tmp_path / "local"))
    assert outcome.stored == local.stored > 10
    assert_equal(lake.open(outcome.url), lake.open(local.url))


def test_steps_are_staged_now_and_published_when_asked(client, source, years, tmp_path, run_lake):
    root, store_key = str(tmp_path / "lake"), key("20200101_20201231")
    (first,) = ingestion.run(
        client, rules(YEARS[2020]), str(source), root,
        bounds=ingestion.Bounds(max_steps=4), when=policy.NEVER,
    )  # fmt: skip
    assert (first.merged, first.staged, first.stored, first.url) == (0, 4, 0, "")
    (second,) = ingestion.run(client, rules(YEARS[2020]), str(source), root, when=policy.NEVER)
    assert (second.merged, second.staged, second.stored) == (0, 31, 0)
    _, out, _ = run_lake("info", store_key, "--lake", root, "--json")
    description = json.loads(out)
    domain = description["domain"]
    assert (domain["rule"], domain["mask"], domain["difference"]) == ("land", "", 0)
    assert [name[:14] for name in domain["files"]] == ["OR_ABI-L2-LSTC"] * 4
    assert "land, OR_ABI-L2-LSTC" in run_lake("info", store_key, "--lake", root)[1]
    assert (description["pending"], description["merged"], len(description["pending_steps"])) == (
        31,
        0,
        31,
    )
    assert description["clear_sky"] == "clear-land"
    code, _, err = run_lake("url", store_key, "--lake", root)
    assert code == 1
    assert f"31 time steps wait: run 'lake ingest publish {store_key}'" in err
    published = ingestion.publish_waiting(client, keys.parse(store_key), root)
    assert (published.merged, published.staged, published.stored) == (31, 0, 31)
    assert_equal(lake.open(published.url), lake.open(f"{years}/{store_key}"))
    assert ingestion.publish_waiting(client, keys.parse(store_key), root).merged == 0


def test_single_steps_are_staged_as_packed_observations(client, source, tmp_path):
    root = str(tmp_path / "lake")
    bounds = ingestion.Bounds(max_steps=1)
    ingestion.run(client, rules(YEARS[2020]), str(source), root, bounds=bounds, when=policy.NEVER)
    (marker,) = (tmp_path / "lake" / key("20200101_20201231") / "parts").glob("*.json")
    assert json.loads(marker.read_text())["form"] == "observations"


def test_store_with_waiting_steps_is_not_merged(client, source, years, tmp_path):
    root = tmp_path / "lake"
    shutil.copytree(years, root)
    extended = ["t0=2023-01-01", "tf=2023-12-31"]
    folder = tmp_path / "source"
    folder.mkdir()
    for path in source.glob("*_s2022010*.nc"):
        copy_as(path, folder / path.name.replace("_s2022", "_s2023"))
    ingestion.run(client, rules(extended), str(folder), str(root), when=policy.NEVER)
    with pytest.raises(ConfigError, match=r"run .lake ingest publish .*20230101_20231231"):
        merging.merge(
            client,
            [keys.parse(key(p)) for p in ("20220101_20221231", "20230101_20231231")],
            str(root),
        )


def test_merge_that_would_lose_time_steps_of_its_target_is_refused(client, source, years, tmp_path):
    root = tmp_path / "lake"
    shutil.copytree(years, root)
    ingestion.run(client, rules(["t0=2020-01-01", "tf=2022-12-31"]), str(source), str(root))
    halves = [["t0=2020-01-01", "tf=2020-03-31"], ["t0=2022-01-01", "tf=2022-12-31"]]
    ingestion.run(client, rules(halves[0]), str(source), str(root))
    with pytest.raises(
        OverlapError, match="that the stores to merge do not have, the first 202007"
    ):
        merging.merge(
            client,
            [keys.parse(key(p)) for p in ("20200101_20200331", "20220101_20221231")],
            str(root),
        )


def test_new_file_that_cannot_be_read_is_missing_in_the_store_that_is_there(
    client, source, tmp_path
):
    folder, root = tmp_path / "source", str(tmp_path / "lake")
    folder.mkdir()
    paths = {path.name: path for path in source.glob("*_s20200101[58]*.nc")}
    for name, path in paths.items():
        if "_s202001015" in name:
            (folder / name).symlink_to(path)
    (first,) = ingestion.run(client, rules(YEARS[2020]), str(folder), root)
    for name, path in paths.items():
        if "_s202001018" in name:
            (folder / name).write_bytes(b"cut" if "LSTC" in name else path.read_bytes())
    (second,) = ingestion.run(client, rules(YEARS[2020]), str(folder), root)
    assert (first.stored, second.stored, second.merged) == (1, 1, 0)
    (entry,) = [e for e in entries(root, second.key) if e.step == "20200110-64800"]
    assert entry.status == ledger.MISSING
    assert "no clear-sky product of 1 time steps" in entry.reason


def test_file_that_changed_after_it_was_ingested_is_told_and_not_used(
    client, source, tmp_path, capsys
):
    folder, root = tmp_path / "source", str(tmp_path / "lake")
    folder.mkdir()
    for path in source.glob("*_s202001015*.nc"):
        shutil.copy(path, folder)
    (before,) = ingestion.run(client, rules(YEARS[2020]), str(folder), root)
    (changed,) = folder.glob("*C13*.nc")
    changed.write_bytes(changed.read_bytes() + b"more")
    (after,) = ingestion.run(client, rules(YEARS[2020]), str(folder), root)
    assert after.changed == (changed.name,)
    assert (after.url, after.merged) == (before.url, 0)
    assert f"warning: {changed.name} of time step 20200110-54000" in capsys.readouterr().err


def test_run_is_bounded_by_days(client, source, tmp_path):
    bounds = ingestion.Bounds(since=date(2020, 7, 1), until=date(2020, 7, 15))
    (outcome,) = ingestion.run(
        client, rules(YEARS[2020]), str(source), str(tmp_path), bounds=bounds
    )
    store_ledger = entries(str(tmp_path), outcome.key)
    assert {step[:8] for step in store_ledger.entered_steps} == {"20200710"}
    assert min(store_ledger.steps(ledger.MISSING)) >= "20200701"


def test_files_that_cannot_be_read_do_not_keep_a_bounded_run_from_the_others(
    client, source, tmp_path
):
    folder, root = tmp_path / "source", str(tmp_path / "lake")
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*_s2022*"))
    bounds, stored_steps = ingestion.Bounds(max_steps=8), []
    first = sorted(folder.glob("*C13*"), key=lambda path: filenames.parse_name(path.name).start)[:4]
    for path in first:
        path.write_bytes(b"cut")
    for _ in range(4):
        (outcome,) = ingestion.run(client, rules(YEARS[2020]), str(folder), root, bounds=bounds)
        stored_steps.append(outcome.stored)
    assert stored_steps == [4, 12, 20, 27]


def test_credentials_that_expire_under_way_end_the_run_and_the_next_goes_on(
    client, source, years, s3_root, break_s3
):
    proxy = break_s3(Faults({"expired": 1}, match="commits/0000000[^1]"))
    with pytest.raises(UnreachableError, match="credentials have expired") as ended:
        ingestion.run(client, rules(YEARS[2020]), str(source), s3_root)
    assert ended.value.exit_code == 1  # a pod is tried again, with new ones
    assert proxy.injected["expired"] > 0
    proxy.faults = Faults()
    (outcome,) = ingestion.run(client, rules(YEARS[2020]), str(source), s3_root)
    assert outcome.stored == 31
    assert_equal(lake.open(outcome.url), lake.open(f"{years}/{key('20200101_20201231')}"))


def metadata(store: lake.Store) -> tuple[dict, dict[str, dict]]:
    """Root attributes of the newest generation, and the metadata of its nodes with general paths."""
    document = json.loads((Path(store.url) / "zarr.json").read_text("utf-8"))
    cubes = "|".join(document["attributes"]["cubes"])
    nodes = document["consolidated_metadata"]["metadata"]
    general = {
        re.sub(r"^geom/\w+", "geom/<res>", re.sub(rf"\b({cubes})\b", "<cube>", path)): node
        for path, node in nodes.items()
    }
    return document["attributes"], general


def test_page_of_the_format_names_every_array_of_a_store_with_its_axes_and_type(whole):
    _, nodes = metadata(whole)
    made = {
        path: (tuple(node.get("dimension_names") or ()), node["data_type"])
        for path, node in nodes.items()
        if node["node_type"] == "array"
    }
    told = format_page.arrays()
    assert set(told) == set(made)
    assert len(made) > 30
    for path, kind in told.items():
        assert kind is None or kind == made[path], path


def test_page_of_the_format_names_every_attribute_of_a_store(whole):
    root, nodes = metadata(whole)
    told = {
        name: row[1]
        for row in format_page.rows("root attribute")
        for name in format_page.names(row[0])
    }
    assert set(told) == set(root)
    assert set(format_page.names(told["layout"])) == set(root["layout"])
    provenance = root["provenance"]
    assert set(format_page.names(told["provenance"])) == {*provenance, *provenance["days"]}
    of_groups: dict[str, set[str]] = {}
    for group, cell, _ in format_page.rows("group", "attribute"):
        of_groups.setdefault(group.strip("`"), set()).update(format_page.names(cell))
    of_groups["<cube>"].remove("quantity")  # of products without bands alone
    for path, node in nodes.items():
        if node["node_type"] == "group":
            assert set(node["attributes"]) == of_groups.get(path, set()), path
    of_arrays = {
        name
        for path, node in nodes.items()
        if node["node_type"] == "array" and not path.endswith("crs")
        for name in node["attributes"]
    }
    text = format_page.PAGE.read_text("utf-8")
    (sentence,) = re.findall(r"Arrays have attributes of the CF conventions: (.*)", text)
    assert set(format_page.names(sentence)) == of_arrays


def test_page_of_the_format_names_every_column_of_ledger_and_manifest():
    columns = [name for row in format_page.rows("column") for name in format_page.names(row[0])]
    assert columns == ledger._SCHEMA.names
    (sentence,) = re.findall(r"- A \*\*manifest\*\* .*", format_page.PAGE.read_text("utf-8"))
    assert format_page.names(sentence) == manifest._SCHEMA.names
