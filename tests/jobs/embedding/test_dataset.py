"""Pixels of a training, of stores and inputs that the test makes up."""

from dataclasses import dataclass

import numpy as np
import torch

from jobs.embedding.dataset import TrainingPixels, _sampled
from lake.format import domain, order
from lake.format.grid import Grid
from tests.jobs.small import _PROJECTION

LAYOUT = order.Layout(chunk=16, phases=4)


@dataclass(frozen=True)
class Numbers:
    """Inputs that are the number of the pixel; pixel 9 has none."""

    def read(self, period, pixels):
        x = np.arange(pixels.start, pixels.stop, dtype=np.float32)[:, None]
        return np.where(x == 9, np.float32(np.nan), x + 1000 * period)

    view = read


@dataclass(frozen=True)
class Place:
    """A store that has a domain alone."""

    domain: object


def training_pixels(periods=1):
    grid = Grid(_PROJECTION, 0.12 - 5.6e-5 * np.arange(20), -0.02 + 5.6e-5 * np.arange(20))
    square = domain.from_mask(np.ones((20, 20), bool), grid, LAYOUT)
    return TrainingPixels(Numbers(), Place(square), periods)


def test_sample_is_read_of_all_periods_without_pixels_that_lack_one():
    sampled = np.array([3, 9, 70, 399])
    block, count = _sampled(training_pixels(2), sampled, with_neighbours=False)
    assert (block.pixel.tolist(), count) == ([3, 70, 399], 3)
    assert block.x[1][:, 0].tolist() == [1003, 1070, 1399]


def test_pixels_around_a_sample_come_behind_it():
    pixels, sampled = training_pixels(), np.array([9, 70, 200])
    block, count = _sampled(pixels, sampled, with_neighbours=True)
    assert (block.pixel[:2].tolist(), count) == ([70, 200], 2)
    row, column = pixels.store.domain.row, pixels.store.domain.column
    around = block.pixel[2:].numpy()[:, None]
    distance = np.maximum(
        abs(row[around] - row[sampled]), abs(column[around] - column[sampled])
    ).min(axis=1)
    assert set(distance) == {1}
    assert torch.equal(block.x[0][:, 0], block.pixel.float())
