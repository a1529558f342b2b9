"""A fuzz campaign: inputs of every kind, made wrong as a seed decides, must be read or refused.

    python -m tests.fuzz.campaign --inputs 100000
    python -m tests.fuzz.campaign --kind polygons --inputs 5000 --seed 7
    python -m tests.fuzz.campaign --kind polygons --seed 7 --only 4711  # one input again

What reads an input returns, or raises a `LakeError`. Everything else is a finding: another error, a
panic, a process that dies, more than 10 seconds, more than 6 GB, a file written outside of the temporary
folder. A child process reads, so that one that dies or hangs is seen too. Exit code 1 if anything is found.
"""

import argparse
import importlib
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from lake.console.messages import say, table

SHARES = {
    "places": 0.2,
    "legacy_pickles": 0.3,
    "listings": 0.15,
    "polygons": 0.2,
    "granules": 0.1,
    "documents": 0.04,
    "answers": 0.01,
}
"""Part of all inputs by kind, by what one costs; the names are those of the modules beside."""

LONGEST_S = 10
GRACE_S = 20
"""What hangs without coming back to Python is killed after this."""
MEMORY = 6 << 30
SHOWN = 3
"""Findings that are alike are shown this often."""


class HangError(BaseException):
    """An input that takes too long; no `except Exception` may hold it."""


@dataclass
class Tally:
    """What became of the inputs of one kind."""

    read: int = 0
    refused: int = 0
    findings: list[tuple[int, str]] = field(default_factory=list)
    """Number of the input, and what happened."""
    slowest: float = 0.0

    @property
    def inputs(self) -> int:
        return self.read + self.refused + len(self.findings)


def run(kind: str, seed: int, numbers: range) -> Tally:
    """Read the inputs of these numbers in child processes: another one where one dies."""
    tally, first, shown = Tally(), numbers.start, Counter()
    while first < numbers.stop:
        for number, outcome, seconds in _child(kind, seed, range(first, numbers.stop)):
            first = number + 1
            tally.slowest = max(tally.slowest, seconds)
            if outcome == "read":
                tally.read += 1
            elif outcome == "refused":
                tally.refused += 1
            else:
                tally.findings.append((number, outcome))
                alike = outcome.partition(": ")[0]
                shown[alike] += 1
                if shown[alike] <= SHOWN:
                    say(f"finding: --kind {kind} --seed {seed} --only {number}: {outcome}")
    return tally


def _child(kind: str, seed: int, numbers: range) -> Iterator[tuple[int, str, float]]:
    """Number, outcome and seconds of every input, until one ends the process."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_read_all, args=(kind, seed, numbers, sender), daemon=True)
    process.start()
    sender.close()
    number, limit = numbers.start, 10 * GRACE_S  # the first waits for imports too
    try:
        while number < numbers.stop:
            if not receiver.poll(limit):
                process.kill()
                yield number, f"hang above {limit} s, killed", float(limit)
                return
            outcome, seconds = receiver.recv()
            yield number, outcome, seconds
            number, limit = number + 1, GRACE_S
    except EOFError:
        process.join()
        yield number, f"the process died with exit code {process.exitcode}", 0.0
    finally:
        receiver.close()
        process.join()


def _read_all(kind: str, seed: int, numbers: range, sender: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, _hang)
    sys.stderr.flush()
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries say on stderr what they dislike
    with tempfile.TemporaryDirectory(prefix="lake-fuzz-") as top, _guarded(Path(top)) as written:
        folder = Path(top) / "place"
        folder.mkdir()
        tempfile.tempdir = str(folder)  # caches that a URL asks for
        module: Any = importlib.import_module(f"tests.fuzz.{kind}")
        with module.attempts(folder) as attempt:
            written.clear()
            for number in numbers:
                sender.send(_read_one(attempt, Random(f"{kind} {seed} {number}"), written))  # noqa: S311
                written.extend(_strays(Path(top)))


def _read_one(attempt: Any, random: Random, written: list[str]) -> tuple[str, float]:
    from lake.errors import LakeError

    began, outcome = time.monotonic(), "read"
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    try:
        attempt(random)
    except LakeError as error:
        outcome = "refused"
        if not str(error).strip():
            outcome = f"{type(error).__name__} without a message"
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 (a panic is no Exception)
        last = traceback.extract_tb(error.__traceback__)
        ours = [
            f for f in last if "/tests/" not in f.filename and "site-packages" not in f.filename
        ]
        place = f"{ours[-1].filename}:{ours[-1].lineno}" if ours else "?"
        text = "".join(traceback.format_exception(error))[-3000:]
        outcome = f"{type(error).__name__} at {place}: {str(error)[:200]}\n{text}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if written:
        outcome = f"wrote {written[0]}"
        written.clear()
    return outcome, time.monotonic() - began


def _hang(*_: object) -> None:
    raise HangError(f"more than {LONGEST_S} s")


@contextmanager
def _guarded(top: Path) -> Iterator[list[str]]:
    """The paths outside of a folder that Python writes to in this context, as they come.

    The process works in an empty folder of it, which is its home too.
    """
    elsewhere = top / "elsewhere"
    elsewhere.mkdir()
    before, home = Path.cwd(), os.environ.get("HOME", "/")
    written: list[str] = []
    is_watching = True

    def note(event: str, arguments: Sequence[Any]) -> None:
        if is_watching and event in _WRITING and (path := _WRITING[event](arguments)):
            text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
            is_ours = text.startswith((f"{top}/place", "/dev/", "/proc/")) or "__pycache__" in text
            if not is_ours:
                written.append(f"{event} {text}")

    os.chdir(elsewhere)
    os.environ["HOME"] = str(elsewhere)
    sys.addaudithook(note)
    try:
        yield written
    finally:
        is_watching = False
        os.chdir(before)
        os.environ["HOME"] = home


def _strays(top: Path) -> list[str]:
    """What lies beside the place, whoever wrote it: Python's audit does not see libraries write."""
    return [str(path) for path in (*top.iterdir(), *(top / "elsewhere").iterdir())
            if path.name not in {"place", "elsewhere"}]  # fmt: skip


def _opened(arguments: Sequence[Any]) -> Any:
    path, _, flags = arguments
    is_written = bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return path if is_written and isinstance(path, (str, bytes)) else None


_WRITING = {
    "open": _opened,
    "os.mkdir": lambda arguments: arguments[0],
    "os.rename": lambda arguments: arguments[1],
    "os.remove": lambda arguments: arguments[0],
    "os.link": lambda arguments: arguments[1],
    "os.symlink": lambda arguments: arguments[1],
    "os.truncate": lambda arguments: arguments[0],
    "os.chmod": lambda arguments: arguments[0],
}
"""Events of Python's audit that write, and which of their arguments is the path."""


def main() -> None:
    """Run the campaign and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=100_000, help="of all kinds together")
    parser.add_argument("--kind", choices=SHARES, help="this one alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first input of each kind"
    )
    parser.add_argument("--only", type=int, help="one input of --kind")
    options = parser.parse_args()
    shares = {options.kind: 1.0} if options.kind else SHARES
    tallies = {}
    for kind, share in shares.items():
        first, count = options.first, round(options.inputs * share)
        if options.only is not None:
            first, count = options.only, 1
        tallies[kind] = run(kind, options.seed, range(first, first + count))
        say(summary({kind: tallies[kind]}))
    print(summary(tallies))  # noqa: T201 (the command's answer)
    sys.exit(any(tally.findings for tally in tallies.values()))


def summary(tallies: dict[str, Tally]) -> str:
    """A line for each kind, and one for all."""
    rows = [
        [kind, *map(str, (t.inputs, t.refused, t.read, len(t.findings))), f"{t.slowest:.2f} s"]
        for kind, t in tallies.items()
    ]
    if len(tallies) > 1:
        every = tallies.values()
        sums = [sum(getattr(t, name) for t in every) for name in ("inputs", "refused", "read")]
        count, slowest = sum(len(t.findings) for t in every), max(t.slowest for t in every)
        rows.append(["all", *map(str, (*sums, count)), f"{slowest:.2f} s"])
    return table(["kind", "inputs", "refused", "read", "findings", "slowest"], rows)


if __name__ == "__main__":
    main()
