"""`lake report`: the pictures of a map and what they rest on, in one file for any browser.

Where the truth is known (`truth.npz` of synthetic granules: `classes` (row, column), negative where
there is none, and `names`), the report shows it and says how well it was recovered.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation import clusterings, probes
from jobs.figures.gallery import LISTED, Picture
from jobs.report import html_page
from jobs.report import map as maps
from jobs.runs import outputs, records
from jobs.runs.records import Spec
from lake.errors import ConfigError, DataError, MissingError
from lake.format import order
from lake.format.times import format_tod
from lake.plot import canvas, colours, graticule, pictures, view
from lake.plot.canvas import Heading
from lake.reading.store import Store
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import ledger

SQUARE = 20
"""Rows and columns of a square of the checkerboard that parts training pixels from those held out."""
NEIGHBOURS, MOST, SEED = 5, 10_000, 0
"""Of the classification by nearest neighbours: how many, pixels of each side, and the draw."""

REASONS = 5
"""Why time steps are missing: how many reasons are named."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Classes that are known."""

    classes: NDArray[np.int64]
    """(P,) of each pixel of the store, negative: none."""
    names: tuple[str, ...]


def render(root: str, run: str, truth: str | None = None, commands: str = "") -> str:
    """The report as HTML.

    Args:
        root: folder or URL of the lake.
        run: id of a complete run of `lake map`.
        truth: file of known classes.
        commands: how it was made, to quote.

    Raises:
        MissingError: no such run, or not complete.
        ConfigError: a run of another job.
        DataError: the truth is of another grid.
    """
    spec = records.read_spec(root, run)
    store = _store(root, spec)
    records.require(root, run, maps.JOB, store)
    url = join(root, spec.store)
    body = [
        html_page.heading("The store"),
        html_page.table(facts(root, store, url)),
        *_reading(store, url),
    ]
    body += [html_page.heading("What it holds"), *_drawn(root, run)]
    if truth:
        body += _recovered(root, spec, store, read_truth(truth, store))
    if commands:
        body += [html_page.heading("How it was made"), html_page.listing(commands)]
    body += [html_page.heading("Runs"), *_runs(root, run)]
    title = f"{store.key.sat.upper()} {store.key.listing}, {store.key.t0} to {store.key.tf}"
    return html_page.page(
        title, _lead(store), body, f"{run}, written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    )


def facts(root: str, store: Store, url: str) -> list[tuple[str, str]]:
    """What there is to know of a store, as names and values."""
    domain, layout = store.domain, store.domain.layout
    blocks = len(order.superblocks(domain.pixels, layout))
    origin = graticule.longitude(domain.grid.projection.longitude_of_projection_origin, 1)
    rows, columns = domain.grid.shape
    found = {
        "key": str(store.key),
        "URL": url,
        "days": f"{store.key.t0} to {store.key.tf}",
        "pixels": f"{domain.pixels:,} of a fixed grid of {rows:,} x {columns:,}, seen from {origin}",
        "layout": f"{blocks} superblocks of {layout.phases} phases of {layout.chunk:,} pixels",
    }
    for cube in store.cubes.values():
        times = ", ".join(format_tod(tod)[:5] for tod in sorted(cube.tods))
        found[cube.name] = f"{cube.resolution}: {' '.join(cube.bands)} at {times} UTC"
    found["months"] = ", ".join(map(str, store.months))
    found |= _time_steps(root, store)
    if store.suspect:
        found["suspect"] = f"{', '.join(store.suspect)} may be wrong"
    return list(found.items())


def _time_steps(root: str, store: Store) -> dict[str, str]:
    """How many were merged, and why others are missing; nothing where nobody noted it."""
    noted = store.attributes["provenance"].get("ledger")
    if noted is None:
        return {}
    entries = ledger.read(connect(join(root, str(store.key))), noted)
    missing = Counter(entry.reason for entry in entries if entry.status == ledger.MISSING)
    reasons = "; ".join(f"{count:,} x {reason}" for reason, count in missing.most_common(REASONS))
    return {"time steps": f"{len(entries.steps(ledger.MERGED)):,} merged"} | (
        {"missing": reasons} if reasons else {}
    )


def read_truth(path: str, store: Store) -> Truth:
    """The known classes of a store's pixels.

    Raises:
        MissingError: no such file.
        DataError: it is no truth, or one of another grid.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            classes, names = stored["classes"], tuple(map(str, stored["names"]))
    except FileNotFoundError:
        raise MissingError(f"there is no file {path}") from None
    except (KeyError, ValueError) as error:
        raise DataError(
            f"{path} is no truth: {error}; wanted arrays 'classes' and 'names'"
        ) from error
    if classes.shape != store.domain.grid.shape:
        raise DataError(
            f"{path} has classes of shape {classes.shape}, {store.key} has a grid of "
            f"{store.domain.grid.shape}: give the truth of the same granules"
        )
    return Truth(store.domain.gather(classes, 1)[:, 0].astype(np.int64), names)


def measures(
    truth: Truth,
    found: dict[str, NDArray[np.floating]],
    clusters: NDArray[np.integer],
    store: Store,
) -> list[tuple[str, str]]:
    """How well the classes are recovered, as names and values.

    Args:
        truth: of the store's pixels.
        found: what is asked for its neighbours: name -> (P, d).
        clusters: (P,)
        store: the pixels.
    """
    known = truth.classes[truth.classes >= 0]
    agreement = f"{clusterings.adjusted_rand(truth.classes, clusters):.2f}"
    rows = [("clusters: adjusted Rand index (0 chance, 1 the same)", agreement)]
    for name, vectors in found.items():
        share = f"{_told(truth, vectors, store):.1%}"
        rows.append((f"{name}: class told by the {NEIGHBOURS} nearest neighbours", share))
    rows.append(("always the commonest class", f"{np.bincount(known).max() / known.size:.1%}"))
    return rows


def _told(truth: Truth, vectors: NDArray[np.floating], store: Store) -> float:
    """Share of the pixels held out whose class their nearest neighbours tell."""
    domain, there = store.domain, (truth.classes >= 0) & np.isfinite(vectors).all(axis=1)
    split = probes.split(domain.row, domain.column, there, SQUARE, MOST, SEED)
    train = vectors[split.train], truth.classes[split.train]
    told = probes.neighbours(*train, vectors[split.test], NEIGHBOURS)
    return probes.accuracy(told, truth.classes[split.test])


def _recovered(root: str, spec: Spec, store: Store, truth: Truth) -> Iterator[str]:
    lacking = {"cluster", "embed", "pca"} - set(spec.inputs)
    if lacking:
        raise ConfigError(
            f"{spec.id} has no pictures of {', '.join(sorted(lacking))}: with --truth, give a map "
            "of all pictures"
        )
    labelled = outputs.dataset(root, spec.inputs["cluster"])
    clusters, count = labelled["labels"].values.astype(np.int64), labelled.sizes["cluster"]
    scores = outputs.dataset(root, spec.inputs["pca"])["scores"].values
    embedding = outputs.dataset(root, spec.inputs["embed"])["embedding"].values
    shared = clusterings.overlap(truth.classes, clusters, (len(truth.names), count))
    alike = clusterings.partners(shared)
    caption = (
        f"The {len(truth.names)} land covers of the invented country, which nothing above was told. "
        "Each has the colour of the cluster that fits it best, so that the two maps compare."
    )
    heading = Heading("Hidden land classes", f"{store.key}  |  truth of the synthetic granules")
    drawn = pictures.classes(
        store.domain, view.around(store.domain), truth.classes, heading, truth.names,
        colours.of_classes(int(alike.max()) + 1)[alike],
    )  # fmt: skip
    found = {f"embedding, {embedding.shape[1]} numbers": embedding,
             f"PCA scores, {scores.shape[1]} numbers": scores}  # fmt: skip
    yield html_page.heading("What was hidden")
    yield html_page.figure(canvas.png(drawn), heading.title, caption)
    yield html_page.paragraph(
        f"How well the hidden classes are recovered. Neighbours are looked for in the black squares "
        f"of a checkerboard of {SQUARE} x {SQUARE} pixels, for pixels in the white ones (at most "
        f"{MOST:,} of each); no job was told a class."
    )
    yield html_page.table(measures(truth, found, clusters, store), ("measure", "value"))
    yield html_page.paragraph(
        "The share of each class that lies in the cluster where most of it lies."
    )
    yield html_page.table(_classes(truth.names, shared), ("class", "pixels", "cluster", "share"))


def _classes(names: Sequence[str], shared: NDArray[np.int64]) -> Iterator[tuple[str, ...]]:
    for name, held in zip(names, shared, strict=True):
        share = held.max() / max(held.sum(), 1)
        yield name, f"{held.sum():,}", str(held.argmax()), f"{share:.0%}"


def _store(root: str, spec: Spec) -> Store:
    url = connect(root).url(f"{spec.store}/v/{spec.generation}.zarr")
    return records.open_store(root, url)


def _lead(store: Store) -> str:
    return (
        f"For each of {store.domain.pixels:,} land pixels, and every month, time of day and band: "
        "count, extremes and moments of the clear-sky observations. Below: what the store holds, "
        "what was learned from it, and how to read it."
    )


def _reading(store: Store, url: str) -> list[str]:
    cube = next(iter(store.cubes.values()))
    month, tod, band = store.months[0] if store.months else 1, cube.tods[0], cube.bands[-1]
    lines = (
        "import lake\n"
        f'store = lake.open("{url}")\n'
        f'mean = store.results("{cube.name}").sel(month={month}, tod={tod}, band="{band}", metric="m1")\n'
    )
    return [
        html_page.paragraph("Read it in three lines; store.to_grid(mean.values) is the image."),
        html_page.listing(lines),
        html_page.paragraph("Or without this software:"),
        html_page.listing(f'xarray.open_datatree("{store.url}", engine="zarr", zarr_format=3)'),
    ]


def _drawn(root: str, run: str) -> Iterator[str]:
    objects = records.folder(root, run)
    for noted in json.loads(objects.get(LISTED)):
        picture = Picture(**noted)
        yield html_page.figure(objects.get(picture.file), picture.title, picture.caption)


def _runs(root: str, run: str) -> list[str]:
    """Every run that this one builds on, with its settings."""
    rows, waiting = [], [run]
    while waiting:
        spec = records.read_spec(root, waiting.pop())
        done = records.find(root, spec.id)
        seconds = f"{done.seconds:.1f} s" if done else "not complete"
        rows.append((spec.id, seconds, json.dumps(dict(spec.settings))))
        waiting += [before for before in spec.inputs.values() if before not in waiting]
    unique = sorted({row[0]: row for row in rows}.values())
    return [html_page.table(unique, ("run", "took", "settings"))]
