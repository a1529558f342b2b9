"""How settings of a job appear in its command: its help lists them, shells complete them.

They are read from the source of the job (`jobs.runs.setting_descriptions`), so that neither imports it.
"""

from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from jobs import registry
from jobs.runs import setting_descriptions
from jobs.runs.setting_descriptions import SettingDescription
from lake.commands.options import address_option, json_option, options, root_option

_PLACEHOLDERS = {
    "int": "INT",
    "float": "NUMBER",
    "bool": "true|false",
    "str": "TEXT",
    "TimeOfDay": "HH:MM",
}


class JobCommand(click.Command):
    """The command of a job; its help ends with the settings."""

    def __init__(self, *args: Any, job: str, **attributes: Any) -> None:  # noqa: ANN401 (click's)
        super().__init__(*args, **attributes)
        self.job = job
        """Name of the job."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the settings, those that belong together under one heading."""
        super().format_options(ctx, formatter)
        described = setting_descriptions.of_job(self.job)
        with formatter.section("Settings, each by '--set NAME=VALUE'"):
            for group, settings in groupby(described, key=attrgetter("group")):
                formatter.write_text(group)
                with formatter.indentation():
                    formatter.write_dl(
                        [(_usage(setting), explanation(setting)) for setting in settings]
                    )


def _usage(setting: SettingDescription) -> str:
    """`NAME=VALUE`, where VALUE is the kind of the value."""
    placeholder = _PLACEHOLDERS[setting.item]
    return (
        f"{setting.name}={placeholder},..." if setting.is_many else f"{setting.name}={placeholder}"
    )


def explanation(setting: SettingDescription) -> str:
    """What a setting is, its choices, and its default."""
    text = setting.text.replace("`", "")
    if setting.choices:
        text += f" {'Some' if setting.is_many else 'One'} of {', '.join(setting.choices)}."
    default = value_text(setting.default)
    return f"{text} [default: {default}]" if default else text


def value_text(value: object) -> str:
    """A value as `--set` takes it."""
    if isinstance(value, list | tuple):
        return ",".join(map(value_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def complete(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> "list[CompletionItem[str]]":
    """What `--set` may go on with: names of settings, and behind a name its values.

    Of several values, separated by commas, the last is completed.
    """
    name, equals, value = incomplete.partition("=")
    described = setting_descriptions.of_job(getattr(ctx.command, "job", ""))
    if not equals:
        return [
            CompletionItem(f"{setting.name}=", help=setting.text)
            for setting in described
            if setting.name.startswith(name)
        ]
    before, comma, last = value.rpartition(",")
    return [
        CompletionItem(f"{name}={before}{comma}{choice}")
        for setting in described
        if setting.name == name
        for choice in (("true", "false") if setting.item == "bool" else setting.choices)
        if choice.startswith(last) and (setting.is_many or not comma)
    ]


def job_command(name: str, function: Any) -> click.Command:  # noqa: ANN401 (a function, maybe decorated)
    """The command of a job around a function that makes the run."""
    entry = registry.entry(name)
    text = f"""{entry.help}

    A store is named by its key in the lake, or by its URL. docs/{entry.page} says which settings go
    well together.
    """
    made: click.Command = click.command(name=name, cls=JobCommand, job=name, help=text)(function)
    return made


set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="NAME=VALUE",
    shell_complete=complete,
    help="Choose a setting; repeatable. The settings are listed below.",
)
detach_option = click.option("--detach", is_flag=True, help="Submit the run and do not watch it.")
run_options = options(
    json_option,
    detach_option,
    click.option("--force", is_flag=True, help="Make the run anew, though it is done."),
    address_option,
    set_option,
    click.option(
        "--settings",
        "settings_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="TOML file that describes the run, as 'lake runs show RUN --toml' writes it; --set goes first.",
    ),
    root_option,
)
