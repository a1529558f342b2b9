"""CPU seconds of the stages of runs, on workers that are threads of this process."""

import time
from typing import Any

from jobs.runs.stages import ActiveRun


def recorded() -> dict[str, float]:
    """Stage -> CPU seconds of this process, of every stage that ends from now on."""
    seconds: dict[str, float] = {}
    plain = ActiveRun.stage

    def stage(self: ActiveRun, name: str, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        begin = time.process_time()
        plain(self, name, *arguments, **options)
        seconds[name] = time.process_time() - begin

    ActiveRun.stage = stage  # type: ignore[method-assign]
    return seconds
