"""D5: linear convergence under the Polyak–Łojasiewicz inequality."""

import sympy as sp

from bounds.assumptions import Describes, ExactGradients, OracleWithin, Smooth
from bounds.chain import Chain
from bounds.inequalities import g, gradient_alignment_holds, polyak_lojasiewicz, size, smoothness
from bounds.metric import LAST_GAP
from bounds.recursion import Contraction
from bounds.shape_assumptions import PolyakLojasiewicz
from bounds.symbols import Delta, K, L, b, c, gamma, mu
from bounds.theorem import Theorem

_step = c * g / (L * b**2)

PolyakLojasiewiczStep = Theorem(
    name="polyak-lojasiewicz",
    label="D5",
    kind="upper",
    source="paper_notes.md, D5 (derived for this project)",
    says="with ‖∇f‖_*² ≥ 2μ(f − inf f) the step of D2 multiplies the gap f(x_k) − inf f by at most 1 − μc²/(Lb²)",
    method=Describes(momentum="none", step="adaptive"),
    assumes=(Smooth(), PolyakLojasiewicz(), OracleWithin(), ExactGradients()),
    metric=LAST_GAP,
    claim=(1 - mu * c**2 / (L * b**2)) ** K * Delta,
    tuning={gamma: c / (L * b**2)},
    tuned_value=(1 - mu * c**2 / (L * b**2)) ** K * Delta,
    step=_step,
    limits=(({mu: L, b: 1, c: 1}, sp.Integer(0)),),
    proof=Chain(
        step=(
            smoothness(_step),
            gradient_alignment_holds(_step),
            size(L * _step**2 / 2),
            polyak_lojasiewicz(c**2 / (2 * L * b**2)),
        ),
        closing=Contraction(),
    ),
)
