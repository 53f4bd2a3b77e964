"""NS: what q classical Newton–Schulz steps of order κ leave of 1 − s², doubly exponentially small."""

from __future__ import annotations

import sympy as sp

from bounds.law import Fact, Law
from bounds.symbols import iterations, order, s_min

RESIDUAL = (1 - s_min**2) ** ((order + 1) ** iterations)
DIGITS = 330  # 1 − s² is 1 in doubles for s < 1e-8, and a residual may be 1e-300
HIGHEST = 12  # the orders that lmo.polynomials.classical offers, and that the first facts are computed for


def coefficients(kappa: int) -> list[sp.Rational]:
    """Those of φ(u) = 1 − (1 − u)T(u)², u = 1 − s², lowest first; T is the Taylor polynomial of (1 − u)^{−1/2}."""
    u = sp.Symbol("u")
    taylor = sum(sp.binomial(2 * j, j) * u**j / sp.Integer(4) ** j for j in range(kappa + 1))
    found = sp.Poly(1 - (1 - u) * taylor**2, u).all_coeffs()
    return found[::-1]


def _starts_at(kappa: int) -> bool:
    return all(one == 0 for one in coefficients(kappa)[: kappa + 1])


def _averages(kappa: int) -> bool:
    rest = coefficients(kappa)[kappa + 1 :]
    return all(one >= 0 for one in rest) and sum(rest) == 1


def _composes() -> bool:
    u = sp.Symbol("u", positive=True)
    power = (order + 1) ** iterations
    once_more = (u**power) ** (order + 1)
    after = u ** ((order + 1) ** (iterations + 1))
    return sp.powsimp(sp.expand_power_base(once_more / after), force=True).equals(1) is True


NewtonSchulzResidual = Law(
    name="newton-schulz-residual",
    label="NS",
    kind="law of an iteration",
    source="Kim & Oh, arXiv:2601.19156, Lemma 3; proof in paper_notes.md, Newton–Schulz",
    says="every classical Newton–Schulz step of order κ takes 1 − s² to at most its power κ + 1, and never above s = 1",
    left="1 - s_q^2 for every start s in [s_min, 1]",
    left_latex=r"1 - s_q^2",
    relation="<=",
    assumes=("exact arithmetic", "singular values, in units of the scale, lie in [s_min, 1]"),
    claim=RESIDUAL,
    digits=DIGITS,
    facts=(
        Fact(
            f"1 − p_κ(s)² = φ(u), u = 1 − s², has no powers of u up to κ (exactly, for κ ≤ {HIGHEST})",
            lambda: all(_starts_at(kappa) for kappa in range(1, HIGHEST + 1)),
        ),
        Fact(
            "its other coefficients are >= 0 and sum to 1, so 0 <= φ(u) <= u^(κ+1) on [0, 1]",
            lambda: all(_averages(kappa) for kappa in range(1, HIGHEST + 1)),
        ),
        Fact("(u^((κ+1)^q))^(κ+1) = u^((κ+1)^(q+1)): the steps compose", _composes),
    ),
)
