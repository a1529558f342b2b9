"""Each term against its authors' formula, written here from the paper or the authors' own code."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from jobs.embedding.losses import contrastive, reconstruction, redundancy


@pytest.fixture
def views():
    """(batch, latent) of two views, float64."""
    torch.manual_seed(0)
    first = torch.randn(12, 5, dtype=torch.float64)
    return first, first + 0.3 * torch.randn(12, 5, dtype=torch.float64)


def unit(x):
    return (x / x.norm(dim=1, keepdim=True)).numpy()


def test_infonce_is_the_mean_of_both_cross_entropies(views):
    """Oord et al. (2018), eq. 4, by loops."""
    a, b = map(unit, views)
    losses = []
    for query, keys in ((a, b), (b, a)):
        for i in range(len(query)):
            e = [math.exp(query[i] @ keys[j] / 0.2) for j in range(len(keys))]
            losses.append(-math.log(e[i] / sum(e)))
    assert contrastive.infonce(*views, 0.2).item() == pytest.approx(np.mean(losses))


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_supervised_is_khoslas_sum_over_anchors(views, temperature):
    """Khosla et al. (2020), eq. 2, by loops."""
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 0, -1, -1, 1, 3])
    z, label = np.concatenate([*map(unit, views)]), np.tile(labels, 2)
    pixel = np.tile(np.arange(12), 2)
    total = 0.0
    for i in range(24):
        pool = [j for j in range(24) if j != i]
        positives = [j for j in pool if pixel[j] == pixel[i] or label[j] == label[i] >= 0]
        e = {j: math.exp(z[i] @ z[j] / temperature) for j in pool}
        total -= np.mean([math.log(e[j] / sum(e.values())) for j in positives])
    loss = contrastive.supervised(*views, torch.from_numpy(labels), temperature)
    assert loss.item() == pytest.approx(total / 24)


def test_supervised_without_labels_is_the_loss_of_simclr(views):
    """NT-Xent of Chen et al. (2020), by the usual cross entropy over 2N - 1 others."""
    z = torch.from_numpy(np.concatenate([*map(unit, views)]))
    logits = (z @ z.T / 0.3).fill_diagonal_(-torch.inf)
    expected = functional.cross_entropy(logits, (torch.arange(24) + 12) % 24)
    loss = contrastive.supervised(*views, torch.full((12,), -1), 0.3)
    assert loss.item() == pytest.approx(expected.item())


def test_alignment_is_that_of_wang_and_isola(views):
    """Their code: github.com/SsnL/align_uniform."""
    x, y = (functional.normalize(view) for view in views)
    expected = (x - y).norm(p=2, dim=1).pow(2).mean()
    assert contrastive.alignment(*views).item() == pytest.approx(expected.item())


def test_uniformity_is_that_of_wang_and_isola(views):
    """Their code: github.com/SsnL/align_uniform."""
    distances = torch.pdist(functional.normalize(views[0]), p=2)
    expected = distances.pow(2).mul(-2).exp().mean().log()
    assert contrastive.uniformity(views[0]).item() == pytest.approx(expected.item())


def test_uniformity_is_lowest_of_points_that_are_evenly_spread():
    """On the circle, of eight points, and 0 where all are one."""
    angle = torch.arange(8) * math.pi / 4
    even = torch.stack([angle.cos(), angle.sin()], dim=1)
    crowded = torch.stack([(angle / 2).cos(), (angle / 2).sin()], dim=1)
    assert contrastive.uniformity(even) < contrastive.uniformity(crowded)
    assert contrastive.uniformity(torch.ones(8, 2)).item() == pytest.approx(0)


def test_vicreg_is_the_authors(views):
    """Bardes et al. (2022), the pseudocode of their appendix A, with NumPy."""
    x, y = (view.numpy() for view in views)
    invariance = mean_squared_error(x, y)
    spread = [np.maximum(0, 1 - np.sqrt(v.var(axis=0, ddof=1) + 1e-4)).mean() for v in (x, y)]
    covariances = [np.cov(view.T) for view in (x, y)]
    off_diagonal = sum((c[~np.eye(5, dtype=bool)] ** 2).sum() / 5 for c in covariances)
    expected = 25 * invariance + 25 * sum(spread) / 2 + off_diagonal
    assert redundancy.vicreg(*views).item() == pytest.approx(expected)


def test_barlow_is_the_authors(views):
    """Zbontar et al. (2021), with torch's batch normalisation as in their code."""
    first, second = (torch.nn.BatchNorm1d(5, affine=False).double()(view) for view in views)
    c = first.T @ second / 12
    expected = (c.diagonal() - 1).pow(2).sum() + 0.0051 * (c - c.diagonal().diag()).pow(2).sum()
    assert redundancy.barlow(*views).item() == pytest.approx(expected.item())


def test_decorrelation_is_the_squared_correlations_of_numpy(views):
    c = np.corrcoef(views[0].numpy().T)
    expected = (c[~np.eye(5, dtype=bool)] ** 2).sum() / 5
    assert redundancy.decorrelation(views[0]).item() == pytest.approx(expected, rel=1e-4)


def test_blind_is_the_r2_of_scikit_learns_ridge(views):
    vectors, conditions = views[0], views[1][:, :2] * 5 + 30
    conditions[:, 1] += 2 * vectors[:, 0]
    penalty = 1e-3 * ((vectors - vectors.mean(dim=0)) ** 2).sum(dim=0).mean().item()
    c = StandardScaler().fit_transform(conditions.numpy())
    z = vectors.numpy()
    scores = [Ridge(penalty).fit(z, c[:, n]).score(z, c[:, n]) for n in (0, 1)]
    assert redundancy.blindness(vectors, conditions).item() == pytest.approx(np.mean(scores))
    assert scores[1] > scores[0]


def test_blind_is_zero_of_what_is_constant_and_one_of_what_is_told():
    vectors = torch.randn(500, 4, generator=torch.Generator().manual_seed(0)).double()
    assert redundancy.blindness(vectors, 3 - 2 * vectors[:, [1]]).item() == pytest.approx(
        1, abs=1e-4
    )
    assert redundancy.blindness(vectors, torch.full((500, 1), 7.0).double()).item() == 0
    assert redundancy.blindness(torch.ones_like(vectors), vectors).item() == 0


def test_mse_is_that_of_scikit_learn(views):
    x, y = (view.numpy() for view in views)
    assert reconstruction.mse(*views).item() == pytest.approx(mean_squared_error(x, y))


def test_huber_is_that_of_numpy(views):
    x, y = (view.numpy() for view in views)
    error = np.abs(3 * (x - y))
    expected = np.where(error < 1, error**2 / 2, error - 0.5).mean()
    assert reconstruction.huber(3 * views[0], 3 * views[1]).item() == pytest.approx(expected)


@pytest.mark.parametrize("loss", [reconstruction.mse, reconstruction.huber])
def test_inputs_that_are_missing_cost_nothing(views, loss):
    rebuilt, clean = views[0].requires_grad_(), views[1].clone()
    clean[3, 1], clean[7] = torch.nan, torch.nan
    valid = ~clean.isnan()
    value = loss(rebuilt, clean)
    assert value.item() == pytest.approx(loss(views[0][valid], views[1][valid]).item())
    value.backward()
    assert torch.equal(rebuilt.grad != 0, valid)
    assert loss(rebuilt, torch.full_like(clean, torch.nan)).item() == 0


def test_kl_is_torchs_of_normal_distributions(views):
    mean, log_variance = views
    q = torch.distributions.Normal(mean, (log_variance / 2).exp())
    p = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = torch.distributions.kl_divergence(q, p).sum(dim=1).mean()
    assert reconstruction.divergence(mean, log_variance).item() == pytest.approx(expected.item())


@pytest.mark.parametrize(
    "loss", [contrastive.alignment, lambda a, b: contrastive.infonce(a, b, 0.2)]
)
def test_length_of_vectors_does_not_matter(views, loss):
    assert_allclose(loss(*views), loss(3 * views[0], views[1] / 7))
