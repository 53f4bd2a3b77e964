"""D1: fixed step, exact gradients."""

import sympy as sp

from bounds.assumptions import Describes, ExactGradients, OracleWithin, Smooth
from bounds.chain import Chain, Telescope
from bounds.inequalities import gradient_alignment_holds, size, smoothness
from bounds.symbols import Delta, K, L, b, c, gamma
from bounds.theorem import MEAN, Theorem

FixedStep = Theorem(
    name="fixed-step",
    label="D1",
    kind="upper",  # tight at δ = 0 (paper_notes.md, the tight instance)
    source="arXiv:2510.19933 (reconstructed from its abstract); paper_notes.md, D1",
    says="a fixed step with exact gradients brings the average dual gradient norm below Δ/(cγK) + Lγb²/(2c)",
    method=Describes(momentum="none"),
    assumes=(Smooth(), OracleWithin(), ExactGradients()),
    metric=MEAN,
    claim=Delta / (c * gamma * K) + L * gamma * b**2 / (2 * c),
    tuning={gamma: sp.sqrt(2 * Delta / (L * K)) / b},
    tuning_is="exact",
    tuned_value=sp.sqrt(2 * L * Delta / K) * b / c,
    limits=(({b: 1, c: 1}, Delta / (gamma * K) + L * gamma / 2),),
    proof=Chain(
        step=(smoothness(), gradient_alignment_holds(gamma), size(L * gamma**2 / 2)),
        closing=Telescope(),
    ),
)
