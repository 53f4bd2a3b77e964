"""Many cells at once: Holm's adjusted p-values and the level of each of m simultaneous intervals.

Sources: Holm, Scandinavian Journal of Statistics 6 (1979) 65–70; Šidák, JASA 62 (1967) 626–633. scipy has neither
(`scipy.stats.false_discovery_control` bounds another error), and statsmodels is no dependency.
"""

from __future__ import annotations

import numpy as np

from experiments.statistics.checks import check_costs, check_fraction
from lmo.checks import check_integer
from lmo.names import unknown_name

METHODS = ("bonferroni", "sidak")


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjusted p-values, in the shape given: sorted p_(1) ≤ … ≤ p_(m), max_{j≤i} min(1, (m − j + 1)p_(j)).

    Rejecting where the adjusted value is ≤ a keeps the chance of any false rejection ≤ a under any dependence.

    Raises:
        ValueError: a p-value outside [0, 1], or none.
    """
    array = check_costs("p_values", p_values, 0)
    if not ((array >= 0) & (array <= 1)).all():
        raise ValueError(f"`p_values` must lie in [0, 1], got {p_values!r}")
    flat = array.ravel()
    order = np.argsort(flat, kind="stable")
    steps = np.minimum(1.0, flat[order] * np.arange(flat.size, 0, -1))
    adjusted = np.empty_like(flat)
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted.reshape(array.shape)


def simultaneous_level(level: float, cells: int, method: str = "bonferroni") -> float:
    """The level of each of `cells` intervals so that all cover together with at least `level`.

    bonferroni: 1 − (1 − level)/m, for any dependence. sidak: level^{1/m}, for independent or jointly normal estimates
    (common random numbers make cells dependent: prefer bonferroni unless normality is fine).

    Raises:
        ValueError: a level outside (0, 1), fewer than one cell, an unknown method.
    """
    level, cells = check_fraction("level", level), check_integer("cells", cells, at_least=1)
    if method not in METHODS:
        raise unknown_name("method of simultaneous intervals", method, METHODS)
    return float(level ** (1 / cells)) if method == "sidak" else 1 - (1 - level) / cells
