"""The pictures of a run: PNG files with their titles and captions, and `pictures.json`, which lists them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from jobs.figures.captioned import Plate
from jobs.runs.stages import Work
from lake.plot import canvas

LISTED = "pictures.json"


@dataclass(frozen=True, slots=True)
class Picture:
    """One of a run's pictures."""

    name: str
    file: str
    """Beside `pictures.json`."""
    title: str
    caption: str
    """What is seen."""


def stored(work: Work, name: str, plate: Plate) -> Picture:
    """Store a picture of a run."""
    about = {
        "Title": f"{plate.title}: {work.store.key}",
        "Source": f"{work.run} of {work.store.url}",
    }
    work.objects.put(f"{name}.png", canvas.png(plate.figure, Description=plate.caption, **about))
    return Picture(name, f"{name}.png", plate.title, plate.caption)


def listed(work: Work, drawn: Sequence[Picture]) -> list[str]:
    """Store the list of a run's pictures; returns the paths of all of them and its own."""
    work.objects.put(LISTED, json.dumps([asdict(of) for of in drawn], indent=1).encode())
    return [*(of.file for of in drawn), LISTED]
