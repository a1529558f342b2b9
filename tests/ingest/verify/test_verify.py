"""A store of synthetic granules, sound, and damaged in each way that verify looks for."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ingest import ingestion
from ingest.listing import listing
from ingest.synthetic import granules
from ingest.verify import verify
from lake.errors import MissingError
from lake.format import keys, moments
from lake.format.moments import METRICS
from lake.reading.store import open as open_store
from lake.storage.connect import connect
from lake.store import generations, ledger, manifest
from lake.store.commits import head
from lake.store.generations import StoreState

RULES = [
    "t0=2022-01-01",
    "tf=2022-12-31",
    "layout.chunk=128",
    "layout.phases=4",
    "domain.mask=none",
]
KEY = keys.parse("goes16/clearland-l1b-c0/20220101_20221231/geom-goes-conus-0")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    granules.write(folder, shape=(40, 48), years=(2022,), months=(1, 7), days=(10, 20), seed=5)
    return folder


@pytest.fixture(scope="module")
def sound(client, source, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("lake")
    ingestion.run(client, listing.load("clearland-l1b-c0", RULES), str(source), str(root))
    return root


@pytest.fixture
def root(sound, tmp_path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(sound, tmp_path / "lake"))


def state(root: Path) -> StoreState:
    return StoreState.from_commit(head(connect(root / str(KEY))))


def generation(root: Path) -> Path:
    return root / str(KEY) / state(root).path


def rewrite(root: Path, cube: str, change) -> None:
    """Change one superblock of July by a writer that notes it in the manifest, as a bug would."""
    objects, now = connect(root / str(KEY)), state(root)
    store = open_store(str(generation(root)))
    pixels = slice(0, store.domain.layout.superblock)
    block = store.block(cube, pixels, 7)[0].copy()
    change(block)
    stored = generations.write_shard(objects, now.path, cube, 7, 0, block, store.domain.layout)
    entries = manifest.read(objects, now.manifest) | {stored.path: stored}
    _commit(root, manifest=manifest.write(objects, entries.values()))


def _commit(root: Path, **changes) -> None:
    objects = connect(root / str(KEY))
    newest = head(objects)
    path = root / str(KEY) / "commits" / f"{newest.number:08d}.json"
    path.write_text(json.dumps(newest.body | changes))


def test_sound_store_has_no_findings_computed_anew_as_a_whole(client, sound, source):
    verified = verify.verify(client, KEY, str(sound), str(source), cells=None)
    assert verified.findings == ()
    entries = ledger.read(connect(sound / str(KEY)), state(sound).ledger)
    assert (verified.cells, verified.steps) == (16, len(entries.steps(ledger.MERGED)))
    files = [p for p in generation(sound).rglob("*") if p.is_file()]
    assert verified.objects == len(files)


def test_sample_is_of_the_size_asked_for_and_the_same_for_a_seed(client, sound, source):
    verified = verify.verify(client, KEY, str(sound), str(source), cells=3, seed=1)
    assert (verified.cells, verified.findings) == (3, ())
    assert verified == verify.verify(client, KEY, str(sound), str(source), cells=3, seed=1)


def test_damaged_lost_and_strange_objects_are_found(client, root):
    folder = generation(root)
    paths = [generations.shard_path("day-1km", 7, n) for n in range(2)]
    damaged = bytearray((folder / paths[0]).read_bytes())
    damaged[100] ^= 1
    (folder / paths[0]).write_bytes(damaged)
    (folder / paths[1]).unlink()
    (folder / "stranger").write_bytes(b"")
    verified = verify.verify(client, KEY, str(root))
    problems = {finding.place: finding.problem for finding in verified.findings}
    assert set(problems) == {*paths, "stranger"}
    assert "its commit says" in problems[paths[0]]
    assert problems[paths[1]] == "is missing"
    assert problems["stranger"] == "is not in the manifest"


def test_number_that_breaks_an_invariant_is_found(client, root):
    def change(block):
        tod, band, pixel, subpixel = np.argwhere(block[:, :, 0] >= 2)[0]
        block[tod, band, METRICS.index("m2"), pixel, subpixel] = -1

    rewrite(root, "day-2km", change)
    findings = verify.verify(client, KEY, str(root)).findings
    assert (
        verify.Finding("month 7, superblock 0", "day-2km: m2 >= 0: fails in 1 places") in findings
    )
    assert {finding.place for finding in findings} == {"month 7, superblock 0"}


def test_time_step_counted_twice_is_found_without_its_sources(client, root):
    def change(block):
        once = moments.from_results(block, axis=2)
        block[...] = moments.to_results(moments.merge(once, once), axis=2)

    for cube in ("day-2km", "day-1km", "day-500m"):
        rewrite(root, cube, change)
    whats = {f.problem.split(":")[1] for f in verify.verify(client, KEY, str(root)).findings}
    assert " count <= 2 time steps at 54000 s" in whats


def test_plausible_but_wrong_number_is_found_by_its_sources(client, root, source):
    def change(block):
        for metric in ("min", "max", "m1"):
            block[:, :, METRICS.index(metric)] += 0.001

    rewrite(root, "night-2km", change)
    assert verify.verify(client, KEY, str(root)).findings == ()
    verified = verify.verify(client, KEY, str(root), str(source), cells=None)
    assert {f.place for f in verified.findings} == {
        f"month 7, {tod} s, superblock 0" for tod in (10800, 21600, 32400)
    }
    assert {f.problem.split(" differs")[0] for f in verified.findings} == {
        f"night-2km {metric}" for metric in ("min", "max", "m1")
    }


def test_changed_and_lost_sources_are_found(client, sound, source, tmp_path):
    folder = Path(shutil.copytree(source, tmp_path / "source"))
    (changed,) = folder.glob("*C13*_s2022010150*.nc")
    changed.write_bytes(changed.read_bytes() + b"\0")
    (lost,) = folder.glob("*C02*_s2022201180*.nc")
    lost.unlink()
    verified = verify.verify(client, KEY, str(sound), str(folder), cells=None)
    problems = {finding.place: finding.problem for finding in verified.findings}
    assert set(problems) == {"month 1, 54000 s, 20220110-54000", "month 7, 64800 s, 20220720-64800"}
    assert "the file has changed" in problems["month 1, 54000 s, 20220110-54000"]
    assert f"the source has no {lost.name} any more" in problems["month 7, 64800 s, 20220720-64800"]


def test_command_exits_1_with_the_list(run_lake, root, source):
    arguments = ("verify", str(KEY), "--lake", str(root))
    code, out, _ = run_lake(*arguments, "--source", str(source), "--json")
    assert (code, json.loads(out)["findings"]) == (0, [])
    (generation(root) / generations.shard_path("day-1km", 7, 0)).unlink()
    code, out, _ = run_lake(*arguments)
    assert code == 1
    assert "is missing" in out
    assert "1 findings" in out


def test_store_that_is_not_there_is_said(client, sound):
    with pytest.raises(MissingError, match="there is no store"):
        verify.verify(client, keys.parse(str(KEY).replace("2022", "2023")), str(sound))
