"""The stages by which a run takes the bias field (`jobs.embedding.bias_field`) off its scores.

    clusters   one task: what linear part the land gets; where it is filtered, the cluster of every pixel
    sums       a task for each store: sums over its pixels, by cell and by cluster
    means      a task for each store: the clusters' means by its sums
    field      a task for each store: its field, by the means of all

The clusters and their means stay in the run's group, as `land_cluster` (pixel) and `cluster_mean` (cluster,
input). By them `lake transform` finds the field of another store of the same pixels.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from jobs.embedding import bias_field, dataset
from jobs.embedding.bias_field import CLUSTERS, NO_CLUSTER, FieldCells, FieldSums
from jobs.embedding.dataset import TrainingPixels
from jobs.embedding.encoder_inputs import FIELD, EncoderInputs
from jobs.embedding.linear_part import LOCAL
from jobs.embedding.recipe import Recipe, linear_axes, scale_of
from jobs.runs import heartbeat, outputs, records
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun, Arrays, pack, task_result, unpack
from lake.errors import ConfigError
from lake.format import order
from lake.format.arrays import Indices, Integers, Singles
from lake.format.domain import Domain
from lake.format.schema import Array
from lake.reading.store import Store

FIND, SUMS, MEANS = "clusters", "sums", "means"
LAND_CLUSTER, CLUSTER_MEAN = "land_cluster", "cluster_mean"
SAME_PLACE = 1e-6
"""Degrees within which two pixels are the same."""


def arrays(store: Store, inputs: int) -> list[Array]:
    """The arrays of the run's group that keep the clusters, not filled yet."""
    means = np.full((CLUSTERS, inputs), np.nan, np.float32)
    return [
        outputs.pixel_array(LAND_CLUSTER, store, {}, "int16", NO_CLUSTER),
        outputs.whole_array(CLUSTER_MEAN, ("cluster", "input"), means),
    ]


def remove(work: ActiveRun, inputs: EncoderInputs, recipe: Recipe) -> EncoderInputs:
    """In the driver: the inputs less the field of each store; as they are if none is to be removed."""
    work.stage(FIND, _find_clusters, [(inputs, recipe)])
    if facts(work.root, work.run)["chosen"] != LOCAL:
        return inputs
    stores = range(len(work.stores))
    work.stage(SUMS, _sums, [(work.run, inputs, period) for period in stores])
    work.stage(MEANS, _means, [(period,) for period in stores])
    work.stage(FIELD, _field, [(work.run, period) for period in stores])
    return replace(inputs, bias=work.run)


def remove_by(work: ActiveRun, model: str, inputs: EncoderInputs) -> EncoderInputs:
    """In the driver of `lake transform`: the inputs less the store's field, by the clusters of a run.

    The store has the pixels of the run (`check_pixels`).
    """
    if not _has_clusters(work.root, model):
        return inputs
    work.say(
        f"bias field removed, by the clusters of {model}: of changes wider than some 10 pixels little is "
        "left (docs/embedding.md)"
    )
    work.stage(SUMS, _sums, [(model, inputs, 0)])
    work.stage(FIELD, _field, [(model, 0)])
    return replace(inputs, bias=work.run)


def facts(root: str, run: str) -> dict[str, Any]:
    """What linear part the land of a run under way gets, and why."""
    found: dict[str, Any] = json.loads(task_result(root, run, FIND, 0)["facts"].item())
    return found


def check_pixels(root: str, model: Spec, store: Store) -> None:
    """Refuse a store of other pixels than those whose clusters a run has.

    Raises:
        ConfigError: it has others.
    """
    if not _has_clusters(root, model.id):
        return
    places = zip(("lon", "lat"), store.domain.lonlat(), strict=True)
    kept = [(outputs.read(root, model.id, name), degrees) for name, degrees in places]
    if not all(a.shape == b.shape and np.allclose(a, b, rtol=0, atol=SAME_PLACE) for a, b in kept):
        raise ConfigError(
            f"{store.key} has other pixels than {model.store}, and {model.id} takes off the bias field by "
            "the clusters of its own pixels: train with bias_field=kept to embed other pixels"
        )


def _has_clusters(root: str, run: str) -> bool:
    return bool((outputs.read(root, run, LAND_CLUSTER) > NO_CLUSTER).any())


def _find_clusters(root: str, run: str, inputs: EncoderInputs, recipe: Recipe) -> Arrays:
    """On a worker: store the cluster of every pixel, if the linear part is filtered."""
    store, seed = records.first_store(root, run), recipe.training.seed
    domain, pixels = store.domain, TrainingPixels(inputs, store, 2)
    with threadpool_limits(1):
        block = dataset.land_block(pixels, seed)
        if len(block.pixel) < 2:
            return _facts({"chosen": ""})  # the training will say so
        scale, pixel = scale_of(block.x[0], inputs.columns()), block.pixel.numpy()
        x = tuple(period / scale for period in block.x)
        axes = linear_axes(recipe, x, (domain.row[pixel], domain.column[pixel]))
        if axes is None or axes.facts["chosen"] != LOCAL:
            return _facts(axes.facts if axes else {"chosen": ""})
        parts = (axes.linear / scale.numpy()[:, None]).astype(np.float32)
        pixel, first, second = _linear_parts(root, run, pixels, parts)
        cells, cluster = _cells(domain), np.full(domain.pixels, NO_CLUSTER, np.int16)
        cluster[pixel] = bias_field.clusters(first, second, cells, cells.of_pixel[pixel], seed)
    outputs.write(root, run, LAND_CLUSTER, cluster)
    return _facts(axes.facts | {"bias_field": bias_field.REMOVED})


def _facts(found: Mapping[str, Any]) -> Arrays:
    return {"facts": np.array(json.dumps(found))}


def _linear_parts(
    root: str, run: str, pixels: TrainingPixels, axes: Singles
) -> tuple[Indices, Singles, Singles]:
    """(p,) pixels with inputs in both views, and (p, linear) their linear part in either."""
    found = []
    for block in pixels.blocks(None):
        heartbeat.check(root, run)
        found.append((block.pixel.numpy(), *(period.numpy() @ axes for period in block.x)))
    pixel, first, second = (np.concatenate(part) for part in zip(*found, strict=True))
    return pixel, first, second


def _sums(root: str, run: str, model_run: str, inputs: EncoderInputs, period: int) -> Arrays:
    """On a worker: sums over the pixels of a store, by the clusters of a run."""
    domain, cluster = records.first_store(root, run).domain, _cluster(root, model_run)
    cells = _cells(domain)
    sums = FieldSums.zeros(cells.count, inputs.count, CLUSTERS)
    for block in _blocks(root, run, domain):
        sums.add(inputs.read(period, block), cluster[block], cells.of_pixel[block])
    return pack(sums)


def _means(root: str, run: str, period: int) -> Arrays:
    """On a worker: the clusters' means by the sums of a store."""
    sums, cells = _of_store(root, run, period), _cells(records.first_store(root, run).domain)
    return {"means": bias_field.cluster_means(sums, cells)}


def _field(root: str, run: str, model_run: str, period: int) -> Arrays:
    """On a worker: the field of a store, by the means of a run; the task of the first store keeps those."""
    if model_run == run:
        stores = range(len(records.read_spec(root, run).stores))
        found = [task_result(root, run, MEANS, store)["means"] for store in stores]
        means = np.mean(found, axis=0).astype(np.float32)
        if period == 0:
            outputs.write(root, run, CLUSTER_MEAN, means)
    else:
        means = outputs.read(root, model_run, CLUSTER_MEAN)
    cells = _cells(records.first_store(root, run).domain)
    field = _of_store(root, run, period).field(cells, means)
    return {"cell": cells.of_pixel, "field": field}


def _of_store(root: str, run: str, period: int) -> FieldSums:
    return unpack(FieldSums, task_result(root, run, SUMS, period))


def _cells(domain: Domain) -> FieldCells:
    return FieldCells.of(domain.row, domain.column)


def _cluster(root: str, run: str) -> Integers:
    cluster: Integers = outputs.read(root, run, LAND_CLUSTER)
    return cluster


def _blocks(root: str, run: str, domain: Domain) -> Iterator[slice]:
    """The superblocks, until the run is to stop."""
    for block in order.superblocks(domain.pixels, domain.layout):
        heartbeat.check(root, run)
        yield block
