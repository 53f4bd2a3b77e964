"""Sato et al.: the critical batch size, and what weight decay does to the bounds."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from bounds.published.base import Published
from bounds.published.proofs import Counterexample, Identity
from bounds.published.symbols import Y
from bounds.symbols import target


def batch_minimiser(P: sp.Expr, Q: sp.Expr, R: sp.Expr, S: sp.Expr) -> sp.Expr:
    """u = √B* of N = u²(Pu + Q)/(Ru − S), B1 of paper_notes.md."""
    lead = 3 * P * S - Q * R
    return (lead + sp.sqrt(lead**2 + 16 * P * Q * R * S)) / (4 * P * R)


def _minimisers() -> Iterator[sp.Expr]:
    """B1's minimiser is stationary; at Q = 0 it is the printed formula; the square that proves a global minimum."""
    P, Q, R, S, u, t = sp.symbols("P Q R S u t", positive=True)
    best = batch_minimiser(P, Q, R, S)
    slope = sp.numer(sp.together(sp.diff(u**2 * (P * u + Q) / (R * u - S), u)))
    yield sp.expand(slope.subs(u, best))
    yield batch_minimiser(P, sp.Integer(0), R, S) ** 2 - _printed.subs({Y: S, target: R})
    yield sp.expand(4 * (t + S) ** 3 - 27 * S**2 * t - (2 * t - S) ** 2 * (t + 4 * S))


def decay_run(decay: sp.Rational, steps: int) -> sp.Expr:
    """The average |f'| of sign descent on f = (x − 10)²/2 from 0, step 1/10, decay λ: exact."""
    x, step, total = sp.Integer(0), sp.Rational(1, 10), sp.Integer(0)
    for _ in range(steps):
        slope = x - 10
        total += abs(slope)
        x = (1 - decay * step) * x - step * sp.sign(slope)
    return total / steps


_printed = 9 * Y**2 / (4 * target**2)

Sato = Published(
    name="sato",
    authors="Sato, Naganuma & Iiduka, Convergence bound and critical batch size of Muon optimizer",
    source="arXiv:2507.01598; abstracts of v1, v3 to v5; Proposition 4.2 from a public formalisation of it",
    read="abstract",
    says="four variants (with and without Nesterov and weight decay λ, η ≤ 1/λ). A bound X/T + Y/√b + Z reaches ε "
    "with the fewest gradients at b* = 9Y²/(4(ε − Z)²) > 9Y²/(4ε²); the symbol target below is ε − Z",
    printed=_printed,
    conventions=(
        "b is the batch size B; Y is qρσ√(α/(2−α)) of S1, ε − Z is R of B1",
        'v1 to v4: decay gives "strictly tighter" bounds; v5 (June 2026): "almost-sure boundedness", and a lower '
        'bound on b* that "does not predict … in absolute terms"',
    ),
    relation="equal to",
    theorem="critical-batch",
    verdict='It is B1 without the start term (Q = 0). "Strictly tighter" cannot be read as closer to stationary: '
    "with decay the gradient need not fall at all where the minimum lies outside the ball; the decayed method's "
    "measure is the Frank–Wolfe gap (C2).",
    proofs=(
        Identity("b* is the minimiser, B1's at Q = 0, and a global one", _minimisers),
        Counterexample(
            "f = (x − 10)²/2 from 0, step 1/10, 400 steps: average |f'| with λ = 1 against λ = 0",
            lambda: (decay_run(sp.Integer(1), 400), decay_run(sp.Integer(0), 400)),
        ),
    ),
    unsettled="the convergence bounds themselves (X, Y, Z): no text of a theorem was found; that they keep a floor "
    "at constant η is recalled only",
)
