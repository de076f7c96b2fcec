"""``eqchip watch``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eqchip.cli.output import Output, output_options
from eqchip.cli.timing_options import timing_from, timing_options
from eqchip.emulator.data.datasets import NAMES
from eqchip.emulator.errors import InputError

if TYPE_CHECKING:
    from eqchip.emulator.description.asynchronous import Asynchronous
    from eqchip.emulator.description.config import Config
    from eqchip.emulator.description.network import Network
    from eqchip.emulator.description.phases import Phase
    from eqchip.hw_reports.watch.watched import Watched

FREE_STEPS_LEAST = 2000  # of the real-valued network to its fixed point; far more if it needs them
FRESH_OUT = Path("runs/watch")


@click.command()
@click.argument("run", metavar="[RUN]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--dataset", type=click.Choice(NAMES),
    help="Of a fresh network, where no RUN is given. Default: digits.",
)  # fmt: skip
@click.option(
    "--sample", type=int, default=0, show_default=True, help="Its number in the test set, from 0."
)
@click.option(
    "--precision", type=click.Choice(("float32", "float64", "chip")),
    help="Numbers to compute with; chip: a chip's integers. Default: as in training.",
)  # fmt: skip
@click.option(
    "--data", type=click.Path(path_type=Path),
    help="Directory of the IDX files, gzipped or not. Default: EQCHIP_DATA, or a download.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path),
    help="Directory of watch.html, watch.png, watch.json, events.csv; these are replaced. "
    "Default: report/watch in the RUN, or runs/watch.",
)  # fmt: skip
@timing_options("async")
@output_options
def command(
    run: Path | None,
    dataset: str | None,
    sample: int,
    precision: str | None,
    data: Path | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    **settings: Any,
) -> int:
    """Watch one sample on a chip without a common clock: spikes, messages, potentials.

    A test sample goes through the phases of training on the asynchronous engine, beside the
    synchronous one and the fixed point of the real-valued network. Without a RUN the network is
    a fresh one, of random weights. Writes pictures, their numbers, and every event.
    """
    from eqchip.emulator.data.datasets import load
    from eqchip.emulator.description.asynchronous import Asynchronous
    from eqchip.emulator.files import replacing, write_text
    from eqchip.emulator.training.presets import preset
    from eqchip.emulator.training.runs import RunDirectory, command_line, provenance

    output = Output(as_json, quiet)
    # One clock for all is the asynchronous engine's identity setting.
    timing = timing_from(settings) or Asynchronous()
    if run is not None and dataset is not None:
        raise InputError(
            f"--dataset is given with {run}, a run that has its own; expected one of the two"
        )
    directory = None if run is None else RunDirectory(run)
    config = preset(dataset or "digits") if directory is None else directory.config
    network = config.network() if directory is None else directory.network()
    found = load(config.dataset, data, progress=not quiet)
    if not 0 <= sample < len(found.test_x):
        raise InputError(
            f"--sample is {sample}; expected 0 to {len(found.test_x) - 1}, "
            f"a test sample of {config.dataset}"
        )
    watched = watch(
        config, network, timing, found.test_x[sample], int(found.test_y[sample]),
        run=run, sample=sample, precision=precision, output=output,
    )  # fmt: skip

    from eqchip.hw_reports.watch.document import document
    from eqchip.hw_reports.watch.figures import picture_png
    from eqchip.hw_reports.watch.page import COLUMNS, page, rows, sentence
    from eqchip.hw_reports.watch.watched import events_csv

    made = document(watched, provenance(command_line()))
    folder = out or (FRESH_OUT if directory is None else directory.path / "report" / "watch")
    folder.mkdir(parents=True, exist_ok=True)
    with output.bar("Drawing", 2) as bar:
        text = page(made)
        bar.advance()
        drawn = picture_png(made)
        bar.advance()
    write_text(folder / "watch.json", json.dumps(made, ensure_ascii=False, allow_nan=False) + "\n")
    write_text(folder / "events.csv", events_csv(watched))
    with replacing(folder / "watch.png") as file:
        file.write(drawn)
    write_text(folder / "watch.html", text)

    output.table(f"{made['title']}: both engines, phase by phase", COLUMNS, rows(made))
    output.text(sentence(made))
    output.text(f"Page: {folder / 'watch.html'}  Figure: {folder / 'watch.png'}")
    output.text(f"Data: {folder / 'watch.json'}, {folder / 'events.csv'}")
    output.result(
        {
            "out": str(folder),
            **{name: made[name] for name in ("format", "title", "subject", "timing", "phases")},
            **{name: made[name] for name in ("predictions", "table", "left", "residual")},
        }
    )
    return 0


def watch(
    config: Config,
    network: Network,
    timing: Asynchronous,
    x: Any,
    label: int,
    *,
    run: Path | None,
    sample: int,
    precision: str | None,
    output: Output,
) -> Watched:
    """Run one sample on both engines, and find the fixed point of each of its phases.

    Parameters
    ----------
    x : ndarray, shape (n_in,)
        As in the data set; scaled here as it is to be classified.

    Raises
    ------
    InputError
        If an engine refuses, or the real-valued network does not come to rest.
    """
    from eqchip.api import run as run_network
    from eqchip.emulator.data.datasets import CLASSES, one_hot
    from eqchip.emulator.description.parts import whole_layers
    from eqchip.emulator.problem.needs import check_needs, of_learning
    from eqchip.emulator.training.inference import inference_settings
    from eqchip.hw_reports.watch.watched import Watched

    check_needs("watch", of_learning(config.learning), ())
    target = one_hot([label], CLASSES)
    phases = config.learning.phases(target)
    # The free phase of the synchronous engine is then the one that `evaluate` runs.
    settings = inference_settings(
        config, x[None], [sample], phases=phases, precision=precision or config.precision
    )
    del settings["timing"]  # one of the two runs has one
    with output.bar("Running", 3) as bar:
        asynchronous = run_network(
            network, **settings, record=("bits", "potentials", "events"), timing=timing
        )
        bar.advance()
        synchronous = run_network(network, **settings, record=("bits", "potentials"))
        bar.advance()
        fixed, residual = _fixed_points(network, settings["x"], target, phases, sample)
        bar.advance()
    subject = {
        "run": None if run is None else str(run),
        "dataset": config.dataset,
        "sample": sample,
        "label": label,
        "precision": settings["precision"],
        "input": config.input,
        "seed": config.seed,
    }
    return Watched(
        subject, network.sizes, config.coding, timing, whole_layers(network.sizes),
        asynchronous, synchronous, fixed, residual,
    )  # fmt: skip


def _fixed_points(
    network: Network, x: Any, target: Any, phases: list[Phase], sample: int
) -> tuple[list[list[Any]], float]:
    """s* of each phase, by layer, and the largest residual."""
    from eqchip.emulator.description.phases import Nudged
    from eqchip.emulator.studies.fixed_points import fixed_points

    points: list[list[Any]] = []
    residual = 0.0
    for phase in phases:
        nudged = isinstance(phase, Nudged)
        if not nudged and points:  # the free phase continued
            points.append(points[0])
            continue
        beta = phase.beta if isinstance(phase, Nudged) else 0.5  # of the half that is not used
        try:
            found = fixed_points(network, x, target, beta=beta, steps=FREE_STEPS_LEAST, threads=1)
        except InputError:
            raise InputError(
                f"--sample {sample}: the real-valued network does not come to rest, so there is "
                "no fixed point to compare with; expected another sample"
            ) from None
        points.append([values[0] for values in (found.nudged if nudged else found.free)])
        residual = max(residual, found.residual)
    return points, residual
