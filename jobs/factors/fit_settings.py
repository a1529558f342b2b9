"""Settings of how a decomposition is fitted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from jobs.factors.cells import MODES, ZEROS
from jobs.factors.pixel_factors import SolveRule
from jobs.runs.settings import OneOf, check
from lake.errors import ConfigError

CP, TUCKER = "cp", "tucker"
METHODS = (CP, TUCKER)
DEFAULT_RANK = 4
"""Largest rank of a small mode, where settings say none."""


@dataclass(frozen=True, slots=True)
class FactorFit:
    """Settings of how factors are fitted."""

    method: Annotated[str, OneOf("METHODS")] = CP
    """Kind of decomposition: canonical polyadic (CP), or Tucker's with a core."""
    components: int = 16
    """Number of components: the length of a pixel's vector."""
    ranks: tuple[int, ...] = ()
    """Of Tucker: number of directions of months, times of day, bands, metrics; empty: at most 4 of each."""
    nonnegative: bool = False
    """Whether all factors of CP are 0 or more."""
    zero: Annotated[str, OneOf("ZEROS")] = ""
    """What becomes 0; empty: `lowest` if nonnegative, or `cell`."""
    clip: float = 6.0
    """Standard deviations of a channel from the mean, beyond which a value is cut off."""
    ridge: float = 1e-4
    """Share of a component's mean sum of squares that holds factors small which few cells determine."""
    scan: tuple[int, ...] = ()
    """Other numbers of components that are judged on the pilot."""
    starts: int = 5
    """Random starts of every number of components."""
    fitted_on: int = 4000
    """Number of pixels of the pilot, about: the first of every superblock."""
    sweeps: int = 200
    """Largest number of sweeps over the pilot."""
    tolerance: float = 1e-6
    """Share of the sum of squares; sweeps end when one explains no more than this in addition."""
    passes: int = 3
    """Passes over all pixels that improve the small factors of the pilot."""
    seed: int = 0
    """Seed of the random starts."""

    def __post_init__(self) -> None:
        check("method must be cp or tucker", self.method, holds=self.method in METHODS)
        check("components must be above 0", self.components, holds=self.components > 0)
        check("scan must be above 0", self.scan, holds=all(count > 0 for count in self.scan))
        sizes_hold = len(self.ranks) in {0, len(MODES)} and all(rank > 0 for rank in self.ranks)
        check(f"ranks must be four, of {', '.join(MODES)}", self.ranks, holds=sizes_hold)
        requirement = f"zero must be one of {', '.join(ZEROS)}"
        check(requirement, self.zero, holds=self.zero in {"", *ZEROS})
        check("clip must be above 0", self.clip, holds=self.clip > 0)
        check("ridge must be above 0", self.ridge, holds=self.ridge > 0)
        check("starts must be above 0", self.starts, holds=self.starts > 0)
        check("fitted_on must be above 0", self.fitted_on, holds=self.fitted_on > 0)
        check("sweeps must be above 0", self.sweeps, holds=self.sweeps > 0)
        check("tolerance must be 0 or more", self.tolerance, holds=self.tolerance >= 0)
        check("passes must be 0 or more", self.passes, holds=self.passes >= 0)
        if self.method == TUCKER and self.nonnegative:
            raise ConfigError("nonnegative factors are of cp: '--set method=cp'")

    @property
    def rule(self) -> SolveRule:
        """How pixels are solved."""
        return SolveRule(self.ridge, self.nonnegative)

    def ranks_of(self, shape: Sequence[int], components: int) -> tuple[int, ...]:
        """The ranks of the small modes of a grid.

        Raises:
            ConfigError: fewer combinations of directions than components.
        """
        limits = self.ranks or (DEFAULT_RANK,) * len(shape)
        ranks = tuple(min(rank, size) for rank, size in zip(limits, shape, strict=True))
        combinations = 1
        for rank in ranks:
            combinations *= rank
        if combinations < components:
            raise ConfigError(
                f"ranks {ranks} of {', '.join(MODES)} have {combinations} combinations: wanted at least "
                f"as many as components, {components}; '--set ranks=...'"
            )
        return ranks
