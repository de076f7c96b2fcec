"""A command whose options are said once, and whose help shows them in sections."""

from __future__ import annotations

from collections.abc import Iterable

import click


class Command(click.Command):
    """A command that refuses an option given twice where one value is meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and refuse what would be taken in silence: the last of two values."""
        if not ctx.resilient_parsing:  # of a line that is still being typed
            _, _, given = self.make_parser(ctx).parse_args(list(args))
            _refuse_doubled(given, ctx)
        return super().parse_args(ctx, args)


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
