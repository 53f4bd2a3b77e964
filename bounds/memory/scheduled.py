"""The momentum error under a step-size schedule: the average of E‖m_k − ∇f(x_k)‖_* with weights γ_k."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import sympy as sp

from bounds.assumptions import RestsOn
from bounds.memory.averaging import AveragingMemory
from bounds.memory.base import Memory, Part, vanishing
from bounds.memory.start_factors import StartFactor
from bounds.symbols import nu, peak


@dataclass(frozen=True)
class ScheduledMemory(Memory):
    """From a memory at a fixed step γ to Σγ_k E‖m_k − ∇f_k‖_*/Σγ_k, γ the mean of the γ_k ≥ 0.

    drift: Σ_j keep^j Σ_k γ_kγ_{k−j}, and Σ_k γ_kγ_{k−j} ≤ Σ_k γ_k² (Cauchy–Schwarz), so γ² becomes νγ².
    start: Σ_k γ_k keep^k ≤ max γ_k·Σ_k keep^k, a factor `peak`. noise: the same at every step; what a zero start
    multiplies it by, F_k ≥ 1, averages to at most 1 + peak·(avg F_k − 1).
    The drift is bounded over the run only: at a single step it may be larger, by up to `peak`/ν.
    """

    in_mean: ClassVar[tuple[str, ...]] = ("start", "noise", "drift")

    of: Memory = field(default_factory=AveragingMemory)

    def parts(self) -> tuple[Part, ...]:
        factors = {"start": peak, "drift": nu}
        return tuple((name, _weighted(part) * factors.get(name, 1)) for name, part in self.of.parts())

    def rests_on(self, part: str) -> RestsOn | None:
        return self.of.rests_on(part)

    def proof(self) -> tuple[tuple[str, sp.Expr], ...]:
        """What the memory itself shows; Σγ_k² − Σγ_kγ_{k−j} as a sum of squares; F_k ≥ 1 as products of what is ≥ 0."""
        u, p = sp.symbols("u p", positive=True)  # F² = (1 + u)/(1 − u), or (1 − u²/p)/(1 − u)², 0 ≤ u < 1 ≤ p
        keep = sp.Symbol("keep")
        checks = [(f"Σγ_kγ_(k−{lag}) ≤ Σγ_k² for K = {steps}", _excess(steps, lag)) for steps, lag in _LAGS]
        checks += [
            ("EMA: F_k ≥ 1", sp.cancel((1 + u) / (1 - u) - 1 - 2 * u / (1 - u))),
            ("Nesterov: F_k ≥ 1", sp.expand(1 - u**2 / p - (1 - u) ** 2 - u * ((1 - u) + (1 - u / p)))),
            ("Nesterov: p ≥ 1", sp.expand(1 + 2 * keep - 2 * keep**3 - 1 - 2 * keep * (1 - keep) * (1 + keep))),
        ]
        return self.of.proof() + vanishing(checks)


_LAGS = ((2, 1), (5, 1), (5, 2), (5, 4), (9, 3))


def _excess(steps: int, lag: int) -> sp.Expr:
    """Σγ² − Σγ_kγ_{k−lag} minus half of the squares that it is: of differences, and of the first and last `lag`."""
    sizes = sp.symbols(f"gamma_0:{steps}")
    pairs = list(zip(sizes[lag:], sizes, strict=False))
    squares = [(one - other) ** 2 for one, other in pairs] + [s**2 for s in (*sizes[:lag], *sizes[steps - lag :])]
    return sp.expand(sum(s**2 for s in sizes) - sum(one * other for one, other in pairs) - sum(squares) / 2)


def _weighted(part: sp.Expr) -> sp.Expr:
    """The part with every zero start's factor F in 1 + peak·(F − 1)."""
    return part.replace(lambda e: isinstance(e, StartFactor), lambda e: 1 + peak * (e - 1))
