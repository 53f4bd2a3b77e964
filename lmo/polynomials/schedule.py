"""Odd-polynomial schedules as data with their sources."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from math import comb

from lmo.checks import check_integer, unknown_name


@dataclass(frozen=True)
class Schedule:
    """One odd polynomial p(s) = s·(c₀ + c₁s² + c₂s⁴ + …), applied at every step.

    coefficients: (c₀, c₁, …), as floats.
    converges: whether the iteration tends to 1 on (0, 1]; where it does not, more steps do not mean less error.
    """

    name: str
    coefficients: tuple[float, ...]
    converges: bool
    source: str

    def __call__(self, s: float) -> float:
        """p(s) for one number."""
        return s * sum(c * s ** (2 * j) for j, c in enumerate(self.coefficients))


JORDAN = Schedule(
    name="jordan",
    coefficients=(3.4445, -4.7750, 2.0315),
    converges=False,
    source="K. Jordan et al., Muon (2024); torch.optim.Muon's default. p(1) = 0.701: it never settles at 1",
)


def classical(order: int) -> Schedule:
    """Newton–Schulz of order κ ≥ 1: p(s) = s Σ_{j≤κ} C(2j, j) 4^{−j} (1 − s²)^j, expanded exactly in powers of s².

    1 − p(s)² lies in [0, (1 − s²)^{κ+1}] on [0, 1] (paper_notes.md, Newton–Schulz).
    """
    check_integer("order", order, at_least=1)
    powers = [
        sum((Fraction(comb(2 * j, j), 4**j) * comb(j, i) * (-1) ** i for j in range(i, order + 1)), Fraction(0))
        for i in range(order + 1)
    ]
    return Schedule(
        name=f"classical-{order}",
        coefficients=tuple(float(c) for c in powers),
        converges=True,
        source="Taylor polynomial of (1 − u)^(−1/2); Kim & Oh, arXiv:2601.19156, eq. for p_κ",
    )


def schedule(name: str) -> Schedule:
    """The schedule called `name`: "jordan" or "classical-κ" with κ = 1, 2, …; `ValueError` for any other."""
    if name == JORDAN.name:
        return JORDAN
    match = re.fullmatch(r"classical-([1-9]\d?)", str(name))
    if match is None:
        raise unknown_name("schedule", name, ["jordan", "classical-1", "classical-2", "classical-3"])
    return classical(int(match.group(1)))
