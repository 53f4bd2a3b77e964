"""Tao, Yu & Zhang: the lower bound for Muon at a given step, printed with O for Ω."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from bounds.published.base import Published
from bounds.published.proofs import Exact, Holds


def slide_and_cycle(slope: sp.Rational, step: sp.Rational, steps: int) -> tuple[sp.Expr, sp.Expr]:
    """(smallest ‖∇f‖_1, Δ) of sign descent on a Huber function of `slope`, curvature ½, plus x²/4: L = 1, exact.

    The first coordinate slides along the slope for all steps, the second jumps between ±step/2.
    """
    curvature = sp.Rational(1, 2)
    knee = slope / curvature
    x, y = knee + step * steps, step / 2
    gap = slope * x - slope**2 / (2 * curvature) + curvature * y**2 / 2
    smallest = None
    for _ in range(steps):
        gradient = (slope if x >= knee else curvature * x, curvature * y)
        norm = sp.Add(*map(abs, gradient))
        smallest = norm if smallest is None else min(smallest, norm)
        x, y = x - step * sp.sign(gradient[0]), y - step * sp.sign(gradient[1])
    return smallest, gap


def _omega() -> Iterator[Exact]:
    """LΔ/(2K) ≤ (smallest gradient norm)² at any step and any slope: Ω(√(LΔ/K)) with the constant 1/√2."""
    for slope in (sp.Rational(1, 20), sp.Integer(1), sp.Integer(9)):
        for step in (sp.Rational(1, 10), sp.Integer(1)):
            for steps in (1, 2, 25):
                smallest, gap = slide_and_cycle(slope, step, steps)
                yield gap / (2 * steps), smallest**2


TaoYuZhangLower = Published(
    name="tao-yu-zhang-lower",
    authors="Tao, Yu & Zhang, When and why SignSGD outperforms SGD",
    source="arXiv:2605.06615v1, Theorem 5 (equation 13) and its proof sketch",
    read="full text",
    says="for every T and η there are F and an oracle such that Muon's E min_t ‖∇F(W_t)‖_* = O(√(LΔ/N) + "
    "(‖Σ‖_*²LΔ/N)^{1/4})",
    conventions=("the sketch ends with Ω(·), and Theorem 2 for SignSGD, which it transfers, has Ω: O is a misprint",),
    relation="vacuous as printed",
    theorem="fixed-step",
    verdict="With O it says nothing: a constant F has gradient 0, which is O of anything. With Ω its part without "
    "noise is true, here with the constant 1/√2; D1 (δ = 0) is the upper bound at the same step, and The tight "
    "instance its sharp form.",
    proofs=(Holds("Ω without noise: LΔ/(2K) against the square of the smallest gradient norm, any step", _omega),),
    derived="(s + Lγ/4)² ≥ ½(sγL + s² + (Lγ)²/16) ≥ LΔ/(2K) for a slide of slope s and a two-cycle, whatever γ and "
    "s; any Δ ≥ Lγ²/16 is met by some s",
)
