"""Which pixels a geometry gets: by the product's land, checked, or by the mask; once and for all."""

import io
import json
import shutil

import numpy as np
import pytest

from ingest.abi import lst_flags
from ingest.abi.flags import Clause, Rule
from ingest.listing import listing as listings
from ingest.listing import masks
from ingest.plan import domains, landmask, plan
from ingest.plan.domains import Origin
from ingest.source import source_files
from ingest.source.scratch import Scratch
from lake.errors import ConfigError, DataError, GeometryError
from lake.format import domain as lake_domain
from lake.format import keys
from lake.format.grid import Grid
from lake.storage.connect import connect

KEY = keys.parse("goes16/lst-10km/20221201_20230228/geom-goes-fulldisk-0")
LATER = keys.parse("goes16/lst-10km/20230301_20230331/geom-goes-fulldisk-0")


@pytest.fixture(scope="module")
def steps(shared_data, tmp_path_factory):
    """Two real time steps."""
    folder = tmp_path_factory.mktemp("source")
    for path in sorted((shared_data / "abi" / "lstf").iterdir())[:2]:
        shutil.copy(path, folder)
    listing = listings.load("lst-10km")
    return plan.plan(listing, source_files.list_for(str(folder), listing).files).steps


@pytest.fixture(scope="module")
def grid(steps, tmp_path_factory) -> Grid:
    from ingest.plan import geometries

    scratch = Scratch(str(tmp_path_factory.mktemp("scratch")))
    ((found, _),) = geometries.groups(listings.load("lst-10km"), steps, scratch)
    return found


@pytest.fixture
def settle(grid, steps, tmp_path):
    """Settle the domain of a lake by a listing with overrides."""

    def settled(*overrides, key=KEY, on=grid, of=steps):
        objects = connect(tmp_path / "lake")
        rules = listings.load("lst-10km", list(overrides))
        return domains.resolve(objects, key, rules, on, of, Scratch(str(tmp_path)))

    return settled


def origin(tmp_path) -> Origin:
    return domains.origin_of(connect(tmp_path / "lake"), KEY)


def test_land_of_the_files_is_the_domain_and_its_agreement_is_kept(settle, steps, tmp_path):
    found = settle()
    kept = origin(tmp_path)
    assert (kept.rule, kept.mask) == ("land", "global-land-mask")
    assert kept.files == tuple(step.files[0].name for step in steps)
    assert kept.difference < 0.001
    assert kept.agreement.compared > 800_000
    assert 0 < kept.agreement.disagreement < 0.001
    again = domains.load(connect(tmp_path / "lake"), KEY)
    assert domains.digest(again) == domains.digest(found)


def test_settled_domain_is_found_without_reading_the_source(settle, monkeypatch):
    first = settle()
    monkeypatch.setattr(source_files, "fetch", None)
    monkeypatch.setattr(landmask, "land", None)
    assert domains.digest(settle(key=LATER, of=())) == domains.digest(first)


def test_disagreement_above_the_threshold_stops_with_the_figures_and_what_to_do(settle, tmp_path):
    with pytest.raises(DataError) as error:
        settle("domain.max_disagreement=0.0001")
    message = str(error.value)
    for part in ("OR_ABI-L2-LSTF", "global-land-mask disagree on 0.05%", "441 in the mask alone",
                 "4 are land in the files alone", "domain.rule=mask"):  # fmt: skip
        assert part in message
    assert error.value.exit_code == 65
    assert not list((tmp_path / "lake").rglob("*.npz"))


def test_flags_read_the_wrong_way_are_refused(settle, monkeypatch):
    def exchanged(images):
        surface = (images["PQI"] >> 6) & 3
        return np.isin(surface, (0, 3)) & (images["PQI"] != lst_flags.FLAG_FILL)

    land = lst_flags.SKY.domain["land"]
    v02 = Clause(land.clauses["v02"].words, exchanged)
    monkeypatch.setitem(lst_flags.SKY.domain, "land", Rule(land.clauses | {"v02": v02}))
    with pytest.raises(DataError, match=r"disagree on 96\.\d\d%"):
        settle()


def test_mask_of_no_name_is_not_asked(settle, tmp_path, monkeypatch):
    monkeypatch.setattr(landmask, "land", None)
    settle("domain.mask=none", "domain.max_disagreement=0")
    assert origin(tmp_path).agreement is None
    assert origin(tmp_path).mask == ""


def test_rule_mask_takes_its_land_and_reads_no_file(settle, grid, tmp_path):
    found = settle("domain.rule=mask", of=())
    np.testing.assert_array_equal(found.mask, landmask.land(masks.PACKAGED, grid))
    assert origin(tmp_path) == Origin("mask", "global-land-mask")


def test_another_rule_for_another_period_is_refused(settle):
    settle("domain.rule=mask", of=())
    with pytest.raises(ConfigError, match=r"made by domain.rule 'mask'.*the listing says 'land'"):
        settle(key=LATER)


def test_another_mask_that_only_has_to_agree_changes_nothing(settle, tmp_path):
    first = settle()
    assert domains.digest(settle("domain.mask=none", key=LATER)) == domains.digest(first)


def test_other_crop_of_the_geometry_is_refused_naming_both(settle, grid):
    settle()
    crop = Grid(grid.projection, grid.y[:100], grid.x)
    with pytest.raises(GeometryError, match=r"grid of 1086 x 1086 .*the files have 100 x 1086"):
        settle(on=crop)


def test_other_layout_is_refused(settle):
    settle()
    with pytest.raises(GeometryError, match="chunk=512"):
        settle("layout.chunk=512")


def test_file_that_cannot_be_read_leaves_it_to_the_next(settle, steps, tmp_path):
    broken = source_files.File(str(tmp_path / steps[0].files[0].name), 4)
    (tmp_path / broken.name).write_bytes(b"none")
    first = plan.Step(steps[0].date, 0, "", (broken,))
    settle(of=(first, steps[1]))
    assert origin(tmp_path).files == (steps[1].files[0].name,)


def test_no_file_that_can_be_read_is_an_error_with_the_reasons(settle, steps, tmp_path):
    gone = plan.Step(steps[0].date, 0, "", (source_files.File(str(tmp_path / "gone.nc")),))
    with pytest.raises(DataError, match=r"tells which pixels are land: there is no file .*gone"):
        settle(of=(gone,))


def test_legacy_domain_stays_whatever_the_rule(settle, grid, tmp_path):
    mask = np.zeros(grid.shape, bool)
    mask[500:520, 400:500] = True
    layout = listings.load("lst-10km").layout
    legacy = lake_domain.from_mask(mask, grid, layout)
    objects = connect(tmp_path / "lake")
    objects.put("x", b"")
    domains.ensure(objects, KEY, legacy)
    assert domains.digest(settle("domain.rule=mask", key=LATER)) == domains.digest(legacy)
    assert origin(tmp_path).rule == "legacy"
    other = lake_domain.from_mask(~mask, grid, layout)
    assert domains.digest(domains.ensure(objects, KEY, other)) == domains.digest(legacy)


def test_domain_of_the_time_when_one_file_decided_is_read(settle, tmp_path):
    domain = settle()
    objects = connect(tmp_path / "lake")
    data = dict(np.load(io.BytesIO(domains.to_bytes(domain, Origin("land"))), allow_pickle=False))
    former = {"rule": "land", "mask": "", "file": "a.nc", "agreement": None}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **data | {"origin": np.array(json.dumps(former))})
    objects.put(domains._path(KEY), buffer.getvalue())
    assert origin(tmp_path) == Origin("land", files=("a.nc",))
