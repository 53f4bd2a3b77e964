"""NS-χ: the factor χ_q = 1/(1 − δ) that Kim & Oh put on Muon's convergence."""

from __future__ import annotations

import sympy as sp

from bounds.closed_forms.newton_schulz_delta import DELTA
from bounds.closed_forms.newton_schulz_residual import DIGITS, RESIDUAL
from bounds.law import Fact, Law
from bounds.symbols import iterations, order, s_min

CHI = 1 / sp.sqrt(1 - RESIDUAL)


def _is_one_over_one_minus_delta() -> bool:
    r = sp.Symbol("r", positive=True)
    at = {RESIDUAL: r}
    return sp.simplify(CHI.subs(at) * (1 - DELTA.subs(at)) - 1) == 0


def _grows_without_bound() -> bool:
    """(κ, q) = (2, 5): s·χ → 1/√243 as s → 0, so no number of steps bounds χ over all spectra."""
    at = CHI.subs({order: 2, iterations: 5})
    return sp.limit(at * s_min, s_min, 0, "+") == 1 / sp.sqrt(3**5)


NewtonSchulzChi = Law(
    name="newton-schulz-chi",
    label="NS-χ",
    kind="law of an iteration",
    source="Kim & Oh, arXiv:2601.19156, Theorems 1 and 2 (δ₀ = 1 − s_min²); paper_notes.md, Lessons",
    says="Kim & Oh's factor χ_q = 1/(1 − δ) of q classical Newton–Schulz steps; it grows like 1/(s_min (κ+1)^(q/2)), "
    "although the alignment is not lost",
    left="χ_q = 1/(1 − δ)",
    left_latex=r"\chi_q",
    relation="<=",
    assumes=("exact arithmetic", "full rank: singular values, in units of the scale, lie in [s_min, 1]"),
    claim=CHI,
    digits=DIGITS,
    facts=(
        Fact("it is 1/(1 − δ) at the δ of law NS-δ", _is_one_over_one_minus_delta),
        Fact("s_min·χ_q → (κ+1)^(−q/2) as s_min → 0 (at κ = 2, q = 5)", _grows_without_bound),
    ),
)
