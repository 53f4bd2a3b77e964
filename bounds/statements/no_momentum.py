"""S2: stochastic gradients without momentum: a floor that more steps do not lower."""

import sympy as sp

from bounds.assumptions import Describes, OracleWithin, Smooth, UnbiasedNoise
from bounds.chain import Chain, Telescope
from bounds.inequalities import alignment, error_alignment, fed_triangle, size, smoothness
from bounds.memory import NoMemory
from bounds.symbols import Delta, K, L, b, c, gamma, q, rho, sigma
from bounds.theorem import MEAN, Theorem

NoMomentum = Theorem(
    name="no-momentum",
    label="S2",
    kind="upper",
    source="arXiv:2510.19933 (reconstructed from its abstract); paper_notes.md, S2",
    says="without momentum (α = 1) the noise leaves a floor qρσ/c that does not vanish with K; "
    "a batch of B divides σ by √B",
    method=Describes(momentum="none"),
    assumes=(Smooth(), OracleWithin(), UnbiasedNoise()),
    metric=MEAN,
    expectation=True,
    claim=(Delta / (gamma * K) + L * gamma * b**2 / 2 + q * rho * sigma) / c,
    tuning={gamma: sp.sqrt(2 * Delta / (L * K)) / b},
    tuning_is="exact",
    tuned_value=(sp.sqrt(2 * L * Delta / K) * b + q * rho * sigma) / c,
    limits=(({sigma: 0}, (Delta / (gamma * K) + L * gamma * b**2 / 2) / c),),
    proof=Chain(
        step=(
            smoothness(),
            alignment(gamma),
            size(L * gamma**2 / 2),
            error_alignment(gamma),
            fed_triangle(gamma * c),
        ),
        memory=NoMemory(),
        closing=Telescope(),
    ),
)
