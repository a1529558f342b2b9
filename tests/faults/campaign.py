"""A fault campaign: an ingest is disturbed in every way, at moments that a seed decides, and must end right.

    python -m tests.faults.campaign                        # all kinds
    python -m tests.faults.campaign --kinds driver,worker --seeds 100-124 --json

A small synthetic source is ingested once, undisturbed: the reference. Then, for each kind of fault and
each seed, it is ingested into a new lake by real processes (a Dask scheduler, two workers, the
command `lake ingest run`), on Ceph RGW for even seeds and in a folder for odd ones, and disturbed.
Where the disturbed command failed, it is simply run again. In the end counts and extremes must equal
the reference exactly, moments to float32 rounding, the ledger must name the same time steps, and one
more run must find nothing to do. Exit code 1 if any was otherwise.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from lake.console.messages import say, table
from tests import rgw, s3
from tests.faults.bench import Bench
from tests.faults.disturbances import KINDS, ON_SERVER

SEEDS = {"worker": 20, "driver": 20, "scheduler": 12, "server": 5}
"""How many seeds of a kind by default: 52 that kill a process of ours."""
FEW = 3
"""Of every other kind."""

MOST_RUNS = 3
"""Plain commands after the disturbed one."""

EXACT = "exact"


@dataclass(frozen=True, slots=True)
class Result:
    """One disturbed ingest."""

    kind: str
    seed: int
    place: str
    """`server` or `folder`: of the lake."""
    fault: str
    """What was done, and when."""
    codes: tuple[int, ...]
    """Exit codes of the disturbed commands; negative: killed by that signal."""
    injected: int
    """Requests that were broken."""
    reruns: int
    """Plain commands that were needed afterwards; 0: the fault was survived."""
    seconds: float
    outcome: str
    """`exact`, or what was wrong."""


def run(bench: Bench, kind: str, seed: int) -> Result:
    """Disturb one ingest and look at what came of it."""
    random = Random(f"{kind} {seed}")  # noqa: S311 (a seed decides, no secret)
    on_server = bench.server is not None and (kind in ON_SERVER or seed % 2 == 0)
    root = bench.new_lake(on_server=on_server)
    began = time.monotonic()
    done = KINDS[kind](bench, root, random)
    bench.calm()
    reruns, succeeded = 0, done.succeeded
    while not succeeded and reruns < MOST_RUNS:
        reruns += 1
        succeeded = bench.finish(bench.ingest(root)) == 0
    outcome = bench.judge(root) if succeeded else f"runs fail:\n{bench.last_words()}"
    seconds = round(time.monotonic() - began, 1)
    place = "server" if on_server else "folder"
    return Result(
        kind, seed, place, done.fault, done.codes, done.injected, reruns, seconds, outcome
    )


def impossible(bench: Bench, kind: str) -> str:
    """Why a kind of fault cannot be made here; empty if it can."""
    if kind in ON_SERVER and bench.server is None:
        return "no Ceph RGW"
    if kind == "scratch" and bench.scratch is None:
        return "no small file system could be mounted"
    return ""


def summary(results: Sequence[Result]) -> str:
    """A line for each kind."""
    rows = []
    for kind in dict.fromkeys(result.kind for result in results):
        of_kind = [result for result in results if result.kind == kind]
        exact = sum(result.outcome == EXACT for result in of_kind)
        rows.append([
            kind,
            str(len(of_kind)),
            str(sum(result.reruns == 0 for result in of_kind)),
            str(sum(result.reruns for result in of_kind)),
            str(sum(result.injected for result in of_kind)),
            f"{exact} of {len(of_kind)} exact",
            f"{sum(result.seconds for result in of_kind) / len(of_kind):.1f}",
        ])  # fmt: skip
    columns = [
        "fault",
        "ingests",
        "survived",
        "reruns",
        "broken requests",
        "outcome",
        "seconds each",
    ]
    return table(columns, rows)


def main() -> None:
    """Run the campaign and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kinds", default=",".join(KINDS), help="separated by commas")
    parser.add_argument("--seeds", help="of every kind: 12 (0 to 11) or 100-124")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    kinds = options.kinds.split(",")
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"no such faults: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    results = []
    with tempfile.TemporaryDirectory(prefix="lake-campaign-") as folder, ExitStack() as stack:
        server = _server(stack, Path(folder))
        bench = stack.enter_context(Bench(Path(folder) / "bench", server))
        for kind, seed in _work(bench, kinds, options.seeds):
            results.append(run(bench, kind, seed))
            say(_line(results[-1]))
    if options.json:
        print(json.dumps([asdict(result) for result in results], indent=1))  # noqa: T201 (asked for)
    else:
        print(summary(results))  # noqa: T201 (the command's answer)
    sys.exit(any(result.outcome != EXACT for result in results))


def _server(stack: ExitStack, folder: Path) -> rgw.Server | None:
    if not rgw.is_possible():
        return None
    rgw.install()
    server = stack.enter_context(rgw.server(folder / "rgw"))
    s3.make_bucket(server.environment)
    return server


def _work(bench: Bench, kinds: Sequence[str], seeds: str | None) -> Iterator[tuple[str, int]]:
    for kind in kinds:
        if why := impossible(bench, kind):
            say(f"{kind}: left out: {why}")
            continue
        first, _, last = (seeds or "").rpartition("-")
        after = int(last) + 1 if first else int(last or SEEDS.get(kind, FEW))
        yield from ((kind, seed) for seed in range(int(first or 0), after))


def _line(result: Result) -> str:
    codes = ", ".join(map(str, result.codes))
    return (
        f"{result.kind} {result.seed} ({result.place}): {result.fault}; exit {codes}; "
        f"{result.reruns} reruns; {result.outcome}; {result.seconds} s"
    )


if __name__ == "__main__":
    main()
