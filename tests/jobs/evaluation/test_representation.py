import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jobs.evaluation import representation  # noqa: E402


def align_loss(x, y, alpha=2):
    """As Wang and Isola publish it (github.com/ssnl/align_uniform, MIT)."""
    return (x - y).norm(p=2, dim=1).pow(alpha).mean()


def uniform_loss(x, t=2):
    return torch.pdist(x, p=2).pow(2).mul(-t).exp().mean().log()


def test_alignment_and_uniformity_are_those_of_the_authors_code():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 100, 6)) + 0.5
    a, b = (torch.nn.functional.normalize(torch.from_numpy(v), dim=1) for v in (x, y))
    assert representation.alignment(x, y) == pytest.approx(float(align_loss(a, b)))
    assert representation.uniformity(x) == pytest.approx(float(uniform_loss(a)))


def test_alignment_of_the_same_is_0_of_opposites_4_and_lengths_do_not_count():
    x = np.random.default_rng(0).normal(size=(50, 3))
    assert representation.alignment(x, 7 * x) == pytest.approx(0)
    assert representation.alignment(x, -x) == pytest.approx(4)


def test_rankme_counts_equal_dimensions():
    rng = np.random.default_rng(0)
    turned = np.linalg.qr(rng.normal(size=(200, 5)))[0]
    assert representation.rankme(turned) == pytest.approx(5, abs=1e-3)
    assert representation.rankme(np.outer(turned[:, 0], np.ones(5))) == pytest.approx(1, abs=1e-3)
