"""How well and how fast `lake umap` lays vectors out, beside umap-learn on the same vectors.

    python benchmarks/manifold.py --pixels 20000 --inputs 64 --components 2 [--variant densmap]

Vectors lie on curved sheets of three dimensions, one for each of 20 classes, with noise in all
dimensions. umap-learn lays out the same pixels with the same seed, on one thread, since a seed allows no
more; the encoder trains on one thread too. Both are measured on pixels that neither saw: umap-learn's by
its `transform`. Printed are CPU seconds (user and system) and measures. The first layout of umap-learn,
which compiles, is not timed.

How many pixels the encoder places in a CPU second stands beside how many `lake embed` embeds, by an encoder
of default size without a linear part, of the same vectors.

`--variant supervised` gives both the classes of the pixels of the graph. `--variant densmap` is judged on
pixels of the graph, since umap-learn places no others then. `density` is the correlation of the logarithms
of the mean distance to the 15 nearest neighbours, among the vectors and in the plane.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import record
import torch
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from jobs.embedding import train, vectors
from jobs.embedding.columns import Columns
from jobs.embedding.models.architecture import Architecture
from jobs.embedding.models.embedding_model import EmbeddingModel
from jobs.evaluation import neighbourhoods
from jobs.linear.gram import one_thread
from jobs.manifold import graph, umap
from lake.format.arrays import Singles

CLASSES, SHEET = 20, 3
HELD_OUT = 1000
PLAIN, DENSMAP, SUPERVISED = "plain", "densmap", "supervised"
Classes = NDArray[np.int64]
T = TypeVar("T")


def land(pixels: int, inputs: int, seed: int) -> tuple[Singles, Classes]:
    """(pixel, input) vectors, turned to their principal axes as scores are, and the classes."""
    random = np.random.default_rng(seed)
    centres = 3 * random.normal(size=(CLASSES, inputs))
    bent = random.normal(size=(CLASSES, 2 * SHEET, inputs))
    classes, u = random.integers(0, CLASSES, pixels), random.normal(size=(pixels, SHEET))
    sheet = np.concatenate([np.tanh(u), u**2 / 3], axis=1)
    x = centres[classes] + np.einsum("pk,pki->pi", sheet, bent[classes])
    x += 0.3 * random.normal(size=x.shape)
    _, axes = np.linalg.eigh(np.cov(x.T))
    turned: Singles = ((x - x.mean(axis=0)) @ axes[:, ::-1]).astype(np.float32)
    return turned, classes


def density(x: Singles, places: Singles) -> float:
    """Correlation of how sparse pixels lie among the vectors and in the plane."""
    sparse = [
        np.log(NearestNeighbors(n_neighbors=15).fit(values).kneighbors()[0].mean(axis=1))
        for values in (x, places)
    ]
    return float(np.corrcoef(*sparse)[0, 1])


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What some work gives, and its CPU seconds."""
    began = time.process_time()
    return work(), time.process_time() - began


def ours(
    x: Singles, others: Singles, settings: umap.Settings, classes: Classes | None
) -> tuple[Singles, Singles, dict[str, float]]:
    """Places of the other pixels and of all that are in the graph, and CPU seconds of each step."""
    edges, of_graph = timed(lambda: graph.fit(x, settings.graph, classes))
    training = settings.training(edges.head.size)
    curve = graph.curve(settings.min_dist, settings.spread)

    def learnt() -> train.TrainingState:
        state, loader, task = umap.begin(x, edges, curve, settings, training)
        for _ in train.train(state, loader, task):
            pass
        return state

    with train.environment(training):
        state, of_training = timed(learnt)
        state.model.eval()
        places, of_placing = timed(lambda: vectors.embed(state.model, others))
        inside, of_all = timed(lambda: vectors.embed(state.model, x))
        _, of_embed = timed(lambda: vectors.embed(embed_encoder(x.shape[1]), x))
    print(
        f"{edges.head.size} edges, {training.steps} steps; in a CPU second {len(x) / of_all:,.0f} pixels are "
        f"placed, {len(x) / of_embed:,.0f} embedded by lake embed"
    )
    return places, inside, {"graph": of_graph, "training": of_training, "transform": of_placing}


def embed_encoder(inputs: int) -> EmbeddingModel:
    """An encoder of `lake embed` for scores, of default size."""
    architecture = Architecture(linear_part="none").resolve(features=False)
    model = EmbeddingModel(
        architecture, Columns(components=inputs), torch.ones(inputs), decodes=False
    )
    return model.eval()


def theirs(
    x: Singles,
    others: Singles,
    settings: umap.Settings,
    classes: Classes | None,
    epochs: int | None = None,
) -> tuple[Singles, Singles, dict[str, float]]:
    """The same by umap-learn, in as many epochs as it takes by itself or in fewer."""
    from umap import UMAP  # noqa: PLC0415 (compiles for seconds)

    model = UMAP(
        n_neighbors=settings.neighbours, n_components=settings.components, random_state=settings.seed,
        n_jobs=1, min_dist=settings.min_dist, n_epochs=epochs, densmap=settings.densmap,
    )  # fmt: skip
    _, of_fit = timed(lambda: model.fit(x, classes))
    if settings.densmap:
        return np.empty((0, settings.components)), model.embedding_, {"fit": of_fit}
    places, of_transform = timed(lambda: model.transform(others))
    return places, model.embedding_, {"fit": of_fit, "transform": of_transform}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pixels", type=int, default=20_000)
    parser.add_argument("--inputs", type=int, default=64)
    parser.add_argument("--components", type=int, default=2)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--variant", choices=(PLAIN, DENSMAP, SUPERVISED), default=PLAIN)
    record.add_option(parser)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ImportWarning)
    settings = umap.Settings(
        components=arguments.components,
        steps=arguments.steps,
        seed=arguments.seed,
        threads=1,
        device="cpu",
    )
    settings = replace(settings, densmap=arguments.variant == DENSMAP)
    x, classes = land(arguments.pixels + HELD_OUT, arguments.inputs, arguments.seed)
    x, others = x[HELD_OUT:], x[:HELD_OUT]
    given = classes[HELD_OUT:] if arguments.variant == SUPERVISED else None
    torch.set_num_threads(1)
    figures = {}
    with one_thread():
        theirs(x[:5000], others[:100], settings, None, 5)  # compiles
        for name, lay_out in (("lake umap", ours), ("umap-learn", theirs)):
            places, inside, seconds = lay_out(x, others, settings, given)
            pairs = others, places, settings.neighbours
            if settings.densmap:
                pairs = x[:HELD_OUT], inside[:HELD_OUT], settings.neighbours
            trusted, continued = (
                neighbourhoods.trustworthiness(*pairs),
                neighbourhoods.continuity(*pairs),
            )
            spent = ", ".join(f"{step} {value:.1f}" for step, value in seconds.items())
            total = sum(value for step, value in seconds.items() if step != "transform")
            figures[name] = {
                "trustworthiness": trusted,
                "continuity": continued,
                "density": density(x[:5000], inside[:5000]),
                "CPU s": total,
            }
            print(
                f"{name}: trustworthiness {trusted:.4f}, continuity {continued:.4f}, "
                f"density {figures[name]['density']:.3f}, CPU s: {spent}; "
                f"without transform {total:.1f}",
                flush=True,
            )
    record.write(arguments.record, record.of_figures(figures))


if __name__ == "__main__":
    main()
