"""Encoders of structure: what is hidden has no effect, gradients are right, and each keeps its promise."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch.testing import assert_close

from jobs.embedding.columns import Columns
from jobs.embedding.models.architecture import ENCODERS, Architecture, build
from jobs.embedding.models.attention import BandAttention, wave_numbers
from jobs.embedding.models.cells import Cells, by
from jobs.embedding.models.composite import Composite
from jobs.embedding.models.cycles import Circle, Cyclic
from jobs.embedding.models.embedding_model import EmbeddingModel
from jobs.embedding.models.hierarchical import Hierarchical
from jobs.embedding.models.subpixels import SubpixelSets
from jobs.embedding.models.towers import Towers, by_statistic
from jobs.embedding.views import choice
from jobs.embedding.views.choice import Batch, ColumnNumbers, Views, ViewStep
from lake.errors import ConfigError
from lake.format import bands

STRUCTURED = [name for name, entry in ENCODERS.items() if entry.takes_missing]
MONTHS, TODS = (1, 4, 7, 10), (54000, 64800)


def names(months=MONTHS, tods=TODS):
    """Two bands at 2 km, and one at 1 km whose four fine pixels are apart; two statistics."""
    for month in months:
        for tod in tods:
            for statistic in ("mean", "stddev"):
                yield from (
                    f"day-2km/{band}/{month:02d}/{tod}/{statistic}" for band in ("C07", "C13")
                )
                yield from (f"day-1km/C03/{month:02d}/{tod}/{statistic}/s{n:02d}" for n in range(4))


COLUMNS = Columns.from_names(names())
TINY = Columns.from_names(names((1, 7), (54000,)))


def encoder(name, columns=COLUMNS, **settings):
    torch.manual_seed(0)
    shape = Architecture(model=name, latent=3, hidden=8, depth=1, **settings)
    return build(columns, 3, shape, torch.ones(columns.count))


def drawn(size, columns=COLUMNS, seed=0):
    return torch.randn(size, columns.count, generator=torch.Generator().manual_seed(seed))


def views_of(x, *names):
    """The two views of pixels; equal generators hide equally."""
    numbers = ColumnNumbers(COLUMNS, torch.device("cpu"))
    random = torch.Generator().manual_seed(7)
    step = ViewStep(
        Batch(torch.arange(len(x)), (x,), None, None), Views(names), numbers, 0.0, random
    )
    return choice.pair(step).views


@pytest.mark.parametrize("view", ["mask", "slots", "bands"])
@pytest.mark.parametrize("name", ENCODERS)
def test_values_under_the_mask_do_not_change_the_code(name, view):
    x = drawn(6)
    shown = ~views_of(x, view)[0].isnan()
    assert 0 < shown.float().mean() < 1
    others = torch.where(shown, x, 100 * drawn(6, seed=1))
    shape = Architecture(model=name, latent=3, hidden=8, unit=False)
    model = EmbeddingModel(shape, COLUMNS, torch.ones(COLUMNS.count), decodes=False)
    codes = [model.code(views_of(values, view)[0], torch.Generator()).z for values in (x, others)]
    assert torch.equal(*codes)
    assert codes[0].isfinite().all()
    visible = torch.where(shown, x + 1, x)
    assert not torch.allclose(model.code(views_of(visible, view)[0], torch.Generator()).z, codes[0])


@pytest.mark.parametrize("name", STRUCTURED)
def test_gradients_are_those_of_finite_differences(name):
    network = encoder(name, TINY).double()
    x = drawn(2, TINY).double()
    x[0, TINY.numbers("month") == 0] = torch.nan
    x[1, 3] = torch.nan
    parameters = dict(network.named_parameters())
    keys = list(parameters)

    def outputs(*weights):
        return torch.func.functional_call(network, dict(zip(keys, weights, strict=True)), (x,))

    assert torch.autograd.gradcheck(outputs, tuple(parameters.values()), fast_mode=True)


@pytest.mark.parametrize("name", STRUCTURED)
def test_missing_value_is_not_the_mean(name):
    x = drawn(4)
    missing = x.clone()
    missing[:, ::5] = torch.nan
    network = encoder(name)
    assert not torch.allclose(network(missing), network(missing.nan_to_num()), atol=1e-4)


@pytest.mark.parametrize("name", STRUCTURED)
def test_pixel_without_any_value_has_a_finite_code(name):
    assert encoder(name)(torch.full((2, COLUMNS.count), torch.nan)).isfinite().all()


def test_cell_is_a_linear_map_of_its_values_and_of_their_presence():
    cells = Cells(*by(COLUMNS, "month"), 5)
    x = drawn(3)
    x[0, COLUMNS.numbers("month") == 2] = torch.nan
    tokens = cells(x)
    assert torch.equal(tokens[0, 2], cells.absent)
    month = x[1][torch.from_numpy(COLUMNS.numbers("month") == 1)]
    channel = torch.from_numpy(by(COLUMNS, "month")[1][COLUMNS.numbers("month") == 1])
    values = torch.zeros(cells.channels).index_copy(0, channel, month)
    expected = torch.cat([values, torch.ones(cells.channels)]) @ cells.weight[0] + cells.bias
    assert_close(tokens[1, 1], expected)


def test_circle_that_begins_later_gives_the_same_numbers_later():
    circle, x = Circle(3, 5), torch.randn(4, 3, 12)
    assert_close(circle(x.roll(2, dims=2)), circle(x).roll(2, dims=2))
    assert not torch.allclose(circle(x.flip(2)), circle(x).flip(2))


def test_months_and_times_of_day_turn_apart():
    """A year that begins a month later turns what the seasonal circle gives, and only the order of what
    the diurnal one sees."""
    network, x = Cyclic(COLUMNS, 8, 3), drawn(5)
    grid = network.cells(x).unflatten(1, network.cycles.sizes)
    year, later = (
        network.cycles.seasonal(tokens.permute(0, 2, 3, 1).flatten(1, 2))
        for tokens in (grid, grid.roll(1, dims=1))
    )
    assert_close(later, year.roll(1, dims=2))


def test_order_of_subpixels_does_not_matter():
    network, x = SubpixelSets(COLUMNS, 8, 3), drawn(5)
    x[2, 7] = torch.nan
    fine = [n for n, cube in enumerate(COLUMNS.cube) if cube == "day-1km"]
    turned = torch.arange(COLUMNS.count)
    for first in fine[::4]:  # the four fine pixels of a (month, tod, statistic)
        turned[first : first + 4] = first + torch.tensor([2, 0, 3, 1])
    assert_close(network(x[:, turned]), network(x))
    swapped = torch.arange(COLUMNS.count)
    swapped[[0, 1]] = torch.tensor([1, 0])  # two bands
    assert not torch.allclose(network(x[:, swapped]), network(x))


def test_subpixel_without_values_does_not_count():
    network, x = SubpixelSets(COLUMNS, 8, 3), drawn(2)
    last = torch.tensor(COLUMNS.subpixel) == 3
    three = x.masked_fill(last, torch.nan)
    fine = network.sets[0] if len(network.sets[0].cells.group) == 4 else network.sets[1]
    members = fine.member(fine.cells(three[:, fine.inputs]))
    assert_close(fine(three), members[:, :3].mean(dim=1))


def test_bands_of_a_composite_have_weights_of_their_own():
    network = Composite(COLUMNS, 9, 3)
    x = drawn(4)
    x[:, [n for n, band in enumerate(COLUMNS.band) if band == "C07"]] = torch.nan
    network(x).sum().backward()
    silent = (network.cells.weight.grad == 0).all(dim=2).all(dim=1)
    assert silent.tolist() == [False, True, False]  # C03, C07, C13


def test_months_of_a_hierarchy_meet_in_its_last_layer_alone():
    network, x = Hierarchical(COLUMNS, 8, 3), drawn(1)
    later = x + torch.from_numpy(COLUMNS.numbers("month") == 0)
    days, after = (
        network.month(network.cell(network.cells(values)).reshape(1, len(MONTHS), -1))
        for values in (x, later)
    )
    assert torch.equal(days[:, 1:], after[:, 1:])
    assert not torch.allclose(days[:, 0], after[:, 0])


def test_bands_are_placed_by_their_wavelength():
    waves = wave_numbers(np.array([0.47, 13.3, 0.64, np.nan]))
    assert_allclose(waves[0], waves[1], atol=1e-9)  # the ends of the range: one whole turn
    assert not np.allclose(waves[0], waves[2], atol=0.1)
    assert (waves[3] == 0).all()
    network = BandAttention(COLUMNS, 8, 3, 1)
    expected = wave_numbers(np.array([bands.wavelength_um(band) for band in ("C03", "C07", "C13")]))
    assert_allclose(network.position, expected, atol=1e-6)


def test_towers_share_out_the_statistics_and_join_late():
    network = encoder("cyclic", towers=("mean", "stddev"))
    assert isinstance(network, Towers)
    x = drawn(3)
    mean, stddev = (
        part(x[:, rows]) for part, rows in zip(network.encoders, network.inputs, strict=True)
    )
    changed = x.clone()
    changed[:, network.inputs[1]] += 1
    assert_close(network.encoders[0](changed[:, network.inputs[0]]), mean)
    joined = network.last(torch.nn.functional.gelu(torch.cat([mean, stddev], dim=1)))
    assert_close(network(x), joined)


@pytest.mark.parametrize(
    "towers", [("mean",), ("mean+stddev", "stddev"), ("mean+stddev", "kurtosis")]
)
def test_towers_that_leave_out_or_repeat_a_statistic_are_refused(towers):
    with pytest.raises(ConfigError, match="share out the statistics mean, stddev"):
        by_statistic(COLUMNS, towers)
