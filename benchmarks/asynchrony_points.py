"""What the study of an asynchronous chip compares: codings, and what is wrong with the chip."""

from __future__ import annotations

from dataclasses import replace

from eqchip.emulator.description.asynchronous import Asynchronous, Clocks, Delays, Faults
from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial
from eqchip.emulator.studies.convergence_search import STORED, read_settings

# Settings of `eqchip converge` that are fast throughout, since a run may be short; the coding
# with annealed prediction is what `eqchip train` uses.
_SETTINGS = read_settings(STORED, "mean").parameters


def _stored(name: str) -> dict[str, float]:
    return _SETTINGS[name]


def _step(values: dict[str, float]) -> Polynomial:
    return Polynomial(values["step"], values["step_exponent"])


PRESET = Coding()
CODINGS = {
    "bernoulli": Coding("bernoulli", _step(_stored("bernoulli")), None),
    "sigma-delta": Coding("sigma-delta", _step(_stored("sigma-delta")), None),
    "constant": Coding(
        "sigma-delta",
        _step(_stored("sigma-delta-constant-prediction")),
        Polynomial(_stored("sigma-delta-constant-prediction")["prediction"]),
    ),
    "annealed": PRESET,
    "osa": Coding("sigma-delta", OptimalStepSize(_stored("osa")["nu_bar"], 1e-7), None),
    "osa-annealed": Coding(
        "sigma-delta",
        OptimalStepSize(_stored("osa-prediction")["nu_bar"], 1e-7),
        Polynomial(
            _stored("osa-prediction")["prediction"],
            _stored("osa-prediction")["prediction_exponent"],
        ),
    ),
}

ONE_CLOCK = Asynchronous()
USUAL = Asynchronous(clocks=Clocks(spread=0.1, offset=1.0, jitter=0.1))  # `--timing async`
HARSH = Asynchronous(
    clocks=Clocks(spread=0.3, offset=1.0, jitter=0.3), delays=Delays(fixed=4.0, jitter=2.0)
)


def spread(value: float) -> Asynchronous:
    return Asynchronous(clocks=Clocks(spread=value))


def uncalibrated(value: float) -> Asynchronous:
    return Asynchronous(clocks=Clocks(spread=value, calibrated=False))


def core_spread(value: float) -> Asynchronous:
    return Asynchronous(clocks=Clocks(per="core", spread=value))


def jitter(value: float) -> Asynchronous:
    return Asynchronous(clocks=Clocks(jitter=value))


def offset(value: float) -> Asynchronous:
    return Asynchronous(clocks=Clocks(offset=value))


def delay(value: float) -> Asynchronous:
    # With clocks in step a delay below 1 is one of 1: what arrives waits for the next tick.
    return Asynchronous(clocks=Clocks(offset=1.0), delays=Delays(fixed=value))


def delay_jitter(value: float) -> Asynchronous:
    return Asynchronous(delays=Delays(jitter=value))


def loss(value: float) -> Asynchronous:
    return Asynchronous(faults=Faults(loss=value))


def stuck_at_0(value: float) -> Asynchronous:
    return Asynchronous(faults=Faults(stuck_at_0=value))


def stuck_at_1(value: float) -> Asynchronous:
    return Asynchronous(faults=Faults(stuck_at_1=value))


# One thing wrong at a time: all else is as with one clock.
KNOBS = {
    "clock spread": (spread, (0.05, 0.1, 0.2, 0.3, 0.5)),
    "delay": (delay, (0.25, 1.0, 4.0, 8.0, 16.0)),
    "loss": (loss, (0.01, 0.03, 0.1, 0.3)),
    "clock spread, uncalibrated": (uncalibrated, (0.05, 0.1, 0.3)),
    "clock jitter": (jitter, (0.1, 1.0)),
    "clock offset": (offset, (1.0,)),
    "delay jitter": (delay_jitter, (1.0, 8.0)),
    "stuck at 0": (stuck_at_0, (0.03, 0.1)),
    "stuck at 1": (stuck_at_1, (0.03, 0.1)),
    "clock spread, a clock per layer": (core_spread, (0.1, 0.3)),
}


def timings() -> list[tuple[str, float | None, Asynchronous]]:
    """Every condition: the knob, its value, and the chip."""
    found: list[tuple[str, float | None, Asynchronous]] = [
        ("one clock", None, ONE_CLOCK),
        ("usual", None, USUAL),
        ("harsh", None, HARSH),
    ]
    for knob, (made, values) in KNOBS.items():
        found += [(knob, value, made(value)) for value in values]
    return found


def faster_fall(value: float) -> Coding:
    """The preset with another exponent of the prediction coefficient."""
    return replace(PRESET, prediction=Polynomial(0.83, value))


def constant_prediction(value: float) -> Coding:
    """The preset with a prediction coefficient that stays."""
    return replace(PRESET, prediction=Polynomial(value))


def falling_step(value: float) -> Coding:
    """The preset with a step size that falls as t to minus this."""
    return replace(PRESET, step_size=Polynomial(0.8, value))


def smaller_step(value: float) -> Coding:
    """The preset with another, constant step size."""
    return replace(PRESET, step_size=Polynomial(value))


# What units can do by themselves; each on the chips below.
REMEDIES = {
    "preset": PRESET,
    "step size 0.4": smaller_step(0.4),
    "step size 0.16": smaller_step(0.16),
    "step size 0.8/t^0.25": falling_step(0.25),
    "prediction 0.83/t^0.3": faster_fall(0.3),
    "prediction 0.83/t^0.8": faster_fall(0.8),
    "prediction 0.2": constant_prediction(0.2),
    "prediction 0.1": constant_prediction(0.1),
    "OSA, prediction 0.15": Coding("sigma-delta", OptimalStepSize(0.06, 1e-7), Polynomial(0.15)),
}
TROUBLES = {
    "one clock": ONE_CLOCK,
    "usual": USUAL,
    "harsh": HARSH,
    "spread 0.5": spread(0.5),
    "jitter 1": jitter(1.0),
    "delay 4": delay(4.0),
    "delay 16": delay(16.0),
    "delay jitter 8": delay_jitter(8.0),
    "loss 0.1": loss(0.1),
}

# Chips to learn on.
LESSONS: dict[str, Asynchronous] = {
    "clock spread 0.3, uncalibrated": uncalibrated(0.3),
    "loss 0.3": loss(0.3),
    "stuck at 1, 3 %": stuck_at_1(0.03),
}

# Chips for the real-valued network: does it come to rest where nothing is quantized?
REAL_VALUED: tuple[tuple[str, float | None], ...] = (
    ("one clock", None),
    ("clock offset", 1.0),
    ("clock spread", 0.05),
    ("clock spread", 0.1),
    ("clock spread", 0.3),
    ("clock spread, a clock per layer", 0.1),
    ("clock jitter", 1.0),
    ("delay", 16.0),
    ("delay jitter", 8.0),
    ("loss", 0.1),
)
