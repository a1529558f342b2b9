"""Settings of how a decomposition is fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from jobs.factors.cells import MODES, ZEROS
from jobs.factors.expressions import CP_EXPRESSION, Expression
from jobs.factors.nonlinear_pixels import NONLINEARITIES
from jobs.factors.pixel_factors import NONE, SolveRule
from jobs.runs.settings import OneOf, check, newer
from lake.errors import ConfigError

CP, TUCKER, EINSUM = "cp", "tucker", "einsum"
METHODS = (CP, TUCKER, EINSUM)
DEFAULT_RANK = 4
"""Largest rank of a small mode, where settings say none."""


@dataclass(frozen=True, slots=True)
class FactorFit:
    """Settings of how factors are fitted."""

    method: Annotated[str, OneOf("METHODS")] = CP
    """Kind of decomposition: canonical polyadic (CP), Tucker's with a core, or any expression of einsum."""
    components: int = 16
    """Number of components: the length of a pixel's vector."""
    ranks: tuple[int, ...] = ()
    """Of Tucker: number of directions of months, times of day, bands, metrics; empty: at most 4 of each. Of
    `einsum`: sizes of the free letters in their order; empty: 4 each."""
    nonnegative: bool = False
    """Whether all factors of CP are 0 or more."""
    zero: Annotated[str, OneOf("ZEROS")] = ""
    """What becomes 0; empty: `lowest` if the model is never below 0, or `cell`."""
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
    expression: str = newer(CP_EXPRESSION)
    """Of `einsum`: factors by commas, each by its axes: p pixel, m month, t time of day, b band, s metric;
    other letters are summed over."""
    nonlinearity: Annotated[str, OneOf("NONLINEARITIES")] = newer(NONE)
    """Of `einsum`: the function that is taken of the sums."""
    steps: int = newer(1000)
    """Of `einsum`: steps of Adam over the pilot."""
    learning_rate: float = newer(0.1)
    """Of `einsum`: the highest of Adam; it rises, then falls to 0."""

    def __post_init__(self) -> None:
        requirement = f"method must be one of {', '.join(METHODS)}"
        check(requirement, self.method, holds=self.method in METHODS)
        check("components must be above 0", self.components, holds=self.components > 0)
        check("scan must be above 0", self.scan, holds=all(count > 0 for count in self.scan))
        check("ranks must be above 0", self.ranks, holds=all(rank > 0 for rank in self.ranks))
        sizes_hold = self.method == EINSUM or len(self.ranks) in {0, len(MODES)}
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
        check("steps must be above 0", self.steps, holds=self.steps > 0)
        check("learning_rate must be above 0", self.learning_rate, holds=self.learning_rate > 0)
        requirement = f"nonlinearity must be one of {', '.join(NONLINEARITIES)}"
        check(requirement, self.nonlinearity, holds=self.nonlinearity in NONLINEARITIES)
        self._check_method()

    def _check_method(self) -> None:
        if self.method != CP and self.nonnegative:
            raise ConfigError("nonnegative factors are of cp: '--set method=cp'")
        if self.method == EINSUM:
            self.einsum_sizes((1,) * len(MODES), 1)  # reads the expression
        elif self.expression != CP_EXPRESSION or self.nonlinearity != NONE:
            raise ConfigError(
                f"expression and nonlinearity are of einsum, and method is {self.method}: "
                "'--set method=einsum'"
            )

    @property
    def rule(self) -> SolveRule:
        """How pixels are solved."""
        return SolveRule(self.ridge, self.nonnegative, self.nonlinearity)

    @property
    def einsum(self) -> Expression | None:
        """The model of `einsum`; None: another method."""
        return Expression(self.expression) if self.method == EINSUM else None

    @property
    def default_zero(self) -> str:
        """What becomes 0 where no setting says it: what the model can reach."""
        is_positive = self.nonnegative or NONLINEARITIES[self.nonlinearity].is_positive
        return "lowest" if is_positive else "cell"

    def einsum_sizes(self, shape: Sequence[int], components: int) -> Mapping[str, int]:
        """Letter of the expression -> steps of its axis, over a grid of this shape."""
        return Expression(self.expression).sizes(shape, components, self.ranks)

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
