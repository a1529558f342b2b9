"""How fast a training gets its pixels, when they stream out of a store and when they lie in memory.

    python benchmarks/training.py [--rows 160] [--steps 120] [--json]

An invented country is written as a store; a deep residual MLP learns to rebuild its features, without
components before it (`inputs=features`), by the loop of `lake embed`. Pixels a second of

- `streamed`: superblocks pass through memory, read while the model learns (`StreamingLoader`);
- `in memory`: the same loop on tensors that lie there (`MemoryLoader`, of `jobs.embedding.loader` too);
- `random rows`: a torch DataLoader that reads rows of the store at random, as Zarr; without learning.

The first two alternate, a warm-up each before, and look at pixels held out as often; the ratio is of
CPU-seconds too, for shared machines.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).parents[1]))  # before this folder
import record

import lake
from benchmarks import memory
from jobs.embedding import encoder_inputs, recipe, train
from jobs.embedding.columns import Columns
from jobs.embedding.loader import Loader, MemoryLoader, PixelBlock, StreamingLoader
from jobs.embedding.losses.objective import Objective
from jobs.embedding.models.architecture import DEEP, Architecture
from jobs.embedding.recipe import Recipe
from jobs.embedding.train import Training
from jobs.embedding.views.choice import Views
from jobs.features import features
from jobs.features.features import FeatureSelection
from jobs.features.scaling import Scaling
from jobs.synthetic import stores
from jobs.synthetic.country import Country
from lake.format import order
from lake.format.order import Layout
from lake.reading.store import Store
from lake.storage.connect import connect

LAYOUT = Layout(256, 8)
BATCH = 512
TOGETHER = 2
LOADED = 256
"""Rows that the DataLoader reads."""


@dataclass(frozen=True, slots=True, eq=False)
class SuperblockReader:
    """Gives superblocks of a store as inputs of a model."""

    store: Store
    selection: FeatureSelection
    scaling: Scaling
    blocks: tuple[slice, ...]

    def __call__(self, number: int) -> PixelBlock:
        """The pixels of a superblock that have values."""
        pixels = self.blocks[number]
        x = features.read(self.store, self.selection, pixels)
        valid = np.flatnonzero(~np.isnan(x).all(axis=0))
        z = np.nan_to_num(self.scaling.apply(x), copy=False)[:, valid].T
        pixel = torch.from_numpy(pixels.start + valid)
        return PixelBlock(pixel, (torch.from_numpy(z).contiguous(),))


class Rows(Dataset[torch.Tensor]):
    """Rows of a store, each read when asked for: all months of the arrays `results`."""

    def __init__(self, url: str, pixels: int) -> None:
        self._url, self._pixels = url, pixels

    def __len__(self) -> int:
        return self._pixels

    def __getitem__(self, pixel: int) -> torch.Tensor:
        group = zarr.open_group(connect(self._url).zarr("", read_only=True), mode="r")
        rows = [
            np.asarray(array[..., pixel, :]).ravel()
            for name, array in sorted(_arrays(group).items())
            if name.endswith("results")
        ]
        return torch.from_numpy(np.concatenate(rows).astype(np.float32))


def _arrays(group: zarr.Group) -> dict[str, zarr.Array]:
    members = group.members(max_depth=None)
    return {name: member for name, member in members if isinstance(member, zarr.Array)}


def timed(loader: Loader, settings: Recipe, columns: Columns) -> tuple[float, float]:
    """Pixels a second by the clock, and by CPU-seconds of this process."""
    state, task = recipe.begin(settings, torch.ones(columns.count), columns, loader.pixels)
    steps = train.train(state, loader, task)
    next(steps)
    began, used = time.monotonic(), time.process_time()
    done = sum(1 for _ in steps) * BATCH
    return done / (time.monotonic() - began), done / (time.process_time() - used)


def prepared(store: Store) -> tuple[SuperblockReader, Columns]:
    """A reader of all features of a store, standardised by its first superblock, and what they are."""
    selection = features.resolve(FeatureSelection(), store)
    columns = Columns(features.columns(selection, store.cubes.values()))
    blocks = tuple(order.superblocks(store.domain.pixels, store.domain.layout))
    scaling = Scaling.fit(features.read(store, selection, blocks[0]), encoder_inputs.CLIP)
    return SuperblockReader(store, selection, scaling, blocks), columns


def in_memory(read: SuperblockReader, training: Training) -> MemoryLoader:
    """A loader of all superblocks, read now."""
    blocks = [read(number) for number in range(len(read.blocks))]
    pixel = torch.cat([block.pixel for block in blocks])
    x = torch.cat([block.x[0] for block in blocks])
    return MemoryLoader((x,), pixel, BATCH, training.held_out, 0)


def random_rows(url: str, pixels: int) -> float:
    """Pixels a second of a DataLoader that reads rows at random."""
    random = torch.Generator().manual_seed(0)
    sampler = torch.randperm(pixels, generator=random)[:LOADED].tolist()
    loader = DataLoader(Rows(url, pixels), batch_size=64, sampler=sampler)
    began = time.monotonic()
    count = sum(len(batch) for batch in loader)
    return count / (time.monotonic() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=160, help="rows and columns of the country")
    parser.add_argument("--steps", type=int, default=120, help="of training, each time")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print JSON")
    record.add_option(parser)
    arguments = parser.parse_args()
    memory.as_workers()
    training = Training(steps=arguments.steps, batch=BATCH, threads=1)
    shape = Architecture(model=DEEP, hidden=512, depth=4)
    settings = Recipe(shape, Objective(("huber",)), Views(("slots",)), training)
    with tempfile.TemporaryDirectory() as folder, train.environment(training):
        country = Country(rows=arguments.rows, columns=arguments.rows, years=(2020,))
        written = stores.write(f"{folder}/lake", country, LAYOUT, folder)
        store = lake.open(f"{written.root}/{written.keys[0]}")
        read, columns = prepared(store)
        memory_loader = in_memory(read, training)
        sizes = [block.stop - block.start for block in read.blocks]
        loaders = {
            "streamed": lambda: StreamingLoader(
                read, sizes, BATCH, TOGETHER, 0, torch.device("cpu")
            ),
            "in memory": lambda: memory_loader,
        }
        speeds: dict[str, list[tuple[float, float]]] = {name: [] for name in loaders}
        for _ in range(arguments.repeats):
            for name, loader in loaders.items():
                speeds[name].append(timed(loader(), settings, columns))
        rows = random_rows(store.url, store.domain.pixels)
    document = summary(speeds, rows)
    record.write(arguments.record, record.of_figures(document))
    lines = (f"{name}: {value}" for name, value in document.items())
    print(json.dumps(document, indent=1) if arguments.json else "\n".join(lines))


def summary(speeds: dict[str, list[tuple[float, float]]], rows: float) -> dict[str, Any]:
    """Medians and their ratios."""
    median = {name: np.median(pairs, axis=0) for name, pairs in speeds.items()}
    ratio = median["streamed"] / median["in memory"]
    return {
        "pixels_per_second": {name: round(by_clock) for name, (by_clock, _) in median.items()}
        | {"random rows": round(rows)},
        "pixels_per_cpu_second": {name: round(by_cpu) for name, (_, by_cpu) in median.items()},
        "streamed_over_in_memory": {
            "clock": round(float(ratio[0]), 3),
            "cpu": round(float(ratio[1]), 3),
        },
        "streamed_over_random_rows": round(float(median["streamed"][0]) / rows, 1),
    }


if __name__ == "__main__":
    main()
