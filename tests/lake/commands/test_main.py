"""The command as its user calls it; what it prints, and its exit codes."""

import json
import subprocess
import sys
from dataclasses import asdict

import pytest

from lake.catalogue import catalogue
from lake.catalogue.catalogue import Row
from lake.format import keys
from lake.storage.connect import connect
from lake.store import commits
from lake.store.generations import StoreState
from lake.store.ledger import MERGED, MISSING, Ledger, LedgerEntry, SourceFile
from lake.store.ledger import write as write_ledger
from tests.lake.small_store import CUBES, KEY, small_domain, write


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> str:
    """A lake with one store."""
    root = tmp_path_factory.mktemp("cli")
    objects = connect(root)
    catalogue.claim(objects)
    domain = small_domain()
    commit = write(str(root / KEY), domain)
    ledger = Ledger(
        (
            LedgerEntry(
                "20200101-54000",
                MERGED,
                "20200011501172",
                "v01",
                files=(SourceFile("a.nc", 7, "tag", 3),),
            ),
            LedgerEntry("20200102-54000", MISSING, reason="no C05 for start 20200021501172"),
        )
    )
    path = write_ledger(connect(root / KEY), ledger)
    noted = StoreState.from_commit(commit)
    (root / KEY / "commits" / "00000001.json").write_text(
        json.dumps(commit.body | {"ledger": path})
    )
    sat, listing, period, geom = KEY.split("/")
    t0, tf = period.split("_")
    row = Row(
        KEY, sat, listing, t0, tf, geom, 1, f"{KEY}/{noted.path}", domain.pixels, "day-2km",
        2, 1, 0, 1, "m3", -90.0, 30.0, -80.0, 40.0,
    )  # fmt: skip
    catalogue.upsert(objects, row)
    return str(root)


def test_ls_lists_the_stores_as_text_and_as_json(run_lake, root):
    code, out, _ = run_lake("ls", "--lake", root)
    assert code == 0
    assert KEY in out
    code, out, _ = run_lake("ls", "--lake", root, "--json")
    assert [row["key"] for row in json.loads(out)] == [KEY]


def test_box_of_a_store_without_generation_is_null_in_json(run_lake, tmp_path):
    objects = connect(tmp_path)
    catalogue.claim(objects)
    commit = commits.Commit(1, asdict(StoreState("", "", (), (), "", (), "", "")))
    key = keys.parse(KEY)
    catalogue.upsert(objects, catalogue.row(key, commit, Ledger(), (), None))
    _, out, _ = run_lake("ls", "--lake", str(tmp_path), "--json")
    (row,) = json.loads(out, parse_constant=pytest.fail)
    assert [row[name] for name in ("west", "south", "east", "north")] == [None] * 4


def test_root_is_taken_from_the_environment(run_lake, root, monkeypatch):
    monkeypatch.setenv("LAKE_ROOT", root)
    assert KEY in run_lake("ls")[1]


def test_url_prints_the_url_alone(run_lake, root):
    code, out, err = run_lake("url", KEY, "--lake", root)
    assert (code, err) == (0, "")
    assert out.startswith(f"{root}/{KEY}/v/00000001-")
    assert out.count("\n") == 1


def test_info_names_what_is_missing_and_the_versions(run_lake, root):
    _, out, _ = run_lake("info", KEY, "--lake", root)
    assert "1 x no C05 for start 20200021501172: 20200102-54000" in out
    assert "{'v01': 1}" in out
    document = json.loads(run_lake("info", KEY, "--lake", root, "--json")[1])
    assert document["missing_steps"][0]["step"] == "20200102-54000"
    assert document["suspect"] == "m3"


def test_tree_shows_every_array_with_its_axes(run_lake, root):
    _, out, _ = run_lake("tree", KEY, "--lake", root)
    for cube in CUBES:
        assert f"{cube.name}/results" in out
    assert "month 12, tod 3, band 2, metric 7" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["ls", "--lake", "/nowhere/at/all"], 1, "there is no lake at /nowhere/at/all"),
        (["info", "goes16/none/20200101_20200102/g", "--lake", "ROOT"], 1, KEY),
        (["info", "s3://b/lake/goes16/none", "--lake", "ROOT"], 64, "wanted the key of a store below"),
        (["tree", "/srv/lake", "--lake", "ROOT"], 64, "wanted the key of a store below"),
        (["url", "./lake", "--lake", "ROOT"], 64, "wanted the key of a store below"),
        (["verify", "s3://b/lake", "--lake", "ROOT"], 64, "wanted the key of a store below"),
        (["ingest", "publish", "s3://b/lake", "--lake", "ROOT"], 64, "wanted the key of a store below"),
        (["merge", "s3://b/lake", "c/d", "--lake", "ROOT"], 64, "is no key"),
        (["ls"], 2, "Missing option '--lake'"),
        (["fly"], 2, "No such command 'fly'"),
        (["merge", "a/b", "c/d", "--lake", "ROOT"], 64, "is no key"),
        (["ingest", "plan", "nosuch", "--source", "ROOT"], 64, "clearland-l1b-c0, lst-10km"),
        (["ingest", "plan", "lst-10km", "--source", "ROOT", "--set", "bands=3"], 64, "unknown key bands"),
        (
            ["ingest", "plan", "clearland-l1b-c0", "--source", "ROOT", "--set", "tolerance_s=10",
             "--set", "cubes.day-2km.tods=[54600]"], 64, "from the nearest scan of ABI-L2-LSTC",
        ),
        (["ingest", "plan", "lst-10km", "--source", "/nowhere"], 1, "no source /nowhere"),
        (["ingest", "plan", "lst-10km", "--source", "ROOT"], 64, "holds no .nc files"),
    ],
)  # fmt: skip
def test_refusals_say_why_and_exit_with_their_code(run_lake, root, arguments, code, said):
    found, out, err = run_lake(*(root if a == "ROOT" else a for a in arguments))
    assert found == code
    assert said in err
    assert out == ""


def test_help_lists_the_commands_of_all_packages(run_lake):
    code, out, _ = run_lake("--help")
    assert code == 0
    for name in (
        "cluster",
        "demo",
        "embed",
        "info",
        "ingest",
        "ls",
        "map",
        "merge",
        "pca",
        "sample",
    ):
        assert f"\n  {name} " in out


def test_importing_lake_loads_nothing_heavy():
    heavy = ("torch", "h5py", "netCDF4", "dask", "distributed", "matplotlib", "sklearn", "numba")
    program = f"import lake, sys; lake.open; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert done.stdout.strip() == "[]"
