"""Expressions of einsum as models of a tensor: `pr,mr,tr,br,sr` is CP.

An expression lists factors by commas, each by the letters of its axes: `p` pixel, `m` month, `t` time of
day, `b` band, `s` metric (statistic). Any other letter is a free axis, which is summed over. Exactly one
factor has `p`, and one free letter beside it: the component, whose numbers are a pixel's vector.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.factors.cells import MODES
from lake.errors import ConfigError

PIXEL = "p"
LETTERS = dict(zip("mtbs", MODES, strict=True))
"""Letter -> mode."""
CP_EXPRESSION = "pr,mr,tr,br,sr"
DEFAULT_SIZE = 4
"""Of a free axis, where settings say none."""


@dataclass(frozen=True, slots=True)
class Expression:
    """What each factor has as axes."""

    text: str

    def __post_init__(self) -> None:
        factors = self.text.split(",")
        pixel = [letters for letters in factors if PIXEL in letters]
        small = self.small
        if not all(
            letters.isascii() and letters.isalpha() and letters.islower() for letters in factors
        ):
            self._refuse("factors of letters a to z, by commas")
        if len(pixel) != 1 or len(pixel[0]) != 2 or set(pixel[0]) & LETTERS.keys():
            self._refuse("exactly one factor of pixels, 'p' and a free letter")
        if any(len(set(letters)) < len(letters) for letters in factors):
            self._refuse("every letter once in a factor")
        if len(set(small)) < len(small):
            self._refuse("no two factors of the same letters")
        absent = {PIXEL, self.component, *LETTERS} - set("".join((*small, PIXEL)))
        if absent:
            self._refuse(f"a small factor with {' and '.join(sorted(absent))}")

    def _refuse(self, wanted: str) -> None:
        raise ConfigError(
            f"expression {self.text!r}: wanted {wanted}, as in {CP_EXPRESSION} (p pixel, m month, t time "
            "of day, b band, s metric; other letters are summed over)"
        )

    @property
    def small(self) -> tuple[str, ...]:
        """The letters of each small factor."""
        return tuple(letters for letters in self.text.split(",") if PIXEL not in letters)

    @property
    def component(self) -> str:
        """The letter of the component."""
        pixel = next(letters for letters in self.text.split(",") if PIXEL in letters)
        return pixel.replace(PIXEL, "")

    @property
    def free(self) -> tuple[str, ...]:
        """The other letters that are summed over, in order."""
        letters = dict.fromkeys("".join(self.small))
        named = {*LETTERS, self.component}
        return tuple(letter for letter in letters if letter not in named)

    @property
    def loadings(self) -> str:
        """What einsum computes of the small factors: (month, tod, band, metric, component)."""
        return f"{','.join(self.small)}->{''.join(LETTERS)}{self.component}"

    def sizes(
        self, shape: Sequence[int], components: int, ranks: Sequence[int]
    ) -> Mapping[str, int]:
        """Letter -> number of steps.

        Args:
            shape: steps of each mode.
            components: number of them.
            ranks: sizes of the free axes; none: `DEFAULT_SIZE` each.

        Raises:
            ConfigError: another number of ranks than of free axes.
        """
        free = self.free
        if ranks and len(ranks) != len(free):
            raise ConfigError(
                f"expression {self.text!r} has {len(free)} free letters besides the component "
                f"({', '.join(free) or 'none'}), and ranks {len(ranks)} numbers: wanted one each"
            )
        return {
            **dict(zip(LETTERS, shape, strict=True)),
            **dict(zip(free, ranks or (DEFAULT_SIZE,) * len(free), strict=True)),
            self.component: components,
        }

    def axes(self, letters: str) -> tuple[str, ...]:
        """Names of the axes of a small factor: modes, `component`, or `rank_a` of a free letter a."""
        names = {**LETTERS, self.component: "component"}
        return tuple(names.get(letter, f"rank_{letter}") for letter in letters)
