"""When staged time steps are published.

Publishing rewrites every month that gains time steps (about 5 GB for full CONUS); staging does not.
So an hourly schedule stages at every run and publishes by policy. Each month is decided by itself:

    now          publish everything that waits
    never        publish nothing: 'lake ingest publish' does it on demand
    month-end    publish a month as soon as the calendar month of a waiting time step is over
    500          publish a month for which so many time steps wait
    7d           publish a month of which a time step has waited so many days

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
    """A rule that says which of the waiting months are published."""

    always: bool = False
    month_end: bool = False
    steps: int | None = None
    """A month is published when so many of its time steps wait; None: never for that reason."""
    days: float | None = None
    """A month is published when a time step has waited so long; None: never for that reason."""

    def due(self, waiting: Sequence[Part], now: datetime) -> list[Part]:
        """The parts to publish; all parts of a month are due, or none.

        Args:
            waiting: all staged parts of a store.
            now: the current time, UTC, aware.
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
    """The policy that the text of a command's option means.

    Raises:
        ConfigError: the text has none of the forms above.
    """
    if text in ("now", "never"):
        return NOW if text == "now" else NEVER
    settings: dict[str, float | bool] = {}
    for item in text.split(","):
        if item.strip() == "month-end":
            settings["month_end"] = True
        elif number := re.fullmatch(r"\s*(\d+)(d?)\s*", item):
            settings["days" if number[2] else "steps"] = int(number[1])
        else:
            raise ConfigError(
                f"--publish {text!r}: {item!r} is no policy; wanted now, never, or some of "
                "month-end, a number of time steps (500) and a number of days (7d), by commas"
            )
    return Policy(**settings)  # type: ignore[arg-type]
