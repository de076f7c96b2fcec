"""``eqchip gradients``."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eqchip.cli.output import Output, output_options
from eqchip.emulator.data.datasets import NAMES
from eqchip.emulator.errors import InputError, check_whole

if TYPE_CHECKING:
    from eqchip.emulator.data.datasets import Dataset
    from eqchip.emulator.description.learning import Learning
    from eqchip.emulator.description.network import Network
    from eqchip.emulator.training.runs import RunDirectory

FRESH_OUT = Path("runs/gradients")
NETWORK = "8x8-16c3-16c3p2-10"
# Of the short training of a fresh network, by Equilibrium Propagation with real-valued messages:
# it favours neither coding.
EPOCHS, RATE = 6, 2e-3
TRAINING: dict[str, Any] = {"free_steps": 40, "nudged_steps": 16, "beta": 0.5}
BETAS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5)
COUNTS = (2, 5, 10, 20, 50)  # of nudged steps
SAMPLES, FREE_STEPS, NUDGED_STEPS, BETA = 100, 100, 50, 0.05
AVERAGED = 4  # steps at the end of each phase


@click.command()
@click.argument("run", metavar="[RUN]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--dataset", type=click.Choice(NAMES),
    help="Of a fresh network, where no RUN is given. Default: digits.",
)  # fmt: skip
@click.option(
    "--network", "layers", metavar="LAYERS",
    help="Of a fresh network, with a pooling: trained with average and with maximum pooling. "
    f"Default: {NETWORK}.",
)  # fmt: skip
@click.option(
    "--epochs", type=click.IntRange(min=1), default=EPOCHS, show_default=True,
    help="Of training of a fresh network.",
)  # fmt: skip
@click.option(
    "--samples", type=click.IntRange(min=1), default=SAMPLES, show_default=True,
    help="Training samples, drawn at random, whose gradient is taken.",
)  # fmt: skip
@click.option("--free-steps", type=click.IntRange(min=1), default=FREE_STEPS, show_default=True)
@click.option("--nudged-steps", type=click.IntRange(min=1), default=NUDGED_STEPS, show_default=True)
@click.option("--beta", type=float, default=BETA, show_default=True, help="Strength of the nudge.")
@click.option(
    "--data", type=click.Path(path_type=Path),
    help="Directory of the IDX files, gzipped or not. Default: EQCHIP_DATA, or a download.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path),
    help="Directory of gradients.json and gradients.png; these are replaced. "
    "Default: report/gradients in the RUN, or runs/gradients.",
)  # fmt: skip
@click.option("--threads", type=int, help="Default: all processors. Results do not depend on it.")
@output_options
def command(
    run: Path | None,
    dataset: str | None,
    layers: str | None,
    epochs: int,
    samples: int,
    free_steps: int,
    nudged_steps: int,
    beta: float,
    data: Path | None,
    seed: int,
    out: Path | None,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Compare Equilibrium Propagation's gradient with that of BPTT, layer by layer.

    With average and with maximum pooling, with real-valued messages and with spikes: the angle
    between what Equilibrium Propagation learns and the gradient that backpropagation through time
    finds in the real-valued network, and the ratio of their lengths. Without a RUN, two fresh
    networks are trained for a moment; with one, its twin has the same kernels and the other
    pooling.
    """
    from eqchip.emulator.data.datasets import load
    from eqchip.emulator.files import replacing, write_text
    from eqchip.emulator.problem.needs import check_needs, of_learning
    from eqchip.emulator.training.runs import RunDirectory, command_line, provenance
    from eqchip.hw_reports.studies import gradients as report
    from eqchip.hw_reports.studies.gradients_plot import save

    output = Output(as_json, quiet)
    check_whole("--seed", seed, 0, 2**63)
    context = click.get_current_context()
    if run is not None:
        for name in ("dataset", "layers", "epochs"):
            if context.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE:
                option = "network" if name == "layers" else name
                raise InputError(
                    f"--{option} is given with {run}, a run that has its own; "
                    "expected one of the two"
                )
    if nudged_steps > free_steps:
        raise InputError(
            f"--nudged-steps is {nudged_steps}; expected at most the {free_steps} free steps, "
            "over which BPTT goes back as many"
        )
    check_beta(beta)
    directory = None if run is None else RunDirectory(run)
    if directory is not None:
        check_needs("gradients", of_learning(directory.config.learning), ())
    name = (dataset or "digits") if directory is None else directory.config.dataset
    found = load(name, data, progress=not quiet)
    if samples > len(found.train_x):
        raise InputError(
            f"--samples is {samples}; expected at most the {len(found.train_x)} training samples "
            f"of {name}"
        )
    folder = out or (FRESH_OUT if directory is None else directory.path / "report" / "gradients")
    folder.mkdir(parents=True, exist_ok=True)  # before the work: a bad place is told at once
    made = study(
        found, layers=layers or NETWORK, epochs=epochs, directory=directory, samples=samples,
        free_steps=free_steps, nudged_steps=nudged_steps, beta=beta, seed=seed,
        threads=threads, output=output, provenance=provenance(command_line()),
    )  # fmt: skip
    text = json.dumps(made, ensure_ascii=False, allow_nan=False)
    write_text(folder / "gradients.json", text + "\n")
    with replacing(folder / "gradients.png") as file:
        save(made, file)
    output.table(
        f"Equilibrium Propagation beside BPTT: {made['subject']}, {samples} samples, "
        f"β = {beta:g}, {free_steps} + 2 × {nudged_steps} steps (angles in degrees; by bits: from "
        "real-valued messages)",
        report.COLUMNS,
        report.rows(made),
    )
    for line in made["findings"]:
        output.text(line)
    output.text(f"Figure: {folder / 'gradients.png'}  Data: {folder / 'gradients.json'}")
    output.result({"out": str(folder), **made})
    return 0


def check_beta(beta: float) -> None:
    """Refuse a strength that is no positive number."""
    if not 0 < beta < math.inf:
        raise InputError(f"--beta is {beta!r}; expected a finite number above 0")


def study(
    dataset: Dataset, *, output: Output, provenance: dict[str, Any], layers: str = NETWORK,
    epochs: int = EPOCHS, directory: RunDirectory | None = None, samples: int = SAMPLES,
    free_steps: int = FREE_STEPS, nudged_steps: int = NUDGED_STEPS, beta: float = BETA,
    seed: int = 0, threads: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train or take networks, compare their gradients, and make the document of it."""
    from eqchip.emulator.description.learning import Learning
    from eqchip.hw_reports.studies import gradients as report

    learning = Learning(
        free_steps=free_steps, nudged_steps=nudged_steps, beta=beta,
        average_steps=min(AVERAGED, nudged_steps),
    )  # fmt: skip
    if directory is None:
        networks = fresh_networks(layers, dataset, epochs, seed, threads, output)
    else:
        networks = twins(directory.network())
    measured = measure(networks, dataset, learning, samples, seed, threads, output)
    name = layers if directory is None else directory.path.name
    return report.document(
        subject=f"{dataset.name}, {name}",
        settings={
            "dataset": dataset.name,
            "network": layers if directory is None else directory.config.written,
            "run": None if directory is None else str(directory.path),
            "training": None
            if directory is not None
            else {**TRAINING, "epochs": epochs, "rate": RATE},
            "samples": samples,
            "free_steps": free_steps,
            "nudged_steps": nudged_steps,
            "average_steps": learning.average_steps,
            "beta": beta,
            "seed": seed,
        },
        networks=measured,
        provenance=provenance,
    )


def fresh_networks(
    text: str, dataset: Dataset, epochs: int, seed: int, threads: int | None, output: Any
) -> list[tuple[str, str, Network]]:
    """State, pooling and network: of each pooling, one before and one after training."""
    from eqchip.backends.bptt.comparison import CODINGS, POOLINGS, with_pooling
    from eqchip.backends.bptt.training import fresh, train
    from eqchip.emulator.data.datasets import one_hot
    from eqchip.emulator.description import notation
    from eqchip.emulator.description.learning import Learning

    start = fresh(notation.parse(text), seed)
    ends = (start.sizes[0], start.sizes[-1])
    if ends != (dataset.train_x.shape[1], dataset.classes):
        raise InputError(
            f"--network {text}: {ends[0]} inputs and {ends[1]} outputs; {dataset.name} has "
            f"{dataset.train_x.shape[1]} values and {dataset.classes} classes"
        )
    before = {pooling: with_pooling(start, pooling) for pooling in POOLINGS}
    y = one_hot(dataset.train_y, dataset.classes)
    after = {
        pooling: train(
            network, dataset.train_x, y, coding=CODINGS["real-valued"],
            learning=Learning(**TRAINING), rate=RATE, epochs=epochs, seed=seed, threads=threads,
            progress=output,
        )
        for pooling, network in before.items()
    }  # fmt: skip
    return [
        (state, pooling, network)
        for state, networks in (("initial", before), ("trained", after))
        for pooling, network in networks.items()
    ]


def twins(network: Network) -> list[tuple[str, str, Network]]:
    """The network of a run with either pooling; the one it was not trained with is its twin."""
    from eqchip.backends.bptt.comparison import POOLINGS, with_pooling

    return [("trained", pooling, with_pooling(network, pooling)) for pooling in POOLINGS]


def measure(
    networks: list[tuple[str, str, Network]], dataset: Dataset, learning: Learning, count: int,
    seed: int, threads: int | None, output: Any,
) -> list[dict[str, Any]]:  # fmt: skip
    """Compare gradients in each network, and over nudges and steps in the trained ones."""
    import numpy as np

    from eqchip.backends.bptt import comparison
    from eqchip.backends.bptt.comparison import Samples
    from eqchip.emulator.data.datasets import one_hot

    chosen = np.random.default_rng(seed).permutation(len(dataset.train_x))[:count]
    samples = Samples(
        dataset.train_x[chosen].astype(np.float64),
        one_hot(dataset.train_y[chosen], dataset.classes).astype(np.float64),
    )
    asked: dict[str, Any] = {"seed": seed, "threads": threads}
    counts = sorted({n for n in COUNTS if n < learning.nudged_steps} | {learning.nudged_steps})
    found = []
    with output.bar("Comparing gradients", 3 * len(networks)) as bar:
        for state, pooling, network in networks:
            one = {
                "state": state,
                "pooling": pooling,
                "connections": comparison.names(network),
                "error": comparison.error(network, dataset, learning.free_steps, threads),
                "rows": comparison.compare(network, samples, learning, **asked),
            }
            bar.advance()
            one["over_beta"], one["over_steps"] = [], []
            if state == "trained":
                one["over_beta"] = comparison.over_beta(network, samples, learning, BETAS, **asked)
                bar.advance()
                one["over_steps"] = comparison.over_steps(
                    network, samples, learning, counts, **asked
                )
                bar.advance()
            else:
                bar.advance(2)
            found.append(one)
    return found
