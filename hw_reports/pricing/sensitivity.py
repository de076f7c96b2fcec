"""How far a total moves with the coefficients of the chip: one by one, and all together.

**One by one** (a tornado): a coefficient is set to the low and to the high end of its band, all
others stay at their nominal values, and the run is priced again. **All together** (Monte Carlo):
every coefficient that has a band is drawn from it, independently of the others, from a triangular
distribution over [low, high] whose mode is the nominal value,

    F(x) = (x - low)^2 / ((high - low) (value - low))         up to the nominal value
    F(x) = 1 - (high - x)^2 / ((high - low) (high - value))   above it

and the run is priced with each drawn set. Of n draws of a coefficient one lies in each n-th of its
distribution (Latin hypercube: McKay, Beckman and Conover, Technometrics 21:239, 1979), so few draws
tell as much as many plain ones. What is told of the totals are quantiles of the draws.
A band says how far sources lie apart (``docs/chips.md``), so the interval is one over what is
published and assumed, not over what a chip would be measured at: a coefficient without a band does
not move, however little is known of it, and what the file does not know is missing from every draw.

Both call the function that prices a report, with another chip. Nothing here knows what an energy
or a time is made of, nor which coefficients a chip file has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.figures import Area, Coefficient, Limit

DRAWS, SEED = 200, 0
QUANTILES = {"low": 0.05, "median": 0.5, "high": 0.95}
DISTRIBUTION = "triangular over each band, the nominal value its mode, independent"

Totals = Mapping[str, float | None]  # by name; None: unknown
Price = Callable[[Chip], Totals]


class Moved(NamedTuple):
    """A coefficient, and the totals with it at the low and at the high end of its band."""

    name: str
    figure: Coefficient
    low: Totals
    high: Totals


class Interval(NamedTuple):
    """Quantiles of a total over all draws."""

    low: float
    median: float
    high: float


class Sensitivity(NamedTuple):
    """How far totals move.

    ``nominal``: the totals at nominal values. ``moved``: each coefficient that has a band.
    ``together``: by total, where it is known.
    """

    nominal: Totals
    moved: list[Moved]
    together: dict[str, Interval]


def sensitivity(chip: Chip, price: Price, draws: int = DRAWS, seed: int = SEED) -> Sensitivity:
    """Move every coefficient of a chip, and price again.

    Parameters
    ----------
    chip : Chip
    price : callable
        From a chip to nominal totals by name.
    draws : int
        Of Monte Carlo.
    seed : int
        Of the draws, which are the same everywhere.

    Examples
    --------
    A total of a thousand messages; only their price moves it.

    >>> from eqchip.mapping.chip_file.chip import load_chip
    >>> found = sensitivity(
    ...     load_chip("loihi1-davies"), lambda chip: {"sent": 1000 * chip.energy["message"].value}
    ... )
    >>> [one.name for one in found.moved if one.high["sent"] != one.low["sent"]]
    ['energy.message']
    >>> found.nominal["sent"], round(float(found.together["sent"].median), -2)
    (1700.0, 33700.0)
    """
    banded = {
        address: figure
        for address, figure in chip.figures()
        if not isinstance(figure, (Limit, Area)) and figure.low < figure.high
    }

    def priced(values: Mapping[str, float]) -> Totals:
        return price(chip.changed(lambda name, one: one.at(values.get(name, one.value))))

    moved = [
        Moved(name, one, priced({name: one.low}), priced({name: one.high}))
        for name, one in banded.items()
    ]
    # RandomState and not Generator: its streams are frozen for good (NEP 19).
    rng = np.random.RandomState(seed)
    drawn = {
        name: _triangular((rng.permutation(draws) + rng.random_sample(draws)) / draws, one)
        for name, one in banded.items()
    }
    found = [
        priced({name: float(values[draw]) for name, values in drawn.items()})
        for draw in range(draws)
    ]
    nominal = priced({})
    return Sensitivity(
        nominal,
        moved,
        {
            name: Interval(*np.quantile([one[name] for one in found], [*QUANTILES.values()]))
            for name, value in nominal.items()
            if value is not None
        },
    )


def _triangular(uniforms: np.ndarray, one: Coefficient) -> np.ndarray:
    """Draws from uniform ones, by the inverse of the distribution in the head of the module."""
    width, below, above = one.high - one.low, one.value - one.low, one.high - one.value
    rising = one.low + np.sqrt(uniforms * width * below)
    falling = one.high - np.sqrt((1.0 - uniforms) * width * above)
    return np.where(uniforms * width < below, rising, falling)
