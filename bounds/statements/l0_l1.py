"""D3: (L0, L1)-smoothness, the step that the gradient's size asks for."""

import sympy as sp

from bounds.assumptions import Describes, ExactGradients, OracleWithin
from bounds.chain import Chain
from bounds.inequalities import g, generalized_smoothness, gradient_alignment_holds, size
from bounds.metric import MINIMUM
from bounds.shape_assumptions import GeneralizedSmooth
from bounds.symbols import L0, L1, Delta, K, b, c, gamma
from bounds.theorem import Theorem
from bounds.threshold import Threshold

_step = c * g / (b**2 * (L0 + L1 * g))  # b·γ_k ≤ c/(bL1) ≤ 1/L1
_level = 2 * Delta * b**2 / (c**2 * K)
_exact = 2 * Delta / K

L0L1 = Theorem(
    name="l0-l1",
    label="D3",
    kind="upper",
    source="paper_notes.md, D3 (derived for this project; exact oracle: Gluon, arXiv:2505.13416)",
    says="(L0, L1)-smooth f, steps cG_k/(b²(L0 + L1G_k)): the smallest G = ‖∇f‖_* has G²/(L0 + L1G) ≤ 2Δb²/(c²K)",
    method=Describes(momentum="none", step="l0-l1"),
    assumes=(GeneralizedSmooth(), OracleWithin(), ExactGradients()),
    metric=MINIMUM,
    claim=(L1 * _level + sp.sqrt(L1**2 * _level**2 + 4 * L0 * _level)) / 2,
    tuning={gamma: c / b**2},  # the factor of G_k/(L0 + L1G_k)
    tuning_is="given",
    tuned_value=(L1 * _level + sp.sqrt(L1**2 * _level**2 + 4 * L0 * _level)) / 2,
    step=_step,
    limits=(({b: 1, c: 1}, (L1 * _exact + sp.sqrt(L1**2 * _exact**2 + 4 * L0 * _exact)) / 2),),
    proof=Chain(
        step=(
            generalized_smoothness(_step),
            gradient_alignment_holds(_step),
            size((L0 + L1 * g) * _step**2 / 2),
        ),
        closing=Threshold(),
    ),
)
