"""Fine pixels predicted from a coarse one, and judged; `benchmarks/resolutions.py` runs it.

A *slot* is a (month, time of day), a *set* the means of the fine pixels of a coarse pixel in a slot, less
their mean. The mean is known: all fine pixels are observed at the same times, so it is that of the coarse
pixel. Values are divided by the standard deviation of all sets that are trained on. NaN: missing.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from embedding_lands import LANDS, TEXTURED, Land
from numpy.typing import NDArray
from torch import Tensor

from jobs.embedding import train
from jobs.embedding.losses import fine_pixels, reconstruction
from jobs.embedding.models.deep import deep
from jobs.embedding.train import Training
from jobs.evaluation import probes
from jobs.features.features import Feature
from lake.format import moments
from lake.format.moments import Moments

Floats = NDArray[np.float64]

STATISTICS = ("mean", "stddev", "skewness", "kurtosis")
HIDDEN, DEPTH = 128, 2
MOST = 100_000
"""Number of coarse pixels on each side of the checkerboard; no land has as many."""


@dataclass(frozen=True, slots=True)
class Step:
    """From a coarse pixel to its fine ones."""

    band: str
    """Whose fine pixels are predicted."""
    parts: int
    """Coarse pixels along an edge of a 2 km pixel."""


STEPS = {
    "2 km to 1 km": Step("C03", 1),
    "1 km to 500 m": Step("C02", 2),
    "2 km to 500 m": Step("C02", 1),
}
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": reconstruction.mse,
    "wasserstein": fine_pixels.wasserstein,
    "sliced": fine_pixels.sliced_wasserstein,
    "chamfer": fine_pixels.chamfer,
    "sinkhorn": fine_pixels.sinkhorn,
    "ssim": lambda first, second: 1 - fine_pixels.ssim(first, second),
}
"""The losses of a predicted and a true set, (..., subpixel, 1)."""


@dataclass(frozen=True, slots=True, eq=False)
class CoarsePixels:
    """What is known of coarse pixels, and their fine ones."""

    inputs: Floats
    """(coarse, input) statistics of all bands and slots, standardised; 0 where missing."""
    sets: Floats
    """(coarse, slot, fine)"""
    stddev: Floats
    """(coarse, slot) of all observations of the band."""
    train: NDArray[np.int64]
    """Positions of those that are trained on: black squares of a checkerboard."""
    test: NDArray[np.int64]
    """Positions of those on white squares."""


def coarse_pixels(land: Land, step: Step, seed: int) -> CoarsePixels:
    """The coarse pixels of a step on a land in its first period; `seed` places the checkerboard."""
    fine = {band: divided(values, step.parts) for band, values in cells(land).items()}
    coarse = {band: merged(values) for band, values in fine.items()}  # (statistic, slot, coarse)
    truth = land.truth
    place = (np.tile(values, step.parts**2) for values in (truth.row, truth.column))
    count = coarse[step.band].shape[-1]
    split = probes.split(*place, np.ones(count, bool), LANDS[TEXTURED].square, MOST, seed)
    rows = np.concatenate([values.reshape(-1, count) for values in coarse.values()]).T
    means = fine[step.band][0].transpose(2, 0, 1)  # (coarse, slot, fine)
    sets, stddev = means - means.mean(axis=2, keepdims=True), coarse[step.band][1].T
    sets[np.isnan(stddev)] = np.nan
    unit = np.nanstd(sets[split.train])
    inputs = standardised(rows, split.train)
    return CoarsePixels(inputs, sets / unit, stddev / unit, split.train, split.test)


def cells(land: Land) -> dict[str, Floats]:
    """Band -> (statistic, slot, subpixel, pixel) of the first period; NaN: missing, or no feature."""
    features = [Feature.parse(name) for name in land.names]
    slots = sorted({(feature.month, feature.tod) for feature in features})
    found = {}
    for band in sorted({feature.band for feature in features}):
        rows = [(row, feature) for row, feature in enumerate(features) if feature.band == band]
        subpixels = 1 + max(feature.subpixel or 0 for _, feature in rows)
        shape = len(STATISTICS), len(slots), subpixels, land.first.shape[1]
        found[band] = np.full(shape, np.nan)
        for row, feature in rows:
            slot = slots.index((feature.month, feature.tod))
            statistic = STATISTICS.index(feature.statistic)
            found[band][statistic, slot, feature.subpixel or 0] = land.first[row]
    return found


def divided(values: Floats, parts: int) -> Floats:
    """(statistic, slot, fine, part x pixel): each of `parts` x `parts` parts of a pixel by itself.

    `values`: (statistic, slot, subpixel, pixel), subpixels row by row of a square. A band that has but one
    gives it to all parts.
    """
    statistics, slots, subpixels, pixels = values.shape
    if subpixels == 1:
        return np.tile(values, parts**2)
    inner = math.isqrt(subpixels) // parts
    square = values.reshape(statistics, slots, parts, inner, parts, inner, pixels)
    return square.transpose(0, 1, 3, 5, 2, 4, 6).reshape(statistics, slots, inner**2, -1)


def merged(values: Floats) -> Floats:
    """(statistic, slot, coarse) of all observations of fine pixels (statistic, slot, fine, coarse).

    All fine pixels have as many observations. NaN: one of them lacks the statistic.
    """
    mean, stddev, skewness, kurtosis = values
    n = np.full(mean.shape, 4.0)  # the least of which all four statistics are defined
    sums = stddev**2, skewness * stddev**3, (kurtosis + 3) * stddev**4
    each = Moments(n, mean, mean, mean, *(n * values for values in sums))
    summary = moments.finalise(moments.merge_along(each, axis=1))
    together = np.stack([getattr(summary, name)[:, 0] for name in STATISTICS])
    return np.where(np.isnan(values).any(axis=2), np.nan, together)


def standardised(rows: Floats, some: NDArray[np.int64]) -> Floats:
    """(coarse, input) with mean 0 and variance 1 among some; 0 where missing; columns of no use left out."""
    used = rows[:, np.isfinite(rows[some]).sum(axis=0) > 1]
    spread = np.nanstd(used[some], axis=0)
    scaled = (used - np.nanmean(used[some], axis=0)) / np.where(spread > 0, spread, 1)
    return np.clip(np.nan_to_num(scaled), -6, 6)


def learnt(pixels: CoarsePixels, loss: str, seed: int, steps: int, batch: int) -> Floats:
    """(test, slot, fine) sets of the held-out coarse pixels, by a network that was trained by a loss."""
    training = Training(steps=steps, batch=batch, threads=1, device="cpu", seed=seed)
    inputs, truth = (
        torch.from_numpy(values.astype(np.float32)) for values in (pixels.inputs, pixels.sets)
    )
    with train.environment(training), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = deep(inputs.shape[1], HIDDEN, truth[0].numel(), DEPTH)

        def sets(positions: NDArray[np.int64]) -> Tensor:
            outputs = network(inputs[positions]).reshape(-1, *truth.shape[1:])
            return outputs - outputs.mean(dim=-1, keepdim=True)

        optimiser = torch.optim.AdamW(network.parameters(), weight_decay=training.weight_decay)
        random = np.random.default_rng(seed)
        for step in range(steps):
            some = random.choice(pixels.train, min(batch, pixels.train.size), replace=False)
            for group in optimiser.param_groups:
                group["lr"] = train.rate(step, training)
            optimiser.zero_grad()
            LOSSES[loss](sets(some)[..., None], truth[some][..., None]).backward()
            optimiser.step()
        with torch.no_grad():
            return sets(pixels.test).double().numpy()


def repeated(pixels: CoarsePixels, _: int) -> Floats:
    """(test, slot, fine) the coarse pixel's mean, for every fine pixel."""
    return np.zeros(pixels.sets[pixels.test].shape)


def drawn(pixels: CoarsePixels, seed: int) -> Floats:
    """(test, slot, fine) drawn from the normal distribution of the coarse pixel's observations."""
    stddev = pixels.stddev[pixels.test][..., None]
    shape = pixels.sets[pixels.test].shape
    return stddev * np.random.default_rng(seed).normal(size=shape)


BARS: dict[str, Callable[[CoarsePixels, int], Floats]] = {"mean": repeated, "gaussian": drawn}
"""Predictions without training, by the coarse pixels and a seed."""


def judged(predicted: Floats, truth: Floats) -> dict[str, float]:
    """Measure -> value, of predicted and true sets (coarse, slot, fine).

    - `distance`: 1-Wasserstein distance to the true set, the mean over sets; order does not count.
    - `place`: share of the variance that is predicted where it lies (R2); 0: as the mean, repeated.
    - `spectrum`: power at wrong wavelengths, too much or too little, as a share of all true power.
    - `spread`: variance of predicted sets over that of true ones.
    - `ring_1` and so on: power of each ring of wave numbers, over the true one.
    """
    known = np.isfinite(truth).all(axis=-1)
    predicted, truth = predicted[known], truth[known]
    powers, rings = (power(values) for values in (predicted, truth))
    ratios = powers / rings
    return {
        "distance": float(wasserstein(predicted, truth).mean()),
        "place": float(1 - ((predicted - truth) ** 2).mean() / (truth**2).mean()),
        "spectrum": float(np.abs(powers - rings).sum() / rings.sum()),
        "spread": float(predicted.var(axis=-1).mean() / truth.var(axis=-1).mean()),
        **{f"ring_{ring + 1}": float(ratio) for ring, ratio in enumerate(ratios)},
    }


def wasserstein(first: Floats, second: Floats) -> Floats:
    """(set,) 1-Wasserstein distance of sets (set, fine): mean distance of the sorted values."""
    distances: Floats = np.abs(np.sort(first) - np.sort(second)).mean(axis=-1)
    return distances


def power(sets: Floats) -> Floats:
    """(ring,) mean power of sets (set, fine) as square images, by their wave number in cycles an edge.

    Wave numbers are rounded, from 1 on. The rings together have the variance of the images.
    """
    edge = math.isqrt(sets.shape[-1])
    waves = np.abs(np.fft.fftfreq(edge, 1 / edge))
    ring = np.rint(np.hypot(waves[:, None], waves)).astype(int).ravel()
    transformed = np.fft.fft2(sets.reshape(-1, edge, edge)) / edge**2
    mean = (np.abs(transformed) ** 2).mean(axis=0).ravel()
    return np.bincount(ring, weights=mean)[1:]
