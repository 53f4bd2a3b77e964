"""NS-δ: the additive error δ of q classical Newton–Schulz steps."""

from __future__ import annotations

import sympy as sp

from bounds.closed_forms.newton_schulz_residual import DIGITS, RESIDUAL
from bounds.law import Fact, Law

DELTA = RESIDUAL / (1 + sp.sqrt(1 - RESIDUAL))  # 1 − √(1 − r) without cancellation


def _is_the_distance() -> bool:
    r = sp.Symbol("r", positive=True)
    delta = r / (1 + sp.sqrt(1 - r))
    return sp.simplify((1 - delta) ** 2 - (1 - r)) == 0 and sp.simplify(DELTA - delta.subs(r, RESIDUAL)) == 0


def _below_the_residual() -> bool:
    r, t = sp.Symbol("r"), sp.Symbol("t", nonnegative=True)  # t = √(1 − r)
    gap = (r - r / (1 + t)).subs(r, 1 - t**2)  # r − δ = t(1 − t) on [0, 1]
    return sp.simplify(gap - t * (1 - t)) == 0


NewtonSchulzDelta = Law(
    name="newton-schulz-delta",
    label="NS-δ",
    kind="law of an iteration",
    source="Kim & Oh, arXiv:2601.19156, Theorem 2; proof in paper_notes.md, Newton–Schulz",
    says="after q classical Newton–Schulz steps at full rank the answer is within δ of the polar factor, "
    "and ε ≤ δ, η ≤ 0",
    left="δ after q steps",
    left_latex=r"\delta_q",
    relation="<=",
    assumes=("exact arithmetic", "full rank: singular values, in units of the scale, lie in [s_min, 1]"),
    claim=DELTA,
    digits=DIGITS,
    facts=(
        Fact("with s_q² ≥ 1 − r (law NS) and s_q ≤ 1 the distance is max(1 − s_q) ≤ 1 − √(1 − r)", _is_the_distance),
        Fact("which is at most r itself: r − δ = t(1 − t), t = √(1 − r)", _below_the_residual),
    ),
)
