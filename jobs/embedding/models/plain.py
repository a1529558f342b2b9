"""A multilayer perceptron: the encoder of the original study's options A and B."""

from torch import nn


def plain(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """(batch, inputs) -> (batch, outputs), by two hidden layers of ReLU."""
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )  # fmt: skip
