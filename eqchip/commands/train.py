"""``eqchip train``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import click

from eqchip.cli import completion
from eqchip.cli.command import Command, heading
from eqchip.cli.onchip_options import onchip_options
from eqchip.cli.options import PATH, shared
from eqchip.cli.output import Output, output_options
from eqchip.cli.parameters import Rates, Schedule, WholeNumbers, typed
from eqchip.cli.spiking_options import spiking_options
from eqchip.cli.timing_options import timing_from, timing_options
from eqchip.emulator.description.modes import States
from eqchip.emulator.description.rules import RULES
from eqchip.emulator.description.spiking.rules import SPIKING_RULES
from eqchip.emulator.description.task import TASKS
from eqchip.emulator.errors import InputError

if TYPE_CHECKING:
    from eqchip.emulator.training.classifier import Tally
    from eqchip.training import Trained

# What may be said of a run that is resumed; all else is in its configuration.
OF_A_RESUMED_RUN = ("resume", "data", "threads", "checkpoint_minutes")


def _usual() -> dict[str, str]:
    """What digits are trained with, as one would type it."""
    from eqchip.settings import DATASET, usual_settings

    return {
        name: f"{DATASET}: {typed(value)}"
        for name, value in usual_settings().items()
        if value not in ((), False)
    }


@click.command(cls=Command, usual=_usual)
@heading("Data and network")
@shared("dataset", help="Default: digits, or what is in the file of --data.")
@shared("data")
@click.option(
    "--task", type=click.Choice(tuple(TASKS)),
    help="Whether the labels in a file of your own data are classes, the default, or numbers.",
)  # fmt: skip
@shared(
    "network",
    help="dense or conv, as chosen for the data set, or layer by layer: 784-500-10, "
    "28x28-32c5p2-64c5p2-10 (32 channels, kernels of 5x5, averages over 2x2; m for maxima).",
)  # fmt: skip
@click.option(
    "--initial-gain", type=Rates(),
    help="Times the initial weights, one for all connections or one each.",
)  # fmt: skip
@click.option(
    "--feedback-shifts", type=WholeNumbers(),
    help="What a connection sends back arrives times 2 to minus this, one for all or one each; "
    "0: the exact transpose.",
)  # fmt: skip
@click.option(
    "--links", metavar="LINKS",
    help="Connections beside the chain, by the layers they join, the input being 0: 1:3 skips, 2:2 "
    "is lateral, 1=3 a residual link of weight 1, 1=3x0.5 of 0.5, 1:3:32c1s2 a convolution; "
    "several by commas.",
)  # fmt: skip
@heading("The run")
@shared(
    "out", help="Run directory to make. Default: runs/DATASET-LAYERS-sSEED, numbered if it exists.",
)  # fmt: skip
@click.option(
    "--resume", type=PATH, metavar="RUN", shell_complete=completion.runs,
    help="Go on with an interrupted run; its settings are in its config.toml.",
)  # fmt: skip
@heading("Descent")
@click.option("--epochs", type=int, help="Passes over the training samples.")
@click.option("--minibatch", type=int, help="Samples per weight update; 1 is online.")
@click.option("--lr", type=Rates(), help="Learning rate per connection, input side first.")
@click.option(
    "--optimizer", type=click.Choice(("sgd", "adam")), help="How weights follow the contrast."
)
@click.option("--momentum", type=float, help="Of sgd.")
@click.option(
    "--weight-decay", type=float, help="Times the rate, what a weight loses at an update."
)
@click.option("--schedule", type=click.Choice(("cosine", "constant")), help="Of the learning rate.")
@click.option(
    "--warm-up", type=float, help="Share of the run over which the cosine's rate rises."
)  # fmt: skip
@click.option(
    "--input-dropout", type=float, help="Share of inputs silenced in training, anew each time."
)
@click.option("--shift", type=int, help="Move training images by up to so many pixels.")
@click.option(
    "--flip/--no-flip", default=None, help="Mirror training images left to right, half of the time."
)
@click.option("--rotate", type=float, help="Turn training images by up to so many degrees.")
@click.option(
    "--zoom", type=float, help="Make training images larger or smaller by up to that share."
)
@heading("Rule and phases")
@click.option(
    "--rule", type=click.Choice((*RULES, *SPIKING_RULES)),
    help="Which phases are contrasted, and how; or, with --on-chip, a rule that trains "
    "integrate-and-fire units: " + ", ".join(SPIKING_RULES) + ".",
)  # fmt: skip
@click.option("--beta", type=float, help="Strength of the nudge.")
@shared("free_steps", help="Of the free phase.")
@click.option("--nudged-steps", type=int, help="Of each nudged phase.")
@click.option(
    "--average-steps", type=int,
    help="Learn from potentials averaged over so many steps at the end of each phase.",
)  # fmt: skip
@click.option(
    "--readout", type=click.Choice(("squared-error", "cross-entropy")),
    help="Output units that are pulled to the target, or, outside the dynamics, a softmax.",
)  # fmt: skip
@click.option(
    "--skip-right", type=float,
    help="Leave out what follows the first phase of a sample, and its writes, if all outputs end "
    "it nearer to the target than this. 0: of none.",
)  # fmt: skip
@click.option("--random-sign", is_flag=True, default=None, help="Draw beta's sign per minibatch.")
@click.option(
    "--split-stream", is_flag=True, default=None,
    help="Contrast against the free phase continued beside the nudged one.",
)  # fmt: skip
@click.option(
    "--states", type=click.Choice(get_args(States)),
    help="Where a sample begins: at rest, or where the one before it in its place of the minibatch "
    "ended, each place being a stream; announced: units are told, and schedules begin again.",
)  # fmt: skip
@heading("Coding")
@click.option(
    "--quantizer", type=click.Choice(("sigma-delta", "bernoulli", "none")),
    help="How potentials become bits; none is the real-valued network.",
)  # fmt: skip
@click.option("--step-size", type=Schedule(adaptive=True), help="0.8, 0.84/t^0.09 or osa:0.0346.")
@click.option(
    "--prediction", type=Schedule(optional=True), help="0.83/t^0.58, 0.3, adaptive or none."
)
@click.option(
    "--input", type=click.Choice(("spikes", "current")),
    help="Encode the input into spikes at every step; or inject it once a sample, as numbers whose "
    "weighted sum is held as a constant current: on a chip, as graded spikes.",
)  # fmt: skip
@timing_options()
@onchip_options
@spiking_options
@heading("Computing")
@click.option(
    "--precision", type=click.Choice(("float32", "float64")), help="Numbers to compute with."
)
@shared("seed")
@click.option("--validation", type=int, help="Training samples set aside to choose settings on.")
@shared("threads")
@click.option(
    "--checkpoint-minutes", type=click.FloatRange(min=0), default=5.0, show_default=True,
    help="Write a checkpoint at least this often, besides after every epoch.",
)  # fmt: skip
@output_options
@click.pass_context
def command(context: click.Context, /, as_json: bool, quiet: bool, **settings: Any) -> int:
    """Train a network by Equilibrium Propagation, or resume an interrupted run.

    Without flags: handwritten digits, from nothing, in seconds. What is not given is
    taken from settings that were chosen for the data set on validation data; those
    of digits are shown.

    The test set is read once, when all epochs are done.
    """
    from eqchip.training import train

    output = Output(as_json, quiet)
    if settings["resume"] is not None:
        _refuse_settings(context)
        settings = {name: settings[name] for name in OF_A_RESUMED_RUN}
    else:
        settings["timing"] = timing_from(settings)
    trained = train(**settings, progress=output.listener)
    show(output, trained)
    output.result(trained.to_dict())
    return 0


def show(output: Output, trained: Trained) -> None:
    """What was reached, in a table and a line."""
    run, outcome = trained.run, trained.outcome
    last, test, validation = outcome.train, outcome.test, outcome.validation_error
    output.table(
        f"{run.config.written} on {run.config.dataset} after {last['epoch']} epochs",
        ("", "error", "spikes / sample", "synaptic events / sample"),
        [
            ("training (running)", f"{last['train_error']:.2f} %",
             f"{last['spikes_per_sample']:,.0f}", f"{last['synaptic_events_per_sample']:,.0f}"),
            *([("validation", f"{validation:.2f} %", "", "")] if validation is not None else []),
            ("test, read once", f"{test.error:.2f} %",
             f"{test.spikes_per_sample:,.0f}", f"{test.events_per_sample:,.0f}"),
        ],
    )  # fmt: skip
    if figures := judged(test):
        output.text(figures)
    if run.config.on_chip is not None:
        drifts = ", ".join(f"{100 * drift:.1f} %" for drift in last.get("drift", ()))
        output.text(
            f"Learned on the chip: {last['weights_attempted_per_sample']:,.0f} weights written a "
            "sample in the last epoch" + f", drift of the copies {drifts}" * bool(drifts)
        )
    output.text(f"{outcome.seconds:.0f} s of training. Run: {run.path}  Curves: {trained.curves}")


def judged(tally: Tally) -> str:
    """What there is to say of a test beside its error; nothing of classes."""
    figures = tally.score.figures(tally.samples)
    told = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    return f"Of numbers, the error is the variance left unexplained: {told}" * bool(told)


def _refuse_settings(context: click.Context) -> None:
    """A resumed run has its settings; others, even the defaults, would make it another run."""
    source = click.core.ParameterSource.COMMANDLINE
    for parameter in context.command.params:
        name = parameter.name or ""
        allowed = name in (*OF_A_RESUMED_RUN, "as_json", "quiet")
        if not allowed and context.get_parameter_source(name) == source:
            raise InputError(
                f"{parameter.opts[0]} is given with --resume, which keeps the run's own settings; "
                f"expected {parameter.opts[0]} to be left out, or a new run"
            )
