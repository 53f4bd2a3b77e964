"""D1-v: any step-size schedule, exact gradients."""

import sympy as sp

from bounds.assumptions import Describes, ExactGradients, OracleWithin, Smooth
from bounds.chain import Chain
from bounds.inequalities import gradient_alignment_holds, size, smoothness
from bounds.scheduled_chain import WEIGHTED, ScheduledTelescope, gamma_k
from bounds.symbols import Delta, K, L, b, c, gamma, nu
from bounds.theorem import Theorem

VaryingStep = Theorem(
    name="varying-step",
    label="D1-v",
    kind="upper",
    source="paper_notes.md, D1-v (derived for this project)",
    says="steps γ_k of mean γ by any schedule: D1 for the average with weights γ_k, with ν = avg γ_k²/γ² in its second "
    "term, so that a schedule costs √ν",
    method=Describes(momentum="none", step="scheduled"),
    assumes=(Smooth(), OracleWithin(), ExactGradients()),
    metric=WEIGHTED,
    claim=Delta / (c * gamma * K) + L * gamma * nu * b**2 / (2 * c),
    tuning={gamma: sp.sqrt(2 * Delta / (L * K * nu)) / b},
    tuning_is="exact",
    tuned_value=sp.sqrt(2 * L * Delta * nu / K) * b / c,
    limits=(({nu: 1, b: 1, c: 1}, Delta / (gamma * K) + L * gamma / 2),),
    proof=Chain(
        step=(smoothness(gamma_k), gradient_alignment_holds(gamma_k), size(L * gamma_k**2 / 2)),
        closing=ScheduledTelescope(),
    ),
)
