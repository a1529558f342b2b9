"""The vectors of a run as the inputs of an encoder."""

from dataclasses import dataclass

import numpy as np

from jobs.runs import outputs
from lake.format.arrays import Indices, Singles


@dataclass(frozen=True, slots=True)
class VectorInputs:
    """A reader of the vectors of a run; see `jobs.embedding.vectors.PixelInputs`."""

    root: str
    run: str
    array: str

    def read(self, period: int, pixels: slice | Indices) -> Singles:  # noqa: ARG002 (there is one)
        """(pixel, d) vectors of some pixels; all NaN where a number is missing."""
        values = outputs.read(self.root, self.run, self.array, pixels)
        vectors: Singles = np.array(values, np.float32)
        vectors[~np.isfinite(vectors).all(axis=1)] = np.nan
        return vectors

    @property
    def count(self) -> int:
        """The numbers of a vector."""
        return int(outputs.dataset(self.root, self.run)[self.array].shape[1])
