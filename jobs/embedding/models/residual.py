"""A linear map and a correction to it: before any training it is the first axes of the input.

`x -> A x + f(x)`, with A the first `outputs` axes and the correction f, an MLP, starting at zero. For
scores of PCA or MNF that is the best linear embedding; training improves on it.
Source: He et al., "Deep residual learning for image recognition" (2016), identity shortcuts; the last
layer at zero: Zhang, Dauphin and Ma, "Fixup initialization" (2019).
"""

from torch import Tensor, nn


class Residual(nn.Module):
    """The linear map and its correction: (batch, inputs) -> (batch, outputs)."""

    def __init__(self, inputs: int, hidden: int, outputs: int, scale: Tensor | None = None) -> None:
        """Build it.

        Args:
            inputs: dimensions.
            hidden: width of the two hidden layers.
            outputs: dimensions.
            scale: (inputs,) of the first axes; None: 1. Inputs of variance 1 become scores again.
        """
        super().__init__()
        self.skip = nn.Linear(inputs, outputs, bias=False)
        nn.init.eye_(self.skip.weight)
        if scale is not None:
            self.skip.weight.data *= scale
        last = nn.Linear(hidden, outputs)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.correction = nn.Sequential(
            nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), last
        )

    def begin_with(self, axes: Tensor) -> None:
        """Take (outputs, inputs) axes for the linear map, before the training."""
        self.skip.weight.data.copy_(axes)

    def forward(self, x: Tensor) -> Tensor:
        """The map and its correction, (batch, outputs), of inputs (batch, inputs)."""
        outputs: Tensor = self.skip(x) + self.correction(x)
        return outputs
