import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from jobs import train
from jobs.models.autoencoder import Architecture
from jobs.train import Training
from lake.errors import ConfigError

SMALL = Architecture(latent=2, hidden=32)
QUICK = Training(steps=600, batch=128, noise=0.02, masked=0.0)


@pytest.fixture(scope="module")
def curved():
    """Points of a curved surface: two numbers make five, which no plane holds."""
    rng = np.random.default_rng(3)
    u, v = rng.uniform(-1, 1, (2, 3000))
    x = np.stack([u, v, u**2 - 1 / 3, v**2 - 1 / 3, u * v], axis=1) @ rng.normal(size=(5, 5))
    return (PCA(5).fit_transform(x) / x.std()).astype(np.float32)


def rebuilt_error(x, rebuilt):
    return float(np.mean((x - rebuilt) ** 2))


def test_training_beats_the_best_linear_embedding_on_a_curved_surface(curved):
    model, curve = train.train(curved, SMALL, QUICK)
    linear = np.where(np.arange(5) < 2, curved, 0)
    with torch.no_grad():
        rebuilt = model(torch.from_numpy(curved)).numpy()
    assert rebuilt_error(curved, rebuilt) < 0.3 * rebuilt_error(curved, linear)
    assert curve[-1].held_out < 0.3 * curve[0].held_out


def test_loss_curve_covers_the_training(curved):
    _, curve = train.train(curved, SMALL, Training(steps=120, batch=16))
    assert [loss.step for loss in curve] == list(range(2, 121, 2))
    assert all(loss.train > 0 and loss.held_out > 0 for loss in curve)


def test_same_seed_gives_the_same_bits_and_another_seed_others(curved):
    few = Training(steps=20, batch=64)
    one, two, other = (
        train.embed(train.train(curved, SMALL, how)[0], curved)
        for how in (few, few, Training(steps=20, batch=64, seed=1))
    )
    np.testing.assert_array_equal(one, two)
    assert not np.allclose(one, other)


def test_training_leaves_the_state_of_torch_as_it_was(curved):
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    train.train(curved, SMALL, Training(steps=2, threads=1, seed=9))
    assert torch.equal(torch.rand(3), wanted)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_without_pixels_held_out_their_loss_is_unknown(curved):
    _, curve = train.train(curved, SMALL, Training(steps=1, held_out=0))
    assert curve[0].held_out is None


def test_embedding_of_a_pixel_without_scores_is_nan(curved):
    model, _ = train.train(curved, SMALL, Training(steps=1))
    x = curved[:3].copy()
    x[1] = np.nan
    assert np.isnan(train.embed(model, x)).any(axis=1).tolist() == [False, True, False]


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"batch": -1}, {"noise": -0.1}, {"masked": 1.0}, {"held_out": 1.5}]
)
def test_setting_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Training(**wrong)
