import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy.stats import kstest

from jobs.embedding.columns import Columns
from jobs.embedding.views import choice, disturb, hide, pairs
from jobs.embedding.views.choice import Batch, ColumnNumbers, Views, ViewStep
from lake.errors import ConfigError

SLOT = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
BAND = torch.tensor([0, 1] * 5)
COLUMNS = Columns.from_names(
    f"day-2km/{band}/{month:02d}/64800/mean" for month in (1, 3, 4, 7, 9) for band in ("C02", "C13")
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(periods=2, size=6):
    x = tuple(torch.randn(size, 10, generator=generator(n)) for n in range(periods))
    return Batch(torch.arange(size), x, None, None)


def pair_of(*views, pixels=None, progress=0.0, **settings):
    columns = ColumnNumbers(COLUMNS, torch.device("cpu"))
    step = ViewStep(pixels or batch(), Views(views, **settings), columns, progress, generator())
    return choice.pair(step)


def test_slots_are_shown_whole_and_by_one_view_alone():
    first, second = hide.slots(SLOT, 200, generator())
    assert torch.equal(first, ~second)
    assert torch.equal(first[:, ::2], first[:, 1::2])
    assert set(first[:, ::2].sum(dim=1).tolist()) == {3}
    assert 0.5 < first.float().mean(dim=0).min() <= first.float().mean(dim=0).max() < 0.7


def test_each_view_lacks_one_band_and_not_the_same():
    for first, second in zip(*hide.bands(BAND, 50, generator()), strict=True):
        assert len(BAND[~first].unique()) == len(BAND[~second].unique()) == 1
        assert BAND[~first][0] != BAND[~second][0]


def test_one_band_is_not_dropped():
    assert all(mask.all() for mask in hide.bands(torch.zeros(4, dtype=torch.long), 5, generator()))


def test_independent_masks_hide_their_share():
    masks = hide.inputs(hide.drawn(400, 50, generator()), 0.3)
    assert all(mask.float().mean() == pytest.approx(0.7, abs=0.02) for mask in masks)
    assert not torch.equal(*masks)


def test_stages_are_random_first_and_then_the_same_for_all():
    early, late, later = (
        pair_of("stages", progress=progress).views[0] for progress in (0.2, 0.5, 0.9)
    )
    assert len(early.isnan().unique(dim=0)) > 1
    assert len(late.isnan().unique(dim=0)) == 1
    assert torch.equal(late.isnan(), later.isnan())


def test_stages_of_a_pixel_are_its_own_and_stay():
    settings = {"fixed": "pixel", "masked": 0.6}
    some, all_of_them = batch(size=40), batch(size=400)
    early, late = (
        pair_of("stages", pixels=some, progress=progress, **settings).views[0].isnan()
        for progress in (0.5, 0.9)
    )
    assert torch.equal(early, late)
    assert len(early.unique(dim=0)) > 30
    in_another_batch = pair_of("stages", pixels=all_of_them, progress=0.7, **settings).views[0]
    assert torch.equal(in_another_batch[:40].isnan(), early)


def test_numbers_of_pixels_are_evenly_spread_and_independent():
    first, second = hide.of_pixels(torch.arange(20_000), 6)
    numbers = torch.cat([first, second], dim=1).double().numpy()
    for column in numbers.T:
        assert kstest(column, "uniform").pvalue > 1e-3
    correlation = np.corrcoef(numbers.T) - np.eye(12)
    assert np.abs(correlation).max() < 4 / 20_000**0.5
    along = [np.corrcoef(column[:-1], column[1:])[0, 1] for column in numbers.T]
    assert np.abs(along).max() < 4 / 20_000**0.5


@pytest.mark.parametrize(
    ("attributes", "share", "hidden"),
    [
        (("month",), 0.6, 3), (("month",), 0.9, 4), (("month",), 1 - 1e-9, 4), (("band",), 0.5, 1),
        (("month", "band"), 0.75, 8), (("cube",), 0.5, 0), (("month",), 0.0, 0),
    ],
)  # fmt: skip
def test_groups_are_hidden_as_wholes_and_never_all(attributes, share, hidden):
    pixels = batch(size=200)
    pair = pair_of("mask", pixels=pixels, masked=share, mask_by=attributes)
    group = torch.from_numpy(COLUMNS.numbers(*attributes))
    for view in pair.views:
        missing = view.isnan()
        of_group = torch.stack([missing[:, group == n] for n in range(int(group.max()) + 1)])
        assert torch.equal(of_group.any(dim=2), of_group.all(dim=2))
        assert set(of_group.any(dim=2).sum(dim=0).tolist()) == {hidden}
        if hidden:
            each = of_group.any(dim=2).float().mean(dim=1)
            assert each.numpy() == pytest.approx(hidden / len(of_group), abs=0.15)


@pytest.mark.parametrize(
    ("views", "masked", "schedule"),
    [("mask", 0.9, 5), ("stages", 0.75, 2), ("mask", 0.3, 1), ("slots", 0.9, 1)],
)
def test_training_is_longer_where_more_is_hidden(views, masked, schedule):
    assert Views((views,), masked).schedule == pytest.approx(schedule)


@pytest.mark.parametrize("wrong", [{"mask_by": ("satellite",)}, {"fixed": "year"}, {"draws": 0}])
def test_setting_of_masks_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigError, match=f"setting {next(iter(wrong))}"):
        Views(("mask",), **wrong)


def test_noise_and_scaling_have_their_size():
    x = torch.full((4000, 5), 2.0)
    assert (disturb.noise(x, 0.3, generator()) - x).std().item() == pytest.approx(0.3, rel=0.03)
    factor = disturb.scaling(x, 0.2, generator()) / x
    assert torch.equal(factor, factor[:, :1].expand_as(factor))
    assert factor[:, 0].std().item() == pytest.approx(0.2, rel=0.05)


def test_second_view_is_of_the_second_period_only_if_asked_for():
    pixels = batch()
    pair = pair_of("periods", pixels=pixels)
    assert torch.equal(pair.views[0], pixels.x[0])
    assert torch.equal(pair.clean[1], pixels.x[1])
    assert torch.equal(pair_of("mask", pixels=pixels).clean[1], pixels.x[0])


def test_what_is_hidden_is_missing_and_what_is_clean_is_whole():
    pixels = batch()
    pair = pair_of("periods", "slots", "mask", pixels=pixels, masked=0.4)
    for view, clean in zip(pair.views, pair.clean, strict=True):
        shown = ~view.isnan()
        assert torch.equal(view[shown], clean[shown])
        assert (~shown).float().mean() > 0.4
    assert torch.equal(pair.clean[0], pixels.x[0])


def test_neighbours_touch_and_are_repeated_where_some_lack():
    row, column = (axis.ravel() for axis in np.mgrid[:3, :4])
    neighbours = pairs.adjacent(row, column)
    for pixel, around in enumerate(neighbours):
        distance = np.maximum(abs(row[around] - row[pixel]), abs(column[around] - column[pixel]))
        assert (distance == 1).all()
    assert set(neighbours[0]) == {1, 4, 5}
    assert sorted(neighbours[5]) == [0, 1, 2, 4, 6, 8, 9, 10]


def test_pixel_without_neighbours_is_its_own():
    assert_array_equal(pairs.adjacent(np.array([0, 9]), np.array([0, 9])), [[0] * 8, [1] * 8])


def test_view_of_neighbours_is_of_one_of_them():
    x = torch.arange(4.0)[:, None]
    around = torch.tensor([[1, 2] * 4, [0] * 8, [3] * 8, [0] * 8])
    pair = pair_of("neighbours", pixels=Batch(torch.arange(4), (x,), (around, x), None))
    assert torch.equal(pair.views[0], x)
    assert pair.views[1][0, 0] in (1, 2)
    assert pair.views[1][1:, 0].tolist() == [0, 3, 0]
