"""Time steps of synthetic granules, accumulated, against netCDF4 and the formulas of the ABI documents."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import google_crc32c
import h5py
import netCDF4
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ingest.accumulate import accumulate, observations, packed
from ingest.listing import listing
from ingest.plan.plan import Step
from ingest.source.source_files import File
from ingest.synthetic import granules
from lake.dask_cluster import MALLOC
from lake.errors import MissingError
from lake.format import domain as domains
from lake.format.moments import METRICS
from lake.store.ledger import MERGED, MISSING, SourceFile
from tests.ingest.accumulate.scans import RULES, TOD, domain_of, fetch, steps
from tests.ingest.sources import copy_as
from tests.oracle import clear_land, decoded

EPS = np.finfo(np.float32).eps


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three days of July of both years, one on each side of the LST change, at 18 UTC."""
    target = tmp_path_factory.mktemp("granules")
    settings = {"months": (7,), "days": (5, 10, 20), "tods": (TOD,), "missing": False}
    granules.write(target, shape=(40, 48), seed=3, **settings)
    return target


@pytest.fixture(scope="module")
def domain(folder) -> domains.Domain:
    return domain_of(steps(folder)[0])


def blocks(accumulated: accumulate.Accumulated, cube: str) -> np.ndarray:
    """The moments of all superblocks."""
    numbers = range(len(accumulated.packed.superblocks))
    return np.concatenate([accumulated.moments(cube, n) for n in numbers], axis=2)


# the oracle


def observed(step: Step, domain: domains.Domain) -> dict[str, np.ndarray]:
    """By cube (band, pixel, subpixel), NaN where a pixel does not count."""
    valid = clear_land(step.files[0].path)
    images = [decoded(file.path) for file in step.files[1:]]
    for _, good in images:
        r = good.shape[0] // valid.shape[0]
        valid = valid & good.reshape(valid.shape[0], r, valid.shape[1], r).all(axis=(1, 3))
    by_cube, rest = {}, iter(images)
    for cube in RULES.cubes_at(TOD):
        r = cube.refinement
        fine = valid.repeat(r, 0).repeat(r, 1)
        bands = [np.where(fine, next(rest)[0], np.nan) for _ in cube.bands]
        by_cube[cube.name] = np.stack([domain.gather(band, r) for band in bands])
    return by_cube


def assert_direct(results: np.ndarray, x: np.ndarray, rests: int = 0) -> None:
    """`found` (band, metric, ...) against (step, band, ...): rounded once, and once a rest."""
    n = np.isfinite(x).sum(axis=0)
    assert_array_equal(results[:, 0], n)
    assert np.isnan(results[:, 1:].transpose(1, 0, 2, 3)[:, n == 0]).all()
    is_observed, spread = n > 0, np.zeros(n.shape)
    mean = np.where(is_observed, np.nansum(x, axis=0) / np.maximum(n, 1), np.nan)
    low, high = np.nanmin(x, axis=0, initial=np.inf), np.nanmax(x, axis=0, initial=-np.inf)
    assert_array_equal(results[:, 1][is_observed], low[is_observed].astype(np.float32))
    assert_array_equal(results[:, 2][is_observed], high[is_observed].astype(np.float32))
    assert (np.abs(results[:, 3] - mean) <= 0.51 * EPS * np.abs(mean))[is_observed].all()
    spread = np.where(is_observed, np.maximum(high - mean, mean - low), 0)
    for k in (2, 3, 4):
        direct = np.nansum((x - mean) ** k, axis=0)
        scale = np.nansum(np.abs(x - mean) ** k, axis=0) if not rests else n * (2 * spread) ** k
        allowed = (0.51 + rests) * EPS * scale + 1e-9
        assert not (np.abs(results[:, METRICS.index(f"m{k}")] - direct) > allowed)[
            is_observed
        ].any(), k


@pytest.fixture(scope="module")
def oracle(folder, domain) -> dict[str, np.ndarray]:
    """By cube (step, band, pixel, subpixel)."""
    of_steps = [observed(step, domain) for step in steps(folder)]
    return {cube: np.stack([of_step[cube] for of_step in of_steps]) for cube in of_steps[0]}


# whole steps


def test_every_metric_of_every_cube_is_the_direct_computation(folder, domain, oracle):
    accumulated = accumulate.accumulate(steps(folder), RULES, domain, fetch)
    assert {entry.status for entry in accumulated.entries} == {MERGED}
    assert [entry.version for entry in accumulated.entries] == ["v01"] * 3 + ["v02"] * 3
    assert [cube.name for cube in accumulated.cubes] == list(oracle)
    for cube, x in oracle.items():
        assert_direct(blocks(accumulated, cube), x)
    assert np.isfinite(oracle["day-2km"]).sum(axis=0).max() > 2


@pytest.mark.parametrize("room", [1, 200_000])
def test_steps_without_room_go_to_running_sums_and_count_the_same(folder, domain, oracle, room):
    accumulated = accumulate.accumulate(steps(folder), RULES, domain, fetch, room_bytes=room)
    assert accumulated.form == "moments"
    assert accumulated.packed.sums
    for cube, x in oracle.items():
        assert_direct(blocks(accumulated, cube), x, rests=6)
        assert_array_equal(
            blocks(accumulated, cube), blocks(accumulated, cube)
        )  # asking changes nothing


def test_few_steps_are_observations_that_make_the_same_moments(folder, domain, oracle):
    accumulated = accumulate.accumulate(steps(folder)[3:], RULES, domain, fetch)
    assert accumulated.form == "observations"
    for cube, x in oracle.items():
        for number, pixels in enumerate(accumulated.packed.superblocks):
            observed = accumulated.observations(cube, number)
            expected = x[3:, :, pixels]
            assert_array_equal(observed.valid, np.isfinite(expected[:, 0, :, 0]))
            assert (observed.counts.transpose(0, 2, 1, 3)[~observed.valid] == 0).all()
            assert observed.counts.shape == expected.shape
            assert_array_equal(observations.moments(observed), accumulated.moments(cube, number))


def test_a_count_without_a_quantity_drops_its_pixel_from_all_bands(folder, domain):
    """Radiances that noise made negative have a good flag and no temperature."""
    step = steps(folder)[0]
    cold = next(file for file in step.files if "C13" in file.name)
    with netCDF4.Dataset(cold.path) as file:
        negative = (np.ma.filled(file["Rad"][:], 1) <= 0) & (file["DQF"][:] == 0)
    image = negative & clear_land(step.files[0].path) & domain.mask
    accumulated = accumulate.accumulate([step], RULES, domain, fetch)
    (packed_step,) = accumulated.packed.steps
    assert (packed_step.states == 2).sum() >= image.sum()
    for cube in accumulated.cubes:
        count = blocks(accumulated, cube.name)[:, 0]
        assert (count[:, domain.gather(image, 1)[:, 0]] == 0).all()


def test_entries_name_files_with_size_tag_and_checksum(folder, domain):
    step = steps(folder)[0]
    (entry,) = accumulate.accumulate([step], RULES, domain, fetch).entries
    assert (entry.step, entry.start) == (step.id, step.start)
    contents = [(f, Path(f.path).read_bytes()) for f in step.files]
    assert entry.files == tuple(
        SourceFile(f.name, len(data), "tag", google_crc32c.value(data)) for f, data in contents
    )


# steps that cannot be read


def spoilt(folder: Path, target: Path, band: str) -> tuple[list[Step], Path]:
    """A copy of all files, and that of one band of the second step."""
    shutil.copytree(folder, target)
    all_steps = steps(target)
    (path,) = (Path(f.path) for f in all_steps[1].files if band in f.name)
    return all_steps, path


def damage(path: Path) -> None:
    """The last chunk of the image."""
    with h5py.File(path) as file:
        places = []
        file["Rad"].id.chunk_iter(lambda chunk: places.append(chunk) or None)
    with path.open("r+b") as file:
        file.seek(places[-1].byte_offset + 2)
        file.write(b"\xff" * (places[-1].size - 2))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20000])


def move(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["goes_imager_projection"].attrs["longitude_of_projection_origin"] = [-89.5]


@pytest.mark.parametrize(
    ("spoil", "band", "reason"),
    [
        (damage, "C02", "the chunk of Rad at (0, 0) is damaged"),
        (damage, "C15", "the chunk of Rad at (0, 0) is damaged"),
        (cut, "C05", "cannot be read: found 20000 bytes"),
        (move, "C13", "longitude_of_projection_origin is -89.5"),
        (move, "LSTC", "longitude_of_projection_origin is -89.5"),
    ],
)
@pytest.mark.parametrize("room", [1, 10**9])
def test_step_with_a_bad_file_is_missing_with_the_reason_and_the_others_count(
    folder, domain, oracle, tmp_path, spoil, band, reason, room
):
    all_steps, path = spoilt(folder, tmp_path / "spoilt", band)
    spoil(path)
    accumulated = accumulate.accumulate(all_steps, RULES, domain, fetch, room_bytes=room)
    assert [entry.status for entry in accumulated.entries] == [MERGED, MISSING, *[MERGED] * 4]
    lost = accumulated.entries[1]
    assert path.name in lost.reason
    assert reason in lost.reason
    assert [(f.name, f.tag, f.checksum) for f in lost.files] == [
        (f.name, "tag", 0) for f in all_steps[1].files
    ]
    x = np.delete(oracle["day-500m"], 1, axis=0)
    assert_direct(blocks(accumulated, "day-500m"), x, rests=0 if room > 1 else 6)


def test_step_on_another_grid_names_both(folder, domain, tmp_path):
    all_steps, path = spoilt(folder, tmp_path / "spoilt", "C13")
    move(path)
    lost = accumulate.accumulate(all_steps, RULES, domain, fetch).entries[1]
    assert "longitude_of_projection_origin is -89.5, wanted -75.0" in lost.reason


def test_step_whose_file_is_gone_is_missing_and_the_others_count(folder, domain, oracle):
    all_steps = steps(folder)

    @contextmanager
    def without(file: File):
        if file in all_steps[0].files[4:5]:
            raise MissingError(f"there is no file {file.path}: list the source again")
        yield file.path

    accumulated = accumulate.accumulate(all_steps, RULES, domain, without)
    lost = accumulated.entries[0]
    assert (lost.status, lost.reason[:16]) == (MISSING, "there is no file")
    assert_direct(blocks(accumulated, "day-1km"), oracle["day-1km"][1:])


@pytest.mark.parametrize("spoil", [damage, cut, move])
def test_second_choice_counts_once_and_says_why(folder, domain, oracle, tmp_path, spoil):
    all_steps, path = spoilt(folder, tmp_path / "spoilt", "C15")
    spoil(path)
    good = steps(folder)[1]
    all_steps[1] = replace(all_steps[1], second_choices=(all_steps[1], good))
    accumulated = accumulate.accumulate(all_steps, RULES, domain, fetch, room_bytes=10**9)
    assert {entry.status for entry in accumulated.entries} == {MERGED}
    assert accumulated.entries[1].reason.startswith(f"second choice: {path}")
    assert not any(e.reason for n, e in enumerate(accumulated.entries) if n != 1)
    for cube, x in oracle.items():
        assert_direct(blocks(accumulated, cube), x)


def test_steps_of_which_none_can_be_read_hold_nothing(folder, domain):
    @contextmanager
    def gone(file: File):
        raise MissingError("gone")
        yield

    accumulated = accumulate.accumulate(steps(folder), RULES, domain, gone)
    assert {entry.status for entry in accumulated.entries} == {MISSING}
    results = blocks(accumulated, "day-2km")
    assert (results[:, 0] == 0).all()
    assert np.isnan(results[:, 1:]).all()


# other products


def lst_rules() -> listing.Listing:
    raw = RULES.to_dict()
    raw["clear_sky"] = {"product": "ABI-L2-LSTC", "rule": "retrieved"}
    raw["cubes"] = {
        "lst": {"resolution": "2km", "product": "ABI-L2-LSTC", "variable": "LST"}
        | {"bands": ["LST"], "tods": [TOD]}
    }
    return listing.Listing.from_dict(raw)


def test_clear_sky_product_can_be_the_cube_in_both_versions(folder):
    rules = lst_rules()
    all_steps = steps(folder, rules)
    assert {len(step.files) for step in all_steps} == {1}
    domain = domain_of(all_steps[0], rules)
    accumulated = accumulate.accumulate(all_steps, rules, domain, fetch)
    assert [entry.version for entry in accumulated.entries] == ["v01"] * 3 + ["v02"] * 3
    images = []
    for step in all_steps:
        with netCDF4.Dataset(step.files[0].path) as file:
            file.set_auto_maskandscale(False)
            counts, dqf, lst = file["LST"][:], file["DQF"][:], file["LST"]
            low, high = lst.valid_range
            valid = (dqf <= 2) if "PQI" in file.variables else (dqf & 22) == 0
            valid = valid & (counts >= low) & (counts <= high)
            kelvin = counts * float(lst.scale_factor) + float(lst.add_offset)
        images.append(domain.gather(np.where(valid, kelvin, np.nan), 1))
    assert_direct(blocks(accumulated, "lst"), np.stack(images)[:, None])


def test_reflectances_of_level_2_are_accumulated_as_they_are(folder, tmp_path):
    raw = RULES.to_dict()
    raw["cubes"] = {
        "cmi": {"resolution": "1km", "product": "ABI-L2-CMIPC", "variable": "CMI"}
        | {"bands": ["C01", "C03"], "tods": [TOD]},
        "day-2km": raw["cubes"]["day-2km"] | {"bands": ["C13"], "tods": [TOD]},
    }
    rules = listing.Listing.from_dict(raw)
    for path in folder.glob("*_s2020*.nc"):
        if "C01" in path.name or "C03" in path.name:
            copy = tmp_path / path.name.replace("L1b-RadC", "L2-CMIPC")
            copy_as(path, copy)
            with h5py.File(copy, "r+") as file:
                file.move("Rad", "CMI")
        else:
            shutil.copy(path, tmp_path)
    all_steps = steps(tmp_path, rules)
    assert len(all_steps) == 3
    domain = domain_of(all_steps[0], rules)
    accumulated = accumulate.accumulate(all_steps, rules, domain, fetch)
    assert {entry.status for entry in accumulated.entries} == {MERGED}, accumulated.entries
    count = blocks(accumulated, "cmi")[:, 0]
    path = next(f.path for f in all_steps[0].files if "C03" in f.name)
    with netCDF4.Dataset(path) as file:
        scale, offset = float(file["CMI"].scale_factor), float(file["CMI"].add_offset)
    low, high = blocks(accumulated, "cmi")[1, 1:3]
    assert count.max() == 3
    assert_array_equal(count[0], blocks(accumulated, "day-2km")[0, 0].repeat(4, 1))
    assert np.nanmin(low) >= offset - 1e-3
    assert np.nanmax(high) <= 1022 * scale + offset
    counts = (low[np.isfinite(low)].astype(np.float64) - offset) / scale
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-2)


# memory

QUARTER = """
import json, re, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.ingest.accumulate.scans import RULES, domain_of, fetch, steps
all_steps = steps(Path(sys.argv[1])) * 4
domain = domain_of(all_steps[0])
from ingest.accumulate import accumulate
room = int(sys.argv[3])
for _ in range(2):
    accumulated = None
    accumulated = accumulate.accumulate(all_steps, RULES, domain, fetch, room_bytes=room)
    for cube in accumulated.cubes:
        for n in range(len(accumulated.packed.superblocks)):
            accumulated.moments(cube.name, n)
# ru_maxrss would begin with what the tests' own process held when it started this one
peak = int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
print(json.dumps({"peak": peak, "pixels": domain.pixels, "rested": bool(accumulated.packed.sums)}))
"""


@pytest.mark.slow
def test_memory_of_a_quarter_of_the_sector_stays_below_what_is_stated(tmp_path):
    """A quarter of the pixels and of the room, more steps than fit, twice, as a worker does it."""
    settings = {"years": (2020,), "months": (7,), "days": (5, 6), "tods": (TOD,)}
    granules.write(tmp_path, shape=(750, 1250), missing=False, **settings)
    root, room = Path(__file__).parents[3], packed.ROOM_BYTES // 8
    done = subprocess.run(
        [sys.executable, "-c", QUARTER, str(tmp_path), str(root), str(room)],
        env=os.environ | MALLOC,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    numbers = json.loads(done.stdout)
    assert numbers["rested"]
    assert numbers["pixels"] > 1_800_000 / 4
    size = packed.StepSize(numbers["pixels"], grid_pixels=750 * 1250, layers=32)
    stated = packed.peak_bytes(size, room_bytes=room)
    assert numbers["peak"] < stated


def test_stated_memory_of_the_whole_sector_is_below_4_gb():
    assert packed.peak_bytes(CONUS) < 4e9


CONUS = packed.StepSize(pixels=1_800_000, grid_pixels=1500 * 2500, layers=32)
STEP = CONUS.packed_bytes


@pytest.mark.parametrize("gigabytes", [1, 1.5, 2, 3, 4, 5, 16])
@pytest.mark.parametrize("steps", [1, 10, 256])
def test_tasks_fit_into_the_memory_of_a_worker(gigabytes, steps):
    size = packed.task_size(int(gigabytes * 1e9), CONUS, steps)
    assert 1 <= size.steps <= steps
    assert size.peak_bytes <= 0.9e9 * gigabytes
    assert STEP <= size.room_bytes <= max(packed.ROOM_BYTES, size.steps * STEP)
    is_whole = size.room_bytes >= size.steps * STEP
    needed = min(size.room_bytes, size.steps * STEP) + CONUS.rest_bytes
    sums_bytes = 0 if is_whole else CONUS.sums_bytes
    assert size.peak_bytes == needed + sums_bytes


def test_without_a_limit_tasks_are_those_of_full_room():
    size = packed.task_size(None, CONUS, 256)
    assert (size.steps, size.room_bytes) == (256, packed.ROOM_BYTES)
    assert size.peak_bytes == packed.peak_bytes(CONUS)


def test_less_memory_means_less_room_and_then_fewer_steps():
    large, middle, small = (
        packed.task_size(int(memory), CONUS, 256) for memory in (5e9, 3.9e9, 2e9)
    )
    assert (large.steps, large.room_bytes) == (256, packed.ROOM_BYTES)
    assert middle.steps == 256
    assert middle.room_bytes < packed.ROOM_BYTES
    assert small.steps == int((0.9 * 2e9 - CONUS.rest_bytes) // STEP)


def test_small_stores_are_not_cut_and_one_step_is_always_tried():
    assert packed.task_size(int(0.3e9), packed.StepSize(20_000, 30_000, 32), 50).steps == 50
    single = packed.task_size(int(0.3e9), CONUS, 256)
    assert (single.steps, single.room_bytes) == (1, STEP)
    assert single.peak_bytes > 0.3e9
