"""Every spiking rule and option equals its reference to the bit, on drawn problems."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from spiking_twin import assert_equals_reference, small

from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.spiking.feedback import FEEDBACKS
from eqchip.emulator.description.spiking.rules import SPIKING_RULES, setting_names
from eqchip.emulator.errors import InputError

# What a setting is drawn from; a test holds that none of a rule is left out.
DRAWN: dict[str, Any] = {
    "steps": st.integers(1, 8),
    "settle": st.integers(0, 4),
    "feedback_gain": st.sampled_from([None, 0.1, 1.0]),
    "feedback_decay": st.sampled_from([None, 0.1]),
    "contrast": st.sampled_from(["rates", "error-spikes"]),
    "error_threshold": st.sampled_from([0.01, 0.1, 0.4]),
    "least_error": st.sampled_from([0.0, 0.006, 0.1]),
    "floor": st.sampled_from([0.0, 0.5, 8.0]),
    "skip_right": st.sampled_from([0.0, 0.4, 0.8]),
    "write": st.sampled_from(["sample", "spike"]),
    "box": st.sampled_from([0.1, 1.0]),
    "decay": st.sampled_from([0.0, 0.25, 1.0]),
    "gain": st.sampled_from([0.3, 1.0]),
    "rows": st.integers(1, 3),
    "window": st.integers(1, 4),
    "fade": st.sampled_from([0.0, 0.1, 1.0]),
}


@st.composite
def trainings(draw: Any) -> Config:
    """Any training by a spiking rule, small, in whatever integers."""
    rule = draw(st.sampled_from(list(SPIKING_RULES.values())))
    names = set(setting_names(rule))
    chosen = {name: draw(drawn) for name, drawn in DRAWN.items() if name in names}
    if "feedback" in names:
        chosen["feedback"] = draw(st.sampled_from(rule.feedbacks))
    if "feedback" not in names or not FEEDBACKS[chosen["feedback"]].settable:
        chosen = {name: one for name, one in chosen.items() if not name.startswith("feedback_")}
    hidden = draw(st.lists(st.integers(1, 7), min_size=1, max_size=2))
    layers = (draw(st.integers(1, 8)), *hidden, draw(st.integers(2, 4)))
    fixed = FixedPoint(
        weight_bits=draw(st.integers(2, 8)), fraction_bits=draw(st.sampled_from([8, 12]))
    )
    try:
        return small(
            {"name": rule.name, **chosen}, layers, draw(st.sampled_from([0.1, 1.0, 4.0])),
            draw(st.sampled_from(["spikes", "current"])), draw(st.sampled_from([0, 2**63 - 1])),
            fixed=fixed, accumulator_bits=draw(st.sampled_from([0, 3, 8])),
            weight_range=[draw(st.sampled_from([0.5, 1.0, 3.0]))], every=draw(st.integers(1, 4)),
        )  # fmt: skip
    except InputError:  # a rule that does not go with an input, or a layer too many
        assume(False)
        raise


@given(config=trainings(), samples=st.integers(1, 6), seed=st.integers(0, 99))
@settings(max_examples=60)
def test_any_training_by_a_spiking_rule_equals_the_reference(config, samples, seed):
    try:
        assert_equals_reference(config, samples, seed)
    except InputError:  # a rate with which nothing is written
        assume(False)
        raise


def test_every_setting_of_every_rule_is_drawn():
    for rule in SPIKING_RULES.values():
        assert set(setting_names(rule)) <= {*DRAWN, "feedback"}, rule.name
