"""D1-H: in a Hilbert norm the error cannot lower the alignment and raise the size at once."""

import sympy as sp

from bounds.assumptions import Describes, ExactGradients, HilbertAdditive, Smooth
from bounds.chain import Chain, Telescope
from bounds.inequalities import g, hilbert_alignment, hilbert_closeness, smoothness
from bounds.symbols import Delta, K, L, delta, gamma
from bounds.theorem import MINIMUM, Theorem

_floor = L * gamma

Hilbert = Theorem(
    name="hilbert",
    label="D1-H",
    kind="upper",
    source="paper_notes.md, D1-H (derived for this project)",
    says="in ℓ2 and Frobenius norms the smallest gradient norm is at most max{Lγ, Δ/(γ(1−δ)K) + Lγ(1−δ)/2}: the best "
    "step GROWS with δ and the loss is only 1/√(1−δ²); false for the average over k",
    method=Describes(momentum="none"),
    assumes=(Smooth(), HilbertAdditive(), ExactGradients()),
    metric=MINIMUM,
    claim=sp.Max(_floor, Delta / (gamma * (1 - delta) * K) + L * gamma * (1 - delta) / 2),
    tuning={gamma: sp.sqrt(2 * Delta / (L * K)) / sp.sqrt(1 - delta**2)},
    tuning_is="kink",
    tuned_value=sp.sqrt(2 * L * Delta / K) / sp.sqrt(1 - delta**2),
    limits=(({delta: 0, gamma: sp.sqrt(2 * Delta / (L * K))}, sp.sqrt(2 * L * Delta / K)),),
    proof=Chain(
        step=(
            smoothness(),
            hilbert_closeness(L * gamma**2 / 2),
            hilbert_alignment(gamma - L * gamma**2 / g, only_above=_floor),
        ),
        closing=Telescope(floor=_floor),
    ),
)
