"""``eqchip`` and ``python -m eqchip``."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version

import click

from eqchip.cli.group import Commands
from eqchip.cli.streams import lenient
from eqchip.emulator.errors import InputError
from eqchip.emulator.interrupts import Ended, ending_as_interrupt
from eqchip.emulator.text import harmless

# Command -> what it does. Each lives in `eqchip.commands.<name>` as `command`, and is
# imported only when it is asked for: numba and matplotlib take their time.
COMMANDS = {
    "demo": "Train a small network on handwritten digits, from nothing, in about a minute.",
    "train": "Train a network by Equilibrium Propagation, or resume an interrupted run.",
    "evaluate": "Classify a data set with a trained network.",
    "converge": "How fast does each coding reach the fixed point of the real-valued network?",
    "follow": "How soon does each coding follow an input that switches, unannounced?",
    "watch": "Watch a sample on a chip without a global clock: ticks, messages, potentials.",
    "chips": "The chips that are known, and every figure about one with its source.",
    "map": "Place a network on the cores of a chip: what it uses, and whether it fits.",
    "import": "Read a spiking network of another tool: NIR, weights, a list of edges.",
    "price": "What a spiking network of another tool costs on a chip, without running it.",
    "report": "What training costs on a chip: energy, time and memory, modelled.",
    "anchors": "How far is the model from what was measured? Measured runs, priced as ours are.",
    "sweep": "What works on a chip: train a grid of settings; accuracy against energy and memory.",
    "rules": "Learning rules on one chip: error against energy, time, memory and writes.",
    "explore": "What many chips, spreads and figures cost, with the Pareto front; restartable.",
    "dynamics": "Learn codes and dynamics in time, on balanced layers, judged and priced.",
    "gradients": "Does the contrast of two phases follow the exact gradient, layer by layer?",
    "crosscheck": "Run a network on other engines, and compare step by step.",
    "export": "Write a network for other tools: NIR, Lava, Brian2.",
    "bench": "Measure speed: the engine's, on a chip, beside peers, without a clock, of training.",
}
DONE, CHECK_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
ENDED = 128  # and the number of the signal, as a shell says it


@click.group(
    cls=Commands,
    package="eqchip.commands",
    known=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
)
@click.version_option(version("eqchip"), prog_name="eqchip")
@click.pass_context
def cli(context: click.Context) -> None:
    """A neuromorphic chip emulator that trains itself by Equilibrium Propagation.

    Results go to stdout; progress and messages to stderr. Every command takes --json
    (one JSON document on stdout, nothing else there) and --quiet. Exit status: 0 done,
    1 a check failed, 2 bad input, 130 interrupted, 143 asked to end.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    with lenient():
        return _answer(arguments)


def _answer(arguments: list[str] | None) -> int:
    # That it keeps its fonts elsewhere where no home can be written is no news of a command.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        with ending_as_interrupt():
            status: int = cli.main(arguments, prog_name="eqchip", standalone_mode=False) or DONE
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        return _refuse(error.format_message())
    except InputError as error:
        return _refuse(str(error))
    except OSError as error:  # a full disk, a directory that cannot be written
        where = f"{error.filename}: " if error.filename else ""
        return _refuse(f"{where}{error.strerror or error}")
    except MemoryError as error:
        return _refuse(f"out of memory ({error}); expected fewer units, steps or samples")
    except (KeyboardInterrupt, click.Abort) as stop:
        why = stop.__cause__ if isinstance(stop, click.Abort) else stop
        if isinstance(why, Ended):
            return _say("eqchip: asked to end", ENDED + why.number)
        return _say("eqchip: interrupted", INTERRUPTED)


def _refuse(text: str) -> int:
    return _say(f"eqchip: error: {harmless(' '.join(text.split()))}", BAD_INPUT)


def _say(text: str, status: int) -> int:
    print(text, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
