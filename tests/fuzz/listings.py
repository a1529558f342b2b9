"""Listings whose text, values or overrides are wrong, read by `ingest.listing`."""

import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from ingest.listing import listing
from tests.fuzz import mutations

NAMES = ("clearland-l1b-c0", "lst-10km")


@contextmanager
def attempts(folder: Path) -> Iterator[Callable[[Random], None]]:
    """Loads a wrong listing, or a shipped one with wrong overrides."""
    shipped = Path(listing.__file__).with_name("shipped")
    texts = [(shipped / f"{name}.toml").read_text("utf-8") for name in NAMES]
    trees = [listing.load(name).to_dict() for name in NAMES]
    overrides = ("t0=2022-12-01", "layout.chunk=256", 'cubes.day-2km.bands=["C13"]', "geoms.a=-75")
    path = folder / "listing.toml"

    def attempt(random: Random) -> None:
        action = random.randrange(4)
        if action == 0:
            text = mutations.change_text(random, random.choice(texts))
            path.write_text(text, "utf-8", "surrogatepass")
            listing.load(str(path))
        elif action == 1:
            path.write_bytes(mutations.change_bytes(random, random.choice(texts).encode()))
            listing.load(str(path))
        elif action == 2:
            override = mutations.change_text(random, random.choice(overrides))
            listing.load(random.choice(NAMES), [override])
        else:
            tree = random.choice((random.choice(trees), tomllib.loads(random.choice(texts))))
            listing.Listing.from_dict(mutations.change_tree(random, tree))

    yield attempt
