"""CPU seconds of help and of a wrong option, beside a Python that only imports click.

python benchmarks/help.py
"""

import resource
import statistics
import subprocess
import sys

TIMES = 7
BASE = ("-c", "import click")
COMMANDS = (
    ("--help",),
    ("embed", "--help"),
    ("embed", "--nope"),
    ("runs", "ls", "--help"),
    ("plot", "map", "--help"),
    ("ingest", "run", "--help"),
    ("ls", "--nope"),
)


def seconds(*arguments: str) -> float:
    """Median CPU seconds of Python with these arguments."""

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    taken = []
    for _ in range(TIMES):
        before = used()
        subprocess.run([sys.executable, *arguments], capture_output=True, check=False)  # noqa: S603
        taken.append(used() - before)
    return statistics.median(taken)


def main() -> None:
    """Print a row for each command."""
    base = seconds(*BASE)
    print(f"| `python {' '.join(BASE)}` | {base:.2f} s | 1 |")
    for command in COMMANDS:
        cpu = seconds("-m", "lake", *command)
        print(f"| `lake {' '.join(command)}` | {cpu:.2f} s | {cpu / base:.1f} |")


if __name__ == "__main__":
    main()
