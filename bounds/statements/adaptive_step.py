"""D2: a step proportional to the gradient's dual norm."""

import sympy as sp

from bounds.assumptions import Describes, ExactGradients, OracleWithin, Smooth
from bounds.chain import Chain, Telescope
from bounds.inequalities import g, gradient_alignment_holds, size, smoothness
from bounds.symbols import Delta, K, L, b, c, gamma
from bounds.theorem import MINIMUM, Theorem

_step = c * g / (L * b**2)

AdaptiveStep = Theorem(
    name="adaptive-step",
    label="D2",
    kind="upper",
    source="arXiv:2510.19933 (reconstructed from its abstract); paper_notes.md, D2",
    says="the step γ_k = c‖∇f(x_k)‖_*/(Lb²) brings the smallest dual gradient norm below √(2LΔ/K)·b/c, "
    "without knowing Δ or K",
    method=Describes(momentum="none", step="adaptive"),
    assumes=(Smooth(), OracleWithin(), ExactGradients()),
    metric=MINIMUM,
    claim=sp.sqrt(2 * L * Delta / K) * b / c,
    tuning={gamma: c / (L * b**2)},  # the factor of ‖∇f(x_k)‖_*, what lmo.step_rules.Adaptive takes as step_size
    tuning_is="exact",
    tuned_value=sp.sqrt(2 * L * Delta / K) * b / c,
    step=_step,
    limits=(({b: 1, c: 1}, sp.sqrt(2 * L * Delta / K)),),
    proof=Chain(
        step=(smoothness(_step), gradient_alignment_holds(_step), size(L * _step**2 / 2)),
        closing=Telescope(power=2),
    ),
)
