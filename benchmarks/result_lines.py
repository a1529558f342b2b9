"""The results of a study as lines of a file, from which a run that was stopped goes on.

A line is the identity of a measurement, such as its land, seed and settings, with its `values` and the
CPU `seconds` that it took.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class ResultLines:
    """The file of a study."""

    path: Path

    def read(self, identities: Mapping[K, Mapping[str, Any]]) -> dict[K, Mapping[str, float]]:
        """The values of those measurements that there are; of equal ones the last."""
        lines = self.path.read_text("utf-8").splitlines() if self.path.exists() else []
        found = {}
        for line in map(json.loads, lines):
            values = line.pop("values")
            line.pop("seconds")
            found[_key(line)] = values
        keys = {name: _key(identity) for name, identity in identities.items()}
        return {name: found[key] for name, key in keys.items() if key in found}

    def add(self, identity: Mapping[str, Any], values: Mapping[str, float], seconds: float) -> None:
        """Write a measurement behind the others, and say that it is done."""
        line = {**identity, "values": values, "seconds": round(seconds, 1)}
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
        print(*identity.values(), f"{seconds:.0f} CPU s", file=sys.stderr, flush=True)


def _key(identity: Mapping[str, Any]) -> str:
    return json.dumps(identity, sort_keys=True)
