"""The rules that train integrate-and-fire units, and their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.notation import Entry
from eqchip.emulator.description.spiking.feedback import FEEDBACKS
from eqchip.emulator.description.spiking.rule import Kept, SpikingRule
from eqchip.emulator.errors import InputError

Contrast = Literal["rates", "error-spikes"]
Moment = Literal["sample", "spike"]


@dataclass(frozen=True)
class Graded(SpikingRule):
    """Spikes forward, one graded error back; the upper yardstick on a chip with payloads.

    In T steps a unit fires c times, and an output adds up Z, what arrives at it. Then::

        e_k = y_k - clip(Z_k / T, 0, 1)                       outputs; 0 where below least_error
        e_i = [0 < c_i < T] sum_k B_ik e_k                    hidden units, layer by layer
        dw_ji = lr c_j / T e_i        db_i = lr e_i

    with B the transposed weights, or others (:data:`FEEDBACKS`). With the transpose that is exact
    backpropagation through the rates; predictive coding with fixed predictions and a step of 1 is
    the same (Rosenbaum, PLoS ONE 17:e0266102, 2022), and with random B it is feedback alignment
    (Lillicrap et al., Nat. Commun. 7:13276, 2016), or, direct, that of Nokland (NIPS 2016).

    Parameters
    ----------
    steps : int
        T.
    feedback : {"transpose", "random", "direct", "kolen-pollack", "ekdaa", "mirror", ...}
        A row of :data:`FEEDBACKS`.
    feedback_gain, feedback_decay : float, optional
        With kolen-pollack or ekdaa, other than theirs; see `FeedbackPath`.
    least_error : float
        An output whose error is smaller sends none.
    floor : float
        V does not fall below minus so many thresholds.
    skip_right : float
        A sample of which every output, clip(Z_k / T, 0, 1), ends the phase nearer to its target
        than this is right: it has no errors, and writes nothing. 0: none is.
    """

    name = "graded"
    feedbacks: ClassVar[tuple[str, ...]] = tuple(FEEDBACKS)
    graded = True

    steps: int = 12
    feedback: str = "transpose"
    feedback_gain: float | None = None
    feedback_decay: float | None = None
    least_error: float = 0.02
    floor: float = 1.0
    skip_right: float = 0.0

    def __post_init__(self) -> None:
        self._check_steps("steps")
        self._check_feedback()
        self._check_amounts("least_error", most=1.0)
        self._check_amounts("floor")
        self._check_skipping()

    @property
    def refuses_current(self) -> str:
        """Nothing: where the spikes of an input axon are counted its value stands as well."""
        return ""

    def kept_bits(self, fixed: FixedPoint) -> Kept:
        """V, the error and the spikes of a unit; the spikes of an axon."""
        count, drive = self.steps.bit_length(), fixed.state_bits * self.path.aligns
        return Kept(2 * fixed.state_bits + drive + count, count)


@dataclass(frozen=True)
class Emstdp(SpikingRule):
    """Spiking backpropagation by local STDP: a phase without error, and one with error spikes.

    After Shrestha, Fang, Wu and Qiu (ICONS 2019) and Shrestha et al. (arXiv 2105.03649, 2021). Two
    phases of T steps, the first after ``settle`` more whose spikes do not count; c and d are the
    spikes that a unit sends in them. In the second::

        E_k += [k = y] - q_k                outputs; where |E_k| is 1 a spike n_k of its sign,
                                            and E_k -= n_k
        E_i += sum_k B_ik n_k               hidden units; a spike n_i at the error threshold,
                                            sent where 0 < c_i < T
        V   += n                            its own error spike, one threshold
        dw_ji = lr c_j / T (d_i - c_i) / T  db_i = lr (d_i - c_i) / T

    All arrives a step later. With ``contrast`` error-spikes the error of a hidden unit is the sum
    of its n and not what they did to its rate, and they are not added to V: with random feedback,
    whose errors are not small, that trains better.

    It departs from the published rule in this: V starts at half a threshold, of which a spike takes
    one; weights are written by the plain product, without a running mean of squares.

    Parameters
    ----------
    steps, settle : int
        T, and the steps before it.
    feedback : {"transpose", "random", "direct", "kolen-pollack", "ekdaa", "mirror", ...}
    feedback_gain, feedback_decay : float, optional
        As for `Graded`.
    contrast : {"rates", "error-spikes"}
    error_threshold : float
        Of hidden error units.
    floor : float
        V does not fall below minus so many thresholds.
    skip_right : float
        A sample of which every output, c_k / T, ends the first phase nearer to its target than this
        is right: it has no second phase, and writes nothing. 0: none is.
    """

    name = "emstdp"
    feedbacks: ClassVar[tuple[str, ...]] = tuple(FEEDBACKS)
    phases = ("free", "nudged")

    steps: int = 24
    settle: int = 4
    feedback: str = "transpose"
    feedback_gain: float | None = None
    feedback_decay: float | None = None
    contrast: Contrast = "rates"
    error_threshold: float = 0.1
    floor: float = 8.0
    skip_right: float = 0.0

    def __post_init__(self) -> None:
        self._check_steps("steps", "settle")
        self._check_feedback()
        self._check_amounts("error_threshold", "floor")
        self._check_skipping()
        if self.contrast not in get_args(Contrast):
            raise InputError(
                f"emstdp: contrast is {self.contrast!r}; "
                f"expected one of {', '.join(get_args(Contrast))}"
            )

    @property
    def refuses_current(self) -> str:
        """Nothing: where the spikes of an input axon are counted its value stands as well."""
        return ""

    def kept_bits(self, fixed: FixedPoint) -> Kept:
        """V, E, an error spike, c, and d - c of a unit; c of an axon."""
        count, drive = self.steps.bit_length(), fixed.state_bits * self.path.aligns
        return Kept(2 * fixed.state_bits + drive + 2 + count + (count + 1), count)


@dataclass(frozen=True)
class Erbp(SpikingRule):
    """Event-driven random backpropagation: error spikes into a dendrite that only writes read.

    After Neftci, Augustine, Paul and Detorakis (Front. Neurosci. 11:324, 2017). One phase; feedback
    is direct, over fixed random weights whose mean over the classes is 0::

        I   = sum_j w_ji q_j                           current of a step, without memory
        V  += I                                        a spike takes all of V
        E+ += [k = y] - q_k,  E- -= the same           outputs; a spike at 1 takes 1; at least 0
        U  -= decay U,  U += sum_k g_ik (n+_k - n-_k)  dendrites; of an output its own n, g = 1
        at a spike of j, where |I| < box:  dw_ji = lr U_i / (steps - settle)

    ``write`` spike is that: a write at each presynaptic spike, before its weight is added, with I
    of the step before. ``sample`` is our variant of it: once a sample, the spikes of j times the
    mean of the gated U. In the first ``settle`` steps nothing is written.

    A step is a refractory period of the paper, so that the current's time constant and the soma's
    vanish in it.

    Parameters
    ----------
    steps, settle : int
    feedback : {"direct"}
    write : {"sample", "spike"}
    box : float
        In thresholds.
    decay : float
        Of the dendrite, a step.
    gain : float
        The largest fixed weight of a hidden dendrite.
    least_error : float
        A dendrite, of a sample its mean, that is smaller writes nothing.
    floor : float
        V does not fall below minus so many thresholds.
    skip_right : float
        Where a sample writes: one of which every output, its spikes over steps, ends nearer to its
        target than this is right, and writes nothing. 0: none is.
    """

    name = "erbp"
    feedbacks: ClassVar[tuple[str, ...]] = ("direct",)

    steps: int = 24
    settle: int = 8
    feedback: str = "direct"
    write: Moment = "sample"
    box: float = 3.0
    decay: float = 0.5
    gain: float = 0.3
    least_error: float = 0.006
    floor: float = 4.0
    skip_right: float = 0.0

    def __post_init__(self) -> None:
        self._check_steps("steps", "settle")
        self._check_feedback()
        self._check_amounts("box", "floor")
        self._check_amounts("decay", "gain", "least_error", most=1.0)
        if self.settle >= self.steps:
            raise InputError(
                f"erbp: settle is {self.settle} of {self.steps} steps, so nothing is ever written; "
                "expected fewer"
            )
        if self.write not in get_args(Moment):
            raise InputError(
                f"erbp: write is {self.write!r}; expected one of {', '.join(get_args(Moment))}"
            )
        self._check_skipping()
        if self.skips and self.write == "spike":
            raise InputError(
                f"erbp: skip_right is {self.skip_right!r} with write 'spike', which writes before "
                "an answer is known; expected 0, or write 'sample'"
            )

    def feedback_limit(self, n_source: int, n: int) -> float:
        """The largest fixed weight of a path."""
        return self.gain

    @property
    def refuses_current(self) -> str:
        """Writes at spikes of the input: of an injected one there are none."""
        return "write 'spike' writes at its spikes" if self.write == "spike" else ""

    def kept_bits(self, fixed: FixedPoint) -> Kept:
        """V and U of a unit; where a sample writes, the sum of its U, and the spikes of an axon."""
        if self.write == "spike":
            return Kept(2 * fixed.state_bits, 0)
        count = (self.steps - self.settle).bit_length()
        return Kept(3 * fixed.state_bits + count, count)


@dataclass(frozen=True)
class Nbp(SpikingRule):
    """Exact backpropagation of a binary network by gated spikes, to the letter of its paper.

    Renner, Sheldon, Zlotnik, Tao and Sornborger (Nat. Commun. 15:9691, 2024). Every unit fires at
    most once in a step of its own, in a ring of 12; inputs are binary, those above 1/2. With drives
    in thresholds::

        h = x W1,  s = [h > 1],  o = s W2,  r = [o > 1]
        d_k = [t > r][o > 0] - [r > t][o < 2]         outputs
        dw2 = s d                                     one code a write, of 8 bits
        d_i = sign(sum_k d_k w2_ik) [0 < h_i < 2]     over the transposed weights, just written
        dw1 = x d_i

    The learning rate is that one code; ``lr`` of the descent has no say. Spikes, synapses that they
    cross and writes are those of the published circuit: three copies of weights forward, two of the
    transpose, relays and gates.
    """

    name = "nbp"
    tells = (
        "hidden", "hidden_above_0", "hidden_past_1", "outputs", "outputs_above_0",
        "outputs_past_1", "errors_up", "errors_down", "hidden_errors_up", "hidden_errors_down",
        "taught",
    )  # fmt: skip

    @property
    def refuses_current(self) -> str:
        """Its input is sent once, and is binary."""
        return "its inputs are binary, and fire once a sample as it is"

    def check_network(self, sizes: Sequence[int]) -> None:
        """Refuse what is not one hidden layer: the ring has steps for no more."""
        if len(sizes) != 3:
            raise InputError(
                f"nbp: {len(sizes)} layers; expected 3, the ring of 12 steps is made for one "
                "hidden layer"
            )


@dataclass(frozen=True)
class Eprop(SpikingRule):
    """e-prop: a recurrent layer that learns in time, by a trace at each synapse.

    After Bellec et al. (Nat. Commun. 11:3625, 2020), whose text was not read; equations are those
    of the authors' check of its factorised gradient (IGITUGraz/eligibility_propagation 3b184c8) and
    of Frenkel's version for leaky units (ChFrenkel/eprop-PyTorch 0f32a8f). A sample is told in
    parts, ``rows`` of so many numbers as there are inputs, each for ``steps`` steps. One hidden
    layer hears the inputs and itself, a step later; its senders i are both::

        V_j  = (1 - decay) V_j + sum_i w_ij q_i + b_j        a spike takes one threshold
        a_i  = (1 - decay) a_i + q_i                         of an axon
        e_ij = (1 - fade) e_ij + a_i max(0, 1 - |V_j - 1|)   of a synapse; V before its spike
        Y_k  = (1 - fade) Y_k + sum_j w_jk q_j + b_k         the outputs; Y of the end answers
        z_j  = (1 - fade) z_j + q_j                          as outputs hear it

    and in each of the last ``window`` steps, by what is there before the hidden layer's step::

        d_k = [k = y] - clip(Y_k, 0, 1)       0 where below least_error; one graded message each
        dw_ij = lr e_ij sum_k B_jk d_k        dw_jk = lr z_j d_k        db_k = lr d_k

    with B the transposed weights, or fixed random ones. Where the layer did not hear itself that
    would be the gradient, but for what a spike takes, which is not derived. What is ours: whole
    numbers; a squared error where the paper has a softmax; the slope of the surrogate, 0.3 there,
    is in lr; rates of firing are not regularised; a unit hears its own spikes, too; biases of
    hidden units are not learned; weights are written in every step of the window, and read as they
    are then.

    Parameters
    ----------
    rows, steps : int
        Parts of a sample, and time steps of each.
    window : int
        The last steps of a sample, in which outputs are told what they should be.
    feedback : {"transpose", "random"}
        Where the learning signal crosses.
    decay : float
        What a potential, and the trace of an axon, loses in a step.
    fade : float
        What an output, and what is summed for it, loses in a step.
    least_error : float
        An output whose error is smaller sends none.
    floor : float
        V does not fall below minus so many thresholds.
    """

    name = "eprop"
    feedbacks: ClassVar[tuple[str, ...]] = ("transpose", "random")
    graded = True
    tells = ("traces_kept",)
    trace_bits = 16

    rows: int = 8
    steps: int = 4
    window: int = 4
    feedback: str = "random"
    decay: float = 0.1
    fade: float = 0.1
    least_error: float = 0.02
    floor: float = 4.0

    def __post_init__(self) -> None:
        self._check_steps("steps", "rows", "window")
        self._check_feedback()
        self._check_amounts("decay", "fade", "least_error", most=1.0)
        self._check_amounts("floor")
        for name in ("rows", "window"):
            if getattr(self, name) < 1:
                raise InputError(f"eprop: {name} is 0; expected a whole number of at least 1")
        if self.window > self.rows * self.steps:
            raise InputError(
                f"eprop: window is {self.window}, but a sample has {self.rows} x {self.steps} "
                "steps; expected no more"
            )

    def inputs(self, sizes: Sequence[int]) -> int:
        """A row after the other."""
        return self.rows * sizes[0]

    def wired(self, layers: Sequence[Entry]) -> tuple[Entry, ...]:
        """The hidden layer hears itself: its units stand behind the inputs."""
        first, hidden, *others = layers
        if not isinstance(first, int) or not isinstance(hidden, int):
            return tuple(layers)
        return (first + hidden, hidden, *others)

    @property
    def refuses_current(self) -> str:
        """Its input is told in parts."""
        return "its input changes from part to part of a sample"

    def kept_bits(self, fixed: FixedPoint) -> Kept:
        """V, how near it is to the threshold, and the learning signal; the trace of an axon."""
        return Kept(3 * fixed.state_bits, self.trace_bits)

    def check_network(self, sizes: Sequence[int]) -> None:
        """Refuse what is not one hidden layer."""
        if len(sizes) != 3:
            raise InputError(
                f"eprop: {len(sizes)} layers; expected 3: inputs of a row, the recurrent layer and "
                "the outputs"
            )


# Every rule of this kind that has a name. A new one: a class, and a row here.
SPIKING_RULES: dict[str, type[SpikingRule]] = {
    rule.name: rule for rule in (Graded, Emstdp, Erbp, Nbp, Eprop)
}


def setting_names(rule: type[SpikingRule]) -> tuple[str, ...]:
    """The settings of a rule, in its order."""
    return tuple(field.name for field in fields(rule))


def spiking_rule(settings: Any) -> SpikingRule:
    """A rule from what :meth:`SpikingRule.settings` gives; a rule is its own.

    Raises
    ------
    InputError
        If there is none of the name, or a setting is unknown or wrong.

    Examples
    --------
    >>> spiking_rule({"name": "graded", "steps": 6}).steps
    6
    """
    if isinstance(settings, SpikingRule):
        return settings
    given = dict(settings) if isinstance(settings, dict) else {"name": settings}
    name = given.pop("name", None)
    rule = SPIKING_RULES.get(name) if isinstance(name, str) else None
    if rule is None:
        known = ", ".join(SPIKING_RULES)
        raise InputError(f"spiking: rule {name!r} is unknown; expected one of {known}")
    for setting in given:
        if setting not in setting_names(rule):
            known = ", ".join(setting_names(rule)) or "none"
            raise InputError(f"{name}: setting {setting!r} is unknown; expected one of {known}")
    return rule(**given)
