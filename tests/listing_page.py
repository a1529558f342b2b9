"""The products and rules that a listing may name, as the tables of docs/listings.md.

python -m tests.listing_page    # writes them into the page
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from ingest.abi import products
from ingest.abi.flags import SkyRules
from ingest.abi.products import Product
from lake.format.bands import BANDS

PAGE = Path(__file__).parents[1] / "docs" / "listings.md"
BEGIN = "<!-- products: python -m tests.listing_page -->\n"
FIXED_SECTORS = ("C", "F")
"""Letters of the sectors whose pixels are places on the ground."""


def page() -> str:
    """The whole page: what stands above the mark stays, the rest is made."""
    head, mark, _ = PAGE.read_text("utf-8").partition(BEGIN)
    return head + mark + "\n".join([*_products(), *_bands(), *_rules()]) + "\n"


def _products() -> Iterator[str]:
    yield from ("", "## Products", "", "| product | sector | variable | resolution |")
    yield "|---|---|---|---|"
    for name, row in products.SECTOR_PRODUCTS.items():
        if row.letter in FIXED_SECTORS:
            observes = row.product.observes
            variable = f"`{observes.variable}`" if observes else "none: it only tells clear sky"
            yield f"| `{name}` | `{row.sector}` | {variable} | {row.resolution or 'by band'} |"


def _bands() -> Iterator[str]:
    yield from ("", "## Bands", "", "| band | micrometres | resolution |", "|---|---|---|")
    for name, band in BANDS.items():
        yield f"| `{name}` | {band.wavelength_um:g} | {band.resolution} |"


def _rules() -> Iterator[str]:
    yield from (
        "",
        "## Rules",
        "",
        "DQF, PQI and BCM are variables of the files. `v01` and `v02` are",
    )
    yield "versions of a product whose flags changed their meaning; one store may have files of both."
    telling = [product for product in products.PRODUCTS if product.sky]
    for _, group in groupby(telling, key=lambda product: id(product.sky)):
        of_rules = list(group)
        yield from ("", f"### {', '.join(map(_names, of_rules))}", "")
        yield from _table(of_rules[0].sky)


def _names(product: Product) -> str:
    letters = (letter for letter in product.resolutions if letter in FIXED_SECTORS)
    return ", ".join(product.name + letter for letter in letters)


def _table(sky: SkyRules | None) -> Iterator[str]:
    yield from ("| key | rule | version | meaning |", "|---|---|---|---|")
    of_key = {"clear_sky.rule": sky.clear, "domain.rule": sky.domain} if sky else {}
    for key, rules in of_key.items():
        for name, rule in rules.items():
            words = {version: clause.words for version, clause in rule.clauses.items()}
            if len(set(words.values())) == 1:
                words = {"": next(iter(words.values()))}
            for version, meaning in words.items():
                yield f"| `{key}` | `{name}` | {version} | {meaning} |"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
