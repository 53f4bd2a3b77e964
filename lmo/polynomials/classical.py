"""Classical Newton–Schulz iterations: Taylor polynomials that converge from below, with a closed error law."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from math import comb

from lmo.checks import check_integer, check_number
from lmo.polynomials.schedule import Schedule

HIGHEST = 12  # Σ|c_j| is about 5^κ: from here on its cancellation costs more digits than are left


@functools.cache
def classical(order: int) -> Schedule:
    """Order κ ≥ 1: p(s) = s Σ_{j≤κ} C(2j, j) 4^{−j} (1 − s²)^j, expanded exactly in powers of s².

    1 − p(s)² lies in [0, (1 − s²)^{κ+1}] on [0, 1] (paper_notes.md, Newton–Schulz).
    """
    if check_integer("order", order, at_least=1) > HIGHEST:
        raise ValueError(
            f"the order of classical Newton–Schulz must be at most {HIGHEST}, got {order}: in powers of s² "
            "its coefficients cancel beyond float64"
        )
    powers = [
        sum((Fraction(comb(2 * j, j), 4**j) * comb(j, i) * (-1) ** i for j in range(i, order + 1)), Fraction(0))
        for i in range(order + 1)
    ]
    polynomial = tuple(float(c) for c in powers)
    return Schedule(
        name=f"classical-{order}",
        table=(polynomial,) * 5,
        tail=polynomial,
        converges=True,
        source="Taylor polynomial of (1 − u)^(−1/2) at u = 1 − s²; Kim & Oh, arXiv:2601.19156, p_κ",
    )


def law(order: int, steps: int, s_min: float) -> float:
    """Closed form: δ = ε ≤ 1 − √(1 − (1 − s_min²)^{(κ+1)^q}) after q steps from s in [s_min, 1]; and η ≤ 0.

    Source: arXiv:2601.19156, Theorem 2 (paper_notes.md, Newton–Schulz). `ValueError`: s_min outside (0, 1], order < 1,
    steps < 0.
    """
    check_integer("order", order, at_least=1)
    check_integer("steps", steps, at_least=0)
    if check_number("s_min", s_min, above=0.0) > 1:
        raise ValueError(f"`s_min` must be at most 1, the scaled norm, got {s_min}")
    if s_min == 1:
        return 0.0
    once = -math.log1p(-(s_min**2))
    log_decay = steps * math.log(order + 1) + (math.log(once) if once > 0 else 2 * math.log(s_min))
    if log_decay > 7:  # e^(−e^7) is 0 in float64, and (κ + 1)^q may overflow
        return 0.0
    decay = math.exp(log_decay)
    return math.exp(-decay) / (1 + math.sqrt(-math.expm1(-decay)))  # 1 − √(1 − r), without cancellation
