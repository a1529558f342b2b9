"""Train a denoising autoencoder: one loop, read from top to bottom.

Each step sees a batch with Gaussian noise and with some inputs set to zero, and is asked for the
clean batch. The same data, settings and number of threads give the same weights on one kind of CPU.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jobs.models.autoencoder import Architecture, Autoencoder
from jobs.settings import check


@dataclass(frozen=True, slots=True)
class Training:
    """How to train."""

    steps: int = 1000
    batch: int = 256
    learning_rate: float = 1e-3
    """The highest; it rises for a tenth of the steps and falls to nothing (one-cycle)."""
    weight_decay: float = 0.01
    noise: float = 0.1
    """Standard deviation of the noise; the inputs' own is 1 at most."""
    masked: float = 0.7
    """Share of the inputs set to zero."""
    held_out: float = 0.1
    """Share of the sample that is never trained on; its loss is recorded."""
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "learning_rate", "threads"):
            value = getattr(self, name)
            check(f"{name} must be above 0", value, holds=value > 0)
        check("noise must be 0 or more", self.noise, holds=self.noise >= 0)
        for name in ("masked", "held_out"):
            value = getattr(self, name)
            check(f"{name} must be 0 to below 1", value, holds=0 <= value < 1)


@dataclass(frozen=True, slots=True)
class Loss:
    """One line of the loss curve."""

    step: int
    train: float
    """Of the batches since the last line, noisy and masked."""
    held_out: float | None
    """Of the pixels held out, clean; None if there are none."""


def train(
    x: NDArray[np.float32],
    architecture: Architecture,
    settings: Training,
    check: Callable[[], None] | None = None,
) -> tuple[Autoencoder, list[Loss]]:
    """A trained autoencoder, and how its loss fell.

    Args:
        x: (sample, inputs) without holes, of standard deviation 1 or less.
        architecture: of the model.
        settings: of the training.
        check: called with every line of the loss curve; what it raises ends the training.
    """
    with _repeatable(settings):
        shuffled = torch.from_numpy(x)[torch.randperm(len(x))]
        kept = int(len(x) * settings.held_out)
        held_out, seen = shuffled[:kept], shuffled[kept:]
        model = Autoencoder(x.shape[1], architecture)
        optimiser = torch.optim.AdamW(
            model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, settings.learning_rate, total_steps=settings.steps, pct_start=0.1
        )
        every = max(settings.steps // 50, 1)
        curve, recent = [], []
        for step in range(1, settings.steps + 1):
            clean = seen[torch.randint(len(seen), (settings.batch,))]
            loss = nn.functional.huber_loss(model(_spoilt(clean, settings)), clean)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            recent.append(loss.item())
            if step % every == 0:
                curve.append(Loss(step, float(np.mean(recent)), _loss(model, held_out)))
                recent = []
                if check:
                    check()
    return model.eval(), curve


@torch.no_grad()
def embed(model: Autoencoder, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """(pixel, latent) embedding of (pixel, inputs); NaN where an input is NaN."""
    return model.encode(torch.from_numpy(x)).numpy()


def _spoilt(clean: Tensor, settings: Training) -> Tensor:
    there = torch.rand_like(clean) >= settings.masked
    return (clean + settings.noise * torch.randn_like(clean)) * there


@torch.no_grad()
def _loss(model: Autoencoder, x: Tensor) -> float | None:
    return nn.functional.huber_loss(model(x), x).item() if len(x) else None


@contextmanager
def _repeatable(settings: Training) -> Iterator[None]:
    """Own random numbers, deterministic algorithms, a set number of threads; all put back after."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        torch.set_num_threads(settings.threads)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)
