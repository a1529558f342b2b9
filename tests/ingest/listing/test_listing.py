import json
import tomllib
from dataclasses import replace
from datetime import date

import pytest

from ingest.abi import lst_flags
from ingest.listing import listing
from lake.errors import ConfigError
from lake.format.grid import Projection
from lake.format.order import Layout

CLEARLAND, LST = "clearland-l1b-c0", "lst-10km"
CUBE = '{resolution="2km", product="ABI-L1b-RadC", variable="Rad", bands=["C13"], tods=[64800]}'


def test_clearland_has_the_cubes_of_the_study():
    found = listing.load(CLEARLAND)
    day, night = (43200, 54000, 64800, 75600, 0), (10800, 21600, 32400)
    assert [(c.name, c.resolution, c.refinement, c.bands, c.tods) for c in found.cubes] == [
        ("day-2km", "2km", 1, ("C06", "C07", "C13", "C15"), day),
        ("day-1km", "1km", 2, ("C01", "C03", "C05"), day),
        ("day-500m", "500m", 4, ("C02",), day),
        ("night-2km", "2km", 1, ("C13", "C15"), night),
    ]
    assert {(c.product, c.variable) for c in found.cubes} == {("ABI-L1b-RadC", "Rad")}
    assert (found.sat, found.listing, found.sector) == ("goes16", CLEARLAND, "conus")
    assert found.clear_sky == listing.ClearSky("ABI-L2-LSTC", "clear-land")
    assert found.domain == listing.DomainRule("ABI-L2-LSTC", "land", "global-land-mask", 0.005)
    assert found.geoms == ()
    assert (found.tolerance_s, found.layout) == (900, Layout(1024, 16))
    assert found.tods == (*day, *night)


def test_lst_10km_has_one_cube_of_24_hours():
    (cube,) = listing.load(LST).cubes
    assert (cube.refinement, cube.resolution, cube.bands) == (1, "10km", ("LST",))
    assert cube.tods == tuple(range(0, 86400, 3600))


def test_cubes_at_a_time_of_day_are_those_that_observe_then():
    found = listing.load(CLEARLAND)
    assert [cube.name for cube in found.cubes_at(64800)] == ["day-2km", "day-1km", "day-500m"]
    assert [cube.name for cube in found.cubes_at(10800)] == ["night-2km"]
    assert found.cubes_at(1) == ()


def test_shipped_files_say_what_their_rules_mean():
    for name in (CLEARLAND, LST):
        _, text = listing._read(name)
        found = listing.load(name)
        meaning = lst_flags.SKY.clear[found.clear_sky.rule].meaning
        assert f'v01 = "{meaning["v01"]}"' in text
        assert f'v02 = "{meaning["v02"]}"' in text
        assert found.to_dict()["domain"].items() <= tomllib.loads(text)["domain"].items()


@pytest.mark.parametrize("name", [CLEARLAND, LST])
@pytest.mark.parametrize(
    "overrides",
    [(), ("domain.rule=mask", "domain.mask=/maps/land.npz"), ("geoms.geom-goes-conus-0=-89.5",)],
)
def test_dict_through_json_gives_back_the_listing(name, overrides):
    found = listing.load(name, overrides)
    text = json.dumps(found.to_dict())
    assert listing.Listing.from_dict(json.loads(text)) == found


def test_overrides_replace_any_key():
    meaning = lst_flags.SKY.clear["retrieved"].meaning
    retrieved = f'{{v01="{meaning["v01"]}", v02="{meaning["v02"]}"}}'
    found = listing.load(
        CLEARLAND,
        [
            "t0=2019-02-03",
            "tf=20190204",
            "listing=mine",
            "layout.chunk=256",
            'cubes.night-2km.bands=["C14"]',
            "clear_sky.rule=retrieved",
            f"clear_sky.meaning={retrieved}",
        ],
    )
    assert (found.t0, found.tf, found.listing) == (date(2019, 2, 3), date(2019, 2, 4), "mine")
    assert found.layout == Layout(256, 16)
    assert found.cubes[-1].bands == ("C14",)
    assert found.clear_sky.rule == "retrieved"


def test_digest_is_that_of_everything_but_the_period():
    digest = listing.load(CLEARLAND).digest
    assert len(digest) == 64
    assert listing.load(CLEARLAND, ["t0=2018-06-01", "tf=2019-06-01"]).digest == digest
    others = [
        "sat=goes17",
        "listing=x",
        "tolerance_s=600",
        "layout.phases=8",
        "cubes.day-500m.tods=[0]",
    ]
    digests = {listing.load(CLEARLAND, [other]).digest for other in others}
    assert len(digests | {digest}) == len(others) + 1


def test_mask_is_in_the_digest_where_it_decides_the_pixels_alone():
    agrees = ["domain.mask=none", "domain.mask=/a.npz", "domain.max_disagreement=0.5"]
    digest = listing.load(CLEARLAND).digest
    assert {listing.load(CLEARLAND, [one]).digest for one in agrees} == {digest}
    decides = [("domain.rule=mask", *more) for more in ((), ("domain.mask=/a.npz",))]
    assert len({listing.load(CLEARLAND, some).digest for some in decides} | {digest}) == 3
    lax = ("domain.rule=mask", "domain.max_disagreement=1")
    assert listing.load(CLEARLAND, lax).digest == listing.load(CLEARLAND, decides[0]).digest


def test_another_rule_means_what_it_means_here():
    found = listing.load(CLEARLAND, ["domain.rule=mask", "clear_sky.rule=clear"]).to_dict()
    assert "domain.mask" in found["domain"]["meaning"]["v02"]
    assert "any surface" in found["clear_sky"]["meaning"]["v02"]


class TestGeoms:
    EAST = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)

    def test_names_of_a_listing_count_and_decide_no_number(self):
        names = ["geoms.geom-goes-conus-0=-89.5", "geoms.geom-goes-conus-1=-75"]
        found = listing.load(CLEARLAND, names)
        test = replace(self.EAST, longitude_of_projection_origin=-89.5)
        west = replace(self.EAST, longitude_of_projection_origin=-137.0)
        assert found.geom_name(test) == "geom-goes-conus-0"
        assert found.geom_name(self.EAST) == "geom-goes-conus-1"
        assert listing.load(CLEARLAND).geom_name(test) == "geom-goes-conus-2"
        assert found.digest == listing.load(CLEARLAND).digest
        with pytest.raises(ConfigError, match=r"geoms\.geom-goes-conus-1 is -75.0.*--set geoms"):
            found.geom_name(west)

    def test_name_is_not_given_to_another_height(self):
        found = listing.load(CLEARLAND, ["geoms.mine=-75"])
        assert found.geom_name(self.EAST) == "mine"
        assert found.geom_name(replace(self.EAST, perspective_point_height=4e7)) != "mine"

    @pytest.mark.parametrize(
        ("overrides", "message"),
        [
            (["geoms.a_b=-75"], "geoms.a_b: wanted a name of letters"),
            (["geoms.a=-75", "geoms.b=-75.0"], "geoms.b and geoms.a are both -75"),
            (["geoms.a=-181"], "geoms.a is -181"),
            (["geoms.a='east'"], "geoms.a is 'east': wanted a float or int"),
            (["geoms=1"], "geoms is 1"),
        ],
    )
    def test_names_that_cannot_work_are_an_error(self, overrides, message):
        with pytest.raises(ConfigError, match=message):
            listing.load(CLEARLAND, overrides)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("colour=1", "unknown key colour: known here are sat, listing, t0"),
        ("layout.size=1", "unknown key layout.size: known here are chunk, phases"),
        ("cubes.day-2km.band=1", "unknown key cubes.day-2km.band: known here are resolution"),
        ("clear_sky.x=1", "unknown key clear_sky.x"),
        ("clear_sky.meaning.v03='?'", "unknown key clear_sky.meaning.v03"),
        ("cubes.other.tods=[0]", "missing key cubes.other.resolution"),
        ("tolerance_s='long'", "tolerance_s is 'long': wanted a int"),
        ("tolerance_s=true", "tolerance_s is True"),
        ("tolerance_s=0", "tolerance_s is 0"),
        ("t0=yesterday", "'yesterday' is no day"),
        ("tf=2017-12-31", "before t0"),
        ("listing=a_b", "cannot be part of a key"),
        ("sat=goes15", "sat is 'goes15': wanted one of goes16"),
        ("sector=meso2", "sector is 'meso2': mesoscale sectors move"),
        ("prefer=newest", "prefer is 'newest': wanted one of operational, reprocessed"),
        ("sector=europe", "sector is 'europe': wanted one of conus"),
        ("sector=fulldisk", "clear_sky.product ABI-L2-LSTC is of sector conus"),
        ("clear_sky.rule=sunny", "clear_sky.rule is 'sunny': wanted one of clear-land"),
        ("clear_sky.meaning={v01='?', v02='?'}", "meaning of 'clear-land' is"),
        ("clear_sky.product=ABI-L1b-RadC", "clear_sky.product is 'ABI-L1b-RadC'"),
        ("domain.rule=sea", "domain.rule is 'sea': wanted one of land, mask"),
        ("domain.mask=1", "domain.mask is 1: wanted a str"),
        ("domain.mask=''", "domain.mask is ''"),
        ("domain.max_disagreement=1.5", "domain.max_disagreement is 1.5: wanted a share"),
        ("domain.max_disagreement='much'", "wanted a float or int"),
        ("domain.product=ABI-L2-LSTF", "wanted one product for both"),
        ("layout.chunk=0", "chunk"),
        ("layout=1", "layout is 1"),
        ("cubes={}", "cubes is empty"),
        ("cubes.day-2km=1", "cubes.day-2km is 1: wanted a table"),
        ("cubes.day-2km.product=ABI-L2-SSTC", "cubes.day-2km.product is 'ABI-L2-SSTC'"),
        ("cubes.day-2km.product=ABI-L1b-RadF", "of sector fulldisk, the listing's"),
        ("cubes.day-2km.variable=CMI", "cubes.day-2km.variable is 'CMI': wanted one of Rad"),
        ('cubes.day-2km.bands=["C17"]', "cubes.day-2km.bands is 'C17'"),
        ('cubes.day-2km.bands=["C06", "C06"]', "no two alike"),
        (f"cubes.geom={CUBE}", "cube name 'geom': a store has this name"),
        (f"cubes.factor-4={CUBE}", "cube name 'factor-4': a store has this name"),
        (f"cubes.a/b={CUBE}", "cube name 'a/b': wanted small letters"),
        ("cubes.day-2km.bands=[6]", "cubes.day-2km.bands holds 6: wanted str"),
        ('cubes.day-2km.bands=["C02"]', "ABI-L1b-RadC C02 is 500m: move the band"),
        ("cubes.day-2km.resolution=3km", "cubes.day-2km.resolution is '3km'"),
        ("cubes.day-2km.tods=[]", "no two alike"),
        ("cubes.day-2km.tods=[86400]", "holds 86400: wanted seconds of the day"),
        ("cubes.day-2km.tods=[-1]", "holds -1"),
        ("cubes.day-2km.tods=[64800.0]", "holds 64800.0: wanted int"),
        (
            "cubes.day-2km.tods=[66600]",
            r"holds 66600 \(18:30 UTC\), 1621 s from the nearest scan of ABI-L2-LSTC",
        ),
        ("cubes.day-2km.tods.x=1", "tods is a value, it has no keys"),
        ("t0", "wanted name=value"),
        ("=3", "wanted name=value"),
    ],
)
def test_listing_that_cannot_work_is_an_error_that_names_file_and_key(override, message):
    with pytest.raises(ConfigError, match=message) as error:
        listing.load(CLEARLAND, [override])
    assert str(error.value).startswith(f"listing {CLEARLAND}: ")


@pytest.mark.parametrize("tod", [900 + 60 + 59, 3600 - 900, 63960, 86399])
def test_slot_at_the_edge_of_the_tolerance_is_reachable(tod):
    """LSTC starts in minute 0 to 2 of the hour; minute 2 ends at second 179."""
    found = listing.load(CLEARLAND, [f"cubes.night-2km.tods=[{tod}]"])
    assert found.cubes[-1].tods == (tod,)


@pytest.mark.parametrize("tod", [900 + 180, 3600 - 900 - 1])
def test_slot_just_beyond_the_tolerance_is_an_error(tod):
    with pytest.raises(ConfigError, match=r"1 s from|901 s from"):
        listing.load(CLEARLAND, [f"cubes.night-2km.tods=[{tod}]"])


def test_cubes_coarser_than_the_clear_sky_product_are_an_error():
    with pytest.raises(ConfigError, match="ABI-L2-LSTF LST is 10km"):
        listing.load(LST, ["cubes.lst-10km.resolution=2km"])


def test_cube_that_does_not_refine_the_pixel_is_an_error():
    finer = (
        'cubes.cmi={resolution="2km",product="ABI-L2-CMIPF",variable="CMI",bands=["C13"],tods=[0]}'
    )
    with pytest.raises(ConfigError, match="wanted cubes that refine the 10km of ABI-L2-LSTF"):
        listing.load(LST, [finer])


def test_store_without_a_cube_at_the_clear_sky_resolution_is_an_error():
    one = (
        'cubes={a={resolution="1km",product="ABI-L1b-RadC",variable="Rad",bands=["C01"],tods=[0]}}'
    )
    with pytest.raises(ConfigError, match="refine the 2km of ABI-L2-LSTC"):
        listing.load(CLEARLAND, [one])


def test_listing_file_is_read_by_path(tmp_path):
    _, text = listing._read(CLEARLAND)
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("clearland-l1b-c0", "mine"))
    assert listing.load(str(path)).listing == "mine"


def test_mask_that_decides_must_be_one():
    with pytest.raises(ConfigError, match=r"domain\.mask is 'none', domain\.rule 'mask'"):
        listing.load(CLEARLAND, ["domain.rule=mask", "domain.mask=none"])


def test_missing_listing_file_is_an_error_that_names_the_shipped_ones():
    with pytest.raises(ConfigError, match=r"nowhere\.toml.*clearland-l1b-c0, lst-10km"):
        listing.load("nowhere.toml")


def test_listing_file_that_is_no_toml_is_an_error(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("sat = goes16")
    with pytest.raises(ConfigError, match=r"broken\.toml is no TOML: "):
        listing.load(str(path))


def test_listing_file_that_is_no_text_is_an_error(tmp_path):
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"cannot read the listing .*binary\.toml"):
        listing.load(str(path))


def test_values_nested_at_will_and_numbers_beyond_all_are_refused_by_key(tmp_path):
    tree = listing.load(LST).to_dict()
    nested = []
    for _ in range(5000):
        nested = [nested]
    with pytest.raises(ConfigError, match="sat is"):
        listing.Listing.from_dict(tree | {"sat": nested})
    with pytest.raises(ConfigError, match=r"geoms\.a is 1000"):
        listing.Listing.from_dict(tree | {"geoms": {"a": 10**400}})
