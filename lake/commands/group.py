"""Commands that load when they are used, so that the help of all of them is quick.

Packages above `lake` offer theirs by an entry point of the group `goeslake.commands`, a mapping of
names to `Command`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

import click

ENTRY_POINTS = "goeslake.commands"
OWN = ("lake", "ingest", "jobs")
"""The packages whose modules are always there."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that is not yet imported."""

    load: Callable[[], click.Command]
    """Imports the command."""
    extra: str
    """The extra of goeslake with the libraries that the command imports; empty: none."""
    help: str
    """One line for the list of commands."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def __init__(self, *args: object, offered: Mapping[str, Command], **settings: object) -> None:
        super().__init__(*args, **settings)  # type: ignore[arg-type]
        self._offered = dict(offered)
        for entry in entry_points(group=ENTRY_POINTS):
            self._offered |= entry.load()

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, sorted."""
        return sorted({*super().list_commands(ctx), *self._offered})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now.

        Raises:
            ClickException: a library that it needs is not installed.
        """
        if cmd_name not in self._offered:
            return super().get_command(ctx, cmd_name)
        try:
            return self._offered[cmd_name].load()
        except ModuleNotFoundError as error:
            self._refuse(cmd_name, error)
            raise

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 (click's)
        """Run a command, whose libraries load now.

        Raises:
            ClickException: a library that it needs is not installed.
        """
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            self._refuse(ctx.invoked_subcommand or "", error)
            raise

    def _refuse(self, name: str, error: ModuleNotFoundError) -> None:
        """Say what to install, unless it is a module of ours, whose lack no installation mends.

        Raises:
            ClickException: a library is not installed.
        """
        if name in self._offered and (error.name or "").partition(".")[0] not in OWN:
            raise click.ClickException(
                f"'lake {name}' needs {error.name}: pip install 'goeslake[{self._offered[name].extra}]'"
            ) from error

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 (click passes it)
        formatter: click.HelpFormatter,
    ) -> None:
        """Write one line for each command, without importing any."""
        own = {name: command.get_short_help_str(70) for name, command in self.commands.items()}
        rows = own | {name: command.help for name, command in self._offered.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows.items()))
