"""What a job gets to work with: its stores, its folder, and stages of tasks that are done once.

A task is one call on a worker. When it is done it leaves a marker, `parts/<stage>/<number>.json`; a run
that goes on after a stop, a lost worker or a lost scheduler does only the tasks without one. What a
task returns stays in the lake, `partials/<stage>/<number>.npy`, until the run is done: nothing of it
goes through the scheduler. A task may be done twice, so it writes the same bytes each time. (The two
folders keep the names that tasks had in lakes of earlier versions.)
"""

import io
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from distributed import Client, wait
from numpy.typing import NDArray

from jobs.runs import records
from jobs.runs.heartbeat import LOOK_S, Heartbeat, check
from jobs.runs.settings import restore
from jobs.runs.spec import Spec
from lake.console.messages import say
from lake.reading.store import Store
from lake.storage.objects import Objects

Arrays = Mapping[str, NDArray[Any]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class ActiveRun:
    """A run that is being made."""

    client: Client
    root: str
    spec: Spec
    stores: tuple[Store, ...]
    """The very generations that the spec names."""
    heartbeat: Heartbeat

    @property
    def run(self) -> str:
        """The id of the run."""
        return self.spec.id

    @property
    def store(self) -> Store:
        """The first store."""
        return self.stores[0]

    @property
    def objects(self) -> Objects:
        """The folder of the run."""
        return records.folder(self.root, self.run)

    def settings(self, kind: type[T]) -> T:
        """The settings that the spec holds."""
        return restore(kind, self.spec.settings)

    def say(self, message: str) -> None:
        """Print a message for people, and add it to the run's log."""
        say(f"{self.run}: {message}")
        self.heartbeat.log(message, said=True)

    def stage(
        self,
        name: str,
        function: Callable[..., Arrays | None],
        calls: Iterable[Sequence[Any]],
        sizes: Sequence[int] = (),
        *,
        gpu: bool = False,
    ) -> None:
        """Do `function(root, run, *call)` on workers for each of `calls` that is not done yet.

        Args:
            name: of the stage; one word.
            function: of a module that workers have installed.
            calls: plain values; their order gives the numbers of the tasks.
            sizes: bytes in memory that each call goes through, for progress; empty: not counted.
            gpu: whether tasks go to workers that offer the resource `GPU`, if there are any.

        Raises:
            StoppedError: the run was asked to stop; tasks under way end by themselves.
        """
        calls = list(calls)
        finished = finished_tasks(self.objects, name)
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        self.heartbeat.stage(name, sizes or [0] * len(calls), finished, len(workers))
        on_gpu = gpu and any(worker["resources"].get("GPU") for worker in workers)
        options = {"pure": False, "resources": {"GPU": 1} if on_gpu else None}
        pending = {
            self.client.submit(
                _do, function, self.root, self.run, name, number, tuple(call), **options
            ): number
            for number, call in enumerate(calls)
            if number not in finished
        }
        try:
            while pending:
                self.heartbeat.check()
                try:
                    futures = wait(
                        list(pending), timeout=LOOK_S, return_when="FIRST_COMPLETED"
                    ).done
                except TimeoutError:
                    continue
                for future in futures:
                    future.result()
                    del pending[future]
                self.heartbeat.advance(set(range(len(calls))) - set(pending.values()))
        finally:
            self.client.cancel(list(pending))

    def result(self, stage: str, number: int) -> dict[str, NDArray[Any]]:
        """What a task returned."""
        return task_result(self.root, self.run, stage, number)


def pack(value: object, prefix: str = "") -> dict[str, NDArray[Any]]:
    """The fields of a dataclass with slots, all of them arrays, for a task to return."""
    names: tuple[str, ...] = type(value).__slots__  # type: ignore[attr-defined]
    return {prefix + name: getattr(value, name) for name in names}


def unpack(kind: type[T], arrays: Arrays, prefix: str = "") -> T:
    """The dataclass whose fields `pack` gave, from among other arrays."""
    names: tuple[str, ...] = kind.__slots__  # type: ignore[attr-defined]
    return kind(*(arrays[prefix + name] for name in names))


def finished_tasks(objects: Objects, stage: str) -> set[int]:
    """Numbers of the tasks of a stage that are done, by the folder of their run."""
    paths = objects.list(f"parts/{stage}")
    return {int(path.rsplit("/", 1)[1].removesuffix(".json")) for path in paths}


def task_result(root: str, run: str, stage: str, number: int) -> dict[str, NDArray[Any]]:
    """What a task of a run returned; gone once the run is done.

    Raises:
        MissingError: it returned nothing, or is not done.
    """
    data = io.BytesIO(records.folder(root, run).get(f"partials/{stage}/{number}.npy"))
    names = np.load(data, allow_pickle=False).tolist()
    return {name: np.load(data, allow_pickle=False) for name in names}


def _do(
    function: Callable[..., Arrays | None],
    root: str,
    run: str,
    stage: str,
    number: int,
    call: Sequence[Any],
) -> None:
    """On a worker: do one task."""
    check(root, run)
    began = time.monotonic()
    result = function(root, run, *call)
    objects = records.folder(root, run)
    if result is not None:
        buffer = io.BytesIO()  # one after the other: NumPy's archives sum and check every byte
        for values in (np.array(list(result)), *result.values()):
            np.save(buffer, values, allow_pickle=False)
        objects.put(f"partials/{stage}/{number}.npy", buffer.getvalue())
    marker = {"seconds": round(time.monotonic() - began, 3), "at": records.now()}
    objects.put(f"parts/{stage}/{number}.json", records.as_json(marker))
