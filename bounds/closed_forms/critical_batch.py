"""B1: the batch size that reaches a target with the fewest gradient calls, at fixed step size and alpha."""

from __future__ import annotations

import numpy as np
import sympy as sp

from bounds import evaluate
from bounds.law import Fact, Law
from bounds.statements.ema import Ema
from bounds.symbols import B, Delta, K, L, alpha, b, c, gamma, q, rho, sigma, target
from bounds.theorem import Tuning

# S1 with σ/√B, times c: P/K + Q/(K√B) + S/√B ≤ R
DESCENT = Delta / gamma
START = q * rho * sigma / alpha
NOISE = q * rho * sigma * sp.sqrt(alpha / (2 - alpha))
FLOOR = L * gamma * b**2 / 2 + q * L * gamma * b * (1 - alpha) / alpha
ROOM = c * target - FLOOR

STEPS = (DESCENT + START / sp.sqrt(B)) / (ROOM - NOISE / sp.sqrt(B))

P, Q, S, R, u = sp.symbols("P Q S R u", positive=True)  # of the proof; u = √B
CALLS = u**2 * (P * u + Q) / (R * u - S)
QUADRATIC = 2 * P * R * u**2 + (Q * R - 3 * P * S) * u - 2 * Q * S
ROOT = (3 * P * S - Q * R + sp.sqrt((3 * P * S - Q * R) ** 2 + 16 * P * Q * R * S)) / (4 * P * R)


def _zero(expression: sp.Expr) -> bool:
    """Whether an expression vanishes, by expanding its numerator: also quick where it does not, as simplify is not."""
    return sp.expand(sp.numer(sp.together(expression))) == 0


def _target_is_met() -> bool:
    reached = Ema.claim.subs(sigma, sigma / sp.sqrt(B)).subs(K, STEPS)
    return _zero(reached - target)


def _calls_are_these() -> bool:
    parts = {P: DESCENT, Q: START, S: NOISE, R: ROOM, u: sp.sqrt(B)}
    return _zero(CALLS.subs(parts, simultaneous=True) - B * STEPS)


def _slope_is_the_quadratic() -> bool:
    return _zero(sp.diff(CALLS, u) * (R * u - S) ** 2 / u - QUADRATIC)


def _root_is_beyond_the_pole() -> bool:
    at_pole = sp.expand(QUADRATIC.subs(u, S / R))  # < 0, so the larger root lies beyond S/R; the other is negative
    return _zero(QUADRATIC.subs(u, ROOT)) and bool((-at_pole).is_positive)


def _without_start_term() -> bool:
    return _zero(ROOT.subs(Q, 0) ** 2 - 9 * S**2 / (4 * R**2))


def _guard(numbers: evaluate.Numbers) -> None:
    floor, room = evaluate.value(FLOOR / c, numbers), evaluate.value(ROOM, numbers)
    if (room <= 0).any():
        raise ValueError(
            f"`target` must lie above {floor[room <= 0].flat[0]:.6g}, the floor that step_size and alpha leave even "
            "without noise: no batch size reaches it. Take a smaller step_size, or a larger alpha"
        )
    if "batch_size" in numbers:
        least = (evaluate.value(NOISE, numbers) / room) ** 2
        if (np.asarray(numbers["batch_size"]) <= least).any():
            raise ValueError(
                f"`batch_size` must be above {least.max():.6g}: with fewer gradients a step the noise alone keeps the "
                "bound above `target`, however many steps are taken"
            )


def _solve(numbers: evaluate.Numbers) -> Tuning:
    """B* (at least 1), the steps K(B*) (at least 1), and the gradient calls: real numbers, to be rounded up."""
    _guard(numbers)
    parts = [evaluate.value(part, numbers) for part in (DESCENT, START, NOISE, ROOM)]
    p, start, noise, room = np.broadcast_arrays(*parts)
    difference = 3 * p * noise - start * room
    root = np.hypot(difference, 4 * np.sqrt(p * start * room * noise))
    with np.errstate(invalid="ignore", divide="ignore"):
        best = np.where(difference > 0, (difference + root) / (4 * p * room), 4 * start * noise / (root - difference))
        one_step = np.where(room > p, (start + noise) / (room - p), np.inf)  # K(u) = 1: a larger batch gains nothing
    at = np.maximum(np.where(noise == 0, 1.0, np.minimum(best, one_step)), 1.0)
    steps = np.maximum((p * at + start) / (room * at - noise), 1.0)
    return Tuning(
        None,
        None,
        at**2 * steps,
        "closed form",
        others={"batch_size": at**2, "steps": steps},
        value_is="gradient_calls",
    )


CriticalBatch = Law(
    name="critical-batch",
    label="B1",
    kind="consequence of S1",
    source="paper_notes.md, B1 (derived for this project); the question is that of Sato et al., arXiv:2507.01598",
    says="with step size and alpha fixed, the gradient calls K(B)·B that S1 needs for a target gradient norm have one "
    "least point B*; with both tuned again for each B the curve is shallow, and its least point elsewhere",
    left="gradient calls K(B)·B after which S1 guarantees the target",
    left_latex=r"B\,K(B)",
    relation="=",
    assumes=(*(a.words() for a in Ema.assumes), "a batch of B independent gradients: σ²/B for σ²"),
    claim=B * STEPS,
    facts=(
        Fact("S1 with σ²/B and K(B) steps is exactly the target", _target_is_met),
        Fact("with u = √B the calls are u²(Pu + Q)/(Ru − S)", _calls_are_these),
        Fact("their derivative has the sign of 2PRu² + (QR − 3PS)u − 2QS", _slope_is_the_quadratic),
        Fact("which is negative at the pole u = S/R and vanishes at the stated root", _root_is_beyond_the_pole),
        Fact("without the start term (Q = 0) the root is B* = 9S²/(4R²)", _without_start_term),
    ),
    guard=_guard,
    solve=_solve,
    free=("batch_size",),
)
