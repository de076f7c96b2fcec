"""Rules that train integrate-and-fire units, on Lava: `graded` and `emstdp`, small networks.

A layer is a Process, and so is every direction of a connection, which knows of the layers what
reaches it through its ports (:mod:`eqchip.backends.lava.processes.spiking`). Lava runs in a Python
process of its own, because it hangs when a Process raises.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.backends.lava import watch
from eqchip.backends.packages import LAVA
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.onchip import TRACE_SHIFT
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.description.spiking.rules import Emstdp, Graded
from eqchip.emulator.description.upkeep import FORWARD
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.random_rounding import BIAS_STREAM, DECAY_STREAM
from eqchip.emulator.learning.onchip_lowering import integer_rate
from eqchip.emulator.learning.spiking import (
    fixed_feedback,
    initial_codes,
    initial_mirror,
    program_of,
    share_of,
)

PREFIX = "eqchip-lava-"
BUILDER = "eqchip.backends.lava.spiking_builder"
LEAST_SECONDS, SECONDS_PER_STEP = 120.0, 0.1


@dataclass(frozen=True, eq=False)
class LearnedSpiking:
    """What Lava's Processes learned, as the reference holds it.

    Attributes
    ----------
    stored : list of ndarray of int64, shape (n_pre, n_post)
        By connection.
    paths : dict of int to ndarray of int64
        What is stored of the path into a hidden layer, (n, n_source).
    biases : list of ndarray of int64
        By connection, of the layer above.
    spikes : ndarray of int64, shape (phases, layers)
    classes : ndarray of int64, shape (samples,)
    writes : ndarray of int64, shape (connections, 2, 4)
        Visited, attempted, applied and saturated, of weights and of the path.
    saturated : int
    """

    stored: list[np.ndarray]
    paths: dict[int, np.ndarray]
    biases: list[np.ndarray]
    spikes: np.ndarray
    classes: np.ndarray
    writes: np.ndarray
    saturated: int


def _of_graded(rule: Graded, fixed: FixedPoint, last: int) -> dict[str, Any]:
    share, _ = share_of(rule.steps)
    return {
        "settle": 0, "rows": rule.steps + last, "share": share,
        "least": max(math.ceil(rule.least_error * fixed.one), 1),
    }  # fmt: skip


def _of_emstdp(rule: Emstdp, fixed: FixedPoint, last: int) -> dict[str, Any]:
    return {
        "settle": rule.settle, "rows": rule.settle + 2 * rule.steps + 1,
        "threshold": round(rule.error_threshold * fixed.one),
        "by_spikes": rule.contrast == "error-spikes",
    }  # fmt: skip


# The rules that Processes know, and what a layer is told of each.
RULES: dict[type[SpikingRule], Callable[[Any, FixedPoint, int], dict[str, Any]]] = {
    Graded: _of_graded,
    Emstdp: _of_emstdp,
}


def check(config: Config) -> None:
    """Refuse what the Processes do not know.

    Raises
    ------
    InputError
    """
    rule = config.spiking
    able = ", ".join(kind.name for kind in RULES)
    if rule is None or type(rule) not in RULES:
        found = "Equilibrium Propagation" if rule is None else f"rule {rule.name!r}"
        raise InputError(f"lava: {found} has no Processes of spiking layers; expected {able}")
    if config.input != "spikes":
        raise InputError(
            f"lava: rule {rule.name!r} with input {config.input!r}; expected 'spikes': its "
            "Processes inject nothing"
        )
    if rule.skips:
        raise InputError(
            f"lava: rule {rule.name!r} with skip_right {rule.nearest!r}; expected 0: its Processes "
            "learn from every sample"
        )
    if rule.path.aligns or rule.path.mode is not None:
        raise InputError(
            f"lava: feedback is {getattr(rule, 'feedback', None)!r}; expected one that is written "
            "by what samples tell of errors, or never: the Processes send no noise and no drives"
        )


def describe(
    config: Config, x: np.ndarray, labels: np.ndarray, rates: Sequence[float]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Layers and directions for :mod:`eqchip.backends.lava.spiking_builder`, and their arrays."""
    check(config)
    posed = Posed(config, rates, len(x))
    layers = [posed.layer(layer) for layer in range(posed.last + 1)]
    copies = [posed.forward(k) for k in range(posed.last)]
    copies += [posed.path(k) for k in range(1, posed.last)]
    arrays = {
        "x": posed.fixed.states(x).astype(np.int64),
        "labels": np.asarray(labels, np.int64),
        **posed.stored(),
    }
    streams = {"weight": FORWARD, "bias": BIAS_STREAM, "decay": DECAY_STREAM}
    return {
        "rows": posed.rows, "samples": len(x), "layers": layers, "copies": copies,
        "streams": streams,
    }, arrays  # fmt: skip


class Posed:
    """A training as its Processes are told of it: plain values and arrays."""

    def __init__(self, config: Config, rates: Sequence[float], samples: int) -> None:
        assert config.spiking is not None
        assert config.on_chip is not None
        self.config, self.rates, self.samples = config, rates, samples
        self.rule, self.onchip, self.sizes = config.spiking, config.on_chip, config.sizes
        self.fixed, self.last = self.onchip.fixed, len(self.sizes) - 1
        self.exponents = self.onchip.exponents(self.last)
        self.shares = program_of(self.rule).rates(self.rule, self.fixed)
        rule: Any = self.rule
        self.steps: int = rule.steps
        fixed, told = self.fixed, RULES[type(self.rule)](rule, self.fixed, self.last)
        self.rows, self.settle = int(told["rows"]), int(told["settle"])
        self.common = {
            "name": rule.name, "steps": self.steps, "samples": samples, "last": self.last,
            "one": fixed.one, "fraction_bits": fixed.fraction_bits, "high": fixed.highest_state,
            "low": max(-round(rule.floor * fixed.one), fixed.lowest_state), **told,
        }  # fmt: skip

    def source(self, layer: int) -> int:
        """The layer whose errors a hidden layer hears."""
        return self.last if self.rule.path.direct else layer + 1

    def layer(self, layer: int) -> dict[str, Any]:
        """A layer: what it is, its biases' rate, and when it forms a graded error."""
        back, rate = 0, (0, 0)
        if layer > 0:
            rate = integer_rate(self.rates[layer - 1] * self.shares.bias * self.fixed.one)
        if 0 < layer < self.last:
            learns = self.rule.path.learns
            back = self.exponents[layer if learns else self.source(layer) - 1]
        away = self.last - layer  # errors go down a layer a step
        if self.rule.path.direct:
            away = min(away, 1)
        return {
            "name": f"layer_{layer}", "units": self.sizes[layer], "connection": layer - 1,
            "seed": self.config.seed,
            "rule": {
                **self.common, "layer": layer, "exponent": back, "forms": self.steps - 1 + away,
                "mantissa": rate[0], "shift": rate[1],
            },
        }  # fmt: skip

    def _rate(self, k: int) -> float:
        one = 2.0 ** (self.exponents[k] - self.fixed.fraction_bits - self.onchip.accumulator_bits)
        return self.rates[k] * self.shares.of_weight(k, False, self.fixed) / one

    def _copy(self, k: int, name: str, above: int, into: int, **rule: Any) -> dict[str, Any]:
        arrives = self.settle + (k > 0)  # bits of a hidden layer, a step after they are sent
        onchip = self.onchip
        of_all = {
            "rows": self.rows, "samples": self.samples, "every": onchip.every,
            "counted": list(range(arrives, arrives + self.steps)),
            "accumulator_bits": onchip.accumulator_bits,
            "limit": self.fixed.highest_code << onchip.accumulator_bits,
            "shrinks": int(self.rule.path.decay * 2**TRACE_SHIFT) if k > 0 else 0,
        }  # fmt: skip
        return {
            "name": name, "connection": k, "seed": self.config.seed, "below": f"layer_{k}",
            "above": f"layer_{above}", "into": f"layer_{into}", "rule": {**of_all, **rule},
        }  # fmt: skip

    def forward(self, k: int) -> dict[str, Any]:
        """The weights that spikes cross."""
        mantissa, shift = integer_rate(self._rate(k))
        rule = {"back": False, "mantissa": mantissa, "shift": shift, "exponent": self.exponents[k]}
        return self._copy(k, f"forward_{k}", k + 1, k + 1, **rule)

    def path(self, k: int) -> dict[str, Any]:
        """The weights that errors cross into layer k."""
        gain = self.rule.path.gain
        mantissa, shift = integer_rate(gain * self._rate(k))
        held = mantissa if gain > 0 else None
        rule = {"back": True, "mantissa": held, "shift": shift, "exponent": 0}
        return self._copy(k, f"path_{k}", self.source(k), k, **rule)

    def stored(self) -> dict[str, np.ndarray]:
        """What all of them hold at first, as it lies there."""
        config, rule, onchip, sizes = self.config, self.rule, self.onchip, self.sizes
        codes = initial_codes(config.network(), onchip, config.seed)
        found = {f"forward_{k}": held.astype(np.int64) for k, held in enumerate(codes)}
        for k in range(1, self.last):
            if rule.path.learns:
                held = initial_mirror(codes[k], rule, k, onchip, config.seed, sizes).T
            else:
                source = self.source(k)
                drawn = fixed_feedback(
                    rule, sizes, source, k, onchip, config.seed, self.exponents[source - 1]
                )
                held = drawn.astype(np.int64) << onchip.accumulator_bits
            found[f"path_{k}"] = np.ascontiguousarray(held, np.int64)
        return found


def train_spiking(
    config: Config,
    x: np.ndarray,
    labels: np.ndarray,
    *,
    rates: Sequence[float],
    limit: float | None = None,
) -> LearnedSpiking:
    """Learn from samples, one after another, all inside one run of Lava.

    As an epoch of training does from its start, at these rates: where a path decays, after every
    ``on_chip.every`` samples and after the last one.

    Parameters
    ----------
    config : Config
        With a spiking rule.
    x : ndarray, shape (samples, n_in), in [0, 1]
    labels : ndarray of int, shape (samples,)
    rates : sequence of float
        Learning rates, one per connection.
    limit : float, optional
        Seconds after which Lava is given up.

    Raises
    ------
    InputError
        If Lava cannot run here, for what the Processes do not know, when Lava fails (with its whole
        output as the cause), and when it is not done within `limit`.
    """
    LAVA.require()
    described, arrays = describe(config, x, labels, rates)
    if limit is None:
        limit = LEAST_SECONDS + SECONDS_PER_STEP * described["rows"] * len(x)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        (folder / "described.json").write_text(json.dumps(described), "utf-8")
        np.savez(folder / "arrays.npz", **arrays)
        command = [sys.executable, "-m", BUILDER, str(folder)]
        try:
            watch.run(command, limit=limit, folder=folder, log=folder / "log.txt")
        except watch.CommandFailed as error:
            raise InputError(f"backend 'lava': {error}") from RuntimeError(error.output)
        return _read(config, folder)


def _read(config: Config, folder: Path) -> LearnedSpiking:
    def of(name: str) -> dict[str, np.ndarray]:
        with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
            return {key: file[key] for key in file.files}

    rule, last = config.spiking, len(config.sizes) - 1
    assert rule is not None
    layers = [of(f"layer_{layer}") for layer in range(last + 1)]
    copies = [of(f"forward_{k}") for k in range(last)]
    paths = {k: of(f"path_{k}") for k in range(1, last)}
    writes = np.zeros((last, 2, 4), np.int64)
    for k in range(last):
        writes[k, 0] = copies[k]["writes"]
        if k > 0:
            writes[k, 1] = paths[k]["writes"]
    return LearnedSpiking(
        [copy["stored"] for copy in copies],
        {k: path["stored"].T for k, path in paths.items()},
        [layer["bias"] for layer in layers[1:]],
        np.stack([layer["spikes"] for layer in layers], axis=1)[: len(rule.phases)],
        layers[last]["classes"],
        writes,
        sum(int(layer["saturated"]) for layer in layers),
    )
