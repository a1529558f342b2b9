"""The scans in a folder of synthetic granules as time steps, and the rules by which they are accumulated."""

from contextlib import contextmanager
from datetime import date
from pathlib import Path

from ingest.abi import filenames, granule
from ingest.listing import listing
from ingest.plan.plan import Step
from ingest.source.source_files import File
from lake.format import domain as domains

TOD = 64800
LAYOUT = ["t0=2020-01-01", "tf=2022-12-31", "layout.chunk=64", "layout.phases=4"]
RULES = listing.load("clearland-l1b-c0", LAYOUT)


@contextmanager
def fetch(file: File):
    yield file.path


def steps(folder: Path, rules: listing.Listing = RULES) -> list[Step]:
    """All scans, files in the order that the plan has."""
    of_scan: dict[str, dict[tuple[str, str | None], File]] = {}
    for path in sorted(folder.glob("*.nc")):
        name = filenames.parse_name(path.name)
        file = File(str(path), path.stat().st_size, "tag")
        of_scan.setdefault(name.start, {})[name.product, name.band] = file
    sky = rules.clear_sky.product
    cubes = [cube for cube in rules.cubes_at(TOD) if cube.product != sky]
    products = [(sky, None), *((cube.product, band) for cube in cubes for band in cube.bands)]
    return [
        Step(date(int(start[:4]), 7, day), TOD, start, tuple(files[kind] for kind in products))
        for day, (start, files) in enumerate(sorted(of_scan.items()), 1)
    ]


def domain_of(step: Step, rules: listing.Listing = RULES) -> domains.Domain:
    path = step.files[0].path
    sky = granule.open_sky(path, path, rules.clear_sky.rule)
    return domains.from_mask(sky.domain("land"), sky.grid, rules.layout)
