"""Records of measurements: the date, the machine, the command, and tables of what was measured.

    python benchmarks/NAME.py --record docs/measurements/records/FILE.json
    python benchmarks/record.py FILE --command "python benchmarks/NAME.py" < table.md

Every benchmark writes a record by `--record`. The second command makes one from what a benchmark printed
or kept: a table in Markdown, or figures in JSON. It takes the date and the machine of now, unless `--date`
and `--machine` say others.
`python -m tests.measurements` then writes the tables into the pages of docs/measurements.
"""

import argparse
import json
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = {
    "numpy": "numpy",
    "scipy": "scipy",
    "numba": "numba",
    "sklearn": "scikit-learn",
    "torch": "torch",
    "umap": "umap-learn",
    "tensorly": "tensorly",
    "zarr": "zarr",
    "dask": "dask",
    "playwright": "playwright",
}
"""Module -> package whose version a record states, where the benchmark imported it."""
Table = dict[str, Any]


def add_option(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark write a record."""
    text = "write date, machine, command and tables, as docs/measurements/records has them"
    parser.add_argument("--record", type=_file, metavar="FILE", help=text)


def _file(text: str) -> Path:
    """A path that can be written: known before hours of measuring."""
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path.parent} is no folder")
    return path


def write(path: Path | None, tables: Iterable[Table]) -> None:
    """Write the record of this command, where a file was asked for."""
    if path:
        today = datetime.now(UTC).date().isoformat()
        path.write_text(document(today, machine(), [command()], tables), "utf-8")


def document(
    date: str | None,
    machine: Mapping[str, Any] | None,
    commands: list[str],
    tables: Iterable[Table],
) -> str:
    """A record as JSON, with a line for each row; None is what nobody wrote down."""
    head = {"date": date, "machine": machine, "commands": commands}
    lines = [f"  {json.dumps(name)}: {_json(value)},\n" for name, value in head.items()]
    body = ",\n".join(map(_table, tables))
    return "{\n" + "".join(lines) + f'  "tables": [\n{body}\n  ]\n}}\n'


def _table(table: Table) -> str:
    rows = ",\n".join(f"        {_json(row)}" for row in table["rows"])
    title, columns = _json(table["title"]), _json(table["columns"])
    return (
        f'    {{\n      "title": {title},\n      "columns": {columns},\n'
        f'      "rows": [\n{rows}\n      ]\n    }}'
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=float)


def command() -> str:
    """The command that runs, without where its results go."""
    words, kept = iter(sys.argv[1:]), []
    for word in words:
        if word == "--record":
            next(words, None)
        elif word != "--json" and not word.startswith("--record="):
            kept.append(word)
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *kept])


def machine() -> dict[str, Any]:
    """The machine and the software, and how busy it was: the load of the last five minutes."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    imported = {package for module, package in PACKAGES.items() if module in sys.modules}
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9),
        "load": round(os.getloadavg()[1], 1),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "packages": {package: metadata.version(package) for package in sorted(imported)},
    }


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def of_figures(figures: Mapping[str, Any], title: str = "") -> list[Table]:
    """Tables of nested figures: the innermost names are the columns, those around them a row.

    A mean with its spread, a list and a number are cells. Rows of the same columns are one table.
    """
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for path, value in _cells(figures):
        rows.setdefault(path[:-1], {})[path[-1]] = value
    tables: dict[tuple[str, ...], list[list[Any]]] = {}
    for path, row in rows.items():
        if path:
            tables.setdefault(("", *row), []).append([", ".join(path), *row.values()])
        else:
            tables.setdefault(("", "value"), []).extend([name, row[name]] for name in row)
    return [
        {"title": title, "columns": list(columns), "rows": cells}
        for columns, cells in tables.items()
    ]


def _cells(figures: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in figures.items():
        if isinstance(value, Mapping) and not {"mean", "spread"} <= value.keys():
            yield from (((str(name), *path), cell) for path, cell in _cells(value))
        elif isinstance(value, Mapping):
            yield (str(name),), {"mean": value["mean"], "spread": value["spread"]}
        else:
            yield (str(name),), value


def of_markdown(lines: Iterable[str]) -> list[Table]:
    """The tables of a text, their cells as they are; a heading or `TITLE:` above is the title."""
    tables: list[Table] = []
    title, in_table = "", False
    for line in map(str.strip, lines):
        if not line.startswith("|"):
            is_title = line.startswith("#") or line.endswith(":")
            if line:
                title = line.strip("#: ") if is_title else ""
            in_table = False
        elif not in_table:
            tables.append({"title": title, "columns": _split(line), "rows": []})
            title, in_table = "", True
        elif set(line) - set("|-: "):
            tables[-1]["rows"].append(_split(line))
    return tables


def _split(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def main() -> None:
    """Write a record of a table or figures on standard input."""
    parser = argparse.ArgumentParser(description="Make a record of Markdown or JSON.")
    parser.add_argument("file", type=_file, help="docs/measurements/records/NAME.json")
    parser.add_argument("--command", action="append", required=True, help="what measured")
    parser.add_argument("--date", default=datetime.now(UTC).date().isoformat())
    parser.add_argument("--machine", help="in words, if it was another than this")
    arguments = parser.parse_args()
    where = {"described": arguments.machine} if arguments.machine else machine()
    text = sys.stdin.read()
    is_figures = text.lstrip().startswith("{")
    tables = of_figures(json.loads(text)) if is_figures else of_markdown(text.splitlines())
    if not tables:
        parser.error("no table on standard input: wanted `< table.md` or `< table.json`")
    arguments.file.write_text(document(arguments.date, where, arguments.command, tables), "utf-8")


if __name__ == "__main__":
    main()
