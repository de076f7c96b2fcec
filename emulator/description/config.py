"""All settings of a training run, and the file that repeats it (``config.toml``)."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    field_validator,
    model_validator,
)

from eqchip.emulator.activity import Activity
from eqchip.emulator.description import notation
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.config_checks import (
    OF_EP,
    check_on_chip,
    check_spiking,
    check_states,
)
from eqchip.emulator.description.fingerprint import fingerprint
from eqchip.emulator.description.learning import (
    Learning,
    Optimizer,
    check_decay,
    learning_rates,
)
from eqchip.emulator.description.modes import InputMode, Precision
from eqchip.emulator.description.network import Network, check_feedback_shifts
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.rules import RULES
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.description.spiking.rules import spiking_rule
from eqchip.emulator.description.topology import Topology
from eqchip.emulator.documents import read_toml
from eqchip.emulator.errors import InputError
from eqchip.emulator.mistakes import one_line

FORMAT = "eqchip-config 1"
MOST_UNITS = 2**31 - 1  # of a layer: units are numbered in 32 bits
ABSENT = "none"  # TOML has no null
SETTING = "setting"  # what a key of these descriptions is called

SpikingSetting = Annotated[
    SpikingRule, PlainValidator(spiking_rule), PlainSerializer(lambda rule: rule.settings())
]

Schedule = Literal["cosine", "constant"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise InputError(f"settings: {one_line(error, type(self), SETTING)}") from None

    # Of settings within settings mistakes are told once, by the outermost, with their address.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


class Descent(_Settings):
    """How weights follow the contrast.

    lr holds a rate per connection, the input side first. The schedule scales it over the
    run: "cosine" falls to 0 as (1 + cos(pi progress)) / 2, and rises in proportion over the first
    warm_up of the run: large first steps can push every output unit below 0, where a nudge no
    longer moves it.

    input_dropout is the share of inputs silenced in each training sample, drawn anew every
    time; a silent input sends nothing and costs nothing. When the network classifies, every
    input is scaled by 1 - input_dropout instead (Srivastava et al., JMLR 15, 2014).

    shift moves every training image by up to so many pixels along each axis, and flip mirrors
    it left to right half of the time; rotate turns it by up to so many degrees either way, and zoom
    makes it larger or smaller by up to that share. All are drawn anew every time.

    weight_decay shrinks every weight by that times the rate at every update, beside the
    optimizer (Loshchilov and Hutter, ICLR 2019); a weight needs to know nothing for it but itself.
    """

    lr: tuple[float, ...] = (0.4, 0.2)
    optimizer: Optimizer = "sgd"
    momentum: float = Field(default=0.0, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    schedule: Schedule = "cosine"
    warm_up: float = Field(default=0.02, ge=0, le=1)
    epochs: int = Field(default=25, ge=1, lt=2**31)
    minibatch: int = Field(default=20, ge=1, lt=2**31)
    input_dropout: float = Field(default=0.0, ge=0, lt=1)
    shift: int = Field(default=0, ge=0, lt=2**15)
    flip: bool = False
    rotate: float = Field(default=0.0, ge=0, le=180)
    zoom: float = Field(default=0.0, ge=0, lt=1)

    @property
    def augments(self) -> bool:
        """Whether training images are seen a little differently every time."""
        return bool(self.shift or self.flip or self.rotate or self.zoom)

    def rates(self, progress: float) -> list[float]:
        """The learning rates when this share of the run, in [0, 1], is done."""
        factor = 1.0
        if self.schedule == "cosine":
            rise = min(progress / self.warm_up, 1.0) if self.warm_up else 1.0
            factor = rise * 0.5 * (1.0 + math.cos(math.pi * progress))
        return [rate * factor for rate in self.lr]


class Config(_Settings):
    """Everything that determines the weights at the end of a training run.

    initial_gain multiplies the initial weights: one factor for all connections, or one for each.
    Potentials are not negative, so in a layer of many inputs the initial weights act like a
    bias that is the same for every sample; a gain below 1 keeps its units from starting at 0 or 1,
    where they learn little.

    feedback_shifts: what a connection sends back arrives times 2 to minus this, one per connection;
    empty for 0 everywhere. See :class:`~eqchip.emulator.description.network.Network`.

    links: connections beside the chain, written as in :mod:`~eqchip.emulator.description.notation`:
    ``"1:3"``, ``"2:2"``, ``"1=3"``. Each has a learning rate, behind those of the chain; a rate of
    0 leaves it as it is.

    spiking: the rule that trains integrate-and-fire units on the chip, in place of Equilibrium
    Propagation, whose ``learning`` and ``coding`` then stay as they are by default.

    Raises
    ------
    InputError
        In one line: the first setting that is wrong, its value, what would be right, and how many
        more there are.

    Examples
    --------
    >>> config = Config(layers=(64, 50, 10), descent={"lr": (0.2, 0.1), "epochs": 5})
    >>> config
    Config(digits, 64-50-10, 5 epochs, float32, seed 0)
    >>> Config(epochs=10)
    Traceback (most recent call last):
    eqchip.emulator.errors.InputError: settings: epochs is no setting; expected descent.epochs
    """

    dataset: str = "digits"
    layers: tuple[notation.Entry, ...] = (64, 100, 10)
    initial_gain: tuple[float, ...] = (1.0,)
    feedback_shifts: tuple[int, ...] = ()
    links: tuple[str, ...] = ()
    input: InputMode = "spikes"
    precision: Precision = "float32"
    seed: int = Field(default=0, ge=0, lt=2**63)
    validation: int = Field(default=0, ge=0)
    coding: Coding = Coding()
    timing: Asynchronous | None = None
    on_chip: OnChip | None = None
    spiking: SpikingSetting | None = None
    learning: Learning = Learning()
    descent: Descent = Descent()

    @field_validator("layers")
    @classmethod
    def _check_layers(cls, layers: tuple[notation.Entry, ...]) -> tuple[notation.Entry, ...]:
        if len(layers) < 2 or any(isinstance(n, int) and not 1 <= n <= MOST_UNITS for n in layers):
            raise ValueError(
                "expected at least two layers, each of at least one unit "
                f"and at most {MOST_UNITS}, e.g. {notation.EXAMPLE}"
            )
        try:
            sizes = notation.sizes(layers)
        except InputError as error:
            raise ValueError(str(error)) from None
        if max(sizes) > MOST_UNITS:
            raise ValueError(f"expected at most {MOST_UNITS} units in a layer")
        return layers

    @model_validator(mode="after")
    def _check_rates(self) -> Config:
        if self.links:
            notation.links(self.layers, self.links)
        count = len(self.layers) - 1 + len(self.links)
        learning_rates(self.descent.lr, count)
        check_decay(self.descent.weight_decay, max(self.descent.lr))
        if len(self.initial_gain) not in (1, count):
            raise ValueError(
                f"initial_gain holds {len(self.initial_gain)} factors for {count} connections; "
                f"expected one, or {count}"
            )
        if not all(0 <= gain < math.inf for gain in self.initial_gain):
            raise ValueError(
                f"initial_gain is {self.initial_gain}; expected finite numbers of at least 0"
            )
        if self.feedback_shifts:
            check_feedback_shifts(self.feedback_shifts, len(self.layers) - 1)
        return self

    @model_validator(mode="after")
    def _check_links(self) -> Config:
        for what, given in (("on_chip", self.on_chip), ("timing", self.timing)):
            if self.links and given is not None:
                raise InputError(
                    f"links: {self.links[0]!r} with {what}, which knows no skip and lateral "
                    "connections; expected a chain of layers"
                )
        return self

    @model_validator(mode="after")
    def _check_rule(self) -> Config:
        """Files know a rule by its name."""
        rule = self.learning.rule
        if not isinstance(rule, str):
            raise ValueError(
                f"learning: rule is {rule!r}, which a file cannot hold; expected the name of a row "
                f"of RULES: {', '.join(RULES)}"
            )
        return self

    @model_validator(mode="after")
    def _check_skipping(self) -> Config:
        nearest = self.learning.skip_right
        if nearest and self.timing is not None:
            raise InputError(
                f"learning: skip_right is {nearest!r} with timing, where units are at no moment "
                "all at the end of a phase; expected 0, or one clock for all"
            )
        return self

    @model_validator(mode="after")
    def _check_states(self) -> Config:
        if self.learning.carries and self.timing is not None:
            raise InputError(
                f"learning: states is {self.learning.states!r} with timing, whose messages are on "
                "their way when weights change; expected 'reset', or one clock for all"
            )
        check_states(self.learning.states, self.coding)
        return self

    @model_validator(mode="after")
    def _check_on_chip(self) -> Config:
        if self.spiking is not None:
            check_spiking(self)
        elif self.on_chip is not None:
            check_on_chip(self)
        return self

    @property
    def learner(self) -> Learning | OnChip | SpikingRule:
        """The description of what trains: its type finds the row of a table."""
        return self.spiking or self.on_chip or self.learning

    @property
    def topology(self) -> Topology:
        """The network's layers and what joins them, without weights."""
        links = notation.links(self.wired, self.links) if self.links else ()
        return Topology.of(notation.connections(self.wired), [one.link for one in links])

    def network(self) -> Network:
        """The network before training."""
        connections = notation.connections(self.wired)
        linked = notation.links(self.wired, self.links) if self.links else ()
        links = [one.link for one in linked]
        network = Network.chain(connections, links=links, seed=self.seed)
        gains = self.initial_gain * (len(network.weights) // len(self.initial_gain))
        weights = [w * gain for w, gain in zip(network.weights, gains, strict=True)]
        for k, one in enumerate(linked, start=len(connections)):
            if one.weight is not None:  # said, not drawn
                weights[k] = np.full_like(weights[k], one.weight)
        return Network.chain(
            connections, weights=weights, feedback_shifts=self.feedback_shifts, links=links
        )

    def nothing_done(self, phases: tuple[str, ...]) -> Activity:
        """The activity of a network that has not run yet."""
        return Activity.zeros(phases, len(self.layers), len(self.links))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units per layer."""
        return notation.sizes(self.layers)

    @property
    def wired(self) -> tuple[notation.Entry, ...]:
        """The layers of the network as it is wired: a rule may have a layer hear itself."""
        return self.layers if self.spiking is None else self.spiking.wired(self.layers)

    @property
    def inputs(self) -> int:
        """The numbers of a sample."""
        return self.sizes[0] if self.spiking is None else self.spiking.inputs(self.sizes)

    @property
    def written(self) -> str:
        """The network in one line, with its links."""
        return " ".join((notation.written(self.layers), *self.links))

    def __repr__(self) -> str:
        learner = self.spiking.name if self.spiking else "on a chip" if self.on_chip else ""
        told = (
            self.dataset, self.written, f"{self.descent.epochs} epochs", learner or self.precision,
            f"seed {self.seed}",
        )  # fmt: skip
        return f"Config({', '.join(told)})"

    __str__ = __repr__

    def digest(self) -> str:
        """A short fingerprint of all settings; of a run of an earlier version, the one it had."""
        return fingerprint(self.model_dump(mode="json"))


def setting_names(description: Any) -> tuple[str, ...]:
    """The settings of a description, in its order.

    Examples
    --------
    >>> setting_names(Learning)[:3]
    ('rule', 'beta', 'free_steps')
    """
    if issubclass(description, BaseModel):
        return tuple(description.model_fields)
    return tuple(field.name for field in fields(description))


def make_config(**settings: Any) -> Config:
    """A configuration from plain settings; errors as of :class:`Config`."""
    return Config(**settings)


def to_toml(config: Config, provenance: dict[str, Any]) -> str:
    """The text of ``config.toml``."""
    import tomli_w

    settings = config.model_dump(mode="json")
    for name in ("spiking",) if config.spiking is None else OF_EP:
        del settings[name]
    settings = _replace(settings, None, ABSENT)
    return tomli_w.dumps({"format": FORMAT, **settings, "provenance": provenance})


def read_config(path: Path) -> Config:
    """Read a ``config.toml``.

    Raises
    ------
    InputError
        If the file is missing, no TOML, of another format, or holds wrong settings.
    """
    document = read_toml(path, "the configuration of a run")
    found = document.pop("format", None)
    if found != FORMAT:
        raise InputError(f"{path}: format is {found!r}; expected {FORMAT!r}")
    if document.pop("provenance", None) is None:  # the last table that is written
        raise InputError(f"{path}: its last table, [provenance], is missing; expected a whole file")
    try:
        return Config(**_replace(document, ABSENT, None, keep=("quantizer",)))
    except (InputError, TypeError) as error:
        raise InputError(f"{path}: {str(error).removeprefix('settings: ')}") from None


def _replace(value: Any, old: Any, new: Any, keep: tuple[str, ...] = ()) -> Any:
    if isinstance(value, dict):
        return {k: v if k in keep else _replace(v, old, new, keep) for k, v in value.items()}
    return new if value == old and type(value) is type(old) else value
