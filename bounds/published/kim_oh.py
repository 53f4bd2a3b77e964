"""Kim & Oh: Muon with finitely many Newton–Schulz steps, heavy ball from zero."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from bounds.published.base import Published
from bounds.published.comparisons import Incomparable, Ours, WeakerThan
from bounds.published.proofs import Exact, Holds, Identity
from bounds.published.symbols import OF_ERRORS, D, T, batch, beta, error, r, step
from bounds.symbols import B, Delta, K, L, alpha, epsilon, eta, gamma, rho, sigma

_printed = (
    D / (T * step)
    + L * step * (1 + error) ** 2 / 2
    + 2 * beta * L * step * (1 + error) / (1 - beta)
    + 2 * sigma * sp.sqrt(r / batch) * sp.sqrt((1 - beta) / (1 + beta))
    + 2 * beta * sp.sqrt(2 * r * L * D) / (T * (1 - beta))
) / (1 - error)
_noise = sigma * sp.sqrt(r / B) * sp.sqrt(alpha / (2 - alpha))
_improved = (
    Delta / (gamma * K)
    + L * gamma / 2
    + (2 - error) * (L * gamma * (1 - alpha) / alpha + _noise + (1 - alpha) * sp.sqrt(2 * L * Delta) / (alpha * K))
) / (1 - error)
_gap = (
    L * gamma * error * (2 + error) / 2
    + 3 * error * L * gamma * (1 - alpha) / alpha
    + error * _noise
    + (1 - alpha) * sp.sqrt(2 * L * Delta) / (alpha * K) * (2 * (r - 1) / (sp.sqrt(r) + 1) + error)
) / (1 - error)


def _middle_term() -> Iterator[sp.Expr]:
    """At 1 − β = √(LDB)/(σ√(rT)): the start term with √(2rLD), as printed, and with √(2LD)."""
    fresh = sp.sqrt(L * D * batch) / (sigma * sp.sqrt(r * T))
    start = 2 * beta / (T * fresh)
    yield start * sp.sqrt(2 * r * L * D) - 2 * sp.sqrt(2) * beta * sigma * r / sp.sqrt(batch * T)
    yield start * sp.sqrt(2 * L * D) - 2 * sp.sqrt(2) * beta * sigma * sp.sqrt(r) / sp.sqrt(batch * T)


def _largest_gradient() -> Iterator[Exact]:
    """‖∇f‖_*² against 2LD for f = (L/(2r))‖X‖_F² at X = tI: equality, so √(2rLD) is never attained for r > 1."""
    for rank in (1, 2, 12, 768):
        smoothness, t = sp.Rational(3, 2), sp.Rational(5, 7)
        gradient = rank * (smoothness / rank) * t
        gap = smoothness / (2 * rank) * rank * t**2
        yield gradient**2, 2 * smoothness * gap


def _point(noise: sp.Rational) -> dict[sp.Symbol, sp.Rational]:
    values = {
        Delta: 1,
        L: 1,
        K: 4,
        gamma: sp.Rational(1, 2),
        alpha: sp.Rational(1, 4),
        r: 4,
        B: 1,
        error: sp.Rational(1, 10),
        sigma: noise,
    }
    return {symbol: sp.Rational(value) for symbol, value in values.items()}


KimOh = Published(
    name="kim-oh",
    authors="Kim & Oh, Convergence of Muon with Newton–Schulz, ICLR 2026",
    source="arXiv:2601.19156, Theorem 1 in the explicit form of appendix B, before it is tuned",
    read="full text",
    says="M = βM + G from zero, X_0 = M/max{1, ‖M‖_F}, q Newton–Schulz steps, W ← W − ηX_q; e_q = sup_t ‖X_q − "
    "polar(M_t)‖ < 1: the average of E‖∇f(W_{t−1})‖_*, t = 1 … T, is at most the right-hand side",
    printed=_printed,
    translation={D: Delta, T: K, beta: 1 - alpha, step: gamma},
    conventions=(
        "β is the weight of the OLD sum, 1 − α; the sum and the zero-start EMA give the same directions",
        "their ε_q is our δ, in the spectral norm; √r is ρ; a batch B divides σ² by B",
        "the same average as ours, of x_0 … x_{K−1}",
        "appendix B writes ‖N_t − ∇f(W_t)‖ once where ∇f(W_{t−1}) is meant",
    ),
    relation="incomparable",
    theorem="ema-zero",
    verdict="S1-0 (bias-corrected) has no gradient in its start, they have no correction of the noise: either can "
    "be the smaller. Their own proof gives less than they print: ‖X_q‖ ≤ 1 and ‖∇f(W_0)‖_* ≤ √(2LΔ), not √(2rLΔ), "
    "so the middle term of Theorem 1 is loose by √r.",
    proofs=(
        Incomparable(
            Ours(
                "ema-zero",
                {**{s: e.subs({epsilon: error, eta: error}) for s, e in OF_ERRORS.items()}, rho: sp.sqrt(r / B)},
            ),
            _point(sp.Integer(100)),
            _point(sp.Rational(1, 100)),
        ),
        WeakerThan(Ours("", derived=_improved), _gap),
        Identity("at their β the start term is 2√2·βσr/√(BT); with √(2LΔ) it is 2√2·βσ√r/√(BT)", _middle_term),
        Holds("‖∇f‖_*² ≤ 2LΔ, with equality for (L/2r)‖X‖_F² at multiples of I", _largest_gradient),
    ),
    derived="their proof with ‖X_q‖ ≤ 1 (η = 0, so q = 2 − e_q) and the descent lemma along the exact answer for "
    "‖∇f(W_0)‖_*: [Δ/(γK) + Lγ/2 + (2 − e)(Lγ(1−α)/α + σ√(r/B)√(α/(2−α)) + (1−α)√(2LΔ)/(αK))]/(1 − e)",
)
