"""What a run computes, and its name. Pure.

The same job with the same settings on the same generations has the same spec, and so the same id.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Input:
    """One generation of a store, which a run reads."""

    key: str
    generation: str
    ledger: str
    """Path of the ledger that the generation was made by; its name is its SHA-256."""
    url: str = ""
    """URL of a store that lies outside the lake; empty: it lies inside."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a run computes."""

    job: str
    settings: Mapping[str, Any]
    """As JSON; without the runs it builds on, which are `inputs`."""
    stores: tuple[Input, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Job -> id of the run it builds on."""
    changed: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Settings that differ from the defaults, as somebody asked for them; no part of what is computed."""

    @property
    def id(self) -> str:
        """The name of the run: its job, and 12 hex digits of the SHA-256 of the spec as JSON."""
        computed = {name: value for name, value in asdict(self).items() if name != "changed"}
        text = json.dumps(computed, sort_keys=True, separators=(",", ":"))
        return f"{self.job}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    @property
    def store(self) -> str:
        """Key of the first store."""
        return self.stores[0].key

    @property
    def generation(self) -> str:
        """Generation of the first store."""
        return self.stores[0].generation


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that is complete, as `done.json` says it."""

    run: str
    outputs: tuple[str, ...]
    """Paths below the run's folder."""
    seconds: float
    """How long it took to make, since it last began."""
    finished: str
    """When it ended: UTC, ISO 8601."""
