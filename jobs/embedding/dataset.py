"""Which pixels a training sees: those of the sample or all; from memory, or streamed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jobs.embedding import hard_negatives, recipe
from jobs.embedding.encoder_inputs import Inputs
from jobs.embedding.loader import Held, Loader, Piece, Streamed
from jobs.embedding.objective import SUPERVISED
from jobs.embedding.recipe import Recipe
from jobs.embedding.views import pairs
from jobs.embedding.views.choice import NEIGHBOURS, PERIODS
from jobs.features import labels as known
from jobs.features import texture
from jobs.runs import outputs, records
from jobs.runs.settings import check
from jobs.sampling import sample
from lake.errors import ConfigError, DataError
from lake.format import order
from lake.reading.store import Store

SAMPLE, ALL = "sample", "all"


@dataclass(frozen=True, slots=True)
class Feed:
    """Which pixels."""

    train_on: str = SAMPLE
    """Pixels of the `sample`, or `all`."""
    held_gb: float = 4.0
    """Inputs that fit are held in memory; of `all` pixels that do not, superblocks pass through it."""
    together: int = 4
    """Superblocks that are shuffled with each other then."""
    near: float = 0.0
    """Near negatives (`jobs.embedding.hard_negatives`) that join a batch, as a share of it; of the
    sample, and of stores with finer cubes."""
    labels: str = ""
    """URL of a file of classes (`jobs.features.labels`), for loss=supervised; pixels without one are
    their own."""
    column: str = "label"
    """Of a table: the classes."""
    sha256: str = ""
    """Of the labels; found when the run is named, so that another content is another run."""

    def __post_init__(self) -> None:
        fits = self.train_on in {SAMPLE, ALL}
        check("train_on must be sample or all", self.train_on, holds=fits)
        check("held_gb must be 0 or more", self.held_gb, holds=self.held_gb >= 0)
        check("together must be above 0", self.together, holds=self.together > 0)
        check("near must be 0 to 1", self.near, holds=0 <= self.near <= 1)
        sampled = self.near == 0 or self.train_on == SAMPLE
        check("near goes with train_on=sample", self.train_on, holds=sampled)


def settled(how: Feed, chosen: Recipe, store: Store) -> Feed:
    """The feed with what its labels are; they are read once, to see that they match the pixels.

    Raises:
        ConfigError: labels without a loss that uses them, or the other way about; near negatives of a
            store without finer cubes.
        DataError: labels that do not match the pixels.
    """
    fine = not how.near or bool(texture.fine_cubes(store))
    check("near needs a store with 500 m or 1 km cubes", how.near, holds=fine)
    used = SUPERVISED in chosen.objective.loss
    check(
        "labels go with loss=supervised, and it with them",
        how.labels,
        holds=used == bool(how.labels),
    )
    if not how.labels:
        return how
    url, digest = known.resolve(how.labels, store, how.column)
    return replace(how, labels=url, sha256=digest)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Inputs of the pixels of a store, and of a second one where views are of two periods."""

    inputs: Inputs
    store: Store
    periods: int

    def piece(self, pixels: slice, wanted: NDArray[np.int64] | None = None) -> Piece:
        """The pixels of a superblock, or those wanted of it, that have inputs in all periods."""
        pixel = np.arange(pixels.start, pixels.stop)
        x = [self.inputs.read(period, pixels) for period in range(self.periods)]
        if wanted is not None:
            here = wanted[(wanted >= pixels.start) & (wanted < pixels.stop)] - pixels.start
            pixel, x = pixel[here], [of[here] for of in x]
        there = np.all([np.isfinite(of).all(axis=1) for of in x], axis=0)
        return Piece(torch.from_numpy(pixel[there]), tuple(torch.from_numpy(of[there]) for of in x))

    def pieces(self, wanted: NDArray[np.int64] | None) -> Iterator[Piece]:
        """Of all superblocks that hold some of those wanted; None: all."""
        for pixels in order.superblocks(self.store.domain.pixels, self.store.domain.layout):
            if wanted is None or ((wanted >= pixels.start) & (wanted < pixels.stop)).any():
                yield self.piece(pixels, wanted)


def loader(root: str, run: str, source: Source, how: Feed, chosen: Recipe) -> tuple[Loader, Tensor]:
    """A loader of pixels, and what their inputs were divided by.

    Raises:
        DataError: fewer than two pixels.
        ConfigError: views that need all pixels in memory, and they do not fit.
    """
    drawn = outputs.read(root, records.ancestor(root, run, sample.JOB), "pixel")
    held, count = _sampled(source, drawn, beside=NEIGHBOURS in chosen.views.views)
    if count < 2:
        raise DataError(
            f"{count} of {drawn.size} pixels of the sample have inputs in all of "
            f"{source.periods} periods: wanted at least 2; sample more pixels"
        )
    features = source.inputs.columns() is not None
    inputs = held.x[0].shape[1]
    scale = torch.ones(inputs) if features else recipe.scale_of(held.x[0][:count])
    device, training = chosen.training.on(), chosen.training
    if how.train_on == ALL:
        size = 4 * source.store.domain.pixels * source.periods * len(scale)
        if size > how.held_gb * 1e9:
            return _streamed(source, how, chosen, scale), scale
        held = _joined(source.pieces(None))
        count = len(held.pixel)
    neighbours = None
    if NEIGHBOURS in chosen.views.views:
        domain, there = source.store.domain, held.pixel.numpy()
        around = pairs.adjacent(domain.row[there], domain.column[there])
        neighbours = torch.from_numpy(around[:count]).to(device)
    labels = None
    if how.labels:
        of = known.classes(how.labels, how.sha256, source.store, how.column).labels
        labels = torch.from_numpy(of[held.pixel.numpy()]).to(device)
    others = None
    if how.near:
        textures = hard_negatives.textures(
            root, run, source.store, drawn, held.pixel[:count].numpy()
        )
        found = hard_negatives.mined(textures, held.x[0][:count].numpy(), training.seed)
        others = torch.from_numpy(found).to(device)
    x = tuple((of / scale).to(device) for of in held.x)
    return Held(
        x, held.pixel.to(device), training.batch, training.held_out, training.seed,
        neighbours, labels, others, how.near,
    ), scale  # fmt: skip


def _sampled(source: Source, drawn: NDArray[np.int64], *, beside: bool) -> tuple[Piece, int]:
    """The pixels of a sample that have inputs, how many these are, and, behind them, those beside."""
    if not beside:
        held = _joined(source.pieces(drawn))
        return held, len(held.pixel)
    domain = source.store.domain
    around = pairs.adjacent(domain.row, domain.column)[drawn]
    held = _joined(source.pieces(np.union1d(drawn, around)))
    own = torch.from_numpy(np.isin(held.pixel.numpy(), drawn))
    first = torch.argsort(~own, stable=True)
    return Piece(held.pixel[first], tuple(of[first] for of in held.x)), int(own.sum())


def _streamed(source: Source, how: Feed, chosen: Recipe, scale: Tensor) -> Streamed:
    if how.labels or NEIGHBOURS in chosen.views.views:
        raise ConfigError(
            "views=neighbours and loss=supervised need all pixels in memory: "
            f"{source.store.domain.pixels} of {len(scale)} inputs are more than held_gb={how.held_gb}; "
            "set it higher, or leave train_on=sample"
        )
    domain = source.store.domain
    blocks = order.superblocks(domain.pixels, domain.layout)

    def read(number: int) -> Piece:
        found = source.piece(blocks[number])
        return Piece(found.pixel, tuple(of / scale for of in found.x))

    training = chosen.training
    sizes = [block.stop - block.start for block in blocks]
    return Streamed(read, sizes, training.batch, how.together, training.seed, training.on())


def periods(source_stores: int, chosen: Recipe) -> int:
    """How many stores a training reads."""
    return source_stores if PERIODS in chosen.views.views else 1


def _joined(pieces: Iterator[Piece]) -> Piece:
    found = list(pieces)
    x = [torch.cat(of) for of in zip(*(piece.x for piece in found), strict=True)]
    return Piece(torch.cat([piece.pixel for piece in found]), tuple(x))
