"""M: torch.optim.Muon as shipped: zero buffer, Nesterov momentum, decoupled weight decay, any step-size schedule."""

import sympy as sp

from bounds.assumptions import Describes, OracleWithin, Smooth, StaysWithin, UnbiasedNoise
from bounds.chain import Chain
from bounds.inequalities import alignment, decayed_smoothness, error_alignment, fed_triangle
from bounds.memory import NesterovMemory, NesterovZeroStart, ScheduledMemory
from bounds.scheduled_chain import (
    WEIGHTED_DECAYED,
    ScheduledTelescope,
    gamma_k,
    net_triangle,
    size_of_net,
    within,
)
from bounds.symbols import Delta, K, L, X, alpha, b, c, gamma, lam, nu, peak, q, rho, sigma
from bounds.theorem import Theorem

_a = b + lam * X  # the longest net step d̂ − λx
_variance = alpha * (1 + 4 * alpha - 6 * alpha**2 + 2 * alpha**3) / (2 - alpha)
_start = 1 + peak * (NesterovZeroStart(1 - alpha, K) - 1)
_A, _B = 2 * sp.sqrt(q * Delta * L * nu * _a / K), q * rho * sigma / sp.sqrt(2)  # of A·α^(−1/2) + B·α^(1/2)

Muon = Theorem(
    name="muon",
    label="M",
    kind="upper",
    source="paper_notes.md, M (derived for this project)",
    says="torch.optim.Muon as shipped (zero buffer, Nesterov, decoupled weight decay, a schedule): the average, with "
    "weights γ_k, of ‖∇f‖_* + (λ/c)⟨∇f, x⟩, a Frank–Wolfe gap; of the gradient itself where there is no decay",
    method=Describes(momentum="nesterov", start="zero", step="scheduled", decay=True),
    assumes=(Smooth(), OracleWithin(), UnbiasedNoise(), StaysWithin()),
    metric=WEIGHTED_DECAYED,
    expectation=True,
    claim=(
        Delta / (gamma * K)
        + L * gamma * nu * _a**2 / 2
        + q * (L * gamma * nu * _a * (1 - alpha) ** 2 / alpha + rho * sigma * sp.sqrt(_variance) * _start)
    )
    / c,
    step_at_most=1 / (peak * lam),
    tuning={alpha: _A / _B, gamma: sp.sqrt(Delta * alpha / (K * L * nu * q * _a))},
    tuning_is="leading terms",
    leading=(Delta / (gamma * K) + q * (L * gamma * nu * _a / alpha + rho * sigma * sp.sqrt(alpha / 2))) / c,
    tuned_value=2 * sp.sqrt(_A * _B) / c,
    limits=(
        ({sigma: 0, alpha: 1, nu: 1, lam: 0}, (Delta / (gamma * K) + L * gamma * b**2 / 2) / c),
        ({sigma: 0, alpha: 1, nu: 1, X: b / lam}, (Delta / (gamma * K) + 2 * L * gamma * b**2) / c),
    ),
    proof=Chain(
        step=(
            decayed_smoothness(gamma_k),
            alignment(gamma_k),
            net_triangle(L * gamma_k**2 / 2),
            size_of_net(L * gamma_k**2 / 2),
            within(L * gamma_k**2 / 2),
            error_alignment(gamma_k),
            fed_triangle(gamma_k * c),
        ),
        memory=ScheduledMemory(of=NesterovMemory(start="zero", increment=L * gamma * _a)),
        closing=ScheduledTelescope(of_step=WEIGHTED_DECAYED.of_step),
    ),
)
