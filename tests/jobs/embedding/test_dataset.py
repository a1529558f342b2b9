"""Pixels of a training, of stores and inputs that the test makes up."""

from dataclasses import dataclass

import numpy as np
import torch

from jobs.embedding.dataset import Source, _sampled
from lake.format import domain, order
from lake.format.grid import Grid
from tests.jobs.small import _PROJECTION

LAYOUT = order.Layout(chunk=16, phases=4)


@dataclass(frozen=True)
class Numbers:
    """Input of a pixel: its number; pixel 9 has none."""

    def read(self, period, pixels):
        x = np.arange(pixels.start, pixels.stop, dtype=np.float32)[:, None]
        return np.where(x == 9, np.float32(np.nan), x + 1000 * period)


@dataclass(frozen=True)
class Place:
    domain: object


def source(periods=1):
    grid = Grid(_PROJECTION, 0.12 - 5.6e-5 * np.arange(20), -0.02 + 5.6e-5 * np.arange(20))
    held = domain.from_mask(np.ones((20, 20), bool), grid, LAYOUT)
    return Source(Numbers(), Place(held), periods)


def test_sample_is_read_of_all_periods_without_pixels_that_lack_one():
    drawn = np.array([3, 9, 70, 399])
    held, count = _sampled(source(2), drawn, beside=False)
    assert (held.pixel.tolist(), count) == ([3, 70, 399], 3)
    assert held.x[1][:, 0].tolist() == [1003, 1070, 1399]


def test_pixels_around_a_sample_come_behind_it():
    there = source()
    held, count = _sampled(there, np.array([9, 70, 200]), beside=True)
    assert (held.pixel[:2].tolist(), count) == ([70, 200], 2)
    row, column = there.store.domain.row, there.store.domain.column
    away = [
        np.minimum.reduce(
            [np.maximum(abs(row[p] - row[of]), abs(column[p] - column[of])) for of in (9, 70, 200)]
        )
        for p in held.pixel[2:].tolist()
    ]
    assert set(away) == {1}
    assert torch.equal(held.x[0][:, 0], held.pixel.float())
