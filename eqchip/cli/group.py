"""Commands that are imported when they are asked for, and known by name before."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click


class Commands(click.Group):
    """A group whose commands live each in a module of one package, as ``command`` there.

    Parameters
    ----------
    package : str
        The package's dotted name.
    known : mapping
        What each command does, by its name: numba and matplotlib take their time to import, so
        the help of all commands is made from this alone.
    default : str, optional
        The command that is meant where none is named.
    **rest
        For :class:`click.Group`.
    """

    def __init__(
        self, *, package: str, known: Mapping[str, str], default: str | None = None, **rest: Any
    ) -> None:
        super().__init__(**rest)
        self.package, self.known, self.default = package, known, default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command before options that follow no command."""
        named = args and (not args[0].startswith("-") or args[0] in ctx.help_option_names)
        meant = named or self.default is None or ctx.resilient_parsing  # of a line being typed
        return super().parse_args(ctx, args if meant else [str(self.default), *args])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named, and its arguments; what is like it, where there is none."""
        if args and args[0] not in self.known and not args[0].startswith("-"):
            like = get_close_matches(args[0], self.known, n=1)
            hint = (
                f"did you mean {like[0]}?" if like else f"expected one of {', '.join(self.known)}"
            )
            raise click.UsageError(f"No such command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(self.known)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of a name, imported now."""
        if name not in self.known:
            return None
        command: click.Command = import_module(f"{self.package}.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, as help shows it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.known.items()))
