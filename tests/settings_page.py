"""The settings of all jobs as a page, and the functions of `jobs` as type checkers and editors read them.

Both are made from the text that help and completion show.

python -m tests.settings_page    # writes docs/settings.md and jobs/__init__.pyi
"""

import inspect
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from jobs import registry
from jobs.commands.job_options import value_text
from jobs.interactive import functions
from jobs.runs import setting_descriptions
from jobs.runs.setting_descriptions import SettingDescription

ROOT = Path(__file__).parents[1]
PAGE, STUB = ROOT / "docs" / "settings.md", ROOT / "jobs" / "__init__.pyi"
STUB_HEAD = '''\
"""Made by `python -m tests.settings_page`: the functions of `jobs`, for type checkers and editors."""

from collections.abc import Sequence
from pathlib import Path

from distributed import Client

from jobs.interactive.run import Run as Run
from jobs.interactive.run import open_run as open_run
from lake.reading.run import StoredRun
from lake.reading.store import Store

'''
MODULES = (
    "collections.abc.",
    "pathlib.",
    "distributed.client.",
    "lake.reading.run.",
    "lake.reading.store.",
)
"""What is left out of the names of types, which the stub imports."""
BEGIN = "<!-- settings: python -m tests.settings_page -->\n"
TYPES = {
    "int": "whole number",
    "float": "number",
    "bool": "`true` or `false`",
    "str": "text",
    "TimeOfDay": "time of day, `18:00` or seconds",
}


def page() -> str:
    """The whole page: what stands above the mark stays, the rest is made."""
    head, mark, _ = PAGE.read_text("utf-8").partition(BEGIN)
    return head + mark + "".join(_section(job, entry) for job, entry in registry.JOBS.items())


def _section(job: str, entry: registry.JobEntry) -> str:
    return "\n".join(
        ["", f"## {job}", "", f"{entry.help} See [{entry.page}]({entry.page}).", *_tables(job), ""]
    )


def _tables(job: str) -> Iterator[str]:
    for group, settings in groupby(setting_descriptions.of_job(job), key=attrgetter("group")):
        yield from ("", group, "", "| setting | values | default | |", "|---|---|---|---|")
        yield from map(_row, settings)


def _row(setting: SettingDescription) -> str:
    values = TYPES[setting.item]
    if setting.choices:
        values = ", ".join(f"`{choice}`" for choice in setting.choices)
    if setting.is_many:
        values = f"any of {values}" if setting.choices else f"{values}, any number of them"
    default = value_text(setting.default)
    cells = [f"`{setting.name}`", values, f"`{default}`" if default else "", setting.text]
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def stub() -> str:
    """The whole stub."""
    names = ["Run", "open_run", *registry.FUNCTIONS]
    listed = "".join(f"    {name!r},\n" for name in names).replace("'", '"')
    return STUB_HEAD + f"__all__ = [\n{listed}]\n" + "".join(map(_function, registry.FUNCTIONS))


def _function(name: str) -> str:
    job = registry.FUNCTIONS[name]
    lines, is_star = [], False
    for parameter in functions.signature(job).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not is_star:
            is_star = True
            lines.append("    *,")
        kind = inspect.formatannotation(parameter.annotation)
        for module in MODULES:
            kind = kind.replace(module, "")
        is_given = parameter.default is not inspect.Parameter.empty
        default = f" = {parameter.default!r}" if is_given else ""
        lines.append(f"    {parameter.name}: {kind}{default},")
    text = "\n".join(f"    {line}".rstrip() for line in functions.documentation(job).splitlines())
    arguments = "\n".join(lines)
    return f'\n\ndef {name}(\n{arguments}\n) -> Run:\n    """{text.strip()}\n    """\n'


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    STUB.write_text(stub(), "utf-8")
