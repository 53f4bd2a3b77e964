"""C2: weight decay with EMA momentum, non-convex: an average of Frank–Wolfe gaps."""

import sympy as sp

from bounds.assumptions import Describes, OracleWithin, Smooth, StartInside, UnbiasedNoise
from bounds.chain import Chain, Telescope
from bounds.inequalities import (
    alignment,
    decayed_smoothness,
    error_alignment,
    fed_triangle,
    inside,
    net_triangle,
    size,
)
from bounds.memory import AveragingMemory
from bounds.symbols import Delta, K, L, alpha, b, c, gamma, lam, q, rho, sigma
from bounds.theorem import MEAN_DECAYED, Theorem

_fraction, _diameter = lam * gamma, 2 * b / lam  # x⁺ = (1 − τ)x + τ·d̂/λ in a ball of diameter D
_A, _B = 2 * sp.sqrt(2 * q * Delta * L * b / K), q * rho * sigma / sp.sqrt(2)  # of A·α^(−1/2) + B·α^(1/2)

Decay = Theorem(
    name="decay",
    label="C2",
    kind="upper",
    source="paper_notes.md, C2 (derived for this project)",
    says="weight decay λ keeps the iterates in the ball of radius b/λ; with EMA momentum the average of the "
    "Frank–Wolfe gap over the ball of radius c/λ is bounded as the gradient is in S1, for steps of twice the length",
    method=Describes(momentum="ema", start="first gradient", decay=True),
    assumes=(Smooth(), OracleWithin(), UnbiasedNoise(), StartInside()),
    metric=MEAN_DECAYED,
    expectation=True,
    claim=(
        Delta / (_fraction * K)
        + L * _fraction * _diameter**2 / 2
        + (q / lam)
        * (
            rho * sigma / (alpha * K)
            + L * _fraction * _diameter * (1 - alpha) / alpha
            + rho * sigma * sp.sqrt(alpha / (2 - alpha))
        )
    ),
    step_at_most=1 / lam,
    tuning={alpha: _A / _B, gamma: sp.sqrt(Delta * alpha / (2 * K * L * q * b))},
    tuning_is="leading terms",
    leading=(Delta / (gamma * K) + q * (2 * L * gamma * b / alpha + rho * sigma * sp.sqrt(alpha / 2))) / lam,
    tuned_value=2 * sp.sqrt(_A * _B) / lam,
    limits=(({sigma: 0, alpha: 1}, Delta / (lam * gamma * K) + 2 * L * gamma * b**2 / lam),),
    proof=Chain(
        step=(
            decayed_smoothness(gamma),
            alignment(gamma),
            net_triangle(L * gamma**2 / 2),
            size(L * gamma**2),
            inside(L * gamma**2 * lam**2),
            error_alignment(gamma),
            fed_triangle(gamma * c),
        ),
        memory=AveragingMemory(increment=2 * L * gamma * b),
        closing=Telescope(of_step=MEAN_DECAYED.of_step),
    ),
)
