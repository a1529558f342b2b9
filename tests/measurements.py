"""The tables of docs/measurements, made from the records that benchmarks wrote.

python -m tests.measurements    # writes them into the pages

A page shows `records/NAME.json` between `<!-- record: NAME -->` and `<!-- /record -->`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "docs" / "measurements"
PAGES = sorted(FOLDER.glob("*.md"))
RECORDS = sorted((FOLDER / "records").glob("*.json"))
MARKED = re.compile(r"^(<!-- record: (\S+) -->\n).*?^(<!-- /record -->)$", re.DOTALL | re.MULTILINE)
THOUSAND = 1000
FEW = 10


def page(text: str) -> str:
    """A page with the tables of the records that it names."""
    return MARKED.sub(lambda mark: f"{mark[1]}{_shown(mark[2])}{mark[3]}", text)


def _shown(name: str) -> str:
    record = json.loads((FOLDER / "records" / f"{name}.json").read_text("utf-8"))
    tables = "\n".join("\n".join(_table(table)) + "\n" for table in record["tables"])
    return f"{tables}\n{_caption(name, record)}\n"


def _table(table: Mapping[str, Any]) -> Iterator[str]:
    if table["title"]:
        yield from (f"{table['title']}:", "")
    yield f"| {' | '.join(table['columns'])} |"
    yield "|" + "---|" * len(table["columns"])
    for row in table["rows"]:
        yield f"| {' | '.join(map(cell, row))} |"


def _caption(name: str, record: Mapping[str, Any]) -> str:
    known = {
        "date": record["date"],
        "machine": record["machine"] and described(record["machine"]),
        "command": " and ".join(f"`{command}`" for command in record["commands"]),
    }
    told = "; ".join(filter(None, known.values()))
    missing = ", ".join(part for part, value in known.items() if not value)
    sentences = [
        told[:1].upper() + told[1:],
        missing and f"Not recorded: {missing}",
        f"[Record](records/{name}.json)",
    ]
    return f"*{'. '.join(filter(None, sentences))}.*"


def described(machine: Mapping[str, Any]) -> str:
    """A machine in words."""
    if "described" in machine:
        return str(machine["described"])
    versions = {"Python": machine["python"], **machine["packages"]}
    software = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"load {machine['load']}, {machine['system']}, {software}"
    )


def cell(value: Any) -> str:
    """A cell: text as it is, numbers to three digits, a mean with its spread, if known, in brackets."""
    match value:
        case None:
            return ""
        case {"mean": mean, "spread": spread}:
            digits = 3 if abs(mean) < FEW else 1
            text = _bare(f"{mean:z.{digits}f}")
            text += "" if spread is None else f" ({_bare(f'{spread:.{digits}f}')})"
            return f"**{text}**" if value.get("best") else text
        case list():
            return ", ".join(map(cell, value))
        case str() | bool():
            return str(value)
        case int() | float() if abs(value) >= THOUSAND:
            return f"{value:,.0f}".replace(",", " ")
        case _:
            return f"{value:.3g}"


def _bare(number: str) -> str:
    return re.sub(r"^(-?)0\.", r"\1.", number)


def main() -> None:
    """Write the tables into the pages."""
    for path in PAGES:
        path.write_text(page(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
