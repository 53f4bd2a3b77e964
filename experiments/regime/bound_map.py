"""From which horizon and noise on S1's exact optimum couples as its leading terms say: a map over both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sympy as sp

from bounds import evaluate
from bounds.symbols import gamma
from bounds.theorem import Theorem

WEIGHTS = np.geomspace(1e-7, 1.0, 800)
PARTS = (1 / gamma, gamma, sp.Integer(1))


def optimum(claim: sp.Expr, constants: Mapping[str, np.ndarray]) -> np.ndarray:
    """Logarithms of the α, γ and value that minimise a claim P/γ + Qγ + R: (…, 3) for constants that broadcast to (…).

    Closed in γ; in α ≤ 1 the smallest of a fine grid of logarithms, moved to the vertex of the parabola through it and
    its neighbours. `bounds.tuning.optimum` is the same for one point at a time.

    Raises:
        ValueError: a claim of another form.
    """
    terms = sp.collect(sp.expand(claim), gamma, evaluate=False)
    if set(terms) - set(PARTS):
        raise ValueError(f"the claim is not P/γ + Qγ + R in the step size: {claim}")
    shape = np.broadcast_shapes(*(np.shape(value) for value in constants.values()))
    flat = {name: np.broadcast_to(value, shape).reshape(-1, 1) for name, value in constants.items()}
    known = {**flat, "alpha": WEIGHTS}
    first, second, rest = (evaluate.value(terms.get(key, sp.Integer(0)), known) for key in PARTS)
    values = np.log(2 * np.sqrt(first * second) + rest)
    at = values.argmin(-1)
    inner, rows = np.clip(at, 1, len(WEIGHTS) - 2), np.arange(len(values))
    low, middle, high = (values[rows, inner + i] for i in (-1, 0, 1))
    move = np.where(inner == at, (low - high) / (2 * (low - 2 * middle + high)), 0.0)
    spacing = np.log(WEIGHTS[1] / WEIGHTS[0])
    weight = np.exp(np.log(WEIGHTS[at]) + move * spacing)
    known["alpha"] = weight[:, None]
    first, second, rest = (evaluate.value(terms.get(key, sp.Integer(0)), known)[:, 0] for key in PARTS)
    value = np.log(2 * np.sqrt(first * second) + rest)
    return np.stack([np.log(weight), np.log(first / second) / 2, value], -1).reshape(*shape, 3)


def scaled(noise: np.ndarray, steps: np.ndarray, delta: float) -> dict[str, np.ndarray]:
    """S1's constants at n = ρσ/√(LΔ) and K. Its optimum depends on L, Δ, ρ, σ through n alone, up to units."""
    error = np.asarray(delta, float)
    one = np.asarray(1.0)
    return {
        "initial_gap": one, "smoothness": one, "norm_ratio": one, "noise_std": np.asarray(noise, float),
        "steps": np.asarray(steps, float), "epsilon": error, "eta": error,
    }  # fmt: skip


def exponents(theorem: Theorem, noise: np.ndarray, steps: np.ndarray, delta: float) -> np.ndarray:
    """Exponents in 1 + δ of the exact optimum's α, γ and value (times 1 − δ): (…, 3), averages from 0 to δ.

    noise, steps: arrays that broadcast to (…).
    """
    exact, worse = (optimum(theorem.claim, scaled(noise, steps, size)) for size in (0.0, delta))
    change = worse - exact
    change[..., 2] += np.log1p(-delta)
    return change / np.log1p(delta)


def regret(theorem: Theorem, noise: np.ndarray, steps: np.ndarray, delta: float) -> np.ndarray:
    """What keeping the exact oracle's α and γ costs in the bound at δ, over its own optimum, minus 1: (…)."""
    kept = np.exp(optimum(theorem.claim, scaled(noise, steps, 0.0)))
    constants = scaled(noise, steps, delta)
    own = np.exp(optimum(theorem.claim, constants)[..., 2])
    value = evaluate.value(theorem.claim, {**constants, "alpha": kept[..., 0], "step_size": kept[..., 1]})
    return value / own - 1


def leading_regret(delta: float) -> float:
    """The same of the leading terms: (4 + δ)/(4(1 + δ)^{1/4}) − 1, whatever the constants."""
    return (4 + delta) / (4 * (1 + delta) ** 0.25) - 1


def first_steps(theorem: Theorem, noise: np.ndarray, delta: float, parts: Sequence[float], limit: float) -> np.ndarray:
    """The fewest steps from which on α*'s exponent stays within a part of its limit: (noise, parts); inf beyond 10¹².

    On a grid of ratio 10^{1/15} = 1.17.
    """
    steps = np.geomspace(10, 1e12, 166)
    off = abs(exponents(theorem, np.asarray(noise)[:, None], steps, delta)[..., 0] / limit - 1)
    away = off[:, None] > np.asarray(parts)[:, None]  # (noise, parts, steps)
    first = np.where(away.any(-1), away.shape[-1] - away[..., ::-1].argmax(-1), 0)
    return np.where(first < len(steps), steps[np.minimum(first, len(steps) - 1)], np.inf)
