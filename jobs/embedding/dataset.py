"""The pixels that a training sees: those of the sample or all, from memory or streamed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from jobs.embedding import hard_negatives, linear_part
from jobs.embedding.encoder_inputs import EncoderInputs
from jobs.embedding.entries import Need
from jobs.embedding.linear_part import LinearAxes
from jobs.embedding.loader import Loader, MemoryLoader, PixelBlock, StreamingLoader
from jobs.embedding.recipe import Recipe, linear_axes, scale_of
from jobs.embedding.views import pairs
from jobs.embedding.views.choice import NEIGHBOURS, PERIODS
from jobs.features import labels, static, texture
from jobs.runs import outputs, records
from jobs.runs.settings import OneOf, check
from jobs.sampling import sample
from lake.errors import ConfigError, DataError
from lake.format import order
from lake.format.arrays import Indices
from lake.reading.store import Store

SAMPLE, ALL = "sample", "all"
TRAINED_ON = (SAMPLE, ALL)


@dataclass(frozen=True, slots=True)
class DatasetSettings:
    """The settings that choose the pixels of a training."""

    train_on: Annotated[str, OneOf("TRAINED_ON")] = ""
    """Pixels to train on, those of the sample or all; empty: `all` beside a linear part, else `sample`."""
    memory_gb: float = 4.0
    """Gigabytes; inputs of `all` pixels that are larger stream through memory, superblock by superblock."""
    shuffled_superblocks: int = 4
    """Superblocks in memory together while they stream; their pixels are shuffled with each other."""
    hard_negatives: float = 0.0
    """Share of a batch whose hard negatives join it, pixels of other means whose fine pixels look alike;
    of the sample, and of stores with finer cubes."""
    labels: str = ""
    """URL of a file of classes, for loss=supervised; pixels without a label are
    a class of their own."""
    column: str = "label"
    """The column of classes of a table, or the attribute of polygons."""
    sha256: str = ""
    """SHA-256 of the labels; found when the run is named, so that another content is another run."""

    def __post_init__(self) -> None:
        fits = self.train_on in {"", *TRAINED_ON}
        check("train_on must be sample or all", self.train_on, holds=fits)
        check("memory_gb must be 0 or more", self.memory_gb, holds=self.memory_gb >= 0)
        superblocks = self.shuffled_superblocks
        check("shuffled_superblocks must be above 0", superblocks, holds=superblocks > 0)
        share = self.hard_negatives
        check("hard_negatives must be 0 to 1", share, holds=0 <= share <= 1)
        sampled = share == 0 or self.train_on != ALL
        check("hard_negatives goes with train_on=sample", self.train_on, holds=sampled)


def resolve(settings: DatasetSettings, recipe: Recipe, store: Store) -> DatasetSettings:
    """The settings with every choice made, and with URL and content of the labels, which are read once to
    see that they match.

    Raises:
        ConfigError: labels without a loss that uses them, or the other way about; hard negatives of a
            store without finer cubes.
        DataError: labels that do not match the pixels.
    """
    fits = not settings.hard_negatives or bool(texture.fine_cubes(store))
    share = settings.hard_negatives
    check("hard_negatives needs a store with 500 m or 1 km cubes", share, holds=fits)
    check(
        "labels go with loss=supervised, and it with them",
        settings.labels,
        holds=recipe.needs(Need.LABELS) == bool(settings.labels),
    )
    uses_all = recipe.architecture.has_linear_part and not settings.hard_negatives
    settings = replace(settings, train_on=settings.train_on or (ALL if uses_all else SAMPLE))
    if not settings.labels:
        return settings
    url, digest = labels.resolve(settings.labels, store, settings.column)
    return replace(settings, labels=url, sha256=digest)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingPixels:
    """The pixels of a store with their inputs, and those of a second store where views use both."""

    inputs: EncoderInputs
    store: Store
    periods: int
    """The number of views that are read: one of all there is, or two."""

    def block(self, pixels: slice, subset: Indices | None = None) -> PixelBlock:
        """The pixels of a superblock that have inputs in all periods; those of a subset, or all."""
        pixel = np.arange(pixels.start, pixels.stop)
        read = self.inputs.view if self.periods > 1 else self.inputs.read
        x = [read(period, pixels) for period in range(self.periods)]
        if subset is not None:
            inside = (subset >= pixels.start) & (subset < pixels.stop)
            rows = subset[inside] - pixels.start
            pixel, x = pixel[rows], [period[rows] for period in x]
        valid = np.all([np.isfinite(period).any(axis=1) for period in x], axis=0)
        tensors = tuple(torch.from_numpy(period[valid]) for period in x)
        return PixelBlock(torch.from_numpy(pixel[valid]), tensors)

    def blocks(self, subset: Indices | None) -> Iterator[PixelBlock]:
        """The pixels of every superblock that holds some of a subset; None: of every superblock."""
        for pixels in order.superblocks(self.store.domain.pixels, self.store.domain.layout):
            if subset is None or ((subset >= pixels.start) & (subset < pixels.stop)).any():
                yield self.block(pixels, subset)


def loader(
    root: str, run: str, pixels: TrainingPixels, settings: DatasetSettings, recipe: Recipe
) -> tuple[Loader, Tensor]:
    """A loader of the training's batches, and what inputs were divided by.

    Raises:
        DataError: fewer than two pixels.
        ConfigError: settings that need all pixels in memory, which are too large for it.
    """
    sampled = outputs.read(root, records.ancestor(root, run, sample.JOB), "pixel")
    columns = pixels.inputs.columns()
    uses_neighbours = NEIGHBOURS in recipe.views.views
    block, count = _sampled(pixels, sampled, with_neighbours=uses_neighbours)
    if count < 2:
        raise DataError(
            f"{count} of {sampled.size} pixels of the sample have inputs in all of "
            f"{pixels.periods} periods: wanted at least 2; sample more pixels"
        )
    scale = scale_of(block.x[0][:count], columns, recipe.architecture.input_scale)
    if settings.train_on == ALL:
        size = 4 * pixels.store.domain.pixels * pixels.periods * columns.count
        if size > settings.memory_gb * 1e9:
            return _streaming_loader(pixels, settings, recipe, scale), scale
        block = _joined(pixels.blocks(None))
        count = len(block.pixel)
    device, training = recipe.training.torch_device(), recipe.training
    neighbours = _neighbours(pixels.store, block, count).to(device) if uses_neighbours else None
    classes = _labels(pixels.store, block, settings).to(device) if settings.labels else None
    negatives = None
    if settings.hard_negatives:
        trained = block.pixel[:count].numpy()
        textures = hard_negatives.textures(root, run, pixels.store, sampled, trained)
        spectrum = block.x[0][:count].nan_to_num().numpy()
        mined = hard_negatives.mined(textures, spectrum, training.seed)
        negatives = torch.from_numpy(mined).to(device)
    x = tuple((period / scale).to(device) for period in block.x)
    return MemoryLoader(
        x, block.pixel.to(device), training.batch, training.held_out, training.seed,
        neighbours, classes, negatives, settings.hard_negatives,
        _conditions(pixels.store, block, recipe.objective.blind_to, device),
    ), scale  # fmt: skip


def land_axes(pixels: TrainingPixels, scale: Tensor, recipe: Recipe) -> LinearAxes | None:
    """The linear maps of the land; None: the recipe has no linear part.

    Args:
        pixels: of both stores.
        scale: (inputs,) what inputs are divided by.
        recipe: resolved.
    """
    if not recipe.architecture.has_linear_part:
        return None
    domain, block = pixels.store.domain, land_block(pixels, recipe.training.seed)
    pixel = block.pixel.numpy()
    x = tuple(period / scale for period in block.x)
    return linear_axes(recipe, x, (domain.row[pixel], domain.column[pixel]))


def land_block(pixels: TrainingPixels, seed: int) -> PixelBlock:
    """The pixels that the linear maps of the land are computed from."""
    domain = pixels.store.domain
    return _joined(pixels.blocks(linear_part.needed_pixels(domain.row, domain.column, seed)))


def periods(available: int, recipe: Recipe) -> int:
    """The number of periods, or halves of one, that a training reads, of so many."""
    return available if PERIODS in recipe.views.views else 1


def _sampled(
    pixels: TrainingPixels, sampled: Indices, *, with_neighbours: bool
) -> tuple[PixelBlock, int]:
    """The pixels of a sample that have inputs, then the pixels around them; and the number of the former."""
    if not with_neighbours:
        block = _joined(pixels.blocks(sampled))
        return block, len(block.pixel)
    domain = pixels.store.domain
    around = pairs.adjacent(domain.row, domain.column)[sampled]
    block = _joined(pixels.blocks(np.union1d(sampled, around)))
    in_sample = torch.from_numpy(np.isin(block.pixel.numpy(), sampled))
    rows = torch.argsort(~in_sample, stable=True)
    reordered = PixelBlock(block.pixel[rows], tuple(period[rows] for period in block.x))
    return reordered, int(in_sample.sum())


def _neighbours(store: Store, block: PixelBlock, count: int) -> Tensor:
    """(count, 8) positions in a block of the pixels around its first ones."""
    pixel = block.pixel.numpy()
    adjacent = pairs.adjacent(store.domain.row[pixel], store.domain.column[pixel])
    return torch.from_numpy(adjacent[:count])


def _labels(store: Store, block: PixelBlock, settings: DatasetSettings) -> Tensor:
    """(P,) the classes of the pixels of a block; below 0: no label."""
    classes = labels.classes(settings.labels, settings.sha256, store, settings.column)
    return torch.from_numpy(classes.labels[block.pixel.numpy()])


def _conditions(
    store: Store, block: PixelBlock, quantities: tuple[str, ...], device: torch.device
) -> Tensor | None:
    """(P, c) quantities of the pixels of a block that need no observation; None: none are asked for."""
    if not quantities:
        return None
    domain = store.domain
    values = static.values(domain, static.features(quantities, (), ()), slice(0, domain.pixels))
    return torch.from_numpy(values.T[block.pixel.numpy()]).to(device)


def _streaming_loader(
    pixels: TrainingPixels, settings: DatasetSettings, recipe: Recipe, scale: Tensor
) -> StreamingLoader:
    domain = pixels.store.domain
    if recipe.needs(Need.ALL_IN_MEMORY):
        raise ConfigError(
            "views=neighbours and loss=supervised or blind need all pixels in memory: "
            f"{domain.pixels} of {len(scale)} inputs are more than memory_gb={settings.memory_gb}; "
            "set it higher, or leave train_on=sample"
        )
    superblocks = order.superblocks(domain.pixels, domain.layout)

    def read(number: int) -> PixelBlock:
        block = pixels.block(superblocks[number])
        return PixelBlock(block.pixel, tuple(period / scale for period in block.x))

    training, together = recipe.training, settings.shuffled_superblocks
    sizes = [block.stop - block.start for block in superblocks]
    device = training.torch_device()
    return StreamingLoader(read, sizes, training.batch, together, training.seed, device)


def _joined(blocks: Iterator[PixelBlock]) -> PixelBlock:
    parts = list(blocks)
    x = [torch.cat(periods) for periods in zip(*(part.x for part in parts), strict=True)]
    return PixelBlock(torch.cat([part.pixel for part in parts]), tuple(x))
