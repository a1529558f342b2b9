import pytest
import torch
from torch.testing import assert_close

from jobs.embedding.models.architecture import DEEP, MODELS, RESIDUAL, VAE, Architecture, Model
from lake.errors import ConfigError

SCALE = torch.arange(9.0, 0, -1)


def model(*, decodes=False, **how):
    architecture = Architecture(hidden=16, latent=4, **how).settled(features=False)
    return Model(architecture, 9, SCALE, decodes=decodes)


def test_before_training_a_residual_embedding_is_the_first_scores():
    x = torch.randn(5, 9)
    assert_close(model(unit=False)(x) * SCALE.max(), x[:, :4])
    assert_close(model()(x), x[:, :4] / x[:, :4].norm(dim=1, keepdim=True))


def test_kind_and_width_are_chosen_by_what_the_inputs_are():
    sizes = [Architecture().settled(features=of) for of in (False, True)]
    assert [(of.model, of.hidden) for of in sizes] == [(RESIDUAL, 512), (DEEP, 256)]
    assert Architecture(model=DEEP, hidden=7).settled(features=False).hidden == 7


@pytest.mark.parametrize("name", MODELS)
def test_shapes_of_every_model(name):
    found = model(decodes=True, model=name)
    code = found.code(torch.randn(7, 9), torch.Generator())
    assert code.z.shape == code.mean.shape == found(torch.randn(7, 9)).shape == (7, 4)
    assert found.decoder(code.z).shape == (7, 9)
    assert (code.log_variance is not None) == (name == VAE)


@pytest.mark.parametrize("name", MODELS)
def test_every_weight_learns(name):
    found = model(decodes=True, model=name)
    optimiser = torch.optim.SGD(found.parameters(), 0.01)
    for _ in range(3):  # a zero last layer lets what is before it learn from the second step on
        optimiser.zero_grad()
        code = found.code(torch.randn(16, 9), torch.Generator())
        rebuilt = found.decoder(code.z)
        (rebuilt.square().sum() + code.mean.square().sum()).backward()
        optimiser.step()
    assert all(weight.grad.abs().sum() > 0 for weight in found.parameters())


def test_embedding_of_vae_is_the_mean_and_its_code_is_drawn_around_it():
    found = model(model=VAE, unit=False)
    x = torch.randn(3, 9)
    codes = [found.code(x / SCALE, torch.Generator().manual_seed(n)) for n in range(500)]
    drawn = torch.stack([code.z for code in codes])
    assert_close(found(x), codes[0].mean)
    assert_close(drawn.mean(dim=0), codes[0].mean, atol=0.3, rtol=0)
    assert_close(drawn.std(dim=0), (codes[0].log_variance / 2).exp(), atol=0, rtol=0.15)


def test_latent_of_residual_is_at_most_the_number_of_inputs():
    architectures = (Architecture(model=name, latent=32, hidden=8) for name in (RESIDUAL, DEEP))
    found = [Model(of, 3, torch.ones(3), decodes=False) for of in architectures]
    assert [of(torch.randn(2, 3)).shape for of in found] == [(2, 3), (2, 32)]


@pytest.mark.parametrize(
    "wrong", [{"model": "x"}, {"latent": 0}, {"hidden": -1}, {"depth": 0}, {"nested": (64,)}]
)
def test_setting_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Architecture(**wrong)
