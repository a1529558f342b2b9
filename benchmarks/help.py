"""CPU seconds of help and of a wrong option, beside a Python that only imports click.

python benchmarks/help.py
"""

import argparse
import resource
import statistics
import subprocess
import sys

import record

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
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    record.add_option(parser)
    arguments = parser.parse_args()
    base = seconds(*BASE)
    lines = [
        "| command | CPU | ratio |",
        "|---|---|---|",
        f"| `python {' '.join(BASE)}` | {base:.2f} s | 1 |",
    ]
    for command in COMMANDS:
        cpu = seconds("-m", "lake", *command)
        lines.append(f"| `lake {' '.join(command)}` | {cpu:.2f} s | {cpu / base:.1f} |")
    print("\n".join(lines))
    record.write(arguments.record, record.of_markdown(lines))


if __name__ == "__main__":
    main()
