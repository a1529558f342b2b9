"""Factors of an einsum expression by Adam: all factors of some pixels at once, from a random start.

Sources: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR (2015). That any expression can
be factorised by its gradients is the idea of FunFact, https://funfact.readthedocs.io.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import cos, pi

import numpy as np
import torch

from jobs.factors.expressions import Expression
from jobs.factors.pixel_factors import NONE, Observed
from lake.format.arrays import Floats, Indices

FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    NONE: lambda h: h,
    "exp": torch.exp,
    "softplus": torch.nn.functional.softplus,
    "relu": torch.relu,
    "asinh": torch.asinh,
}
"""`jobs.factors.nonlinear_pixels.NONLINEARITIES`, with gradients."""
RISE = 0.05
"""Share of the steps in which the learning rate rises."""
START = 0.02
"""Standard deviation of a cell's sum at the start. From small sums components grow one by one, and hardly
any start ends in another minimum."""
STEPS_BETWEEN_CHECKS = 20


def fit(
    pieces: Sequence[Observed],
    positions: Indices,
    expression: Expression,
    sizes: Mapping[str, int],
    nonlinearity: str,
    steps: int,
    learning_rate: float,
    random: np.random.Generator,
    check_stop: Callable[[], object] = lambda: None,
) -> tuple[Floats, ...]:
    """The small factors that leave the least squares over the known cells, as one start finds them.

    Args:
        pieces: of the pixels.
        positions: (feature,) of the features in the flat grid.
        expression: the model.
        sizes: letter -> number of steps.
        nonlinearity: a name of `FUNCTIONS`.
        steps: of Adam.
        learning_rate: the highest; it rises, then falls to 0 as a cosine.
        random: of the start.
        check_stop: called now and then.
    """
    values, known = (
        torch.from_numpy(np.concatenate([getattr(piece, name) for piece in pieces], axis=1))
        for name in ("values", "known")
    )
    pixels, small = (
        tuple(torch.from_numpy(factor).to(values.dtype).requires_grad_() for factor in factors)
        for factors in _start(values.shape[1], expression, sizes, random)
    )
    rows, function = torch.from_numpy(positions), FUNCTIONS[nonlinearity]
    squares = float(values.square().sum())
    optimiser = torch.optim.Adam((*pixels, *small), eps=1e-15)
    with _one_thread():
        for step in range(steps):
            if step % STEPS_BETWEEN_CHECKS == 0:
                check_stop()
            optimiser.param_groups[0]["lr"] = learning_rate * _share(step / steps)
            cells = torch.einsum(expression.loadings, *small).flatten(0, -2)
            left = known * (values - function(cells[rows] @ pixels[0].T))
            loss = left.square().sum() / squares
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return tuple(factor.detach().numpy().astype(np.float64) for factor in small)


def _start(
    pixels: int, expression: Expression, sizes: Mapping[str, int], random: np.random.Generator
) -> tuple[tuple[Floats], tuple[Floats, ...]]:
    """Pixel factors and small factors."""
    small = tuple(
        random.normal(size=[sizes[letter] for letter in letters]) for letters in expression.small
    )
    cells = np.einsum(expression.loadings, *small)
    components = cells.shape[-1]
    scale = START / np.sqrt(max(float((cells**2).mean()) * components, 1e-12))
    return (scale * random.normal(size=(pixels, components)),), small


def _share(done: float) -> float:
    """Share of the highest learning rate, after a share of the steps."""
    return min(done / RISE + 0.01, 1.0) * 0.5 * (1 + cos(pi * done))


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
