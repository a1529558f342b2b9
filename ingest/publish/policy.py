"""When staged time steps are published.

Publishing rewrites every month that gains something (about 5 GB for full CONUS), staging does not:
an hourly schedule stages at every run and publishes by policy. Months are decided one by one:

    now          whatever waits
    never        nothing: 'lake ingest publish' does it on demand
    month-end    a month as soon as the calendar month of a waiting time step is over
    500          a month for which so many time steps wait
    7d           a month of which a time step has waited so many days

The last three combine: `month-end,500,7d` publishes a month when any of them says so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest.publish.parts import Part
from lake.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Policy:
    """Which of the waiting months are published."""

    always: bool = False
    month_end: bool = False
    steps: int | None = None
    """So many waiting time steps of a month are enough."""
    days: float | None = None
    """So long a time step waits at most."""

    def due(self, waiting: Sequence[Part], now: datetime) -> list[Part]:
        """The parts to publish: all or none of each month.

        Args:
            waiting: all staged parts of a store.
            now: UTC, aware.
        """
        months = {part.month for part in waiting}
        due = {m for m in months if self._is_due([p for p in waiting if p.month == m], now)}
        return [part for part in waiting if part.month in due]

    def _is_due(self, parts: Sequence[Part], now: datetime) -> bool:
        steps = {step for part in parts for step in part.steps}
        oldest = min(datetime.fromisoformat(part.staged) for part in parts)
        return (
            self.always
            or (self.month_end and any(step[:6] < f"{now:%Y%m}" for step in steps))
            or (self.steps is not None and len(steps) >= self.steps)
            or (self.days is not None and now - oldest >= timedelta(days=self.days))
        )


NOW, NEVER = Policy(always=True), Policy()


def parse(text: str) -> Policy:
    """The policy that a command was given.

    Raises:
        ConfigError: none of the forms above.
    """
    if text in ("now", "never"):
        return NOW if text == "now" else NEVER
    given: dict[str, float | bool] = {}
    for item in text.split(","):
        if item.strip() == "month-end":
            given["month_end"] = True
        elif found := re.fullmatch(r"\s*(\d+)(d?)\s*", item):
            given["days" if found[2] else "steps"] = int(found[1])
        else:
            raise ConfigError(
                f"--publish {text!r}: {item!r} is no policy; wanted now, never, or some of "
                "month-end, a number of time steps (500) and a number of days (7d), by commas"
            )
    return Policy(**given)  # type: ignore[arg-type]
