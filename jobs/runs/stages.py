"""What a job gets to work with: its stores, its folder, and stages of parts that are done once.

A part is one call on a worker. When it is done it leaves a marker, `parts/<stage>/<number>.json`;
a run that goes on after a stop, a lost worker or a lost scheduler makes only the parts without one.
What a part returns stays in the lake, `partials/<stage>/<number>.npy`, until the run is done: nothing
of it goes through the scheduler. A part may be done twice, so it writes the same bytes each time.
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
from jobs.runs.heartbeat import LOOK_S, Pulse, check
from jobs.runs.records import Spec
from jobs.runs.settings import restore
from lake.console.messages import say
from lake.reading.store import Store
from lake.storage.objects import Objects

Arrays = Mapping[str, NDArray[Any]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """A run that is being made."""

    client: Client
    root: str
    spec: Spec
    stores: tuple[Store, ...]
    """The very generations that the spec names."""
    pulse: Pulse

    @property
    def run(self) -> str:
        """Its id."""
        return self.spec.id

    @property
    def store(self) -> Store:
        """The first store."""
        return self.stores[0]

    @property
    def objects(self) -> Objects:
        """The run's folder."""
        return records.folder(self.root, self.run)

    def settings(self, kind: type[T]) -> T:
        """The settings that the spec holds."""
        return restore(kind, self.spec.settings)

    def say(self, message: str) -> None:
        """For people, and for the log."""
        say(f"{self.run}: {message}")
        self.pulse.log(message)

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
            calls: plain values; their order is the numbers of the parts.
            sizes: bytes in memory that each call goes through, for who watches; empty: not told.
            gpu: whether parts go to workers that offer the resource `GPU`, if there are any.

        Raises:
            StoppedError: the run was asked to stop; parts under way end by themselves.
        """
        calls = list(calls)
        before = done(self.objects, name)
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        self.pulse.stage(name, sizes or [0] * len(calls), before, len(workers))
        offered = gpu and any(worker["resources"].get("GPU") for worker in workers)
        how = {"pure": False, "resources": {"GPU": 1} if offered else None}
        left = {
            self.client.submit(
                _do, function, self.root, self.run, name, number, tuple(call), **how
            ): number
            for number, call in enumerate(calls)
            if number not in before
        }
        try:
            while left:
                self.pulse.check()
                try:
                    finished = wait(list(left), timeout=LOOK_S, return_when="FIRST_COMPLETED").done
                except TimeoutError:
                    continue
                for future in finished:
                    future.result()
                    del left[future]
                self.pulse.advance(set(range(len(calls))) - set(left.values()))
        finally:
            self.client.cancel(list(left))

    def partial(self, stage: str, number: int) -> dict[str, NDArray[Any]]:
        """What a part returned."""
        return partial(self.root, self.run, stage, number)


def noted(of: object, prefix: str = "") -> dict[str, NDArray[Any]]:
    """The fields of a dataclass with slots, all of them arrays, for a part to return."""
    names: tuple[str, ...] = type(of).__slots__  # type: ignore[attr-defined]
    return {prefix + name: getattr(of, name) for name in names}


def restored(kind: type[T], arrays: Arrays, prefix: str = "") -> T:
    """The dataclass whose fields `noted` gave, among others."""
    names: tuple[str, ...] = kind.__slots__  # type: ignore[attr-defined]
    return kind(*(arrays[prefix + name] for name in names))


def done(objects: Objects, stage: str) -> set[int]:
    """Numbers of the parts that are done."""
    paths = objects.list(f"parts/{stage}")
    return {int(path.rsplit("/", 1)[1].removesuffix(".json")) for path in paths}


def partial(root: str, run: str, stage: str, number: int) -> dict[str, NDArray[Any]]:
    """What a part of a run returned; gone once the run is done.

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
    """On a worker: one part."""
    check(root, run)
    began = time.monotonic()
    found = function(root, run, *call)
    objects = records.folder(root, run)
    if found is not None:
        buffer = io.BytesIO()  # one after the other: NumPy's archives sum and check every byte
        for values in (np.array(list(found)), *found.values()):
            np.save(buffer, values, allow_pickle=False)
        objects.put(f"partials/{stage}/{number}.npy", buffer.getvalue())
    marker = {"seconds": round(time.monotonic() - began, 3), "at": records.now()}
    objects.put(f"parts/{stage}/{number}.json", records.as_json(marker))
