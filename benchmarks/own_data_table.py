"""Table of data of one's own: the usual settings beside logistic regression and an MLP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from cells import NOTHING, table

Results = dict[str, Any]  # file name -> document


def own_data(results: Results) -> str:
    """Test errors, ``own-data.json``."""
    found = results.get("own-data.json")
    if found is None:
        return NOTHING
    rows = [
        [
            one["data"], str(one["features"]), str(one["classes"]), f"{one['trained']:,}",
            f"{one['logistic_regression']:.1f}",
            *(_mean(one[name]) for name in ("mlp", "eqchip", "eqchip_on_chip")),
        ]
        for one in found["rows"]
    ]  # fmt: skip
    columns = [
        "data", "features >", "classes >", "trained on >", "logistic regression, % >",
        "MLP, % >", "eqchip, % >", f"on {found['chip']}, % >",
    ]  # fmt: skip
    return table(columns, rows)


def _mean(errors: list[float]) -> str:
    """Mean and standard deviation over seeds."""
    return f"{np.mean(errors):.1f} ± {np.std(errors, ddof=1):.1f}"


TABLES: dict[str, Callable[[Results], str]] = {"own-data": own_data}
