"""Small cases whose every number was worked out by hand, to hold any engine to.

Weights are dyadic wherever possible, so the expected numbers are exact. In the comments
``t`` is the step; the units of a list are those of one layer, those of a map in row order with
the channels of a place together; bits and potentials are listed per step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eqchip.emulator.description.coding import (
    AdaptivePrediction,
    Coding,
    OptimalStepSize,
    Polynomial,
)
from eqchip.emulator.description.connections import AvgPool2d, Connection, Conv2d, MaxPool2d, Sparse
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run


@dataclass(frozen=True)
class HandCase:
    """A problem with one sample, and what must come out.

    ``connections`` are dense ones by their weights, unless they are given.
    ``bits`` and ``potentials`` map a layer to one row of units per step; ``activity`` maps
    the name of a count to its values per phase. ``tolerance`` is 0 where every number is
    dyadic, else it maps the precision to how far a potential may be off.
    """

    name: str
    weights: list[Any]
    x: list[float]
    coding: Coding
    phases: list[Any]
    bits: dict[int, list[list[int]]] = field(default_factory=dict)
    potentials: dict[int, list[list[float]]] = field(default_factory=dict)
    activity: dict[str, list[Any]] = field(default_factory=dict)
    biases: list[Any] | None = None
    exact: bool = True
    more: dict[str, Any] = field(default_factory=dict)
    connections: list[Connection] | None = None

    def problem(self, precision: str) -> Problem:
        """The question, in a precision."""
        if self.connections is None:
            sizes = [len(self.weights[0])] + [len(w[0]) for w in self.weights]
            network = Network.dense(sizes, weights=self.weights, biases=self.biases)
        else:
            network = Network.chain(self.connections, weights=self.weights, biases=self.biases)
        return pose(
            network,
            [self.x],
            coding=self.coding,
            phases=self.phases,
            precision=precision,  # type: ignore[arg-type]
            record=("bits", "potentials"),
            **self.more,
        )

    def check(self, run: Run, precision: str) -> None:
        """Assert that a run gave what was worked out."""
        assert run.bits is not None
        assert run.potentials is not None
        tolerance = 0.0 if self.exact else {"float32": 1e-6, "float64": 1e-12}[precision]
        for layer, rows in self.bits.items():
            assert run.bits[layer].dtype == np.uint8
            assert units(run.bits[layer]).tolist() == rows, f"bits of layer {layer}"
        for layer, values in self.potentials.items():
            got = run.potentials[layer]
            assert got.dtype == np.dtype(precision)
            np.testing.assert_allclose(
                units(got), values, rtol=0, atol=tolerance, err_msg=f"potentials of layer {layer}"
            )
        last = np.cumsum([phase.steps for phase in self.phases]) - 1
        assert len(run.ends) == len(last)
        for end, step in zip(run.ends, last, strict=True):
            for potentials, recorded in zip(end, run.potentials, strict=True):
                np.testing.assert_array_equal(potentials, recorded[step])
        assert run.activity.samples == 1
        for name, counts in self.activity.items():
            assert getattr(run.activity, name).tolist() == counts, name


def units(recorded: np.ndarray) -> np.ndarray:
    """What was recorded of the one sample, shape (steps, units)."""
    return recorded[:, 0].reshape(len(recorded), -1)


def plain(quantizer: str, eps: float = 1.0) -> Coding:
    """A coding without prediction and with a constant step size."""
    return Coding(quantizer, step_size=Polynomial(eps), prediction=None)  # type: ignore[arg-type]


def osa(regularizer: float = 1e-15) -> Coding:
    """Sigma-delta with the optimal step size; nu_bar = 0 makes nu 1/2, 1/3, 1/4 ..."""
    return Coding("sigma-delta", step_size=OptimalStepSize(0.0, regularizer), prediction=None)


def column(values: list[float]) -> list[list[float]]:
    """A layer of one unit, step by step."""
    return [[value] for value in values]


def number_rows(values: list[float]) -> np.ndarray:
    """Uniform numbers of a layer of one unit and one sample, one per step."""
    return np.array(values).reshape(-1, 1, 1)


def kernel(*rows: list[float]) -> np.ndarray:
    """The kernel of a convolution from one channel to one."""
    return np.array(rows)[:, :, None, None]


def copied(height: int, width: int) -> Conv2d:
    """A connection by which each unit of a map of one channel reaches its own place alone."""
    return Conv2d((height, width, 1), 1, kernel=1)


# Adding 1 to it changes nothing in either precision, so it shows the order of a sum.
HUGE = 2.0**54

CASES = [
    HandCase(
        name="sigma_delta_residue_of_exactly_one_half_gives_no_spike",
        weights=[[[1.0]]],
        x=[0.5],
        coding=plain("sigma-delta"),
        phases=[Free(4)],
        # phi' = 0 + .5 = .5, no spike; .5 + .5 = 1, spike, phi = 0; and again
        bits={0: [[0], [1], [0], [1]], 1: [[0], [0], [1], [0]]},
        # the potential of layer 1 is the input bit of the step before
        potentials={0: column([0.5] * 4), 1: column([0, 0, 1, 0])},
    ),
    HandCase(
        name="bernoulli_potential_equal_to_the_uniform_gives_no_spike",
        weights=[[[0.5]]],
        x=[0.75],
        coding=plain("bernoulli"),
        phases=[Free(4)],
        # input: .75 > .75 no, .75 > .5 yes, .75 > .75 no, .75 > 0 yes
        # layer 1: s = .5 * the input bit of the step before = 0, 0, .5, 0;
        #          0 > 0 no, 0 > 0 no, .5 > .5 no, 0 > 0 no
        more={"uniforms": [number_rows([0.75, 0.5, 0.75, 0]), number_rows([0, 0, 0.5, 0])]},
        bits={0: [[0], [1], [0], [1]], 1: [[0], [0], [0], [0]]},
        potentials={1: column([0, 0, 0.5, 0])},
    ),
    HandCase(
        name="bernoulli_does_not_clip_what_it_encodes",
        weights=[[[1.0]]],
        x=[0.75],
        coding=Coding("bernoulli", step_size=Polynomial(1.0), prediction=Polynomial(0.5)),
        phases=[Free(3)],
        # input: a = .75 / .5 = 1.5 > 1 yes; a = (.75 - .375) / .5 = .75 > .75 no; .75 > .5 yes
        # layer 1: r = 0; .5 * 0 + .5 * 1 = .5; .5 * .5 + .5 * 0 = .25; s = r
        #          a = 0 > 0 no; .5 / .5 = 1 > 1 no; (.25 - .25) / .5 = 0 > 0 no
        more={"uniforms": [number_rows([1, 0.75, 0.5]), number_rows([0, 1, 0])]},
        bits={0: [[1], [0], [1]], 1: [[0], [0], [0]]},
        potentials={1: column([0, 0.5, 0.25])},
    ),
    HandCase(
        name="input_reaches_layer_one_at_step_two_and_layer_two_at_step_three",
        weights=[[[1.0]], [[1.0]]],
        x=[1.0],
        coding=plain("sigma-delta"),
        phases=[Free(4)],
        # the feedback of layer 2 from t = 4 on makes the drive of layer 1 2, clipped to 1
        bits={0: [[1]] * 4, 1: [[0], [1], [1], [1]], 2: [[0], [0], [1], [1]]},
        potentials={1: column([0, 1, 1, 1]), 2: column([0, 0, 1, 1])},
    ),
    HandCase(
        name="bias_acts_whole_from_step_one_whatever_the_prediction",
        weights=[[[1.0]]],
        biases=[[0.5]],
        x=[0.0],
        coding=Coding("sigma-delta", step_size=Polynomial(0.5), prediction=Polynomial(0.5)),
        phases=[Free(3)],
        # s = .5 s + .5 * .5: .25, .125 + .25 = .375, .1875 + .25 = .4375
        # a = s_t / .5 - s_{t-1} = .5; .75 - .25 = .5; .875 - .375 = .5
        # phi' = .5 no; 1 yes, phi = 0; .5 no
        bits={0: [[0]] * 3, 1: [[0], [1], [0]]},
        potentials={1: column([0.25, 0.375, 0.4375])},
    ),
    HandCase(
        name="units_at_zero_and_at_one_still_feel_their_drive",
        weights=[[[1.0, -0.5]]],
        biases=[[1.0, 1.0]],
        x=[0.5],
        coding=plain("sigma-delta"),
        phases=[Free(4)],
        # both leave 0 at t = 1; at t = 3 an input bit (0, 1, 0, 1) arrives: unit 0 has drive 2,
        # clipped to 1, unit 1 has 1 - .5 = .5; then both return to 1 and neither falls to 0
        potentials={1: [[1, 1], [1, 1], [1, 0.5], [1, 1]]},
        # unit 1: phi' = 1, 1, .5 (no), 1.5
        bits={0: [[0], [1], [0], [1]], 1: [[1, 1], [1, 1], [1, 0], [1, 1]]},
    ),
    HandCase(
        name="first_predictive_message_is_the_potential_over_lambda",
        weights=[[[1.0]]],
        x=[0.25],
        coding=Coding("sigma-delta", step_size=Polynomial(1.0), prediction=Polynomial(0.5)),
        phases=[Free(4)],
        # input: a = .25 / .5 = .5, then (.25 - .125) / .5 = .25 at every step
        #        phi' = .5 no; .75 yes, phi = -.25; 0 no; .25 no
        # layer 1: r = 0; 0; .5 * 0 + .5 * 1 = .5; .5 * .5 + 0 = .25; s = r
        #          a = 0; 0; .5 / .5 = 1 yes, phi = 0; (.25 - .25) / .5 = 0 no
        bits={0: [[0], [1], [0], [0]], 1: [[0], [0], [1], [0]]},
        potentials={1: column([0, 0, 0.5, 0.25])},
    ),
    HandCase(
        name="negative_beta_pushes_the_output_away_from_its_target",
        weights=[[[1.0]]],
        biases=[[0.5]],
        x=[0.0],
        coding=plain("none", 0.5),
        phases=[Free(2), Nudged(2, [[1.0]], beta=-0.25)],
        # free: s = .25, .125 + .25 = .375
        # t = 3: p = .5 - .5 (1 - .375) = .1875; s = .1875 + .09375 = .28125
        # t = 4: p = .5 - .5 (1 - .28125) = .140625; s = .140625 + .0703125 = .2109375
        potentials={1: column([0.25, 0.375, 0.28125, 0.2109375])},
    ),
    HandCase(
        name="from_free_restores_the_potential_and_the_step_number",
        weights=[[[1.0]]],
        biases=[[0.5]],
        x=[0.0],
        coding=Coding("none", step_size=Polynomial(1.0, 1.0), prediction=None),
        phases=[
            Free(1),
            Nudged(1, [[1.0]], beta=0.5),
            Nudged(1, [[1.0]], beta=-0.5, from_free=True),
            Free(1, from_free=True),
            Nudged(1, [[0.0]], beta=0.5, from_free=True),
        ],
        # eps = 1 / t. t = 1: s = .5. The others are all t = 2 from s = .5, s = .25 + .5 p:
        # p = .5 + (1 - .5) = 1, s = .75;     p = .5 - (1 - .5) = 0, s = .25
        # p = .5, s = .5 (and this is no new start);     p = .5 + (0 - .5) = 0, s = .25
        potentials={1: column([0.5, 0.75, 0.25, 0.5, 0.25])},
    ),
    HandCase(
        name="from_free_restores_residue_decoder_and_the_bits_under_way",
        weights=[[[1.0]]],
        x=[0.25],
        coding=Coding("sigma-delta", step_size=Polynomial(1.0), prediction=Polynomial(0.5)),
        phases=[Free(2), Nudged(1, [[0.5]], beta=1.0), Free(2, from_free=True)],
        # free as in first_predictive_message_is_the_potential_over_lambda: at its end the input
        # bit 1 is under way, its phi is -.25, and layer 1 is at 0.
        # nudged, t = 3: r = .5; p = .5 + 2 (.5 - 0) = 1.5; s = 1; a = 2, spike, phi = 1
        # free again, t = 3, 4: exactly the case named above
        bits={0: [[0], [1], [0], [0], [0]], 1: [[0], [0], [1], [1], [0]]},
        potentials={1: column([0, 0, 1, 0.5, 0.25])},
    ),
    HandCase(
        name="schedule_runs_on_into_the_nudged_phase",
        weights=[[[1.0]]],
        x=[0.0],
        coding=Coding("none", step_size=Polynomial(1.0, 1.0), prediction=None),
        phases=[Free(3), Nudged(1, [[1.0]], beta=0.5)],
        # free: s = 0; t = 4: eps = 1/4, p = 1 (1 - 0) = 1, s = 1/4
        potentials={1: column([0, 0, 0, 0.25])},
    ),
    HandCase(
        name="optimal_step_size_without_variance_is_zero_and_opens_with_the_drive",
        weights=[[[1.0]]],
        x=[0.5],
        coding=osa(),
        phases=[Free(3)],
        # input bits 0, 1, 0: the drive of layer 1 is 0, 0, 1
        # t = 1: eps = 1; L = 1; nu = 1/2
        # t = 2: d = var = 0, eps = 1 - reg/reg = 0; L = 1; nu = 1/3
        # t = 3: e = 1, nu = 1/4, b = d = 1/4, var = (1/4 - 1/16) / (1 + 1) = 3/32,
        #        eps = 1 - (3/32) / (1/4) = 5/8, s = 5/8
        potentials={1: column([0, 0, 5 / 8])},
        exact=False,
    ),
    HandCase(
        name="optimal_step_size_regularizer_stands_above_and_below",
        weights=[[[1.0]]],
        x=[0.5],
        coding=osa(regularizer=0.25),
        phases=[Free(3)],
        # as above until t = 3: eps = 1 - (3/32 + 8/32) / (1/4 + 1/4) = 1 - 11/16 = 5/16
        potentials={1: column([0, 0, 5 / 16])},
        exact=False,
    ),
    HandCase(
        name="optimal_step_size_follows_a_drive_that_stays",
        weights=[[[1.0]]],
        x=[1.0],
        coding=osa(),
        phases=[Free(3)],
        # t = 1: p = 0; eps = 1; L = 1; nu = 1/2
        # t = 2: p = 1, e = 1, nu = 1/3, b = d = 1/3, var = (1/3 - 1/9) / (1 + 1) = 1/9,
        #        eps = 1 - (1/9) / (1/3) = 2/3, s = theta = 2/3, L = 1/9 + 4/9 = 5/9
        # t = 3: p = 1, e = 1/3, nu = 1/4, b = 1/4 + 1/12 = 1/3, d = 1/4 + 1/36 = 5/18,
        #        var = (5/18 - 1/9) / (1 + 5/9) = 3/28, eps = 1 - (3/28) / (5/18) = 43/70,
        #        s = 27/70 * 2/3 + 43/70 = 61/70
        potentials={1: column([0, 2 / 3, 61 / 70])},
        exact=False,
    ),
    HandCase(
        name="optimal_step_size_does_not_clip_its_estimate_of_the_drive",
        weights=[[[2.0]]],
        x=[0.75],
        coding=osa(),
        phases=[Free(3)],
        # input: phi' = .75 yes, phi = -.25; .5 no; 1.25 yes
        bits={0: [[1], [0], [1]]},
        # t = 2: p = 2, e = 2, nu = 1/3, b = 2/3, d = 4/3, var = (4/3 - 4/9) / 2 = 4/9,
        #        eps = 1 - (4/9) / (4/3) = 2/3, s = clip(4/3) = 1, theta = 4/3, L = 5/9
        # t = 3: p = 0, e = -4/3, nu = 1/4, b = 1/2 - 1/3 = 1/6, d = 1 + 4/9 = 13/9,
        #        var = (13/9 - 1/36) / (14/9) = 51/56, eps = 1 - (51/56) (9/13) = 269/728,
        #        s = (1 - 269/728) * 1 = 459/728
        potentials={1: column([0, 1, 459 / 728])},
        exact=False,
    ),
    HandCase(
        name="optimal_step_size_sees_the_nudge_in_the_drive",
        weights=[[[1.0]]],
        x=[0.0],
        coding=osa(),
        phases=[Free(1), Nudged(1, [[1.0]], beta=0.5)],
        # t = 2: p = 0 + 1 (1 - 0) = 1, so s = 2/3 as in ..._follows_a_drive_that_stays
        potentials={1: column([0, 2 / 3])},
        exact=False,
    ),
    HandCase(
        name="adapted_prediction_halves_when_held_and_opens_when_the_input_moves",
        weights=[[[1.0]]],
        x=[1.0],
        coding=Coding("sigma-delta", Polynomial(1.0), AdaptivePrediction(threshold=2.0)),
        phases=[Free(5)],
        # input: a = 2, 1, 1, ...: phi = 1, 1, ..., every bit is 1; it comes from t = 2 on
        bits={0: [[1]] * 5},
        # t = 1: e = 0, lambda = 1/2, n = 1
        # t = 2: e = 1, B = 1, D = 1, 4 > 2: opens, n = 0; r = 1/2
        # t = 3: e = 1/2, B = 1 + 1/2 - 1/4 = 5/4, D = 1 + 1/2 - 1/16 = 23/16: opens; r = 3/4
        # t = 4: e = 1/4, B = 5/4 + 1/4 - 5/16 = 19/16, D = 23/16 + 1/4 - 23/256 = 409/256:
        #        19/4 > 409/128: opens; r = 7/8
        # t = 5: e = 1/8, B = 19/16 + 1/8 - 19/64 = 65/64, D = 409/256 + 1/8 - 409/4096 =
        #        6647/4096 = 1.62: 65/16 = 4.06 > 3.25: opens; r = 15/16
        potentials={1: column([0, 1 / 2, 3 / 4, 7 / 8, 15 / 16])},
    ),
    HandCase(
        name="adapted_prediction_closes_by_powers_of_two_and_opens_where_bits_cannot_follow",
        weights=[[[0.0]]],
        x=[0.0],
        coding=Coding("sigma-delta", Polynomial(1.0), AdaptivePrediction()),
        phases=[Free(4), Nudged(2, [[1.0]], beta=0.5)],
        # t = 1 ... 3: n = 1, 2, 3; t = 4: n / 2 = 2: lambda = 1/4, n = 0
        # t = 5: s = p = 1: a = 0 + 1 / (1/4) = 4 > 2: lambda = 1/2, a = 2; fires, phi = 1
        # t = 6: s = p = 1 - 1 = 0: a = 1 - 2 = -1, phi + a = 0: silent
        potentials={1: column([0, 0, 0, 0, 1, 0])},
        bits={1: [[0], [0], [0], [0], [1], [0]]},
    ),
    HandCase(
        name="uniforms_by_hand_are_used_in_the_order_of_the_steps_run",
        weights=[[[0.0]]],
        x=[0.5],
        coding=plain("bernoulli"),
        phases=[Free(1), Nudged(1, [[0.0]], beta=0.5), Free(1, from_free=True)],
        # the last phase is t = 2 again but the third step run: .5 > .75 no
        more={"uniforms": [number_rows([0.75, 0.25, 0.75]), number_rows([0.5, 0.5, 0.5])]},
        bits={0: [[0], [1], [0]], 1: [[0], [0], [0]]},
    ),
    HandCase(
        name="the_nudge_acts_on_the_output_layer_alone",
        weights=[[[1.0]], [[1.0]]],
        x=[0.0],
        coding=plain("none"),
        phases=[Nudged(1, [[1.0]], beta=0.5)],
        # p = 0 + 1 (1 - 0) = 1 in layer 2, 0 in layer 1
        potentials={1: column([0]), 2: column([1])},
    ),
    HandCase(
        name="optimal_step_size_takes_nu_bar_from_step_one",
        weights=[[[1.0]]],
        x=[1.0],
        coding=Coding("sigma-delta", step_size=OptimalStepSize(0.5), prediction=None),
        phases=[Free(2)],
        # t = 1: nu = 1 / (1 + 1 - 1/2) = 2/3; eps = 1; L = 1
        # t = 2: nu = (2/3) / (1 + 2/3 - 1/2) = 4/7, e = 1, b = d = 4/7,
        #        var = (4/7 - 16/49) / (1 + 1) = 6/49, eps = 1 - (6/49) (7/4) = 11/14, s = 11/14
        potentials={1: column([0, 11 / 14])},
        exact=False,
    ),
    HandCase(
        name="sums_run_by_ascending_presynaptic_unit",
        weights=[[[HUGE, HUGE], [1.0, -HUGE], [-HUGE, 1.0]]],
        x=[1.0, 1.0, 1.0],
        coding=plain("sigma-delta"),
        phases=[Free(2)],
        # unit 0: (huge + 1) - huge = 0; unit 1: (huge - huge) + 1 = 1
        potentials={1: [[0, 0], [0, 1]]},
    ),
    HandCase(
        name="sums_take_feed_forward_before_feedback",
        weights=[[[HUGE], [-HUGE]], [[1.0]]],
        biases=[[0.0], [1.0]],
        x=[1.0, 1.0],
        coding=plain("sigma-delta"),
        phases=[Free(2)],
        # layer 2 spikes at t = 1; u of layer 1 at t = 2 is (huge - huge) + 1 = 1
        bits={2: [[1], [1]]},
        potentials={1: column([0, 1]), 2: column([1, 1])},
    ),
    HandCase(
        name="input_current_joins_the_bias_before_the_decoded_input",
        weights=[[[HUGE]], [[1.0]]],
        biases=[[-HUGE], [1.0]],
        x=[1.0],
        coding=plain("sigma-delta"),
        phases=[Free(2)],
        more={"input": "current"},
        # t = 1: v = 0 + (-huge + huge) = 0; layer 2 spikes; t = 2: v = 1 + (-huge + huge) = 1
        potentials={0: column([1, 1]), 1: column([0, 1]), 2: column([1, 1])},
    ),
    HandCase(
        name="activity_counts_a_spike_where_it_leaves_and_an_event_where_it_arrives",
        weights=[[[1.0, 0.0], [0.0, 1.0]], [[0.0], [1.0]]],
        x=[1.0, 0.5],
        coding=plain("sigma-delta"),
        phases=[Free(2), Nudged(2, [[1.0]], beta=0.5)],
        # t = 1: nothing has arrived
        # t = 2: input bits 1 0 arrive: s1 = 1 0
        # t = 3: input bits 1 1 arrive: s1 = 1 1; unit 0 of layer 1 arrives over a weight 0, the
        #        nudge is 1 (1 - 0): s2 = 1
        # t = 4: input bits 1 0, and layer 2 over weights 0 1: s1 = 1 1; s2 = 1 + 1 (1 - 1)
        bits={
            0: [[1, 0], [1, 1], [1, 0], [1, 1]],
            1: [[0, 0], [1, 0], [1, 1], [1, 1]],
            2: [[0], [0], [1], [1]],
        },
        potentials={1: [[0, 0], [1, 0], [1, 1], [1, 1]], 2: column([0, 0, 1, 1])},
        activity={
            "spikes": [[1 + 2, 0 + 1, 0], [1 + 2, 2 + 2, 1 + 1]],
            "updates_active": [[3, 1, 0], [3, 4, 2]],
            # 2 steps of 2, 2, 1 units
            "updates_inactive": [[4 - 3, 4 - 1, 2 - 0], [4 - 3, 4 - 4, 2 - 2]],
            # a synapse of weight 0 is there all the same
            # free, t = 2: 1 input spike x 2; nudged: (2 + 1) x 2, (1 + 2) x 1, back (0 + 1) x 2
            "synaptic_events": [[[2, 0], [0, 0]], [[6, 0], [3, 2]]],
            "macs": [[[0, 0], [0, 0]], [[0, 0], [0, 0]]],
        },
    ),
    HandCase(
        name="activity_of_a_phase_from_free_counts_the_spikes_that_the_free_phase_left",
        weights=[[[0.5]]],
        x=[1.0],
        coding=plain("sigma-delta"),
        phases=[
            Free(1),
            Nudged(1, [[1.0]], beta=0.5),
            Nudged(1, [[1.0]], beta=-0.5, from_free=True),
        ],
        # t = 2: p = .5 + 1, s = 1, spike; from free: p = .5 - 1, s = 0
        bits={0: [[1], [1], [1]], 1: [[0], [1], [0]]},
        potentials={1: column([0, 1, 0])},
        activity={
            "spikes": [[1, 0], [1, 1], [1, 0]],
            "updates_active": [[1, 0], [1, 1], [1, 0]],
            "updates_inactive": [[0, 1], [0, 0], [0, 1]],
            "synaptic_events": [[[0, 0]], [[1, 0]], [[1, 0]]],
        },
    ),
    HandCase(
        name="activity_of_an_input_current_is_its_injection_alone",
        weights=[[[1.0, 0.5], [4.0, 4.0]], [[0.5], [0.5]]],
        biases=[[0.25, 0.0], [0.0]],
        x=[0.5, 0.0],
        coding=plain("sigma-delta"),
        phases=[Free(4), Free(1)],
        more={"input": "current"},
        # I = .5 .25; b + I = .75 .25, from t = 1 on
        # t = 1: s1 = .75 .25; phi' = .75 .25, bits 1 0, phi = -.25 .25
        # t = 2: phi' = .5 .5, bits 0 0; s2 = .5, phi' = .5, bit 0
        # t = 3: phi' = 1.25 .75, bits 1 1, phi = .25 -.25; s2 = 0, phi' = .5, bit 0
        # t = 4: phi' = 1 0, bits 1 0, phi = 0 0; s2 = 1, phi' = 1.5, bit 1, phi = .5
        # t = 5: u = .5 .5 from layer 2: v = 1.25 .75, s1 = 1 .75, bits 1 1;
        #        s2 = .5, phi' = 1, bit 1
        bits={
            0: [[0, 0]] * 5,
            1: [[1, 0], [0, 0], [1, 1], [1, 0], [1, 1]],
            2: [[0], [0], [0], [1], [1]],
        },
        potentials={
            0: [[0.5, 0.0]] * 5,
            1: [[0.75, 0.25]] * 4 + [[1, 0.75]],
            2: column([0, 0.5, 0, 1, 0.5]),
        },
        activity={
            "spikes": [[0, 4, 1], [0, 2, 1]],
            "updates_active": [[0, 4, 1], [0, 2, 1]],
            "updates_inactive": [[0, 8 - 4, 4 - 1], [0, 0, 0]],
            # first phase: 1 + 0 + 2 spikes of layer 1 arrive; second: 1, and 1 x 2 back
            "synaptic_events": [[[0, 0], [3, 0]], [[0, 0], [1, 2]]],
            # the one input other than 0, to 2 units, once
            "macs": [[[2, 0], [0, 0]], [[0, 0], [0, 0]]],
        },
    ),
    HandCase(
        name="activity_of_real_valued_messages_is_macs_and_no_bits",
        weights=[[[0.5, 0.0]], [[1.0], [1.0]]],
        x=[1.0],
        coding=plain("none"),
        phases=[Free(4)],
        # t = 2: s1 = .5 0; t = 3: s1 = .5 0, s2 = .5; t = 4: s1 = .5 + .5, 0 + .5; s2 = .5
        bits={0: [[0]] * 4, 1: [[0, 0]] * 4, 2: [[0]] * 4},
        potentials={1: [[0, 0], [0.5, 0], [0.5, 0], [1, 0.5]], 2: column([0, 0, 0.5, 0.5])},
        activity={
            "spikes": [[0, 0, 0]],
            "updates_active": [[4, 1 + 1 + 2, 2]],
            "updates_inactive": [[0, 4, 2]],
            "synaptic_events": [[[0, 0], [0, 0]]],
            # 3 arrivals x 2; 1 at t = 3 and 1 at t = 4; back at t = 4 to 2 units
            "macs": [[[6, 0], [2, 2]]],
        },
    ),
    HandCase(
        name="activity_of_a_real_valued_input_current_is_counted_once",
        weights=[[[1.0], [1.0]]],
        x=[0.5, 0.0],
        coding=plain("none", 0.5),
        phases=[Free(1), Free(1)],
        more={"input": "current"},
        # s = .25, .125 + .25 = .375
        potentials={1: column([0.25, 0.375])},
        activity={
            "updates_active": [[0, 1], [0, 1]],
            "updates_inactive": [[0, 0], [0, 0]],
            "macs": [[[1, 0]], [[0, 0]]],
        },
    ),
    HandCase(
        name="a_convolution_meets_each_place_with_the_kernel_at_its_offset",
        connections=[Conv2d((3, 3, 1), 1, kernel=2)],
        weights=[kernel([0.5, 0.25], [0.125, -0.25])],
        x=[1, 0, 0, 0, 1, 0, 0, 0, 0],
        coding=plain("sigma-delta"),
        phases=[Free(2)],
        # the centre is K11 of place (0, 0), K10 of (0, 1), K01 of (1, 0), K00 of (1, 1);
        # the corner is K00 of (0, 0) alone, where -.25 + .5 = .25
        potentials={1: [[0] * 4, [0.25, 0.125, 0.25, 0.5]]},
        activity={"synaptic_events": [[[4 + 1, 0]]]},
    ),
    HandCase(
        name="a_convolution_strides_over_a_padded_map",
        connections=[Conv2d((3, 3, 1), 1, kernel=3, stride=2, padding=1)],
        weights=[kernel([0.125, 1, 0.25], [1, 0.5, 0.375], [0.375, 1, -0.25])],
        x=[1, 0, 0, 0, 1, 0, 0, 0, 0],
        coding=plain("sigma-delta"),
        phases=[Free(2)],
        # the centre is K22 of place (0, 0), K20 of (0, 1), K02 of (1, 0), K00 of (1, 1);
        # the corner is K11 of (0, 0) alone, where .5 - .25 = .25
        potentials={1: [[0] * 4, [0.25, 0.375, 0.25, 0.125]]},
        activity={"synaptic_events": [[[4 + 1, 0]]]},
    ),
    HandCase(
        name="feedback_of_a_convolution_takes_the_kernel_of_its_channel_back",
        connections=[copied(2, 2), Conv2d((2, 2, 1), 2, kernel=2)],
        weights=[kernel([1.0]), [[[[1, 0.25]], [[0.5, 1]]], [[[0.25, 1]], [[0, 1]]]]],
        x=[1, 0, 0, 0],
        coding=plain("sigma-delta"),
        phases=[Free(4)],
        # t = 2: the input's bit makes unit 0 of layer 1 spike, as at every later step
        # t = 3: s2 = K00 = 1 .25; channel 0 spikes, phi of channel 1 is .25
        # t = 4: s1 = 1 0 0 0 + (1 .5 .25 0 of channel 0), clipped; phi' = .5 and .25: no bits;
        #        s2 as before, phi' = 1 .5
        bits={
            0: [[1, 0, 0, 0]] * 4,
            1: [[0, 0, 0, 0]] + [[1, 0, 0, 0]] * 3,
            2: [[0, 0], [0, 0], [1, 0], [1, 0]],
        },
        potentials={
            1: [[0] * 4, [1, 0, 0, 0], [1, 0, 0, 0], [1, 0.5, 0.25, 0]],
            2: [[0, 0], [0, 0], [1, 0.25], [1, 0.25]],
        },
        # t = 2 to 4; t = 3 and 4 over 2 channels, back at t = 4 to 4 places
        activity={"synaptic_events": [[[3, 0], [2 * 2, 4]]]},
    ),
    HandCase(
        name="average_pooling_is_one_synapse_for_all_the_ways_through_a_window",
        connections=[copied(3, 3), Conv2d((3, 3, 1), 1, kernel=2, pool=AvgPool2d(2))],
        weights=[kernel([1.0]), kernel([0.25, 0.5], [0.75, 1.0])],
        x=[0, 0, 0, 0, 1, 0, 0, 0, 0],
        coding=plain("sigma-delta"),
        phases=[Free(4)],
        # the kernel, times 4, at its four places in the window, added and divided by 4 * 4:
        # (1 3 2; 4 10 6; 3 7 4) / 16
        # t = 3: s2 = 10/16, spike, phi = -6/16
        # t = 4: s1 = the merged kernel, and 16/16 at the centre; no phi' but its exceeds 8/16;
        #        s2 = 10/16, phi' = 4/16
        bits={1: [[0] * 9] + [[0, 0, 0, 0, 1, 0, 0, 0, 0]] * 3, 2: [[0], [0], [1], [0]]},
        potentials={
            1: [[0] * 9]
            + [[0, 0, 0, 0, 1, 0, 0, 0, 0]] * 2
            + [[1 / 16, 3 / 16, 2 / 16, 4 / 16, 1, 6 / 16, 3 / 16, 7 / 16, 4 / 16]],
            2: column([0, 0, 10 / 16, 10 / 16]),
        },
        activity={"synaptic_events": [[[3, 0], [2, 9]]]},
    ),
    HandCase(
        name="sums_of_a_convolution_run_by_ascending_place_and_channel_below",
        connections=[Conv2d((2, 2, 2), 1, kernel=2)],
        weights=[[[[[HUGE], [1]], [[-HUGE], [0]]], [[[0], [0]], [[0], [0.5]]]]],
        x=[1] * 8,
        coding=plain("sigma-delta"),
        phases=[Free(2)],
        # (huge + 1 - huge) + .5; by channels it would be (huge - huge) + (1 + .5)
        potentials={1: column([0, 0.5])},
    ),
    HandCase(
        name="feedback_sums_of_a_convolution_run_by_ascending_place_above",
        connections=[copied(1, 1), Conv2d((1, 1, 1), 1, kernel=2, padding=1)],
        weights=[kernel([0.0]), kernel([0.5, -HUGE], [1, HUGE])],
        biases=[np.zeros((1, 1, 1)), np.ones((2, 2, 1))],
        x=[0],
        coding=plain("sigma-delta"),
        phases=[Free(2)],
        # all of layer 2 spikes at t = 1; from places (0, 0) (0, 1) (1, 0) (1, 1) the unit below
        # hears K11 K10 K01 K00: (huge + 1 - huge) + .5
        bits={1: [[0], [0]], 2: [[1] * 4] * 2},
        potentials={1: column([0, 0.5])},
        # 4 synapses in all, however many are beyond the border
        activity={"synaptic_events": [[[0, 0], [0, 4]]]},
    ),
    HandCase(
        name="current_over_average_pooling_is_injected_over_the_merged_synapses",
        connections=[Conv2d((2, 2, 1), 1, kernel=1, pool=AvgPool2d(2))],
        weights=[kernel([1.0])],
        x=[0.5, 0, 0.25, 1],
        coding=plain("none"),
        phases=[Free(2)],
        more={"input": "current"},
        # (.5 + .25 + 1) / 4 = .4375, from t = 1 on
        potentials={1: column([0.4375, 0.4375])},
        activity={"macs": [[[3, 0]]]},
    ),
    HandCase(
        name="maximum_pooling_passes_the_maximum_and_answers_the_first_of_equals",
        connections=[copied(2, 2), Conv2d((2, 2, 1), 1, kernel=1, pool=MaxPool2d(2))],
        weights=[kernel([0.5]), kernel([1.0])],
        x=[0, 0.5, 0.5, 0.25],
        coding=plain("none"),
        phases=[Free(6)],
        # t = 2: s1 = 0 .25 .25 .125;  t = 3: s2 = .25
        # t = 4: units 1 and 2 are equal: s2 = .25 answers unit 1, s1 = 0 .5 .25 .125
        # t = 5: s2 = .5;  t = 6: s1 = 0 .25 + .5 .25 .125
        potentials={
            1: [[0] * 4]
            + [[0, 0.25, 0.25, 0.125]] * 2
            + [[0, 0.5, 0.25, 0.125]] * 2
            + [[0, 0.75, 0.25, 0.125]],
            2: column([0, 0, 0.25, 0.25, 0.5, 0.5]),
        },
        # inputs at t = 2 to 6, layer 1 at t = 3 to 6, layer 2 at t = 4 to 6
        activity={"macs": [[[5 * 3, 0], [4 * 3, 3]]]},
    ),
    HandCase(
        name="maximum_pooling_answers_over_the_synapses_of_the_winner_in_the_map",
        connections=[copied(2, 2), Conv2d((2, 2, 1), 1, kernel=2, padding=1, pool=MaxPool2d(3))],
        weights=[kernel([1.0]), kernel([0.5, 0.75], [0.75, 0.25])],
        x=[1, 0, 0, 0],
        coding=plain("sigma-delta"),
        phases=[Free(5)],
        # unit 0 of layer 1 spikes from t = 2 on: the map is (.25 .75 0; .75 .5 0; 0 0 0), its
        # winner place (0, 1), which has K10 = .75 to unit 0 and K11 = .25 to unit 1
        # t = 3: s2 = .75, spike, phi = -.25;  t = 4: .5, none;  t = 5: 1.25, spike
        # t = 4: s1 = 1 + .75 (clipped) .25 0 0;  t = 5: 1 0 0 0
        bits={1: [[0] * 4] + [[1, 0, 0, 0]] * 4, 2: [[0], [0], [1], [0], [1]]},
        potentials={
            1: [[0] * 4] + [[1, 0, 0, 0]] * 2 + [[1, 0.25, 0, 0], [1, 0, 0, 0]],
            2: column([0, 0, 0.75, 0.75, 0.75]),
        },
        # 3 spikes to 4 places of the map, one back
        activity={"synaptic_events": [[[4, 0], [3 * 4, 2]]]},
    ),
    HandCase(
        name="maximum_pooling_answers_the_winner_of_the_step_in_which_the_answer_arrives",
        connections=[copied(2, 2), Conv2d((2, 2, 1), 1, kernel=1, pool=MaxPool2d(2))],
        weights=[kernel([1.0]), kernel([0.75])],
        x=[0.5] * 4,
        coding=plain("bernoulli"),
        phases=[Free(5)],
        more={
            "uniforms": [
                # .5 > 0 yes, .5 > 1 no: unit 0 at t = 1, unit 3 at t = 2
                np.array([[0, 1, 1, 1], [1, 1, 1, 0]] + [[1] * 4] * 3)[:, None],
                # unit 3 is kept from spiking at t = 4
                np.array([[0.5] * 4] * 3 + [[1] * 4] * 2)[:, None],
                number_rows([0.5] * 5),
            ]
        },
        # t = 2: s1 = 1 0 0 0;  t = 3: s1 = 0 0 0 1, s2 = .75 for unit 0, and spikes
        # t = 4: s2 for unit 3, who hears the spike: s1 = 0 0 0 .75, and s2 spikes again
        # t = 5: nobody spiked, all maxima are 0: the spike goes to the first place
        bits={
            1: [[0] * 4, [1, 0, 0, 0], [0, 0, 0, 1], [0] * 4, [0] * 4],
            2: [[0], [0], [1], [1], [0]],
        },
        potentials={
            1: [[0] * 4, [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0.75], [0.75, 0, 0, 0]],
            2: column([0, 0, 0.75, 0.75, 0]),
        },
        activity={"synaptic_events": [[[2, 0], [2, 2]]]},
    ),
    HandCase(
        name="current_over_maximum_pooling_is_the_maximum_of_each_channel",
        connections=[Conv2d((2, 2, 1), 2, kernel=1, pool=MaxPool2d(2))],
        weights=[[[[[0.5, -0.5]]]]],
        biases=[np.full((1, 1, 2), 0.25)],
        x=[0.5, 0.25, 0.125, 1],
        coding=plain("none"),
        phases=[Free(2)],
        more={"input": "current"},
        # .25 + .5 * 1, .25 - .5 * .125
        potentials={1: [[0.75, 0.1875]] * 2},
        # 4 inputs to 2 channels of the map
        activity={"macs": [[[4 * 2, 0]]]},
    ),
    HandCase(
        name="a_spike_meets_the_synapses_of_a_list_and_feedback_the_same_ones",
        connections=[
            Sparse.from_edges(3, 2, pre=[2, 1, 0], post=[1, 1, 0]),
            Sparse.from_edges(2, 2, pre=[0, 1], post=[1, 0]),
        ],
        # 0 -> 0, 1 -> 1, 2 -> 1;  0 -> 1, 1 -> 0
        weights=[[0.5, 0.25, 0.25], [0.75, 1.0]],
        x=[1, 0, 1],
        coding=plain("sigma-delta"),
        phases=[Free(5)],
        # s1 = .5 .25 from t = 2 on. Unit 0: phi .5 (no spike), t = 3: 1, spike, t = 4: .5
        # Unit 1: phi .25, t = 3: .5 (no spike), t = 4: .75, spike, phi = -.25
        # t = 4: s2 = 0 .75, a spike;  t = 5: s2 = 1 0, a spike, and s1 hears .75 in unit 0
        bits={
            1: [[0, 0], [0, 0], [1, 0], [0, 1], [1, 0]],
            2: [[0, 0], [0, 0], [0, 0], [0, 1], [1, 0]],
        },
        potentials={
            1: [[0, 0], [0.5, 0.25], [0.5, 0.25], [0.5, 0.25], [1, 0.25]],
            2: [[0, 0], [0, 0], [0, 0], [0, 0.75], [1, 0]],
        },
        # 4 steps of 2 inputs that spike, each over 1 synapse
        activity={"synaptic_events": [[[4 * 2, 0], [2, 1]]]},
    ),
]
