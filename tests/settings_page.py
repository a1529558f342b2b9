"""The settings of all jobs as a page, from the text that help and completion show.

python -m tests.settings_page    # writes docs/settings.md
"""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from jobs import registry
from jobs.commands.job_options import value_text
from jobs.runs import setting_descriptions
from jobs.runs.setting_descriptions import SettingDescription

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
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


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
