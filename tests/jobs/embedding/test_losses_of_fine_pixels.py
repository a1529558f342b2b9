"""Distances of sets of fine pixels against the libraries that define them.

POT, geomloss and torchmetrics are not installed for the tests. The numbers are theirs, by these lines:

    pip install --no-deps --target oracles POT==0.9.5 geomloss==0.2.6 torchmetrics==1.6.1 \
        lightning-utilities==0.11.9
    PYTHONPATH=oracles python tests/jobs/embedding/losses_by_libraries.py
"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from jobs.embedding.columns import Columns
from jobs.embedding.losses import fine_pixels
from jobs.embedding.losses.objective import TERMS, BatchOutcome, Objective
from jobs.embedding.models.embedding_model import Code
from jobs.embedding.views.choice import ColumnNumbers
from lake.errors import ConfigError
from tests.jobs.embedding.losses_by_libraries import BLUR, DIRECTIONS, FIRST, SECOND

SETS = torch.from_numpy(FIRST), torch.from_numpy(SECOND)
UNORDERED = {
    "wasserstein": fine_pixels.wasserstein,
    "sliced": fine_pixels.sliced_wasserstein,
    "chamfer": fine_pixels.chamfer,
    "sinkhorn": fine_pixels.sinkhorn,
}
ALL = UNORDERED | {"ssim": lambda first, second: 1 - fine_pixels.ssim(first, second)}


def test_wasserstein_is_that_of_scipy():
    channels = [(FIRST[i, :, c], SECOND[i, :, c]) for i in range(2) for c in range(2)]
    expected = np.mean([wasserstein_distance(*channel) for channel in channels])
    assert fine_pixels.wasserstein(*SETS).item() == pytest.approx(expected)


def test_chamfer_is_the_distance_to_the_nearest_by_scipy():
    both = [(a, b) for i in range(2) for a, b in ((FIRST[i], SECOND[i]), (SECOND[i], FIRST[i]))]
    nearest = [(cKDTree(b).query(a)[0] ** 2).mean() for a, b in both]
    assert fine_pixels.chamfer(*SETS).item() == pytest.approx(sum(nearest) / 2)


def test_sliced_is_that_of_pot():
    loss = fine_pixels.sliced_wasserstein(*SETS, torch.from_numpy(DIRECTIONS))
    assert loss.item() == pytest.approx(0.14911608433050802)


def test_sliced_along_its_own_directions_is_near_that_along_many():
    angle = torch.arange(1000, dtype=torch.float64) * torch.pi / 1000
    many = torch.stack([angle.cos(), angle.sin()])
    expected = fine_pixels.sliced_wasserstein(*SETS, many).item()
    assert fine_pixels.sliced_wasserstein(*SETS).item() == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize(
    ("blur", "expected"), [(BLUR, 0.16406062463953378), (1.0, 0.1261952342704518)]
)
def test_sinkhorn_is_that_of_geomloss(blur, expected):
    assert fine_pixels.sinkhorn(*SETS, blur, 200).item() == pytest.approx(expected, rel=1e-6)
    assert fine_pixels.sinkhorn(*SETS, blur).item() == pytest.approx(expected, rel=0.01)


def test_sinkhorn_of_little_blur_is_nearly_the_best_assignment_of_scipy():
    costs = [cdist(a, b, "sqeuclidean") / 2 for a, b in zip(FIRST, SECOND, strict=True)]
    best = np.mean([cost[linear_sum_assignment(cost)].mean() for cost in costs])
    assert fine_pixels.sinkhorn(*SETS, 0.1, 1000).item() == pytest.approx(best, rel=0.02)


def test_ssim_is_that_of_torchmetrics_off_its_padded_edge():
    assert fine_pixels.ssim(*SETS).item() == pytest.approx(0.011850930627350147)


def test_ssim_of_two_by_two_pixels_is_that_of_one_window():
    x, y = (values[:, :4, 0] for values in (FIRST, SECOND))
    c1, c2 = 0.06**2, 0.18**2
    means = 2 * x.mean(axis=1) * y.mean(axis=1) + c1, x.mean(axis=1) ** 2 + y.mean(axis=1) ** 2 + c1
    products = (x * y).mean(axis=1) - x.mean(axis=1) * y.mean(axis=1)
    expected = means[0] * (2 * products + c2) / means[1] / (x.var(axis=1) + y.var(axis=1) + c2)
    loss = fine_pixels.ssim(*(points[:, :4, :1] for points in SETS))
    assert loss.item() == pytest.approx(expected.mean())


@pytest.mark.parametrize("name", UNORDERED)
def test_order_of_fine_pixels_does_not_count(name):
    turned = SETS[0][:, torch.randperm(16, generator=torch.Generator().manual_seed(0))]
    assert_allclose(ALL[name](turned, SETS[1]), ALL[name](*SETS), rtol=1e-12)


def test_order_of_fine_pixels_counts_in_an_image():
    assert fine_pixels.ssim(SETS[0], SETS[0].flip(1)) < 0.5


@pytest.mark.parametrize("name", ALL)
def test_equal_sets_have_no_distance_and_others_have_some(name):
    assert ALL[name](SETS[0], SETS[0]).item() == pytest.approx(0, abs=1e-12)
    assert ALL[name](*SETS).item() > 0.1


@pytest.mark.parametrize("name", ALL)
def test_gradients_are_those_of_differences(name):
    loss = ALL[name]
    if name == "sinkhorn":  # gradients are those at the optimum

        def loss(first, second):
            return fine_pixels.sinkhorn(first, second, 1.0, 200)

    sets = [points[:, :4].clone().requires_grad_() for points in SETS]
    assert torch.autograd.gradcheck(loss, sets, atol=1e-6)


MISSING = (1, 4, 5, 15)
"""Fine pixels of the first set that are missing; the second set has all."""


def with_missing(places=MISSING, channel=slice(None)):
    """The sets, with NaN in the second of both."""
    second = SETS[1].clone()
    second[0, list(places), channel] = torch.nan
    return SETS[0], second


@pytest.mark.parametrize("name", UNORDERED)
@pytest.mark.parametrize("channel", [slice(None), 1])
def test_fine_pixels_that_are_missing_count_in_neither_set(name, channel):
    """The oracle is the loss of each set by itself, without them."""
    loss, remaining = ALL[name], [place for place in range(16) if place not in MISSING]
    if name == "wasserstein" and channel == 1:  # channels by themselves
        parts = [(0, remaining, [1]), (0, range(16), [0]), (1, range(16), [0]), (1, range(16), [1])]
    else:
        parts = [(0, remaining, [0, 1]), (1, range(16), [0, 1])]
    expected = np.mean(
        [loss(*(points[[n]][:, list(r)][..., c] for points in SETS)).item() for n, r, c in parts]
    )
    assert loss(*with_missing(channel=channel)).item() == pytest.approx(expected, rel=1e-9)


def test_windows_that_lack_a_fine_pixel_count_in_no_image():
    """One window of four has neither of the missing ones, the rows and columns 0 to 2 of the first set."""
    whole = [points[0, [0, 1, 2, 4, 5, 6, 8, 9, 10]][None] for points in SETS]
    others = [points[[1]] for points in SETS]
    likeness = fine_pixels.ssim(*whole), fine_pixels.ssim(*others)
    expected = (2 * likeness[0] + 8 * likeness[1]) / 10  # two channels, windows of each
    assert_allclose(fine_pixels.ssim(*with_missing((3, 13))), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_set_without_fine_pixels_does_not_count(name):
    expected = ALL[name](*(points[[1]] for points in SETS))
    assert_allclose(ALL[name](*with_missing(range(16))), expected, rtol=1e-12)
    nothing = torch.full_like(SETS[1], torch.nan)
    rebuilt = SETS[0].clone().requires_grad_()
    loss = ALL[name](rebuilt, nothing)
    loss.backward()
    assert loss.item() == 0
    assert (rebuilt.grad == 0).all()


@pytest.mark.parametrize("name", ALL)
def test_what_is_rebuilt_of_missing_fine_pixels_costs_nothing(name):
    rebuilt, clean = with_missing()
    others = rebuilt.clone()
    others[0, list(MISSING)] = 7.0
    others.requires_grad_()
    loss = ALL[name](others, clean)
    loss.backward()
    assert_allclose(loss.item(), ALL[name](rebuilt, clean).item(), rtol=1e-12)
    assert (others.grad[0, list(MISSING)] == 0).all()
    assert others.grad.isfinite().all()


FINE = tuple(
    f"{cube}/{band}/{month:02d}/64800/mean/s{subpixel:02d}"
    for cube, band, count in (("day-1km", "C03", 4), ("day-500m", "C02", 16))
    for month in (1, 7)
    for subpixel in range(count)
)


def test_term_compares_the_sets_of_every_cube_of_both_views():
    """Coarse columns do not count, nor the order of the fine ones; by SciPy."""
    columns = Columns.from_names(("day-2km/C13/01/64800/mean", *FINE))
    clean, rebuilt = torch.randn(2, 3, columns.count, generator=torch.Generator().manual_seed(1))
    numbers = ColumnNumbers(columns, torch.device("cpu"))
    code = Code(clean, clean)
    outcome = BatchOutcome(
        clean, clean, (code, code), (rebuilt, clean), (clean, clean), None, numbers
    )
    value = TERMS["wasserstein"].value(outcome, Objective(("wasserstein",)))
    by_cube = []
    for first, count in ((1, 4), (9, 16)):
        starts = (first, first + count)
        pairs = [
            (rebuilt[i, s : s + count], clean[i, s : s + count]) for i in range(3) for s in starts
        ]
        by_cube.append(np.mean([wasserstein_distance(*pair) for pair in pairs]))
    assert value.item() == pytest.approx(np.mean(by_cube) / 2, rel=1e-5)


def test_slot_that_lacks_a_fine_pixel_is_left_out():
    columns = Columns.from_names(FINE[1:])
    assert [sets.shape for sets in columns.fine_sets()] == [(1, 4, 1), (2, 16, 1)]
    assert columns.fine_sets()[0].ravel().tolist() == [3, 4, 5, 6]


@pytest.mark.parametrize("names", [("day-2km/C13/01/64800/mean",), FINE[3:4] + FINE[4:7]])
def test_columns_without_whole_sets_are_refused(names):
    with pytest.raises(ConfigError, match="subpixels=separate"):
        Columns.from_names(names).fine_sets()
