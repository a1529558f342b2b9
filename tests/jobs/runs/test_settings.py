from dataclasses import asdict, dataclass, field

import pytest

from jobs.runs import settings
from lake.errors import ConfigError, FormatError


@dataclass(frozen=True, slots=True)
class Inner:
    rate: float = 0.5
    tods: tuple[settings.TimeOfDay, ...] = ()
    tod: settings.TimeOfDay = -1
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outer:
    run: str = ""
    count: int = 3
    fast: bool = False
    days: tuple[int, ...] = (1, 2)
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self):
        settings.check("count must be above 0", self.count, holds=self.count > 0)


def test_values_are_read_by_the_type_of_their_field():
    given = ["run=a-1", "count=5", "fast=true", "days=7, 8", "rate=1e-3", "names=C13,C02"]
    found = settings.parse(Outer, given)
    assert found == Outer("a-1", 5, True, (7, 8), Inner(1e-3, names=("C13", "C02")))


def test_times_of_day_are_read_as_a_clock_shows_them_or_in_seconds():
    assert settings.parse(Outer, ["tods=18:00, 64800,00:30", "tod=06:00"]).inner == Inner(
        tods=(64800, 64800, 1800), tod=21600
    )
    assert settings.parse(Outer, ["tod=-1"]).inner.tod == -1
    assert settings.restore(Outer, {"inner": {"tods": [64800]}}).inner.tods == (64800,)


def test_no_overrides_are_the_defaults_and_the_last_of_a_name_counts():
    assert settings.parse(Outer, []) == Outer()
    assert settings.parse(Outer, ["count=1", "count=2"]).count == 2


def test_value_may_hold_an_equals_sign_and_a_tuple_may_be_empty():
    assert settings.parse(Outer, ["run=a=b"]).run == "a=b"
    assert settings.parse(Outer, ["days="]).days == ()


def test_unknown_name_is_refused_and_the_known_ones_are_named():
    with pytest.raises(
        ConfigError, match=r"'cuont'.*run, count, fast, days, rate, tods, tod, names"
    ):
        settings.parse(Outer, ["cuont=3"])


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        ("count=2.5", "a whole number"),
        ("rate=fast", "a number"),
        ("fast=yes", "true or false"),
        ("days=1,x", "a whole number"),
        ("tod=noon", "a time of day, HH:MM or seconds"),
        ("tods=18:00,24:00", "'24:00' is not a time of day"),
        ("count", "NAME=VALUE"),
        ("count=0", "above 0, found 0"),
    ],
)
def test_value_of_another_type_or_out_of_range_is_refused(override, wanted):
    with pytest.raises(ConfigError, match=wanted):
        settings.parse(Outer, [override])


def test_restore_gives_back_what_was_noted_as_json():
    given = Outer("x", 4, True, (5,), Inner(0.25, names=("a",)))
    noted = asdict(given)
    noted["days"], noted["inner"]["names"] = [5], ["a"]
    assert settings.restore(Outer, noted) == given
    del noted["run"]
    assert settings.restore(Outer, noted).run == ""


def test_stored_setting_of_another_version_is_refused_by_its_name():
    with pytest.raises(FormatError, match="settings sample are those of another version"):
        settings.restore(Outer, {"sample": "sample-1"})


@dataclass(frozen=True, slots=True)
class Grown:
    run: str = ""
    added: tuple[str, ...] = settings.newer(())
    inner: Inner = field(default_factory=Inner)


@dataclass(frozen=True, slots=True)
class Renamed:
    size: int = 0

    @staticmethod
    def upgrade(document):
        return {"size": document["width"]} if "width" in document else document


def test_stored_settings_of_an_older_form_are_restored_in_todays():
    assert settings.restore(Renamed, {"width": 3}) == settings.restore(Renamed, {"size": 3})


def test_newer_setting_is_stored_once_it_has_another_value():
    before = {"run": "", "inner": asdict(Inner())}
    assert settings.as_stored(Grown()) == before
    assert settings.as_stored(Grown(added=("a",))) == before | {"added": ("a",)}
    assert settings.restore(Grown, before) == Grown()
    assert settings.parse(Grown, ["added=a,b"]).added == ("a", "b")
