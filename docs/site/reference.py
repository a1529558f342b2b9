"""The reference, made from what the program says of itself: help of commands, docstrings of names.

A page of `docs/` has a mark where its part of the reference stands in the site:
`<!-- reference: commands -->`, or `<!-- reference: lake lake.plot -->` for the names of modules.
"""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import click

from jobs.commands.job_options import JobCommand
from lake.commands.main import lake

MARK = re.compile(r"^<!-- reference: (.+) -->$", re.MULTILINE)


def fill(text: str) -> str:
    """The Markdown of a page with its part of the reference."""
    return MARK.sub(lambda mark: "\n".join(_part(mark[1])), text)


def _part(name: str) -> Iterator[str]:
    if name == "commands":
        for command, context in commands():
            yield from _command(command, context)
    else:
        for module in name.split():
            yield from _module(module)


def commands(
    group: click.Group = lake, context: click.Context | None = None
) -> Iterator[tuple[click.Command, click.Context]]:
    """Every command that is no group, with its context, whose `command_path` is how it is called."""
    above = context or click.Context(group, info_name="lake")
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        inside = click.Context(command, info_name=name, parent=above)
        if isinstance(command, click.Group):
            yield from commands(command, inside)
        else:
            yield command, inside


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    pieces = " ".join(command.collect_usage_pieces(context))
    yield from (
        f"## {context.command_path}",
        "",
        "```text",
        f"{context.command_path} {pieces}",
        "```",
    )
    yield from ("", _prose(inspect.cleandoc(command.help or "")), "")
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    for usage, text in filter(None, records):
        yield from (f"`{usage}`", f": {_escaped(text)}", "")
    if isinstance(command, JobCommand):
        yield from (f"[settings.md](settings.md#{command.job}) lists what `--set` chooses.", "")


def _prose(text: str) -> str:
    """The help of a command, whose pages are links."""
    return re.sub(r"docs/(\S+\.md)", r"[\1](\1)", _escaped(text))


def _escaped(text: str) -> str:
    return re.sub(r"([*_<\[\]])", r"\\\1", text)


def public_names(module: ModuleType) -> list[str]:
    """The names of `__all__`; of a module without one, its own classes."""
    own = [
        name for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__
    ]  # fmt: skip
    return list(getattr(module, "__all__", own))


def _module(name: str) -> Iterator[str]:
    module = import_module(name)
    yield from (f"## {name}", "")
    for member in public_names(module):
        value = getattr(module, member)
        if not inspect.isclass(value) and not inspect.isroutine(value):
            kind, options = "autodata", [":no-value:"]
        elif inspect.isclass(value):
            kind, options = "autoclass", [":members:", ":undoc-members:"]
        else:
            kind, options = "autofunction", []
        yield from (f"### {member}", "", "```{eval-rst}", f".. {kind}:: {name}.{member}")
        yield from (*(f"   {option}" for option in options), "```", "")
