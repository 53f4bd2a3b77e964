"""S1-v: stochastic gradients, EMA momentum, any step-size schedule."""

import sympy as sp

from bounds.assumptions import Describes, OracleWithin, Smooth, UnbiasedNoise
from bounds.chain import Chain
from bounds.inequalities import alignment, error_alignment, fed_triangle, size, smoothness
from bounds.memory import AveragingMemory, ScheduledMemory
from bounds.scheduled_chain import WEIGHTED, ScheduledTelescope, gamma_k
from bounds.symbols import Delta, K, L, alpha, b, c, gamma, nu, peak, q, rho, sigma
from bounds.theorem import Theorem

_A, _B = 2 * sp.sqrt(q * Delta * L * nu * b / K), q * rho * sigma / sp.sqrt(2)  # of A·α^(−1/2) + B·α^(1/2)

EmaVarying = Theorem(
    name="ema-varying",
    label="S1-v",
    kind="upper",
    source="paper_notes.md, S1-v (derived for this project)",
    says="S1 under any schedule of steps γ_k of mean γ: the average with weights γ_k; step and drift terms times "
    "ν = avg γ_k²/γ², the start term times max γ_k/γ, the noise term as it was",
    method=Describes(momentum="ema", start="first gradient", step="scheduled"),
    assumes=(Smooth(), OracleWithin(), UnbiasedNoise()),
    metric=WEIGHTED,
    expectation=True,
    claim=(
        Delta / (gamma * K)
        + L * gamma * nu * b**2 / 2
        + q
        * (
            peak * rho * sigma / (alpha * K)
            + L * gamma * nu * b * (1 - alpha) / alpha
            + rho * sigma * sp.sqrt(alpha / (2 - alpha))
        )
    )
    / c,
    tuning={alpha: _A / _B, gamma: sp.sqrt(Delta * alpha / (K * L * nu * q * b))},
    tuning_is="leading terms",
    leading=(Delta / (gamma * K) + q * (L * gamma * nu * b / alpha + rho * sigma * sp.sqrt(alpha / 2))) / c,
    tuned_value=2 * sp.sqrt(_A * _B) / c,
    limits=(({alpha: 1, sigma: 0, nu: 1}, (Delta / (gamma * K) + L * gamma * b**2 / 2) / c),),
    proof=Chain(
        step=(
            smoothness(gamma_k),
            alignment(gamma_k),
            size(L * gamma_k**2 / 2),
            error_alignment(gamma_k),
            fed_triangle(gamma_k * c),
        ),
        memory=ScheduledMemory(of=AveragingMemory()),
        closing=ScheduledTelescope(),
    ),
)
