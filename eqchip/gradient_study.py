"""Equilibrium Propagation's gradient beside that of BPTT: ``eqchip.gradients``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from eqchip.backends.bptt.study import RATE, TRAINING, fresh_networks, measure, twins
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.task import Classification
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.problem.needs import check_needs, of_learning, of_links
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.training.run_data import data_of
from eqchip.emulator.training.runs import RunDirectory, command_line, provenance
from eqchip.hw_reports.studies import gradients as words
from eqchip.hw_reports.studies.gradients_plot import save
from eqchip.hw_reports.studies.written import made_folder, write_study

DATASET, NETWORK, EPOCHS = "digits", "8x8-16c3-16c3p2-10", 6
SAMPLES, FREE_STEPS, NUDGED_STEPS, BETA = 100, 100, 50, 0.05
AVERAGED = 4  # steps at the end of each phase


def gradients(
    run: RunDirectory | str | Path | None = None,
    *,
    dataset: str | None = None,
    network: str | None = None,
    epochs: int | None = None,
    samples: int = SAMPLES,
    free_steps: int = FREE_STEPS,
    nudged_steps: int = NUDGED_STEPS,
    beta: float = BETA,
    data: str | Path | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare Equilibrium Propagation's gradient with that of BPTT, layer by layer.

    With average and with maximum pooling, with real-valued messages and with spikes: the angle
    between what Equilibrium Propagation learns and the gradient that backpropagation through time
    finds in the real-valued network, and the ratio of their lengths. With a run, its twin has the
    same kernels and the other pooling.

    Parameters
    ----------
    run : RunDirectory or path, optional
        Of a trained network. Default: two fresh networks, trained for a moment.
    dataset : str, optional
        Of fresh networks. Default: digits.
    network : str, optional
        Of fresh networks, with a pooling. Default: 8x8-16c3-16c3p2-10.
    epochs : int, optional
        Of training of fresh networks. Default: 6.
    samples : int
        Training samples, drawn at random, whose gradient is taken.
    free_steps, nudged_steps : int
    beta : float
        Strength of the nudge.
    data : path, optional
        Directory of the IDX files. Default: EQCHIP_DATA, or a download.
    seed : int
    out : path, optional
        Directory to write gradients.json and gradients.png to. Default: nothing is written.
    threads : int, optional
        Default: all processors. The result does not depend on it.
    progress : Progress, optional

    Returns
    -------
    dict
        What gradients.json holds.

    Raises
    ------
    InputError
        If an argument is wrong or without effect, or the network of the run has no pooling.
    """
    _check(samples, free_steps, nudged_steps, beta, seed)
    directory = _directory(run, dataset=dataset, network=network, epochs=epochs)
    shown = progress is not None
    if directory is None:
        found = load(DATASET if dataset is None else dataset, data, progress=shown)
    else:
        found = data_of(directory, data, progress=shown)
    if found.task != Classification.name:
        raise InputError(
            f"gradients: {found.name} is data of {found.task}; expected classes, by which samples "
            "are drawn and losses taken"
        )
    found.check_numbers("gradients")
    if samples > len(found.train_x):
        raise InputError(
            f"--samples is {samples}; expected at most the {len(found.train_x)} training samples "
            f"of {found.name}"
        )
    folder = made_folder(out)
    listener = progress or Silent()
    learning = Learning(
        free_steps=free_steps, nudged_steps=nudged_steps, beta=beta,
        average_steps=min(AVERAGED, nudged_steps),
    )  # fmt: skip
    if directory is None:
        layers = NETWORK if network is None else network
        passes = EPOCHS if epochs is None else epochs
        networks = fresh_networks(layers, found, passes, seed, threads, listener)
        subject, training = layers, {**TRAINING, "epochs": passes, "rate": RATE}
    else:
        layers, training = directory.config.written, None
        networks = twins(directory.network())
        subject = directory.path.name
    made = words.document(
        subject=f"{found.name}, {subject}",
        settings={
            "dataset": found.name,
            "network": layers,
            "run": None if directory is None else str(directory.path),
            "training": training,
            "samples": samples,
            "free_steps": free_steps,
            "nudged_steps": nudged_steps,
            "average_steps": learning.average_steps,
            "beta": beta,
            "seed": seed,
        },
        networks=measure(networks, found, learning, samples, seed, threads, listener),
        provenance=provenance(command_line()),
    )
    write_study(folder, "gradients", made, save)
    return made


def _check(samples: int, free_steps: int, nudged_steps: int, beta: float, seed: int) -> None:
    """Refuse numbers out of their ranges."""
    check_whole("--seed", seed, 0, 2**63)
    check_whole("--samples", samples, 1)
    check_whole("--free-steps", free_steps, 1)
    check_whole("--nudged-steps", nudged_steps, 1)
    if nudged_steps > free_steps:
        raise InputError(
            f"--nudged-steps is {nudged_steps}; expected at most the {free_steps} free steps, "
            "over which BPTT goes back as many"
        )
    if not 0 < beta < math.inf:
        raise InputError(f"--beta is {beta!r}; expected a finite number above 0")


def _directory(run: RunDirectory | str | Path | None, **fresh: Any) -> RunDirectory | None:
    """The run, if there is one, which has of its own what is said of fresh networks."""
    if fresh["epochs"] is not None:
        check_whole("--epochs", fresh["epochs"], 1)
    if run is None:
        return None
    for name, value in fresh.items():
        if value is not None:
            raise InputError(
                f"--{name} is given with {run}, a run that has its own; expected one of the two"
            )
    directory = RunDirectory.of(run)
    config = directory.config
    check_needs("gradients", [*of_learning(config.learning), *of_links(config.network())], ())
    return directory
