"""S1: stochastic gradients, EMA momentum started at the first gradient."""

import sympy as sp

from bounds.assumptions import Describes, OracleWithin, Smooth, UnbiasedNoise
from bounds.chain import Chain, Telescope
from bounds.inequalities import alignment, error_alignment, fed_triangle, size, smoothness
from bounds.memory import AveragingMemory
from bounds.symbols import Delta, K, L, alpha, b, c, gamma, q, rho, sigma
from bounds.theorem import MEAN, Theorem

Ema = Theorem(
    name="ema",
    label="S1",
    kind="upper",
    source="arXiv:2510.19933 (reconstructed from its abstract); constants as in paper_notes.md, S1",
    says="EMA momentum m = (1−α)m + αg with m_0 = g_0: "
    "less precision asks for a smaller step and a larger α (less memory)",
    method=Describes(momentum="ema", start="first gradient"),
    assumes=(Smooth(), OracleWithin(), UnbiasedNoise()),
    metric=MEAN,
    expectation=True,
    claim=(
        Delta / (gamma * K)
        + L * gamma * b**2 / 2
        + q
        * (rho * sigma / (alpha * K) + L * gamma * b * (1 - alpha) / alpha + rho * sigma * sp.sqrt(alpha / (2 - alpha)))
    )
    / c,
    tuning={
        alpha: 2 * sp.sqrt(2 * Delta * L * b / (K * q)) / (rho * sigma),
        gamma: sp.sqrt(Delta * alpha / (K * L * q * b)),
    },
    tuning_is="leading terms",
    leading=(Delta / (gamma * K) + q * (L * gamma * b / alpha + rho * sigma * sp.sqrt(alpha / 2))) / c,
    tuned_value=2 * sp.sqrt(2 * sp.sqrt(q * Delta * L * b / K) * q * rho * sigma / sp.sqrt(2)) / c,
    limits=(({alpha: 1, sigma: 0}, (Delta / (gamma * K) + L * gamma * b**2 / 2) / c),),
    proof=Chain(
        step=(
            smoothness(),
            alignment(gamma),
            size(L * gamma**2 / 2),
            error_alignment(gamma),
            fed_triangle(gamma * c),
        ),
        memory=AveragingMemory(),
        closing=Telescope(),
    ),
)
