"""A deep residual multilayer perceptron for many inputs, without components before it.

Source: Gorishniy et al., "Revisiting deep learning models for tabular data" (2021), ResNet: blocks of
normalisation, a wider layer, and back, on a common stream.
"""

from torch import Tensor, nn

WIDER = 2
"""How much wider a block is inside."""


def deep(inputs: int, hidden: int, outputs: int, depth: int) -> nn.Sequential:
    """(batch, inputs) -> (batch, outputs), by `depth` blocks of width `hidden`."""
    blocks = (_Block(hidden) for _ in range(depth))
    return nn.Sequential(
        nn.Linear(inputs, hidden), *blocks, nn.LayerNorm(hidden), nn.Linear(hidden, outputs)
    )


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        last = nn.Linear(WIDER * width, width)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.inner = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, WIDER * width), nn.GELU(), last
        )

    def forward(self, x: Tensor) -> Tensor:
        stream: Tensor = x + self.inner(x)
        return stream
