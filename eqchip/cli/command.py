"""A command whose options are said once, stand in sections of its help, and are named as typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click
from click.core import ParameterSource

from eqchip.emulator.errors import InputError

REST = "Options"  # the section of options that have none of their own
TYPED = "eqchip.typed"  # where a context keeps the words of its command line


class Command(click.Command):
    """A command that refuses an option given twice where one value is meant.

    What a function refuses by the name of a setting is refused by the option that was typed.

    Parameters
    ----------
    usual : callable, optional
        For the help: what options are where none is given and click knows no default, by name.
    **rest
        For :class:`click.Command`.
    """

    def __init__(
        self, *arguments: Any, usual: Callable[[], Mapping[str, str]] | None = None, **rest: Any
    ) -> None:
        super().__init__(*arguments, **rest)
        self.usual = usual

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and refuse what would be taken in silence: the last of two values."""
        if not ctx.resilient_parsing:  # of a line that is still being typed
            ctx.meta[TYPED] = {word.partition("=")[0] for word in args}
            _, _, given = self.make_parser(ctx).parse_args(list(args))
            _refuse_doubled(given, ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run; an error names the option as it was typed."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            raise InputError(_as_typed(str(error), ctx)) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options, by section, with what they are where they are not given."""
        usual = {} if self.usual is None else self.usual()
        sections: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is None:
                continue
            names, text = record
            if option.name in usual:
                text = f"{text}  [{usual[option.name]}]".lstrip()
            sections.setdefault(getattr(option, "section", REST), []).append((names, text))
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def heading(title: str) -> Callable[[Any], Any]:
    """Let options stand under a title: those of the decorators below, down to the next heading."""

    def mark(command: Any) -> Any:
        for option in getattr(command, "__click_params__", ()):
            if not hasattr(option, "section"):
                option.section = title
        return command

    return mark


def section(title: str, options: Iterable[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """Add these options, and let them alone stand under a title."""

    def add(command: Any) -> Any:
        before = len(getattr(command, "__click_params__", ()))
        for option in reversed(list(options)):
            command = option(command)
        for option in command.__click_params__[before:]:
            option.section = title
        return command

    return add


def _refuse_doubled(given: Iterable[click.Parameter], ctx: click.Context) -> None:
    seen: set[click.Parameter] = set()
    for one in given:
        if one in seen:
            names = " or ".join(name for name in one.opts if name.startswith("--"))
            raise click.UsageError(f"{names} is given twice; expected it once", ctx)
        if isinstance(one, click.Option) and _has_one_value(one):
            seen.add(one)


def _has_one_value(option: click.Option) -> bool:
    """Whether a second one would contradict the first: a flag says the same again."""
    says_the_same = option.is_flag and not option.secondary_opts
    return not (option.multiple or option.count or says_the_same)


def _as_typed(text: str, ctx: click.Context) -> str:
    """An error with settings called as they were typed: ``descent.epochs is 0`` by ``--epochs``."""
    for option in ctx.command.params:
        name = option.name or ""
        given = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not given or not isinstance(option, click.Option):
            continue
        flag = _typed(option, ctx)
        # A setting that an error begins with, behind what it belongs to: "settings: Learning: beta
        # is", "descent.epochs is", "layers 784-5:"; and any word that only a setting can be.
        names = f"{name}|{option.opts[-1].lstrip('-')}"
        begins = rf"^(?:[A-Za-z_]+(?:: |\.))*(?:{names})(?= (?:is|are|holds|directory|[0-9]))"
        text, found = re.subn(begins, flag, text, count=1)
        if not found and "_" in name:
            text = re.sub(rf"(?<![\w-]){name}(?![\w=:-])", flag, text)
    return text


def _typed(option: click.Option, ctx: click.Context) -> str:
    """The name that was typed, of those that an option has."""
    return next((name for name in option.opts if name in ctx.meta[TYPED]), option.opts[0])
