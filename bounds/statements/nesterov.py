"""S3: stochastic gradients, Nesterov momentum started at the first gradient."""

import sympy as sp

from bounds.assumptions import Describes, OracleWithin, Smooth, UnbiasedNoise
from bounds.chain import Chain, Telescope
from bounds.inequalities import alignment, error_alignment, fed_triangle, size, smoothness
from bounds.memory import NesterovMemory
from bounds.symbols import Delta, K, L, alpha, b, c, gamma, q, rho, sigma
from bounds.theorem import MEAN, Theorem

_variance = alpha * (1 + 4 * alpha - 6 * alpha**2 + 2 * alpha**3) / (2 - alpha)

NesterovMomentum = Theorem(
    name="nesterov",
    label="S3",
    kind="upper",
    source="paper_notes.md, S3 (derived for this project)",
    says="Nesterov momentum, the oracle fed (1−α)m + αg: less drift than S1, more noise",
    method=Describes(momentum="nesterov", start="first gradient"),
    assumes=(Smooth(), OracleWithin(), UnbiasedNoise()),
    metric=MEAN,
    expectation=True,
    claim=(
        Delta / (gamma * K)
        + L * gamma * b**2 / 2
        + q
        * (
            (1 - alpha) * rho * sigma / (alpha * K)
            + L * gamma * b * (1 - alpha) ** 2 / alpha
            + rho * sigma * sp.sqrt(_variance)
        )
    )
    / c,
    tuning={
        alpha: 2 * sp.sqrt(2 * Delta * L * b / (K * q)) / (rho * sigma),
        gamma: sp.sqrt(Delta * alpha / (K * L * q * b)),
    },
    tuning_is="leading terms",
    leading=(Delta / (gamma * K) + q * (L * gamma * b / alpha + rho * sigma * sp.sqrt(alpha / 2))) / c,
    tuned_value=2 * sp.sqrt(2 * sp.sqrt(q * Delta * L * b / K) * q * rho * sigma / sp.sqrt(2)) / c,
    limits=(
        ({alpha: 1, sigma: 0}, (Delta / (gamma * K) + L * gamma * b**2 / 2) / c),
        ({alpha: 1}, (Delta / (gamma * K) + L * gamma * b**2 / 2 + q * rho * sigma) / c),  # S2
    ),
    proof=Chain(
        step=(
            smoothness(),
            alignment(gamma),
            size(L * gamma**2 / 2),
            error_alignment(gamma),
            fed_triangle(gamma * c),
        ),
        memory=NesterovMemory(),
        closing=Telescope(),
    ),
)
