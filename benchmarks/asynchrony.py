"""How far an asynchronous chip stays from the fixed point, for which spikes, and why.

    python benchmarks/asynchrony.py [--only PART]

Three networks of the `digits` preset are trained with one clock (seeds 0, 1, 2), put on chips
drawn with the same seeds, and relaxed on samples that training held out. Measured are the
distance to the fixed point of the real-valued network, the classification error and the spikes:
for each coding and each thing that can be wrong (part "knobs"), for the explanations of what is
found ("why"), for remedies ("remedies"), for a coding that no engine has ("sketch"), and for
networks that learn on such a chip ("learning"). A point is stored when it is done, and not done
again.
Results: ``benchmarks/results/asynchrony-distance.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
from asynchrony_adaptive import Rule, simulate
from asynchrony_measure import STEPS, Subject, make_subject, summary, watch
from asynchrony_points import (
    CODINGS,
    KNOBS,
    LESSONS,
    ONE_CLOCK,
    REAL_VALUED,
    REMEDIES,
    TROUBLES,
    loss,
    timings,
)
from asynchrony_why import BIASES, LOOP_DELAYS, bias, loop, slips, weakened

from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.files import write_text
from eqchip.emulator.training.classifier import Classifier
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.runs import provenance
from eqchip.emulator.training.trainer import Trainer

FORMAT = "eqchip-asynchrony-distance 1"
COMMAND = "python benchmarks/asynchrony.py"
RESULTS = Path(__file__).resolve().parent / "results"
SEEDS = (0, 1, 2)
EPOCHS = 4  # of networks that learn on a chip

Job = tuple[str, Callable[[list[Subject]], dict[str, Any]]]  # its name, and what does it


def knobs() -> Iterator[Job]:
    """Each coding on each chip."""
    for knob, value, timing in timings():
        for name in CODINGS:
            yield f"{name}, {titled(knob, value)}", partial(knobbed, name, knob, value, timing)


def knobbed(
    name: str, knob: str, value: float | None, timing: Asynchronous, subjects: list[Subject]
) -> dict[str, Any]:
    """One coding on one chip."""
    seen = [watch(subject, CODINGS[name], timing) for subject in subjects]
    found = summary(seen, subjects, curve=value is None)
    return {"coding": name, "knob": knob, "value": value, **found}


def titled(knob: str, value: float | None) -> str:
    """A knob and its value, if it has one."""
    return knob if value is None else f"{knob} {value:g}"


def why() -> Iterator[Job]:
    """Each explanation."""
    for knob, (_, values) in BIASES.items():
        for value in values:
            for name in CODINGS:
                yield (
                    f"{name}, {knob} {value:g}",
                    partial(bias, name=name, knob=knob, value=value),
                )
    for delay in LOOP_DELAYS:
        for small in (False, True):
            words = "small" if small else "usual"
            yield f"delay {delay}, {words} step", partial(loop, delay=delay, small=small)
    for knob, setting in REAL_VALUED:
        timing = ONE_CLOCK if setting is None else KNOBS[knob][0](setting)
        for step in (0.8, 0.1):
            yield (
                f"real-valued, step {step:g}, {titled(knob, setting)}",
                partial(slips, knob=knob, value=setting, timing=timing, step=step),
            )


def remedies() -> Iterator[Job]:
    """Each thing that units could do by themselves, on each chip."""
    for trouble, timing in TROUBLES.items():
        for name, coding in REMEDIES.items():
            yield f"{name}, {trouble}", partial(remedy, trouble, name, coding, timing, 1.0)
    for name in ("annealed", "constant", "osa"):
        for p in (0.1, 0.3):
            made = partial(remedy, f"loss {p:g}", f"{name}, weights / (1 - loss)", CODINGS[name],
                           loss(p), 1 / (1 - p))  # fmt: skip
            yield f"{name}, weights / (1 - loss), loss {p:g}", made


def remedy(
    trouble: str, name: str, coding: Coding, timing: Asynchronous, factor: float,
    subjects: list[Subject],
) -> dict[str, Any]:  # fmt: skip
    """A coding on a chip, all weights multiplied by a factor."""
    seen = [
        watch(
            subject, coding, timing,
            lowered=lower(weakened(subject.network, factor), np.dtype(np.float32)),
        )
        for subject in subjects
    ]  # fmt: skip
    return {"remedy": name, "trouble": trouble, **summary(seen, subjects)}


def learning() -> Iterator[Job]:
    """Networks that learn on the chip that they will run on, and such that do not."""
    for name, timing in LESSONS.items():
        yield name, partial(lesson, timing)


def lesson(timing: Asynchronous | None, _: list[Subject]) -> dict[str, Any]:
    """Train for some epochs on a chip, and with one clock; classify on the chip."""
    errors = {}
    for where, trained_on in (("one clock", None), ("chip", timing)):
        config = preset("digits", descent={"epochs": EPOCHS}, timing=trained_on)
        data = load(config.dataset)
        trainer = Trainer(config, data, threads=1)
        while not trainer.done:
            for _tally in trainer.train_epoch():
                pass
            trainer.end_epoch()
        there = config.model_copy(update={"timing": timing})
        held_out = trainer.validation_indices
        tally = Classifier(there, trainer.network, threads=1).classify(
            data.train_x[held_out], data.train_y[held_out]
        )
        errors[where] = tally.error
    return {"epochs": EPOCHS, "samples": len(held_out), "error_on_the_chip_if_trained": errors}


def sketch() -> Iterator[Job]:
    """Prediction coefficients that adapt, beside those of the preset, in plain numpy."""
    for trouble, timing in TROUBLES.items():
        for rule in get_args(Rule):
            yield f"{rule}, {trouble}", partial(sketched, trouble, rule, timing)


def sketched(
    trouble: str, rule: Rule, timing: Asynchronous, subjects: list[Subject]
) -> dict[str, Any]:
    """One rule on one chip."""
    seen = [simulate(subject, rule, timing, STEPS) for subject in subjects]
    return {"rule": rule, "trouble": trouble, **summary(seen, subjects)}


PARTS: dict[str, Callable[[], Iterator[Job]]] = {
    "knobs": knobs,
    "why": why,
    "remedies": remedies,
    "sketch": sketch,
    "learning": learning,
}


def main() -> int:
    """Do what is not done yet."""
    parser = argparse.ArgumentParser(description="Distance to the fixed point without a clock.")
    parser.add_argument("--only", choices=tuple(PARTS), help="this part alone")
    only = parser.parse_args().only
    path = RESULTS / "asynchrony-distance.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    settings = {"codings": {name: asdict(coding) for name, coding in CODINGS.items()}}
    settings = json.loads(json.dumps(settings))
    if found.get("format") != FORMAT or found.get("settings") != settings:
        found = {"format": FORMAT, "command": COMMAND, "settings": settings}
    subjects: list[Subject] = []
    for part in [only] if only else PARTS:
        points = found.setdefault(part, {})
        for name, measured in PARTS[part]():
            if name in points:
                continue
            subjects = subjects or [make_subject(seed) for seed in SEEDS]
            found["network"] = describe(subjects)
            start = time.process_time()
            points[name] = measured(subjects)
            seconds = time.process_time() - start
            found["provenance"] = provenance(COMMAND)
            RESULTS.mkdir(exist_ok=True)
            write_text(path, json.dumps(found) + "\n")
            print(f"{part}: {name}: {seconds:.1f} s", file=sys.stderr, flush=True)
    return 0


def describe(subjects: list[Subject]) -> dict[str, Any]:
    """What the networks are, and how well they classify at rest."""
    return {
        "layers": list(subjects[0].network.sizes),
        "dataset": "digits",
        "seeds": [subject.seed for subject in subjects],
        "samples": [len(subject.x) for subject in subjects],
        "error_at_rest": [subject.error for subject in subjects],
        "largest_residual": max(subject.residual for subject in subjects),
    }


if __name__ == "__main__":
    raise SystemExit(main())
