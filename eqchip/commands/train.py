"""``eqchip train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from eqchip.cli.onchip_options import check_fits, onchip_from, onchip_options
from eqchip.cli.output import Output, output_options
from eqchip.cli.parameters import NetworkType, Rates, Schedule, WholeNumbers
from eqchip.cli.timing_options import describe, timing_from, timing_options
from eqchip.emulator.data.datasets import NAMES
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.rules import RULES
from eqchip.emulator.errors import InputError


@click.command()
@click.option("--dataset", type=click.Choice(NAMES), default="digits", show_default=True)
@click.option(
    "--data", type=click.Path(path_type=Path),
    help="Directory of the IDX files, gzipped or not. Default: EQCHIP_DATA, or a download.",
)  # fmt: skip
@click.option(
    "--network", "--layers", "layers", type=NetworkType(),
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
    "--out", type=click.Path(path_type=Path),
    help="Run directory to make. Default: runs/DATASET-LAYERS-sSEED, numbered if it exists.",
)  # fmt: skip
@click.option(
    "--resume", type=click.Path(path_type=Path), metavar="RUN",
    help="Go on with an interrupted run; its settings are in its config.toml.",
)  # fmt: skip
@click.option("--epochs", type=int)
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
@click.option(
    "--rule", type=click.Choice(tuple(RULES)),
    help="Which phases are contrasted, and how.",
)  # fmt: skip
@click.option("--beta", type=float, help="Strength of the nudge.")
@click.option("--free-steps", type=int)
@click.option("--nudged-steps", type=int, help="Of each nudged phase.")
@click.option(
    "--average-steps", type=int,
    help="Learn from potentials averaged over so many steps at the end of each phase.",
)  # fmt: skip
@click.option(
    "--readout", type=click.Choice(("squared-error", "cross-entropy")),
    help="Output units that are pulled to the target, or, outside the dynamics, a softmax.",
)  # fmt: skip
@click.option("--random-sign", is_flag=True, default=None, help="Draw beta's sign per minibatch.")
@click.option(
    "--split-stream", is_flag=True, default=None,
    help="Contrast against the free phase continued beside the nudged one.",
)  # fmt: skip
@click.option(
    "--quantizer", type=click.Choice(("sigma-delta", "bernoulli", "none")),
    help="How potentials become bits; none is the real-valued network.",
)  # fmt: skip
@click.option("--step-size", type=Schedule(adaptive=True), help="0.8, 0.84/t^0.09 or osa:0.0346.")
@click.option("--prediction", type=Schedule(optional=True), help="0.83/t^0.58, 0.3 or none.")
@click.option(
    "--input", "input_mode", type=click.Choice(("spikes", "current")),
    help="Encode the input into spikes, or inject it as a constant current.",
)  # fmt: skip
@timing_options()
@onchip_options
@click.option("--precision", type=click.Choice(("float32", "float64")))
@click.option("--seed", type=int)
@click.option("--validation", type=int, help="Training samples set aside to choose settings on.")
@click.option("--threads", type=int, help="Default: all processors. Results do not depend on it.")
@click.option(
    "--checkpoint-minutes", type=click.FloatRange(min=0), default=5.0, show_default=True,
    help="Write a checkpoint at least this often, besides after every epoch.",
)  # fmt: skip
@output_options
def command(
    dataset: str,
    data: Path | None,
    layers: tuple[int | str, ...] | str | None,
    out: Path | None,
    resume: Path | None,
    threads: int | None,
    checkpoint_minutes: float,
    as_json: bool,
    quiet: bool,
    **settings: Any,
) -> int:
    """Train a network by Equilibrium Propagation, or resume an interrupted run.

    Without flags: handwritten digits, from nothing, in seconds. What is not given is
    taken from settings that were chosen for the data set on validation data.

    The test set is read once, when all epochs are done.
    """
    from eqchip.emulator.training.runs import RunDirectory, command_line

    output = Output(as_json, quiet)
    if resume is not None:
        _refuse_settings(click.get_current_context())
        run = RunDirectory(resume)
    else:
        config = _config(dataset, layers, settings)
        path = out or free_path(Path("runs") / f"{dataset}-{config.written}-s{config.seed}")
        # The data first: a run directory without data to train on helps nobody.
        run = None
    document = train_and_show(
        output,
        run or (lambda: RunDirectory.create(path, config, command_line())),
        run.config if run else config,
        data,
        threads,
        checkpoint_minutes,
    )
    output.result(document)
    return 0


def train_and_show(
    output: Output,
    run: Any,
    config: Any,
    data: Path | None,
    threads: int | None,
    checkpoint_minutes: float,
) -> dict[str, Any]:
    """Train, draw the curves, and show what was reached; returns that for JSON.

    `run` is a RunDirectory, or a function that makes one once the data is loaded.
    """
    from eqchip.emulator.data.datasets import load
    from eqchip.emulator.threads import resolve_threads
    from eqchip.emulator.training.fit import fit
    from eqchip.emulator.training.onchip_training import make_trainer
    from eqchip.hw_reports.studies.learning_curves import learning_curves

    threads = resolve_threads(threads)
    dataset = load(config.dataset, data, progress=not output.quiet)
    if callable(run):
        make_trainer(config, dataset, threads)  # refuse what cannot train before making a directory
        run = run()
    layers = config.written
    outcome = fit(
        run,
        dataset,
        threads=threads,
        checkpoint_minutes=checkpoint_minutes,
        progress=output,
    )
    curves = run.report / "learning_curves.png"
    title = f"{layers} on {config.dataset}, {_coding_name(config)}"
    if config.timing is not None:
        title += f"\n{describe(config.timing)}"
    learning_curves(run.metrics(), title, curves)
    last, test = outcome.train, outcome.test
    validation = outcome.validation_error
    output.table(
        f"{layers} on {config.dataset} after {last['epoch']} epochs",
        ("", "error", "spikes / sample", "synaptic events / sample"),
        [
            ("training (running)", f"{last['train_error']:.2f} %",
             f"{last['spikes_per_sample']:,.0f}", f"{last['synaptic_events_per_sample']:,.0f}"),
            *([("validation", f"{validation:.2f} %", "", "")] if validation is not None else []),
            ("test, read once", f"{test.error:.2f} %",
             f"{test.spikes_per_sample:,.0f}", f"{test.events_per_sample:,.0f}"),
        ],
    )  # fmt: skip
    if config.on_chip is not None:
        output.text(
            f"Learned on the chip: {last['weights_attempted_per_sample']:,.0f} weights written a "
            f"sample in the last epoch, drift of the copies "
            + ", ".join(f"{100 * drift:.1f} %" for drift in last["drift"])
        )
    output.text(f"{outcome.seconds:.0f} s of training. Run: {run.path}  Curves: {curves}")
    return {
        "run": str(run.path),
        "curves": str(curves),
        "epochs": last["epoch"],
        "train_error": last["train_error"],
        "validation_error": validation,
        "test_error": test.error,
        "test_samples": test.samples,
        "train_synaptic_events_per_sample": last["synaptic_events_per_sample"],
        "train_macs_per_sample": last["macs_per_sample"],
        "train_spikes_per_sample": last["spikes_per_sample"],
        "test_synaptic_events_per_sample": test.events_per_sample,
        "test_macs_per_sample": test.macs_per_sample,
        "test_spikes_per_sample": test.spikes_per_sample,
        "seconds": outcome.seconds,
        **({"drift": last["drift"]} if config.on_chip is not None else {}),
    }


def free_path(path: Path) -> Path:
    """The path, or the first of path-2, path-3, ... that does not exist."""
    number, candidate = 1, path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate


_PLAIN = ("precision", "seed", "validation", "initial_gain")


def _config(
    dataset: str, layers: tuple[int | str, ...] | str | None, settings: dict[str, Any]
) -> Any:
    from eqchip.emulator.description.config import Descent, setting_names
    from eqchip.emulator.description.learning import Learning
    from eqchip.emulator.training.presets import preset

    def given(names: tuple[str, ...]) -> dict[str, Any]:
        return {name: settings[name] for name in names if settings[name] is not None}

    plain, learning = given(_PLAIN), given(setting_names(Learning))
    plain["timing"] = timing_from(settings)
    learns = onchip_from(settings)
    if learns is not None:
        plain["on_chip"] = learns[1]
    if settings["input_mode"] is not None:
        plain["input"] = settings["input_mode"]
    coding = _coding(settings["quantizer"], settings["step_size"], settings["prediction"])
    if coding is not None:
        plain["coding"] = coding
    descent = given(setting_names(Descent))
    config = preset(dataset, layers, learning=learning, **plain)
    connections = len(config.layers) - 1
    if len(descent.get("lr", ())) == 1:
        descent["lr"] *= connections
    shifts = settings["feedback_shifts"]
    if shifts is not None:
        plain["feedback_shifts"] = shifts * connections if len(shifts) == 1 else shifts
    config = preset(dataset, layers, learning=learning, descent=descent, **plain)
    if learns is not None:
        check_fits(config, learns[0])
    return config


def _coding(quantizer: str | None, step_size: Any, prediction: Any) -> Coding | None:
    if quantizer is step_size is prediction is None:
        return None
    base = Coding.real_valued() if quantizer == "none" else Coding()
    if prediction is None:
        prediction = base.prediction
    return Coding(
        quantizer or base.quantizer,  # type: ignore[arg-type]
        step_size or base.step_size,
        None if prediction == "none" else prediction,
    )


def _coding_name(config: Any) -> str:
    coding = config.coding
    if coding.quantizer == "none":
        return "real-valued"
    return coding.quantizer + (" with prediction" if coding.prediction else "")


def _refuse_settings(context: click.Context) -> None:
    """A resumed run has its settings; others would make it another run."""
    allowed = {"resume", "data", "threads", "checkpoint_minutes", "as_json", "quiet"}
    source = click.core.ParameterSource.COMMANDLINE
    for parameter in context.command.params:
        name = parameter.name or ""
        if name not in allowed and context.get_parameter_source(name) == source:
            raise InputError(
                f"{parameter.opts[0]} is given with --resume, which keeps the run's own settings; "
                f"expected {parameter.opts[0]} to be left out, or a new run"
            )
