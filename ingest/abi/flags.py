"""Rules on the flags of a product: which observations are usable, where the sky is clear, which pixels exist.

A rule is said in words, which a listing stores with the result, and computed from the flags of one
file. Where a product changed the meaning of its flags, a rule has a clause for each version; the
version of a product that never did is empty.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lake.format.arrays import Bools

Flags = NDArray[np.unsignedinteger]

FlagImages = Mapping[str, Flags]
"""Flags of one scan by the name of their variable; arrays of one shape."""

ONLY = ""
"""Version of a product whose flags always meant the same."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Values of `DQF` of a usable observation: those bits are 0, and it is no larger than `largest`."""

    bits: int = 0
    largest: int = 0

    def is_bad(self, dqf: Flags) -> NDArray[np.uint8]:
        """Where observations are not usable: not 0; of the shape of `dqf`."""
        if not self.bits and not self.largest and dqf.itemsize == 1:
            return dqf.view(np.uint8)
        is_bad = dqf > self.largest
        if self.bits:
            is_bad |= (dqf & self.bits) != 0
        return is_bad.view(np.uint8)

    def is_good(self, dqf: Flags) -> Bools:
        """Where observations are usable."""
        good: Bools = self.is_bad(dqf) == 0
        return good


@dataclass(frozen=True, slots=True)
class Clause:
    """A rule on the flags of one version."""

    words: str
    """What it means."""
    holds: Callable[[FlagImages], Bools] | None = None
    """Where it does; None: a land mask decides, not the file."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule on the flags of a product."""

    clauses: Mapping[str, Clause]
    """By version."""

    @property
    def meaning(self) -> str | dict[str, str]:
        """What it means in words: of every version, or of the only one."""
        words = {version: clause.words for version, clause in self.clauses.items()}
        return words.get(ONLY, words)

    @property
    def is_by_mask(self) -> bool:
        """Whether a land mask decides, not the file."""
        return any(clause.holds is None for clause in self.clauses.values())

    def holds(self, version: str, images: FlagImages) -> Bools:
        """Where the rule holds in a file of a version."""
        clause = self.clauses[version]
        if clause.holds is None:
            raise ValueError(f"a land mask decides where this is so: {clause.words}")
        return clause.holds(images)


LAND_BY_MASK = "land at the pixel's centre in domain.mask, whatever the flags say"
WATER_BY_MASK = "no land at the pixel's centre in domain.mask: sea, and such lakes as the mask has"


def by_mask(words: str, *versions: str) -> Rule:
    """A rule by which a land mask decides, whatever the version of the file."""
    return Rule({version: Clause(words) for version in versions or (ONLY,)})


@dataclass(frozen=True, slots=True)
class VersionHints:
    """What a file says about the meaning of its own flags."""

    where: str
    """Path, for messages."""
    valid_range: Sequence[int] | None
    """Of DQF."""
    flag_masks: Sequence[int] | None
    """Of DQF."""
    product_version: str | None
    """`v01r00`, `v02r00`, ..."""


@dataclass(frozen=True, slots=True)
class SkyRules:
    """How a product shows clear sky, and which rules a listing may choose."""

    variables: Mapping[str, tuple[str, ...]]
    """By version, the variables whose flags decide; by the first one's chunks images are read."""
    clear: Mapping[str, Rule]
    """Which pixels of a scan count: `clear_sky.rule` of a listing."""
    domain: Mapping[str, Rule] = field(
        default_factory=lambda: {"mask": by_mask(LAND_BY_MASK), "water": by_mask(WATER_BY_MASK)}
    )
    """Which pixels exist: `domain.rule` of a listing."""
