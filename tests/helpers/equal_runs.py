"""Two runs are equal, to the last bit."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from eqchip.emulator.activity import Activity
from eqchip.emulator.problem.graph import GraphRun
from eqchip.emulator.problem.run import Run


def assert_same_activity(got: Activity, expected: Activity) -> None:
    assert got.phases == expected.phases
    assert got.samples == expected.samples
    for f in fields(Activity):
        if f.name not in ("phases", "samples"):
            values = getattr(got, f.name)
            assert values.dtype == np.int64, f.name
            np.testing.assert_array_equal(values, getattr(expected, f.name), err_msg=f.name)


def assert_equal_arrays(got: list[np.ndarray], expected: list[np.ndarray], what: str) -> None:
    assert len(got) == len(expected), what
    for layer, (one, other) in enumerate(zip(got, expected, strict=True)):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), f"{what} of layer {layer}"
        np.testing.assert_array_equal(one, other, err_msg=f"{what} of layer {layer}")


def assert_equal_runs(got: Run, expected: Run) -> None:
    """Bits, potentials, ends and counts equal to the last bit."""
    assert got.bits is not None
    assert expected.bits is not None
    assert got.potentials is not None
    assert expected.potentials is not None
    assert_equal_arrays(got.bits, expected.bits, "bits")
    assert_equal_arrays(got.potentials, expected.potentials, "potentials")
    assert len(got.ends) == len(expected.ends)
    for k, (one, other) in enumerate(zip(got.ends, expected.ends, strict=True)):
        assert_equal_arrays(one, other, f"ends of phase {k}")
    assert_same_activity(got.activity, expected.activity)
    np.testing.assert_array_equal(got.saturations, expected.saturations, err_msg="saturations")
    assert (got.part_spikes is None) == (expected.part_spikes is None)
    if got.part_spikes is not None:
        assert got.part_spikes.dtype == expected.part_spikes.dtype == np.int32
        np.testing.assert_array_equal(got.part_spikes, expected.part_spikes, err_msg="part spikes")


def assert_equal_graph_runs(got: GraphRun, expected: GraphRun) -> None:
    """Spikes, potentials, counts and ends of a graph equal to the last bit, and its activity."""
    for what in ("spikes", "potentials", "counts", "ends"):
        mine, theirs = getattr(got, what), getattr(expected, what)
        assert mine.keys() == theirs.keys(), what
        for name, array in theirs.items():
            assert (mine[name].dtype, mine[name].shape) == (array.dtype, array.shape), (what, name)
            np.testing.assert_array_equal(mine[name], array, err_msg=f"{what} of {name}")
    assert got.activity.to_dict() == expected.activity.to_dict()
