"""Steps bounded by the gradients at both of their ends: the inequality of D1-A, and the rule that closes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import sympy as sp

from bounds import evaluate
from bounds.assumptions import AdditiveError, ExactGradients, RestsOn, Smooth
from bounds.chain import BrokenChain, Derived
from bounds.inequalities import Inequality, f, f_next, g, n
from bounds.memory import Memory
from bounds.run_columns import Constants, Table
from bounds.symbols import COLUMNS, STEP_VARIABLES, Delta, K, L, delta, gamma

g_next = COLUMNS["gradient_norm_next"]


def additive_path(step_size: sp.Expr = gamma) -> Inequality:
    """f(x⁺) ≤ f(x) + γ·∫₀¹ of what ⟨∇f(x + tγd̂), d̂⟩ can be, for ‖d̂ + u‖ ≤ δ and ⟨∇f(x), u⟩ = ‖∇f(x)‖_*, ‖u‖ ≤ 1.

    With N = (‖∇f‖_* − ⟨∇f, u⟩)/2 at x + tγd̂ and ρ = Lγ‖d̂‖ the integrand is at most −(1 − δ)(g − ρt) + 2δN, and
    N ≤ ρt, counted from x, N ≤ (ρ + g_{k+1} − g)/2, counted from both ends (paper_notes.md, D1-A).
    """
    t, half = sp.Symbol("t", nonnegative=True), sp.Rational(1, 2)
    speed = L * step_size * n
    turned = sp.integrate(speed * t, (t, 0, half)) + half * (speed + g_next - g) / 2
    along = -(1 - delta) * (g - sp.integrate(speed * t, (t, 0, 1))) + 2 * delta * turned
    slack = f - f_next + step_size * sp.expand(along)
    return Inequality(
        "path",
        slack,
        sp.Integer(1),
        "∇f is L-Lipschitz along the step; ‖d̂ − lmo(∇f)‖ ≤ δ",
        rests_on=(Smooth, AdditiveError, ExactGradients),
    )


def additive_size(weight: sp.Expr) -> Inequality:
    """‖d̂‖ ≤ 1 + δ."""
    return Inequality("size", 1 + delta - n, weight, "‖d̂ − lmo(∇f)‖ ≤ δ", rests_on=(AdditiveError,))


@dataclass(frozen=True)
class PotentialTelescope:
    """Sum A·g_k ≤ f_k − f_{k+1} + w(g_{k+1} − g_k) + R over k, use f_K ≥ inf f + g_K²/(2L), divide by KA.

    w(g_K − g_0) − g_K²/(2L) ≤ Lw²/2, so avg g ≤ (Δ/K + R + Lw²/(2K))/A; w is read off the chain.
    """

    power: ClassVar[int] = 1
    floor: ClassVar[sp.Expr | None] = None  # none is ever carried
    rests_on: ClassVar[RestsOn] = (Smooth,)  # f_K ≥ inf f + g_K²/(2L)

    def weights(self, step: tuple[Inequality, ...]) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
        """(A, w, R) of the combined inequality, or `BrokenChain`."""
        drop = sp.expand(sp.Add(*(i.weight * i.slack for i in step)) - (f - f_next))
        weight = drop.coeff(g_next, 1)
        rate = sp.factor(-drop.coeff(g, 1) - weight)
        rest = sp.expand(drop + rate * g - weight * (g_next - g))
        left = (rest.free_symbols | rate.free_symbols | weight.free_symbols) & STEP_VARIABLES
        if left or rate == 0:
            names = ", ".join(sorted(map(str, left))) or f"no multiple of {g}"
            raise BrokenChain(f"the weighted slacks do not cancel: {names} remain in {rest}")
        if not weight.is_nonnegative:
            raise BrokenChain(f"the multiplier of g_(k+1) − g_k is not shown to be >= 0: {weight}")
        return rate, weight, rest

    def close(self, step: tuple[Inequality, ...], memory: Memory | None) -> Derived:
        """The bound that the step inequalities prove, or `BrokenChain`."""
        if memory is not None:
            raise BrokenChain("no rule is known here for momentum with gradients at both ends of a step")
        rate, weight, _ = self.weights(step)
        contributions = {"telescope": Delta / (K * rate), "last gradient": L * weight**2 / (2 * K * rate)}
        for i in step:
            terms = sp.Add.make_args(sp.expand(i.weight * i.slack))
            constant = sp.Add(*(t for t in terms if not t.free_symbols & STEP_VARIABLES))
            if constant != 0:
                contributions[i.name] = sp.factor(constant / rate)
        return Derived(sp.Add(*contributions.values()), contributions, rate, sp.Integer(0))

    def ends(self, step: tuple[Inequality, ...], columns: Table, constants: Constants) -> dict[str, np.ndarray]:
        """What the two ends of a run add to K·A·(bound − measured), (run,): Δ − (f_0 − f_K) is counted elsewhere.

        "telescope": of it, what f_K ≥ inf f + g_K²/(2L) takes; "first gradient": wg_0, left out of the bound; "last
        gradient": (g_K − Lw)²/(2L), as the worst g_K is Lw.
        """
        smooth = np.asarray(constants["smoothness"], float)
        weight = evaluate.value(self.weights(step)[1], {name: np.asarray(v, float) for name, v in constants.items()})
        first, last = columns["gradient_norm"][:, 0], columns["gradient_norm_next"][:, -1]
        return {
            "telescope": -(last**2) / (2 * smooth),
            "first gradient": weight * first,
            "last gradient": (last - smooth * weight) ** 2 / (2 * smooth),
        }
