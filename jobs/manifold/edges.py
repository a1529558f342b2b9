"""Batches of a graph's edges, and the task of learning from them, for the loop of `jobs.embedding.train`."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from jobs.embedding.loader import mixed
from jobs.embedding.models.embedding_model import EmbeddingModel
from jobs.embedding.train import Training
from jobs.embedding.views.choice import Batch
from jobs.manifold import edge_loss
from lake.format.arrays import Floats, Indices

ATTRACTION, REPULSION, DENSITY = "attraction", "repulsion", "density"
DENSE_PIXELS = 256
"""Pixels of a step whose radii are compared."""
DENSE_SHARE = 0.3
"""Of umap-learn: the share of the steps, the last ones, in which radii count."""
DRAWS = 1
"""Stream of random numbers that draws edges; see `jobs.embedding.loader.mixed`."""


@dataclass(frozen=True, slots=True, eq=False)
class EdgeLoader:
    """Batches of edges, drawn by their probability; see `jobs.embedding.loader.Loader`."""

    x: Tensor
    """(P, inputs) scaled."""
    head: Tensor
    """(edge,) position of one end."""
    tail: Tensor
    """(edge,) position of the other."""
    sums: Tensor
    """(edge,) cumulative probabilities, float64."""
    size: int
    """Edges of a batch."""
    seed: int

    @classmethod
    def of(
        cls, x: Tensor, head: Indices, tail: Indices, weight: Floats, size: int, seed: int
    ) -> "EdgeLoader":
        """The loader of the edges of a graph of the pixels x."""
        sums = torch.from_numpy(weight).cumsum(0)
        return cls(x, torch.from_numpy(head), torch.from_numpy(tail), sums, size, seed)

    @property
    def pixels(self) -> int:
        """The number of pixels of the graph."""
        return len(self.x)

    def batch(self, step: int) -> Batch:
        """The ends of the edges of a step, as two periods; its pixels are positions in the graph."""
        random = torch.Generator().manual_seed(mixed(self.seed, -step - DRAWS))
        drawn = torch.rand(self.size, generator=random, dtype=torch.float64) * self.sums[-1]
        edge = torch.searchsorted(self.sums, drawn, right=True).clamp(max=len(self.sums) - 1)
        head, tail = (ends[edge].to(self.x.device) for ends in (self.head, self.tail))
        return Batch(head, (self.x[head], self.x[tail]), None, None)

    def held_out(self) -> None:
        """Every edge is trained on; pixels that are held out have none."""

    def close(self) -> None:
        """Nothing reads ahead."""


@dataclass(frozen=True, slots=True, eq=False)
class DenseNeighbours:
    """The edges of each pixel and its radius, for densMAP."""

    x: Tensor
    """(P, inputs) scaled."""
    ends: Tensor
    """(P, k) positions of the ends of its most probable edges."""
    weight: Tensor
    """(P, k) their probabilities; 0: no edge."""
    radius: Tensor
    """(P,) standardised."""


@dataclass(frozen=True, slots=True, eq=False)
class EdgeTask:
    """The task of laying a graph out; see `jobs.embedding.train.LearningTask`."""

    training: Training
    a: float
    b: float
    """The curve of probabilities over distances: `jobs.manifold.graph.curve`."""
    negatives: int
    """Random pairs for each edge."""
    dense: DenseNeighbours | None = None
    density_weight: float = 0.0

    def terms(self, model: EmbeddingModel, batch: Batch, number: int) -> dict[str, Tensor]:
        """The terms of the loss of a step; see `LearningTask.terms`."""
        heads, tails = batch.x
        random = torch.Generator(heads.device).manual_seed(mixed(self.training.seed, number + 1))
        places = model.code(torch.cat([heads, tails]), random).z.float()
        with torch.autocast(heads.device.type, enabled=False):
            first, second = places[: len(heads)], places[len(heads) :]
            squares = (first - second).square().sum(dim=1)
            shifts = torch.randint(
                1, len(heads), (self.negatives,), generator=random, device=heads.device
            )
            strangers = [second.roll(shift, 0) for shift in shifts.tolist()]
            apart = torch.cat([(first - other).square().sum(dim=1) for other in strangers])
            terms = {
                ATTRACTION: edge_loss.attraction(squares, self.a, self.b),
                REPULSION: self.negatives * edge_loss.repulsion(apart, self.a, self.b),
            }
            if self.dense:
                terms[DENSITY] = self._density(model, self.dense, random, number)
        return terms

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The sum of the terms, radii by their weight."""
        loss = terms[ATTRACTION] + terms[REPULSION]
        return loss + self.density_weight * terms[DENSITY] if DENSITY in terms else loss

    def _density(
        self, model: EmbeddingModel, dense: DenseNeighbours, random: torch.Generator, number: int
    ) -> Tensor:
        """The term of densMAP of some pixels; 0 in the steps before radii count."""
        if 0 <= number < (1 - DENSE_SHARE) * self.training.steps:
            return torch.zeros((), device=dense.x.device)
        pixel = torch.randint(
            len(dense.x), (DENSE_PIXELS,), generator=random, device=dense.x.device
        )
        ends = dense.ends[pixel]
        places = model.code(dense.x[torch.cat([pixel[:, None], ends], dim=1).flatten()], random).z
        grouped = places.float().view(len(pixel), -1, places.shape[1])
        squares = (grouped[:, :1] - grouped[:, 1:]).square().sum(dim=2)
        radii = edge_loss.radius(squares, dense.weight[pixel], self.a, self.b)
        return edge_loss.density(radii, dense.radius[pixel])
