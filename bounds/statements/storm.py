"""S4: stochastic gradients, STORM (MVR) momentum: the same sample's gradient at two points."""

import sympy as sp

from bounds.assumptions import Describes, MeanSmooth, OracleWithin, Smooth, UnbiasedNoise
from bounds.chain import Chain, Telescope
from bounds.inequalities import alignment, error_alignment, fed_triangle, size, smoothness
from bounds.memory import StormMemory
from bounds.symbols import Delta, K, L, Lbar, alpha, b, c, gamma, q, rho, sigma
from bounds.theorem import MEAN, Theorem

_drift = 2 * sp.sqrt(Delta * q * rho * Lbar * b / (sp.sqrt(2) * K))  # A of A·α^(−1/4) + B·α^(1/2)
_noise = q * rho * sigma / sp.sqrt(2)  # B

StormMomentum = Theorem(
    name="storm",
    label="S4",
    kind="upper",
    source="Cutkosky and Orabona, arXiv:1905.10018 (momentum; recalled); bound derived here, paper_notes.md, S4",
    says="STORM momentum m = (1−α)(m + g(x,ξ) − g(x⁻,ξ)) + αg(x,ξ): the drift has zero mean and sums in mean square, "
    "so the tuned value falls like K^(−1/3), not K^(−1/4)",
    method=Describes(momentum="storm", start="first gradient"),
    assumes=(Smooth(), OracleWithin(), UnbiasedNoise(), MeanSmooth()),
    metric=MEAN,
    expectation=True,
    claim=(
        Delta / (gamma * K)
        + L * gamma * b**2 / 2
        + q
        * rho
        * (
            sigma / (alpha * K)
            + Lbar * gamma * b * (1 - alpha) * sp.sqrt(1 / (alpha * (2 - alpha)))
            + sigma * sp.sqrt(alpha / (2 - alpha))
        )
    )
    / c,
    tuning={
        alpha: (_drift / (2 * _noise)) ** sp.Rational(4, 3),
        gamma: sp.sqrt(Delta * sp.sqrt(2 * alpha) / (K * q * rho * Lbar * b)),
    },
    tuning_is="leading terms",
    leading=(Delta / (gamma * K) + q * rho * (Lbar * gamma * b / sp.sqrt(2 * alpha) + sigma * sp.sqrt(alpha / 2))) / c,
    tuned_value=3 * (_drift / 2) ** sp.Rational(2, 3) * _noise ** sp.Rational(1, 3) / c,
    limits=(({alpha: 1, sigma: 0}, (Delta / (gamma * K) + L * gamma * b**2 / 2) / c),),
    proof=Chain(
        step=(
            smoothness(),
            alignment(gamma),
            size(L * gamma**2 / 2),
            error_alignment(gamma),
            fed_triangle(gamma * c),
        ),
        memory=StormMemory(),
        closing=Telescope(),
    ),
)
