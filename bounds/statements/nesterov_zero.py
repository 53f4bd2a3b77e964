"""S3-0: Nesterov momentum started at zero, as torch.optim.Muon has it."""

import sympy as sp

from bounds.assumptions import Describes, OracleWithin, Smooth, UnbiasedNoise
from bounds.chain import Chain, Telescope
from bounds.inequalities import alignment, error_alignment, fed_triangle, size, smoothness
from bounds.memory import NesterovMemory, NesterovZeroStart
from bounds.symbols import Delta, K, L, alpha, b, c, gamma, q, rho, sigma
from bounds.theorem import MEAN, Theorem

_variance = alpha * (1 + 4 * alpha - 6 * alpha**2 + 2 * alpha**3) / (2 - alpha)

NesterovZero = Theorem(
    name="nesterov-zero",
    label="S3-0",
    kind="upper",
    source="paper_notes.md, S3-0 (derived for this project: a 0-homogeneous oracle sees the bias-corrected average)",
    says="Nesterov momentum from a zero buffer: S3 without its start term, the noise term larger at first",
    method=Describes(momentum="nesterov", start="zero"),
    assumes=(Smooth(), OracleWithin(), UnbiasedNoise()),
    metric=MEAN,
    expectation=True,
    claim=(
        Delta / (gamma * K)
        + L * gamma * b**2 / 2
        + q
        * (
            L * gamma * b * (1 - alpha) ** 2 / alpha
            + rho * sigma * sp.sqrt(_variance) * NesterovZeroStart(1 - alpha, K)
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
    limits=(({sigma: 0, alpha: 1}, (Delta / (gamma * K) + L * gamma * b**2 / 2) / c),),
    proof=Chain(
        step=(
            smoothness(),
            alignment(gamma),
            size(L * gamma**2 / 2),
            error_alignment(gamma),
            fed_triangle(gamma * c),
        ),
        memory=NesterovMemory(start="zero"),
        closing=Telescope(),
    ),
)
