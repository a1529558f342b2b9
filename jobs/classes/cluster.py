"""Surface classes: clusters of the vectors of any run, fitted on some pixels; every pixel gets a label.

Vectors are those of `pca`, `mnf`, `gcca`, `factor`, `transform`, `embed`, `trajectory` or `join`, grouped
by a method of `jobs.classes.partitions`. Clusters are numbered by falling number of pixels that they were
fitted on. Where no number of clusters is set, it is chosen by `jobs.classes.stability`.

`cluster.zarr` holds:

- `labels` (pixel) int16: the cluster, -1 where a pixel has no vector.
- `centres` (cluster, latent): mean of each; `sampled` (cluster): number of pixels that it was fitted on.
- `agreement` (draw): adjusted Rand index of the clusters of two random halves, 1: the same. Of as many
  clusters as the run has.
- `candidate` (candidate) and `candidate_agreement` (candidate, draw): the same of every number that was
  tried, where the number was chosen.
- `points`, `owners`, `whiten`, `offset`: the fitted partition.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from jobs.classes import partitions, stability
from jobs.classes.partitions import METHODS, Partition
from jobs.figures import charts, gallery
from jobs.linear.gram import one_thread
from jobs.runs import heartbeat, job, outputs, records
from jobs.runs.settings import OneOf, check, newer
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun, Arrays, pack, unpack
from jobs.sampling import sample
from lake.errors import MissingError
from lake.format import order, schema
from lake.format.arrays import AnyFloats, Floats, Indices
from lake.format.schema import Array
from lake.reading.store import Store

JOB = "cluster"
EMBED = "embed"
"""The job whose vectors are taken by default; in `inputs` it stands for any run of vectors."""
KMEANS = "kmeans"
SPREAD = 20_000
"""Number of pixels that clusters are fitted on, where the vectors build on no sample."""
SCANNED = 4_000
"""Number of pixels, at most, by which stability is measured."""
DRAWS = 4
"""How often halves of them are drawn."""
CANDIDATES = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48, 64)
STABLE = 0.6
"""Agreement below which clusters hardly come again."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `lake cluster`."""

    run: str = ""
    """Run whose vectors are clustered: of `pca`, `mnf`, `gcca`, `factor`, `embed`, `trajectory`, ...; empty:
    the embedding of default settings, made if need be."""
    k: int = 8
    """Number of clusters; 0: chosen, the largest that is as stable as the most stable one."""
    n_init: int = 10
    """Number of random starts, of which the best is taken."""
    seed: int = 0
    """Seed of the random starts."""
    array: str = newer("")
    """Name of the vectors' array (pixel, d) in the run; empty: the only one."""
    method: Annotated[str, OneOf("METHODS")] = newer(KMEANS)
    """Method of clustering."""
    fitted_on: int = newer(0)
    """Number of pixels, evenly spaced, that clusters are fitted on; 0: those of the sample."""
    most: int = newer(20)
    """Largest number of clusters that is tried where it is chosen."""
    smallest: int = newer(50)
    """Number of pixels of the smallest cluster of `hdbscan`, among those that it is fitted on."""

    def __post_init__(self) -> None:
        check("k must be 0 or more", self.k, holds=self.k >= 0)
        check("n_init must be above 0", self.n_init, holds=self.n_init > 0)
        names = ", ".join(METHODS)
        check(f"method must be one of {names}", self.method, holds=self.method in METHODS)
        check("fitted_on must be 0 or more", self.fitted_on, holds=self.fitted_on >= 0)
        check("most must be 2 or more", self.most, holds=self.most > 1)
        check("smallest must be 2 or more", self.smallest, holds=self.smallest > 1)

    @property
    def counts_itself(self) -> bool:
        """Whether the number of clusters follows from the vectors."""
        return METHODS[self.method].counts_itself

    @property
    def candidates(self) -> tuple[int, ...]:
        """Numbers of clusters that are tried; none: the number is set."""
        if self.k or self.counts_itself:
            return ()
        return tuple(count for count in CANDIDATES if count <= self.most)


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that clusters vectors, after those it builds on.

    Raises:
        MissingError: there is no such run, or it is not complete.
        ConfigError: a run of another store, or without vectors.
    """
    if not settings.run:
        embed = job.load(EMBED)
        base = embed.specs(root, store, embed.Settings())
    else:
        spec = records.read_spec(root, settings.run)
        records.require(root, settings.run, spec.job, store)
        outputs.vectors_of(root, settings.run, settings.array)
        base = (spec,)
        if drawn := _sample(root, settings.run):
            sampled = records.read_spec(root, drawn).stores[0]
            records.check_pixels(records.open_input(root, sampled), store)
    inputs = {EMBED: base[-1].id}
    return (*base, records.spec_of(root, settings, JOB, (store,), inputs, without=("run",)))


def make(work: ActiveRun) -> Sequence[str]:
    """Choose how many clusters there are if that is asked for, find them, then label every pixel."""
    settings, vectors = work.settings(Settings), work.spec.inputs[EMBED]
    candidates = settings.candidates
    calls = [(vectors, settings, count) for count in candidates]
    work.stage("scan", _scan, calls)
    tried = {
        count: work.result("scan", number)["agreement"] for number, count in enumerate(candidates)
    }
    count = stability.chosen(tried) if tried else settings.k
    if settings.counts_itself:
        count = settings.smallest
    work.stage("fit", _fit, [(vectors, settings, count)])
    fitted = work.result("fit", 0)
    path = outputs.create(
        work.objects, work.spec, _arrays(work, settings, fitted, tried), schema.PIXEL_COORDINATES
    )
    blocks = order.superblocks(work.store.domain.pixels, work.store.domain.layout)
    work.stage("label", _label, [(vectors, settings, block) for block in blocks])
    if not tried:
        return [path]
    figure = charts.agreement_by_count(str(work.store.key), tried, count)
    return [path, *gallery.store_list(work, [gallery.store_picture(work, "agreement", figure)])]


def summary(root: str, run: str) -> str:
    """How many clusters there are, and whether they come again."""
    sizes, agreement = (outputs.read(root, run, name) for name in ("sampled", "agreement"))
    shares = sizes / sizes.sum()
    text = (
        f"{len(sizes)} clusters, of {shares.min():.1%} to {shares.max():.1%} of the pixels that they were "
        f"fitted on; the clusters of two random halves agree by {agreement.mean():.2f} (adjusted Rand "
        "index: 1 the same, 0 as by chance)"
    )
    if agreement.mean() < STABLE:
        text += ". Other pixels would give other clusters: take fewer (k), or another method"
    return text


def _arrays(
    work: ActiveRun, settings: Settings, fitted: Arrays, tried: dict[int, Floats]
) -> Iterator[Array]:
    """The arrays of the run's group; labels are not filled yet."""
    partition = unpack(Partition, fitted)
    vector_run = work.spec.inputs[EMBED]
    vectors = outputs.dataset(work.root, vector_run)[_array(work.root, vector_run, settings)]
    yield from schema.pixel_coordinates(work.store.domain)
    yield outputs.whole_array("cluster", ("cluster",), np.arange(len(partition.sizes)))
    yield outputs.whole_array("latent", ("latent",), vectors[vectors.dims[1]].values)
    yield outputs.whole_array("centres", ("cluster", "latent"), partition.centres)
    yield outputs.whole_array("sampled", ("cluster",), partition.sizes)
    yield outputs.whole_array("agreement", ("draw",), fitted["agreement"])
    if tried:
        yield outputs.whole_array("candidate", ("candidate",), list(tried))
        agreements = np.array(list(tried.values()))
        yield outputs.whole_array("candidate_agreement", ("candidate", "draw"), agreements)
    yield outputs.whole_array("points", ("point", "latent"), partition.points)
    yield outputs.whole_array("owners", ("point",), partition.owners)
    yield outputs.whole_array("offset", ("point",), partition.offset)
    if partition.whiten.size:
        yield outputs.whole_array("whiten", ("point", "latent", "white"), partition.whiten)
    yield outputs.pixel_array(
        "labels", work.store, {}, "int16", -1, long_name="cluster; -1: no vector"
    )


@one_thread()
def _scan(root: str, run: str, vector_run: str, settings: Settings, count: int) -> Arrays:
    """On a worker: how stable so many clusters are."""
    vectors = _some_vectors(root, vector_run, settings, SCANNED)
    return {"agreement": _agreements(root, run, vectors, settings, count)}


@one_thread()
def _fit(root: str, run: str, vector_run: str, settings: Settings, count: int) -> Arrays:
    """On a worker: find the clusters, and how stable they are."""
    vectors = _some_vectors(root, vector_run, settings)
    partition = partitions.fit(vectors, settings.method, count, settings.n_init, settings.seed)
    some = vectors[_spread(len(vectors), SCANNED)]
    if settings.counts_itself:  # as small a share of fewer pixels
        count = max(round(count * len(some) / len(vectors) / 2), 2)
    return pack(partition) | {"agreement": _agreements(root, run, some, settings, count)}


def _agreements(root: str, run: str, vectors: AnyFloats, settings: Settings, count: int) -> Floats:
    """(draw,) agreement of so many clusters of random halves of vectors."""
    agreements = []
    for draw in range(DRAWS):
        heartbeat.check(root, run)
        seed = settings.seed + draw
        agreements.append(
            stability.agreement(vectors, settings.method, count, settings.n_init, seed)
        )
    return np.array(agreements)


@one_thread()
def _label(root: str, run: str, vector_run: str, settings: Settings, pixels: slice) -> None:
    """On a worker: label the pixels of a superblock."""
    vectors = outputs.read(root, vector_run, _array(root, vector_run, settings), pixels)
    labels = _partition(root, run, settings).labels(vectors)
    outputs.write(root, run, "labels", labels.astype(np.int16), pixels)


def _partition(root: str, run: str, settings: Settings) -> Partition:
    """The partition that a run stored."""
    names = ["centres", "sampled", "points", "owners"]
    centres, sizes, points, owners = (outputs.read(root, run, name) for name in names)
    is_mixture = settings.method == "mixture"
    whiten = outputs.read(root, run, "whiten") if is_mixture else np.empty((0, 0, 0))
    offset = outputs.read(root, run, "offset")
    is_cosine = settings.method == "spherical"
    return Partition(centres, sizes, points, owners, is_cosine, whiten, offset)


def _some_vectors(root: str, vector_run: str, settings: Settings, most: int = 0) -> AnyFloats:
    """(P, d) vectors of the pixels to fit clusters on, or of `most` of them, evenly spaced."""
    drawn = "" if settings.fitted_on else _sample(root, vector_run)
    pixels = outputs.read(root, drawn or vector_run, "pixel")
    chosen = pixels if drawn else pixels[_spread(pixels.size, settings.fitted_on or SPREAD)]
    if most:
        chosen = chosen[_spread(len(chosen), most)]
    vectors: AnyFloats = outputs.read(root, vector_run, _array(root, vector_run, settings), chosen)
    return vectors


def _array(root: str, vector_run: str, settings: Settings) -> str:
    return outputs.vectors_of(root, vector_run, settings.array)


def _sample(root: str, vector_run: str) -> str:
    """The sample that vectors build on; empty: none."""
    try:
        return records.ancestor(root, vector_run, sample.JOB)
    except MissingError:
        return ""


def _spread(count: int, most: int) -> Indices:
    """At most `most` evenly spaced positions of so many."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.int64))
