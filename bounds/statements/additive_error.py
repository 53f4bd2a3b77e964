"""D1-A: a fixed step, exact gradients, an additive error: less than D1 says, for every δ > 0."""

import sympy as sp

from bounds.assumptions import AdditiveError, Describes, ExactGradients, Smooth
from bounds.chain import Chain
from bounds.potential import PotentialTelescope, additive_path, additive_size
from bounds.symbols import Delta, K, L, delta, gamma
from bounds.theorem import MEAN, Theorem

_curved = 2 * (1 + delta) * (2 + delta) * K + delta**2  # 8K times what multiplies Lγ/(1 − δ)

AdditiveErrorStep = Theorem(
    name="additive-error",
    label="D1-A",
    kind="upper",
    source="paper_notes.md, D1-A (derived for this project)",
    says="an answer within δ of an exact one, in any norm: D1 with (1+δ)(2+δ)/4 for (1+δ)²/2 in its second term, so "
    "that no additive error δ > 0 costs all of (1+δ)/(1−δ)",
    method=Describes(momentum="none"),
    assumes=(Smooth(), AdditiveError(), ExactGradients()),
    metric=MEAN,
    claim=Delta / ((1 - delta) * gamma * K)
    + L * gamma * (1 + delta) * (2 + delta) / (4 * (1 - delta))
    + L * gamma * delta**2 / (8 * (1 - delta) * K),
    tuning={gamma: sp.sqrt(8 * Delta / (L * _curved))},
    tuning_is="exact",
    tuned_value=sp.sqrt(L * Delta * _curved / 2) / ((1 - delta) * K),
    limits=(({delta: 0}, Delta / (gamma * K) + L * gamma / 2),),
    proof=Chain(
        step=(additive_path(), additive_size(L * gamma**2 * (2 + delta) / 4)),
        closing=PotentialTelescope(),
    ),
)
