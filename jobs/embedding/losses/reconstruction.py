"""Losses of rebuilt inputs against the clean ones, and the divergence of a variational code.

A clean input that is missing is NaN, and does not count.
"""

from torch import Tensor
from torch.nn import functional


def mse(rebuilt: Tensor, clean: Tensor) -> Tensor:
    """The mean squared error of rebuilt inputs (batch, inputs)."""
    return _mean(functional.mse_loss(*_without_missing(rebuilt, clean), reduction="none"), clean)


def huber(rebuilt: Tensor, clean: Tensor) -> Tensor:
    """The mean of half the squared error where that is below 1, else linear: outliers pull no harder.

    Source: Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35
    (1964).
    """
    return _mean(functional.huber_loss(*_without_missing(rebuilt, clean), reduction="none"), clean)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """The Kullback-Leibler divergence of N(mean, variance) from N(0, 1): per pixel, mean over the batch.

    Source: Kingma and Welling, "Auto-encoding variational Bayes" (2014), appendix B; times beta:
    Higgins et al., "beta-VAE" (2017).
    """
    each = log_variance.exp() + mean**2 - 1 - log_variance  # (batch, latent)
    return each.sum(dim=1).mean() / 2


def _without_missing(rebuilt: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
    """Both with 0 where clean inputs are missing."""
    valid = ~clean.isnan()
    return rebuilt.where(valid, 0), clean.where(valid, 0)


def _mean(errors: Tensor, clean: Tensor) -> Tensor:
    """The mean error of inputs that are not missing; 0: all are."""
    return errors.sum() / (~clean.isnan()).sum().clamp(min=1)
