import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from jobs.embedding.views import choice, disturb, hide, pairs
from jobs.embedding.views.choice import Batch, Columns, Views

SLOT = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
BAND = torch.tensor([0, 1] * 5)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(periods=2, size=6):
    x = tuple(torch.randn(size, 10, generator=generator(n)) for n in range(periods))
    return Batch(torch.arange(size), x, None, None)


def shown(*views, of=None, done=0.0, **how):
    columns = Columns(SLOT, BAND)
    return choice.pair(of or batch(), Views(views, **how), columns, done, generator())


def test_slots_are_shown_whole_and_by_one_view_alone():
    first, second = hide.slots(SLOT, 200, generator())
    assert torch.equal(first, ~second)
    assert torch.equal(first[:, ::2], first[:, 1::2])
    assert set(first[:, ::2].sum(dim=1).tolist()) == {3}
    assert 0.5 < first.float().mean(dim=0).min() <= first.float().mean(dim=0).max() < 0.7


def test_each_view_lacks_one_band_and_not_the_same():
    for mask, other in zip(*hide.bands(BAND, 50, generator()), strict=True):
        assert len(BAND[~mask].unique()) == len(BAND[~other].unique()) == 1
        assert BAND[~mask][0] != BAND[~other][0]


def test_one_band_is_not_dropped():
    assert all(mask.all() for mask in hide.bands(torch.zeros(4, dtype=torch.long), 5, generator()))


def test_independent_masks_hide_their_share():
    masks = hide.independent(torch.zeros(400, 50), 0.3, generator())
    assert all(mask.float().mean() == pytest.approx(0.7, abs=0.02) for mask in masks)
    assert not torch.equal(*masks)


def test_stages_are_random_first_and_then_the_same_for_all():
    early, late, later = (shown("stages", done=done).shown[0] for done in (0.2, 0.5, 0.9))
    assert len((early == 0).unique(dim=0)) > 1
    assert len((late == 0).unique(dim=0)) == 1
    assert torch.equal(late, later)


def test_noise_and_scaling_have_their_size():
    x = torch.full((4000, 5), 2.0)
    assert (disturb.noise(x, 0.3, generator()) - x).std().item() == pytest.approx(0.3, rel=0.03)
    factor = disturb.scaling(x, 0.2, generator()) / x
    assert torch.equal(factor, factor[:, :1].expand_as(factor))
    assert factor[:, 0].std().item() == pytest.approx(0.2, rel=0.05)


def test_second_view_is_of_the_second_period_only_if_asked_for():
    of = batch()
    pair = shown("periods", of=of)
    assert torch.equal(pair.shown[0], of.x[0])
    assert torch.equal(pair.clean[1], of.x[1])
    assert torch.equal(shown("mask", of=of).clean[1], of.x[0])


def test_what_is_hidden_is_zero_and_what_is_clean_is_whole():
    of = batch()
    pair = shown("periods", "slots", "mask", of=of, masked=0.4)
    for seen, clean in zip(pair.shown, pair.clean, strict=True):
        assert torch.equal(seen[seen != 0], clean[seen != 0])
        assert (seen == 0).float().mean() > 0.4
    assert torch.equal(pair.clean[0], of.x[0])


def test_neighbours_touch_and_are_repeated_where_some_lack():
    row, column = (of.ravel() for of in np.mgrid[:3, :4])
    found = pairs.adjacent(row, column)
    for pixel, around in enumerate(found):
        away = np.maximum(abs(row[around] - row[pixel]), abs(column[around] - column[pixel]))
        assert (away == 1).all()
    assert set(found[0]) == {1, 4, 5}
    assert sorted(found[5]) == [0, 1, 2, 4, 6, 8, 9, 10]


def test_pixel_without_neighbours_is_its_own():
    assert_array_equal(pairs.adjacent(np.array([0, 9]), np.array([0, 9])), [[0] * 8, [1] * 8])


def test_view_of_neighbours_is_of_one_of_them():
    x = torch.arange(4.0)[:, None]
    around = torch.tensor([[1, 2] * 4, [0] * 8, [3] * 8, [0] * 8])
    pixels = Batch(torch.arange(4), (x,), (around, x), None)
    pair = choice.pair(pixels, Views(("neighbours",)), None, 0.0, generator())
    assert torch.equal(pair.shown[0], x)
    assert pair.shown[1][0, 0] in (1, 2)
    assert pair.shown[1][1:, 0].tolist() == [0, 3, 0]
