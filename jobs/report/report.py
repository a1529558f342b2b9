"""`lake report`: the pictures of a map, its store and its runs, in one file for any browser.

Where the truth is known, the report shows it and measures how well it was recovered. The truth is
`truth.npz` of synthetic granules: `classes` (row, column), negative where there is none, and `names`.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation import clusterings, coherence, measures
from jobs.evaluation.cases import MeasureSettings, Pixels
from jobs.features import labels
from jobs.features.labels import PixelClasses
from jobs.figures.gallery import PICTURE_LIST, Picture
from jobs.report import html_page
from jobs.report import map as maps
from jobs.runs import class_names, outputs, records
from jobs.runs.spec import Spec
from lake.errors import ConfigError, DataError, MissingError
from lake.format import order
from lake.format.times import format_tod
from lake.plot import canvas, graticule, headings, pictures, views
from lake.plot.canvas import Heading
from lake.reading.classes import LandClass, palette_colours
from lake.reading.store import Store
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import ledger

SHOWN = {
    "knn_3": "class predicted by the 3 nearest neighbours",
    "linear": "class predicted by logistic regression",
    "nmi": "agreement of as many clusters with the classes (normalised mutual information)",
    "far_auc": "pairs of far pixels whose cosine says if they are of one class (50 %: by chance)",
    "coherence": "what touching pixels of a class have in common (0 %: salt and pepper)",
}
"""Measures of `jobs.evaluation.measures` that the report shows, and their labels."""
REASONS = 5
"""Number of reasons that are listed for missing time steps, the most frequent ones."""


def render(root: str, run: str, truth: str | None = None, commands: str = "") -> str:
    """The report as HTML.

    Args:
        root: folder or URL of the lake.
        run: id of a complete run of `lake map`.
        truth: path of a file of known classes.
        commands: the commands that made it, to quote.

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
    body += [html_page.heading("What it holds"), *_figures(root, run)]
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
    """Key, extent, layout, cubes and time steps of a store, as names and values."""
    domain, layout = store.domain, store.domain.layout
    blocks = len(order.superblocks(domain.pixels, layout))
    origin = graticule.longitude(domain.grid.projection.longitude_of_projection_origin, 1)
    rows, columns = domain.grid.shape
    values = {
        "key": str(store.key),
        "URL": url,
        "days": f"{headings.days(store) or 'not known'}; asked for: {store.key.t0} to {store.key.tf}",
        **({"land": headings.INVENTED} if headings.is_invented(store) else {}),
        "pixels": f"{domain.pixels:,} of a fixed grid of {rows:,} x {columns:,}, seen from {origin}",
        "layout": f"{blocks} superblocks of {layout.phases} phases of {layout.chunk:,} pixels",
    }
    for cube in store.cubes.values():
        times = ", ".join(format_tod(tod)[:5] for tod in sorted(cube.tods))
        values[cube.name] = f"{cube.resolution}: {' '.join(cube.bands)} at {times} UTC"
    values["months"] = ", ".join(map(str, store.months))
    values |= _time_steps(root, store)
    if store.suspect:
        values["suspect"] = f"{', '.join(store.suspect)} may be wrong"
    return list(values.items())


def _time_steps(root: str, store: Store) -> dict[str, str]:
    """Merged time steps, and why others are missing; empty where the store has no ledger."""
    stored_ledger = store.attributes["provenance"].get("ledger")
    if stored_ledger is None:
        return {}
    entries = ledger.read(connect(join(root, str(store.key))), stored_ledger)
    missing = Counter(entry.reason for entry in entries if entry.status == ledger.MISSING)
    reasons = "; ".join(f"{count:,} x {reason}" for reason, count in missing.most_common(REASONS))
    return {"time steps": f"{len(entries.steps(ledger.MERGED)):,} merged"} | (
        {"missing": reasons} if reasons else {}
    )


def read_truth(path: str, store: Store) -> PixelClasses:
    """The hidden classes of a store's pixels, from `truth.npz`.

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
    return PixelClasses(labels.pixel_labels(classes, path, store.domain), names)


def agreement(
    truth: PixelClasses,
    vectors_by_name: dict[str, NDArray[np.floating]],
    clusters: NDArray[np.integer],
    store: Store,
) -> list[tuple[str, str]]:
    """How well the hidden classes are recovered, as names and values.

    Vectors are measured as `lake evaluate` does, by `jobs.evaluation.measures` with its default settings
    and seed 0; the clusters are those of the run that is drawn.

    Args:
        truth: classes of the store's pixels.
        vectors_by_name: name -> (P, d) vectors to measure.
        clusters: (P,) cluster of each pixel.
        store: the store that has the pixels.
    """
    domain, classes = store.domain, truth.labels
    index = f"{clusterings.adjusted_rand(classes, clusters):.2f}"
    rows = [("clusters: adjusted Rand index (0 chance, 1 the same)", index)]
    touching = coherence.touching(domain.row, domain.column, classes)
    for name, vectors in vectors_by_name.items():
        beside = vectors[touching[0]], vectors[touching[1]]
        pixels = Pixels(vectors, domain.row, domain.column, classes, touching=beside)
        values = measures.measure(pixels, MeasureSettings(), seed=0).values
        rows += [
            (f"{name}: {label}", f"{values[measure]:.1%}")
            for measure, label in SHOWN.items()
            if measure in values
        ]
    labelled = classes[classes >= 0]
    most_frequent = np.bincount(labelled).max() / labelled.size
    return [*rows, ("always the commonest class", f"{most_frequent:.1%}")]


def _recovered(root: str, spec: Spec, store: Store, truth: PixelClasses) -> Iterator[str]:
    missing_jobs = {"cluster", "embed", "pca"} - set(spec.inputs)
    if missing_jobs:
        raise ConfigError(
            f"{spec.id} has no pictures of {', '.join(sorted(missing_jobs))}: with --truth, give a map "
            "of all pictures"
        )
    clustered = outputs.dataset(root, spec.inputs["cluster"])
    clusters = clustered["labels"].values.astype(np.int64)
    named = class_names.read(root, spec.inputs["cluster"])
    scores = outputs.dataset(root, spec.inputs["pca"])["scores"].values
    embedding = outputs.dataset(root, spec.inputs["embed"])["embedding"].values
    shared = clusterings.overlap(truth.labels, clusters, (len(truth.names), len(named)))
    partners = clusterings.partners(shared)
    caption = (
        f"The {len(truth.names)} land covers of the invented country, which no job was given. "
        "Each has the colour of the cluster that fits it best, so that the two maps compare."
    )
    heading = Heading(
        "Hidden land classes", f"{headings.named(store)}  |  truth of the synthetic granules"
    )
    further = palette_colours(len(named) + len(truth.names))[len(named) :]
    colours = [*(each.colour for each in named), *further]
    figure = pictures.classes(
        store.domain, views.around(store.domain), truth.labels, heading,
        [
            LandClass(number, name, colours[partner])
            for number, (name, partner) in enumerate(zip(truth.names, partners, strict=True))
        ],
    )  # fmt: skip
    vectors_by_name = {
        f"embedding, {embedding.shape[1]} numbers": embedding,
        f"PCA scores, {scores.shape[1]} numbers": scores,
    }
    settings = MeasureSettings()
    yield html_page.heading("What was hidden")
    yield html_page.figure(canvas.png(figure), heading.title, caption)
    yield html_page.paragraph(
        "How well the hidden classes are recovered, which no job was given. The probes are those of "
        f"'lake evaluate': they are trained on the black squares of a checkerboard of {settings.square} x "
        f"{settings.square} pixels, and predict pixels of the white squares (at most {settings.most:,} "
        "of each)."
    )
    yield html_page.table(agreement(truth, vectors_by_name, clusters, store), ("measure", "value"))
    yield html_page.paragraph(
        "The share of each class that lies in the cluster where most of it lies."
    )
    yield html_page.table(
        _classes(truth.names, shared, named), ("class", "pixels", "cluster", "share")
    )


def _classes(
    names: Sequence[str], shared: NDArray[np.int64], clusters: Sequence[LandClass]
) -> Iterator[tuple[str, ...]]:
    for name, counts in zip(names, shared, strict=True):
        share = counts.max() / max(counts.sum(), 1)
        yield name, f"{counts.sum():,}", clusters[counts.argmax()].name, f"{share:.0%}"


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


def _figures(root: str, run: str) -> Iterator[str]:
    objects = records.folder(root, run)
    for record in json.loads(objects.get(PICTURE_LIST)):
        picture = Picture(**record)
        yield html_page.figure(objects.get(picture.file), picture.title, picture.caption)


def _runs(root: str, run: str) -> list[str]:
    """A table of every run that this one builds on, with its settings."""
    rows, waiting = [], [run]
    while waiting:
        spec = records.read_spec(root, waiting.pop())
        done = records.find(root, spec.id)
        seconds = f"{done.seconds:.1f} s" if done else "not complete"
        rows.append((spec.id, seconds, json.dumps(dict(spec.settings))))
        waiting += [input_run for input_run in spec.inputs.values() if input_run not in waiting]
    unique = sorted({row[0]: row for row in rows}.values())
    return [html_page.table(unique, ("run", "took", "settings"))]
