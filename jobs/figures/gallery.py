"""The gallery of a run: its pictures as PNG files, and `pictures.json`, the list with titles and captions."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from jobs.figures.captioned_maps import CaptionedFigure
from jobs.runs.stages import ActiveRun
from lake.plot import canvas

PICTURE_LIST = "pictures.json"


@dataclass(frozen=True, slots=True)
class Picture:
    """One of a run's pictures."""

    name: str
    file: str
    """Name of the PNG file, beside `pictures.json`."""
    title: str
    caption: str
    """What the picture shows, in sentences."""


def store_picture(work: ActiveRun, name: str, figure: CaptionedFigure) -> Picture:
    """Write a captioned figure as a picture of a run."""
    metadata = {
        "Title": f"{figure.title}: {work.store.key}",
        "Source": f"{work.run} of {work.store.url}",
    }
    work.objects.put(
        f"{name}.png", canvas.png(figure.figure, Description=figure.caption, **metadata)
    )
    return Picture(name, f"{name}.png", figure.title, figure.caption)


def store_list(work: ActiveRun, pictures: Sequence[Picture]) -> list[str]:
    """Write the list of a run's pictures; returns the paths of the pictures and of the list."""
    work.objects.put(
        PICTURE_LIST, json.dumps([asdict(picture) for picture in pictures], indent=1).encode()
    )
    return [*(picture.file for picture in pictures), PICTURE_LIST]
