"""docs/listings.md has every key of a listing, and every product, band and rule that it may name."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from ingest.listing import listing
from ingest.listing.listing import ClearSky, DomainRule, Listing
from lake.errors import ConfigError
from lake.format.order import Layout
from tests import listing_page

TABLES = {"clear_sky": ClearSky, "domain": DomainRule, "layout": Layout}
OF_CUBES = ("resolution", "product", "variable", "bands", "tods")


def rows() -> dict[str, list[str]]:
    """The other cells of each row of the table of keys, by its key."""
    section = listing_page.page().split("\n## ")[1]
    cells = [
        re.findall(r"(?<=\| )[^|]*?(?= \|)|(?<=\|) (?=\|)", line) for line in section.splitlines()
    ]
    return {row[0].strip("`"): row[1:] for row in cells if row and row[0].startswith("`")}


def test_page_of_listings_is_what_the_source_says():
    assert listing_page.PAGE.read_text("utf-8") == listing_page.page(), (
        "run python -m tests.listing_page"
    )


def test_page_has_every_key_of_a_listing():
    plain = {field.name for field in fields(Listing)} - {*TABLES, "cubes", "geoms"}
    nested = {f"{name}.{field.name}" for name, of in TABLES.items() for field in fields(of)}
    meanings = {"clear_sky.meaning", "domain.meaning"}
    named = {"geoms.NAME", *(f"cubes.NAME.{key}" for key in OF_CUBES)}
    assert set(rows()) == plain | nested | meanings | named


def test_page_has_the_keys_that_a_listing_is_written_with():
    written = listing.load("lst-10km", ["prefer=reprocessed", "geoms.geom-a-0=-75.2"]).to_dict()
    flat = set()
    for name, value in written.items():
        if name == "cubes":
            flat |= {f"cubes.NAME.{key}" for cube in value.values() for key in cube}
        elif isinstance(value, dict):
            flat |= {"geoms.NAME" if name == "geoms" else f"{name}.{key}" for key in value}
        else:
            flat.add(name)
    assert set(rows()) == flat


def test_page_has_the_choices_and_the_defaults_of_the_keys():
    found = rows()
    choices = {
        "sat": listing.SATS,
        "sector": listing.SECTORS,
        "prefer": (listing.OPERATIONAL, listing.REPROCESSED),
        "cubes.NAME.resolution": tuple(listing.METRES),
    }
    for key, wanted in choices.items():
        assert tuple(re.findall(r"`([^`]+)`", found[key][0])) == wanted, key
    plain = listing.load("lst-10km")
    for key, (_, default, _) in found.items():
        if default.strip():
            table, _, name = key.rpartition(".")
            owner = TABLES[table] if table else Listing
            assert default.strip("`") == str(owner.__dataclass_fields__[name].default), key
    assert plain.domain.mask in found["domain.mask"][0]


def test_page_has_every_listing_that_comes_with_the_package():
    shipped = Path(listing.__file__).with_name("shipped").glob("*.toml")
    text = listing_page.PAGE.read_text("utf-8")
    for path in shipped:
        assert f"`{path.stem}`" in text


def test_page_has_every_product_and_rule_that_an_error_names():
    text = listing_page.page()
    for change in ("cubes.lst-10km.product=X", "clear_sky.product=X", "clear_sky.rule=x"):
        with pytest.raises(ConfigError) as refused:
            listing.load("lst-10km", [change])
        names = str(refused.value).partition("wanted one of ")[2].split(", ")
        assert len(names) >= 4
        for name in names:
            if not re.search(r"M[12]$", name):  # sectors that move
                assert f"| `{name}` |" in text, name
