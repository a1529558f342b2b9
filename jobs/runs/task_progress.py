"""How far a long task of a stage has come, as the lake shows it: `progress.json` in the run's folder.

A stage counts tasks that are done (`jobs.runs.heartbeat`); a task that takes minutes, as a training does,
writes its own progress every few seconds. `lake runs watch` shows it.
"""

import json
from dataclasses import asdict, dataclass

from jobs.runs import records
from lake.errors import MissingError
from lake.storage.objects import Objects

FILE = "progress.json"


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """The progress of the one task of a stage."""

    stage: str
    done: int
    total: int
    unit: str
    """What is counted, in the plural: `steps`."""
    per_second: float
    seconds_left: float
    detail: str
    """What else people should see, in a line."""

    def __str__(self) -> str:
        rate = f"{self.per_second:.3g} {self.unit}/s, {self.seconds_left:.0f} s left"
        return ", ".join(filter(None, [self.stage, rate, self.detail]))


def write(objects: Objects, progress: TaskProgress) -> None:
    """Store the progress of a task, in the folder of its run."""
    objects.put(FILE, records.as_json(asdict(progress)))


def read(root: str, run: str, stage: str) -> TaskProgress | None:
    """The progress of the task of this stage; None: it has not written any.

    Fields of other versions are left out.
    """
    try:
        document = json.loads(records.folder(root, run).get(FILE))
    except MissingError:
        return None
    if document["stage"] != stage:
        return None
    names = TaskProgress.__dataclass_fields__
    return TaskProgress(**{name: value for name, value in document.items() if name in names})
