import pytest
import torch
from torch.testing import assert_close

from jobs.embedding.columns import Columns
from jobs.embedding.models.architecture import (
    DEEP,
    ENCODERS,
    RESIDUAL,
    Architecture,
    changes,
)
from jobs.embedding.models.embedding_model import EmbeddingModel
from lake.errors import ConfigError

SCALE = torch.arange(9.0, 0, -1)
COLUMNS = Columns.from_names(
    f"day-2km/{band}/{month:02d}/64800/mean"
    for month in (1, 4, 7)
    for band in ("C02", "C07", "C13")
)


def model(*, decodes=False, **settings):
    architecture = Architecture(hidden=16, latent=4, **settings).resolve(features=False)
    return EmbeddingModel(architecture, COLUMNS, SCALE, decodes=decodes)


def test_before_training_a_residual_embedding_is_the_first_scores():
    x = torch.randn(5, 9)
    assert_close(model(unit=False)(x) * SCALE.max(), x[:, :4])
    assert_close(model()(x), x[:, :4] / x[:, :4].norm(dim=1, keepdim=True))


def test_kind_and_width_are_chosen_by_the_kind_of_inputs():
    resolved = [Architecture().resolve(features=features) for features in (False, True)]
    assert [(architecture.model, architecture.hidden) for architecture in resolved] == [
        (RESIDUAL, 512),
        (DEEP, 256),
    ]
    assert Architecture(model=DEEP, hidden=7).resolve(features=False).hidden == 7


@pytest.mark.parametrize("name", ENCODERS)
def test_shapes_of_every_model(name):
    encoder = model(decodes=True, model=name)
    code = encoder.code(torch.randn(7, 9), torch.Generator())
    assert code.z.shape == code.mean.shape == encoder(torch.randn(7, 9)).shape == (7, 4)
    assert encoder.decoder(code.z).shape == (7, 9)
    assert code.log_variance is None


@pytest.mark.parametrize("name", ENCODERS)
def test_every_weight_learns(name):
    encoder = model(decodes=True, model=name)
    optimiser = torch.optim.SGD(encoder.parameters(), 0.01)
    for _ in range(3):  # a zero last layer lets what is before it learn from the second step on
        optimiser.zero_grad()
        x = torch.randn(16, 9)
        x[:8, :7] = torch.nan  # months and bands without any value
        x[0] = torch.nan  # nothing at all
        code = encoder.code(x, torch.Generator())
        rebuilt = encoder.decoder(code.z)
        (rebuilt.square().sum() + code.mean.square().sum()).backward()
        optimiser.step()
    assert all(weight.grad.abs().sum() > 0 for weight in encoder.parameters())


@pytest.mark.parametrize("name", ["plain", "cyclic"])
def test_embedding_of_vae_is_the_mean_and_its_code_is_drawn_around_it(name):
    encoder = model(model=name, unit=False, variational=True)
    x = torch.randn(3, 9)
    codes = [encoder.code(x / SCALE, torch.Generator().manual_seed(n)) for n in range(500)]
    draws = torch.stack([code.z for code in codes])
    assert_close(encoder(x), codes[0].mean)
    assert_close(draws.mean(dim=0), codes[0].mean, atol=0.3, rtol=0)
    assert_close(draws.std(dim=0), (codes[0].log_variance / 2).exp(), atol=0, rtol=0.15)


def test_latent_of_residual_is_at_most_the_number_of_inputs():
    architectures = (Architecture(model=name, latent=32, hidden=8) for name in (RESIDUAL, DEEP))
    columns, scale = Columns(components=3), torch.ones(3)
    models = [EmbeddingModel(shape, columns, scale, decodes=False) for shape in architectures]
    assert [encoder(torch.randn(2, 3)).shape for encoder in models] == [(2, 3), (2, 32)]


def test_sizes_that_are_not_those_asked_for_are_said():
    shape = Architecture(model=RESIDUAL, latent=64, linear_part="noise", linear=50)
    texts = list(changes(shape, Columns(components=48)))
    assert texts[0].startswith("latent=64 became 48: model=residual has at most as many")
    assert texts[1] == "linear=50 became 48: there are 48 scores of components"
    assert list(changes(Architecture(model=DEEP, latent=64), Columns(components=48))) == []


@pytest.mark.parametrize(
    "wrong", [{"model": "x"}, {"latent": 0}, {"hidden": -1}, {"depth": 0}, {"nested": (64,)}]
)
def test_setting_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Architecture(**wrong)


def test_model_of_before_is_refused_with_what_replaced_it():
    with pytest.raises(ConfigError, match="variational=true"):
        Architecture(model="vae")
