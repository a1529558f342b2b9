"""Surface classes: k-means of an embedding, fitted on the sampled pixels; every pixel gets a label.

Source: Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28
(1982), by scikit-learn. Clusters are numbered by falling number of sampled pixels.

`cluster.zarr`: `labels` (pixel) int16, -1 where a pixel has no embedding; `centres`
(cluster, latent); `sampled` (cluster), the number of sampled pixels in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from jobs.embedding import embed
from jobs.runs import outputs, records
from jobs.runs.settings import check
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from jobs.sampling import sample
from jobs.sampling.hierarchy import nearest
from lake.errors import DataError, MissingError
from lake.format import order, schema
from lake.format.arrays import Indices
from lake.reading.store import Store

JOB = "cluster"
ARRAY = "embedding"
SPREAD = 20_000
"""Number of pixels that centres are fitted on, where the embedding builds on no sample."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `lake cluster`."""

    run: str = ""
    """Run whose embedding is clustered, of `embed`, of `transform` by its model, `trajectory` or `join`;
    none: the embedding of default settings, made if need be."""
    k: int = 8
    """Number of clusters."""
    n_init: int = 10
    """Number of random starts, of which the best is taken."""
    seed: int = 0

    def __post_init__(self) -> None:
        check("k must be above 0", self.k, holds=self.k > 0)
        check("n_init must be above 0", self.n_init, holds=self.n_init > 0)


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that clusters an embedding, after those it builds on.

    Raises:
        MissingError, ConfigError: no such run, not complete, or of another job, store or other pixels.
    """
    if settings.run:
        outputs.require_array(root, settings.run, ARRAY, store)
        base: tuple[Spec, ...] = (records.read_spec(root, settings.run),)
        if drawn := _sample(root, settings.run):
            sample_spec = records.read_spec(root, drawn)
            records.check_pixels(records.open_input(root, sample_spec.stores[0]), store)
    else:
        base = embed.specs(root, store, embed.Settings())
    inputs = {embed.JOB: base[-1].id}
    return (*base, records.spec_of(root, settings, JOB, (store,), inputs, without=("run",)))


def fit(
    embedding: NDArray[np.float32], settings: Settings
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Fit centres (cluster, latent) and their sizes (cluster,), largest first; NaN rows are left out.

    Raises:
        DataError: fewer pixels than clusters.
    """
    vectors = embedding[~np.isnan(embedding).any(axis=1)].astype(np.float64)
    if len(vectors) < settings.k:
        raise DataError(
            f"{len(vectors)} pixels of the sample have an embedding: wanted at least k = {settings.k}"
        )
    means = KMeans(settings.k, n_init=settings.n_init, random_state=settings.seed).fit(vectors)
    sizes = np.bincount(means.labels_, minlength=settings.k)
    by_size = np.argsort(-sizes, kind="stable")
    return means.cluster_centers_[by_size], sizes[by_size]


def make(work: ActiveRun) -> Sequence[str]:
    """Find the centres, then label every pixel."""
    root, store, settings = work.root, work.store, work.settings(Settings)
    embedded = work.spec.inputs[embed.JOB]
    embedding = outputs.dataset(root, embedded)[ARRAY]
    latent = outputs.read(root, embedded, str(embedding.dims[1]))
    arrays = [
        *schema.pixel_coordinates(store.domain),
        outputs.whole_array("cluster", ("cluster",), np.arange(settings.k)),
        outputs.whole_array("latent", ("latent",), latent),
        outputs.whole_array(
            "centres", ("cluster", "latent"), np.full((settings.k, latent.size), np.nan)
        ),
        outputs.whole_array("sampled", ("cluster",), np.zeros(settings.k, np.int64)),
        outputs.pixel_array(
            "labels", store, {}, "int16", -1, long_name="cluster; -1: no embedding"
        ),
    ]
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    work.stage("fit", _fit, [(embedded, settings)])
    blocks = order.superblocks(store.domain.pixels, store.domain.layout)
    work.stage("label", _label, [(embedded, block) for block in blocks])
    return [path]


def _fit(root: str, run: str, embedded: str, settings: Settings) -> None:
    """On a worker: find the centres and write them."""
    drawn = _sample(root, embedded)
    pixel = outputs.read(root, drawn, "pixel") if drawn else _spread(root, embedded)
    centres, sizes = fit(outputs.read(root, embedded, ARRAY, pixel), settings)
    outputs.write(root, run, "centres", centres)
    outputs.write(root, run, "sampled", sizes)


def _sample(root: str, embedded: str) -> str:
    """The sample that an embedding builds on; empty: none."""
    try:
        return records.ancestor(root, embedded, sample.JOB)
    except MissingError:
        return ""


def _spread(root: str, embedded: str) -> Indices:
    """Positions of at most `SPREAD` evenly spaced pixels."""
    pixels = outputs.read(root, embedded, "pixel").size
    return np.unique(np.linspace(0, pixels - 1, min(SPREAD, pixels)).astype(np.int64))


def _label(root: str, run: str, embedded: str, pixels: slice) -> None:
    """On a worker: label the pixels of a superblock."""
    embedding = outputs.read(root, embedded, ARRAY, pixels)
    labels = nearest(embedding, outputs.read(root, run, "centres")).astype(np.int16)
    outputs.write(root, run, "labels", labels, pixels)
