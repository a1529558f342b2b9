"""`lake umap`: the manifold of the pixels laid flat, by an encoder that places every pixel of every store.

The graph of UMAP (`jobs.manifold.graph`) is made of a sample that is balanced over the land
(`jobs.sampling.hierarchy`). An encoder learns its edges by UMAP's own loss (`jobs.manifold.edge_loss`), in
the trainer of `jobs.embedding`. Then it places every pixel, and those of other stores by `lake transform`.
Some pixels of the sample are held out of the graph: they say how well neighbours are kept.

`umap.zarr` holds `embedding` (pixel, latent), NaN where a pixel has no vector; `sampled` (sample) and
`held_out` (judged), positions in the store. `umap.json` has the measures, `model.json` and the files beside
it the encoder, as of `lake embed`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch

import lake
from jobs.embedding import (
    checkpoints,
    live_training,
    loss_curve,
    model_card,
    recipe,
    stored_model,
    supervisor,
    train,
    vectors,
)
from jobs.embedding.columns import Columns
from jobs.embedding.loader import Loader
from jobs.embedding.models.architecture import COMMON, NONE, RESIDUAL, Architecture
from jobs.embedding.models.embedding_model import EmbeddingModel
from jobs.embedding.models.residual import Residual
from jobs.embedding.recipe import Recipe
from jobs.embedding.trainer import TrainingPlan
from jobs.evaluation import neighbourhoods
from jobs.features import labels
from jobs.figures import gallery, run_maps, scatter
from jobs.figures.captioned_maps import CaptionedFigure, Place
from jobs.linear import mnf, pca, transform
from jobs.linear.gram import one_thread
from jobs.manifold import graph as graphs
from jobs.manifold.edges import DenseNeighbours, EdgeLoader, EdgeTask
from jobs.manifold.graph import Graph, GraphSettings
from jobs.manifold.vector_inputs import VectorInputs
from jobs.registry import MODEL_JOBS
from jobs.runs import heartbeat, outputs, records
from jobs.runs.settings import OneOf, check, restore
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun, Arrays, pack, task_result, unpack
from jobs.sampling import allocation, designs
from jobs.sampling.hierarchy import Hierarchy
from lake.errors import ConfigError, DataError
from lake.format import order, schema
from lake.format.arrays import Floats, Indices, Singles
from lake.plot import headings, views
from lake.reading import classes
from lake.reading.store import Store

JOB = "umap"
DOCUMENT = "umap.json"
SCORES = "scores"
MOST_CELLS, PIXELS_PER_CELL = 2000, 20
"""Cells that the sample is balanced over: so many at most, each of so many pixels of the sample at least."""
CELLS_ABOVE = 10
"""How many clusters of a level of the hierarchy are one of the next."""
JUDGED, JUDGED_SHARE = 1000, 0.1
"""Pixels that are held out of the graph at most, and the share of the sample that they are at most."""
PASSES, LEAST_STEPS, MOST_STEPS = 3, 600, 1500
"""Passes over the edges where no number of steps is set, within bounds."""
MOST_COMPONENTS = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `lake umap`."""

    run: str = ""
    """Run whose vectors are laid out; none: scores, of `mnf` where there is a second store, else of `pca`."""
    array: str = ""
    """Name of the vectors' array (pixel, d) in the run; empty: the only one."""
    second: str = ""
    """Key in the lake, or URL, of a store of the same pixels in another period, for `mnf`."""
    components: int = 2
    """Numbers that a pixel gets: 2 or 3 for pictures, 16 for clusters."""
    neighbours: int = 15
    """Nearest neighbours of a pixel: few show details, many the whole."""
    min_dist: float = 0.1
    """How near pixels may come: small packs clusters tightly."""
    spread: float = 1.0
    """Over what distance nearness falls, at least `min_dist`."""
    metric: Annotated[str, OneOf("graphs.METRICS")] = "euclidean"
    """Distance of vectors."""
    pixels: int = 150_000
    """Pixels of the sample that the graph is made of; all, where there are fewer."""
    labels: str = ""
    """URL of a file of classes that the graph is intersected with."""
    column: str = "label"
    """The column of classes, where the file is a table."""
    sha256: str = ""
    """Of the labels; found when the run is named, so that another content is another run."""
    densmap: bool = False
    """Whether dense land stays dense (densMAP)."""
    density_weight: float = 2.0
    """Of densMAP's term."""
    hidden: int = 128
    """Width of the two hidden layers of the encoder."""
    steps: int = 0
    """Steps of the training; 0: three passes over the edges, but 600 to 1500."""
    batch: int = 1024
    """Edges of a step."""
    negatives: int = 5
    """Random pairs for each edge."""
    learning_rate: float = 3e-3
    """The highest; it rises for a tenth of the steps and falls to nothing (one-cycle)."""
    seed: int = 0
    """Of the sample, the graph and the training."""
    threads: int = 2
    """Threads of the CPU; another number gives other roundings."""
    device: Annotated[str, OneOf("train.DEVICES")] = "auto"
    """Where to train; `auto`: on a GPU where there is one."""
    checkpoint_seconds: float = 10.0
    """Seconds between checkpoints."""

    def __post_init__(self) -> None:
        fits = 0 < self.components <= MOST_COMPONENTS
        check(f"components must be 1 to {MOST_COMPONENTS}", self.components, holds=fits)
        check("neighbours must be 2 or more", self.neighbours, holds=self.neighbours > 1)
        check("spread must be above 0", self.spread, holds=self.spread > 0)
        fits = 0 <= self.min_dist <= self.spread
        check("min_dist must be 0 to spread", self.min_dist, holds=fits)
        names = ", ".join(graphs.METRICS)
        check(f"metric must be one of {names}", self.metric, holds=self.metric in graphs.METRICS)
        fits = self.pixels > 2 * self.neighbours
        check("pixels must be more than twice neighbours", self.pixels, holds=fits)
        check("hidden must be above 0", self.hidden, holds=self.hidden > 0)
        check("batch must be 2 or more", self.batch, holds=self.batch > 1)
        check("negatives must be above 0", self.negatives, holds=self.negatives > 0)
        check(
            "density_weight must be 0 or more", self.density_weight, holds=self.density_weight >= 0
        )
        self.training(1)  # checks the rest

    def training(self, edges: int) -> train.Training:
        """The settings of the training's loop, for so many edges."""
        steps = min(max(PASSES * edges // self.batch, LEAST_STEPS), MOST_STEPS)
        return train.Training(
            steps=self.steps or steps, batch=self.batch, learning_rate=self.learning_rate,
            weight_decay=0.0, held_out=0.0, seed=self.seed, threads=self.threads, device=self.device,
            checkpoint_seconds=self.checkpoint_seconds,
        )  # fmt: skip

    @property
    def architecture(self) -> Architecture:
        """The encoder: a linear map, at first the principal axes, and a correction to it."""
        return Architecture(
            RESIDUAL, self.components, self.hidden, unit=False, linear_part=NONE, input_scale=COMMON
        )

    @property
    def graph(self) -> GraphSettings:
        """How the graph is made."""
        return GraphSettings(self.neighbours, self.metric, self.seed, self.densmap)


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that lays vectors out, after those it builds on.

    Raises:
        ConfigError: a run of another store, or without vectors; labels that are not read here.
        MissingError: no such run or file, or a run that is not complete.
        DataError: labels that do not match the pixels.
    """
    if settings.run and settings.second:
        raise ConfigError(f"run={settings.run} has its stores already: leave second out")
    base = _base(root, store, settings)
    array = settings.array or SCORES
    if settings.run:
        array = outputs.vectors_of(root, settings.run, settings.array)
    settings = replace(settings, array=array)
    if settings.labels:
        url, digest = labels.resolve(settings.labels, store, settings.column)
        settings = replace(settings, labels=url, sha256=digest)
    inputs = {base[-1].job: base[-1].id}
    spec = records.spec_of(root, settings, JOB, (store,), inputs, without=("run", "second"))
    return (*base, spec)


def _base(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The runs that give the vectors, last the one that has them."""
    if settings.run:
        spec = records.read_spec(root, settings.run)
        records.require(root, settings.run, spec.job, store)
        return (spec,)
    if settings.second:
        return mnf.specs(root, store, mnf.Settings(second=settings.second))
    return pca.specs(root, store, pca.Settings())


def bases(root: str, store: Store, model: Spec) -> tuple[Spec, ...]:
    """The runs that give the vectors of another store, which the encoder of a run then places.

    Raises:
        ConfigError: no model makes these vectors of other stores.
    """
    source = records.read_spec(root, _vector_run(model))
    fitted = str(source.settings["model"]) if source.job == transform.JOB else source.id
    job = records.read_spec(root, fitted).job
    if job not in MODEL_JOBS:
        raise ConfigError(
            f"run {model.id} lays out the vectors of {fitted}, which no model makes of another store: "
            f"wanted those of a run of {', '.join(MODEL_JOBS)}"
        )
    return transform.specs(root, store, transform.Settings(fitted))


def make(work: ActiveRun) -> Sequence[str]:
    """In the driver: draw the sample, make its graph, train the encoder, place every pixel, and judge."""
    settings, store = work.settings(Settings), work.store
    inputs = VectorInputs(work.root, _vector_run(work.spec), settings.array)
    latent = min(settings.components, inputs.count)
    if latent < settings.components:
        work.say(f"components={settings.components} became {latent}: vectors have no more numbers")
    sampled, judged = _drawn(work, settings)
    arrays = [
        *vectors.arrays(store, latent, int8=False),
        outputs.whole_array("sampled", ("sample",), sampled),
        outputs.whole_array("held_out", ("judged",), judged),
    ]
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    work.say(f"graph of {len(sampled)} pixels")
    work.stage("graph", _graph, [(store.url, inputs, settings)])
    work.stage(live_training.STAGE, supervisor.training, [(settings.threads,)], gpu=True)
    vectors.embed_all(work, work.run, inputs, int8=False)
    work.stage("judge", _judge, [(inputs, settings.neighbours)])
    document = _document(work)
    work.objects.put(DOCUMENT, json.dumps(document, indent=1).encode())
    work.objects.delete(work.objects.list(checkpoints.FOLDER))
    model = json.loads(work.objects.get(stored_model.MODEL))
    files = [stored_model.MODEL, model_card.FILE, loss_curve.LINES, loss_curve.PICTURE]
    pictures = [gallery.store_picture(work, name, figure) for name, figure in _draw(work, settings)]
    return [path, DOCUMENT, model["weights"], *files, *gallery.store_list(work, pictures)]


def apply(work: ActiveRun, model: str) -> Sequence[str]:
    """In the driver of `lake transform`: place every pixel of another store by the encoder of a run."""
    latent = outputs.read(work.root, model, "latent").size
    arrays = vectors.arrays(work.store, latent, int8=False)
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    base = work.spec.inputs[transform.JOB]
    array = outputs.vectors_of(work.root, base, "")
    vectors.embed_all(work, model, VectorInputs(work.root, base, array), int8=False)
    return [path]


def summary(root: str, run: str) -> str:
    """How well a finished run keeps the neighbours of pixels that it did not learn from."""
    document = json.loads(records.folder(root, run).get(DOCUMENT))
    measures = [
        f"{name} {document[name]:.3f}"
        for name in ("trustworthiness", "continuity")
        if name in document
    ]
    return (
        f"{document['sampled']:,} pixels in the graph, {document['edges']:,} edges; of "
        f"{document['held_out']:,} pixels held out: {', '.join(measures) or 'too few to measure'}"
    )


def plan(root: str, spec: Spec) -> TrainingPlan:
    """In the trainer: what is trained, and how its model is stored."""
    settings = restore(Settings, spec.settings)
    training = settings.training(_read_graph(root, spec.id).head.size)
    learnt = Recipe(settings.architecture, training=training)
    return TrainingPlan(
        training,
        stored_model.MODEL,
        prepare=partial(_prepare, root, spec, settings, training),
        keep=partial(stored_model.write, root, spec, learnt),
    )


def begin(
    x: Singles,
    graph: Graph,
    curve: tuple[float, float],
    settings: Settings,
    training: train.Training,
) -> tuple[train.TrainingState, EdgeLoader, train.LearningTask]:
    """What the loop of `jobs.embedding.train` needs to lay a graph out.

    Args:
        x: (P, d) vectors without NaN.
        graph: of them.
        curve: a and b of `jobs.manifold.graph.curve`.
        settings: of the job.
        training: of the loop, with a number of steps.
    """
    columns, device = Columns((), x.shape[1]), training.torch_device()
    scale = recipe.scale_of(torch.from_numpy(x), columns, COMMON)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = EmbeddingModel(settings.architecture, columns, scale, decodes=False)
    if isinstance(model.encoder, Residual):
        model.encoder.begin_with(torch.from_numpy(_axes(x, model.latent)))
    scaled = (torch.from_numpy(x) / scale).to(device)
    loader = EdgeLoader.of(
        scaled, graph.head, graph.tail, graph.weight, settings.batch, settings.seed
    )
    dense = None
    if settings.densmap:
        ends, weight = graphs.strongest(graph, len(x), settings.neighbours)
        tables = (torch.from_numpy(each).to(device) for each in (ends, weight, graph.radius))
        dense = DenseNeighbours(scaled, *tables)
    task = EdgeTask(training, *curve, settings.negatives, dense, settings.density_weight)
    return train.TrainingState.begin(model.to(device), training), loader, task


def _prepare(
    root: str, spec: Spec, settings: Settings, training: train.Training
) -> tuple[train.TrainingState, Loader, train.LearningTask]:
    """In the trainer: a model before its first step, its batches, and the loss."""
    pixel = task_result(root, spec.id, "graph", 0)["pixel"]
    x = VectorInputs(root, _vector_run(spec), settings.array).read(0, pixel)
    a, b = task_result(root, spec.id, "graph", 0)["curve"].tolist()
    return begin(x, _read_graph(root, spec.id), (a, b), settings, training)


def _read_graph(root: str, run: str) -> Graph:
    return unpack(Graph, task_result(root, run, "graph", 0))


def _axes(x: Singles, count: int) -> Singles:
    """(count, d) first principal axes of x (P, d), the largest number of each positive."""
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)
    axes = directions.T[::-1][:count]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), axis=1)
    signed: Singles = (axes * np.sign(largest)).astype(np.float32)
    return signed


def _vector_run(spec: Spec) -> str:
    (run,) = spec.inputs.values()
    return run


def _drawn(work: ActiveRun, settings: Settings) -> tuple[Indices, Indices]:
    """Positions of the pixels of the graph, and of those that are held out of it, each in rising order."""
    pixels = work.store.domain.pixels
    drawn = np.arange(pixels)
    if settings.pixels < pixels:
        cells = min(MOST_CELLS, max(settings.pixels // PIXELS_PER_CELL, 1))
        levels = [cells]
        while levels[-1] >= 2 * CELLS_ABOVE and len(levels) < 3:
            levels.append(levels[-1] // CELLS_ABOVE)
        hierarchy = Hierarchy(_vector_run(work.spec), tuple(levels))
        generator = np.random.default_rng((settings.seed, 1))
        counted = allocation.balanced(work, hierarchy, settings.pixels, generator, settings.array)
        drawn = designs.strata(np.random.default_rng((settings.seed, 0)), *counted).pixel
    count = min(JUDGED, int(JUDGED_SHARE * len(drawn)))
    chosen = np.random.default_rng((settings.seed, 2)).permutation(len(drawn))
    return np.sort(drawn[chosen[count:]]), np.sort(drawn[chosen[:count]])


@one_thread()
def _graph(root: str, run: str, url: str, inputs: VectorInputs, settings: Settings) -> Arrays:
    """On a worker: the graph of the sampled pixels that have a vector; `pixel` (P,) says which.

    Raises:
        DataError: too few have one.
    """
    heartbeat.check(root, run)
    pixel = outputs.read(root, run, "sampled")
    x = inputs.read(0, pixel)
    known = np.isfinite(x).all(axis=1)
    pixel, x = pixel[known], x[known]
    if len(x) <= settings.neighbours:
        raise DataError(
            f"{len(x)} pixels of {inputs.run} have a vector: "
            f"wanted more than neighbours={settings.neighbours}"
        )
    known_classes = None
    if settings.labels:
        store = lake.open(url)
        found = labels.classes(settings.labels, settings.sha256, store, settings.column)
        known_classes = found.labels[pixel]
    curve = np.array(graphs.curve(settings.min_dist, settings.spread))
    return {"pixel": pixel, "curve": curve} | pack(graphs.fit(x, settings.graph, known_classes))


@one_thread()
def _judge(root: str, run: str, inputs: VectorInputs, neighbours: int) -> Arrays:
    """On a worker: trustworthiness and continuity of the held-out pixels that have a vector; their number;
    no measure where they are too few.
    """
    pixel = outputs.read(root, run, "held_out")
    x, places = inputs.read(0, pixel), outputs.read(root, run, vectors.ARRAY, pixel)
    known = np.isfinite(x).all(axis=1)
    near = min(neighbours, int(known.sum()) // 2 - 1)
    if near < 1:
        return {"pixels": known.sum()}
    pairs = x[known], places[known], near
    return {
        "pixels": known.sum(),
        "trustworthiness": np.array(neighbourhoods.trustworthiness(*pairs)),
        "continuity": np.array(neighbourhoods.continuity(*pairs)),
    }


def _document(work: ActiveRun) -> dict[str, Any]:
    """What was laid out, and how well, as JSON."""
    graph, measured = work.result("graph", 0), work.result("judge", 0)
    a, b = graph["curve"].tolist()
    return {
        "job": JOB,
        "vectors": _vector_run(work.spec),
        "sampled": int(graph["pixel"].size),
        "edges": int(graph["head"].size),
        "a": a,
        "b": b,
        "held_out": int(measured["pixels"]),
        **{name: float(value) for name, value in measured.items() if name != "pixels"},
    }


def _draw(work: ActiveRun, settings: Settings) -> Iterator[tuple[str, CaptionedFigure]]:
    """Names and pictures: the components as a chart and as the colours of a map."""
    root, run, store = work.root, work.run, work.store
    blocks = order.superblocks(store.domain.pixels, store.domain.layout)

    def each(task: Any, *arguments: object) -> list[Any]:  # noqa: ANN401 (as `run_maps.Each`)
        return [task(*arguments, block) for block in blocks]

    place = Place(headings.named(store), store.domain, views.around(store.domain))
    places: Floats = np.concatenate(each(outputs.read, root, run, vectors.ARRAY)).astype(np.float64)
    yield "density", scatter.by_density(place.key, places)
    if settings.labels:
        found = labels.classes(settings.labels, settings.sha256, store, settings.column)
        known = classes.defaults(found.names)
        yield "classes", scatter.by_class(place.key, places, found.labels, known)
    yield "map", run_maps.captioned_map(root, run, place, each)
