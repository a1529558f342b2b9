import torch
from torch.testing import assert_close

from jobs.models.autoencoder import Architecture, Autoencoder


def test_before_training_the_embedding_is_the_first_inputs():
    model = Autoencoder(9, Architecture(latent=4, hidden=16))
    x = torch.randn(5, 9)
    assert_close(model.encode(x), x[:, :4])
    rebuilt = torch.cat([x[:, :4], torch.zeros(5, 5)], dim=1)
    assert_close(model(x), rebuilt)


def test_latent_is_at_most_the_number_of_inputs():
    model = Autoencoder(3, Architecture(latent=32, hidden=8))
    x = torch.randn(2, 3)
    assert model.encode(x).shape == (2, 3)
    assert_close(model(x), x)


def test_every_weight_learns():
    model = Autoencoder(6, Architecture(latent=2, hidden=8))
    optimiser = torch.optim.SGD(model.parameters(), 0.01)
    for _ in range(3):  # a zero last layer lets its correction learn from the second step on
        optimiser.zero_grad()
        model(torch.randn(16, 6)).square().sum().backward()
        optimiser.step()
    assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())
