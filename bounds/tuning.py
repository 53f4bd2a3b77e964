"""Tuned parameters of a claim: the closed form where the statement has an exact one, else the numerical optimum."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from bounds import evaluate
from bounds.symbols import alpha, gamma
from bounds.theorem import Theorem, Tuning

_ALPHAS = np.geomspace(1e-9, 1.0, 1200)
_FRACTIONS = np.linspace(0.0, 1.0, 33)
_ROUNDS = 7  # 1.7e-2 between the logarithms of _ALPHAS, then 16 times less in every round
_POINTS = 64  # at a time


def tune(theorem: Theorem, constants: Mapping[str, Any]) -> Tuning:
    """See `Theorem.tune`. Constants broadcast; step_size and alpha may not be given."""
    for symbol, code in ((gamma, "step_size"), (alpha, "alpha")):
        if symbol in theorem.claim.free_symbols and symbol not in theorem.tuning:
            raise ValueError(f"{theorem.name} states no tuning of {code}; give its `tuning` one for {symbol}")
    needed = [name for name in evaluate.code_names(theorem.claim) if name not in ("step_size", "alpha")]
    for value in theorem.tuning.values():
        needed += [n for n in evaluate.code_names(value) if n not in (*needed, "step_size", "alpha")]
    numbers = evaluate.check_constants(constants, needed, f"the tuning of {theorem.name}")
    if theorem.tuning_is in ("exact", "kink", "given"):
        return _closed(theorem, numbers, "closed form", theorem.claim)
    leading = _closed(theorem, numbers, "leading terms", theorem.leading)
    shape = np.broadcast_shapes(*(n.shape for n in numbers.values()))
    flat = {name: np.broadcast_to(n, shape).ravel() for name, n in numbers.items()}
    largest = np.broadcast_to(theorem.largest_step(flat), flat[needed[0]].shape)
    parts = []
    for start in range(0, largest.size, _POINTS):
        rows = slice(start, start + _POINTS)
        parts.append(optimum(theorem.claim, {name: n[rows] for name, n in flat.items()}, largest[rows]))
    step_size, weight, value = (np.concatenate(column).reshape(shape) for column in zip(*parts, strict=True))
    return Tuning(step_size, weight, value, "numerical", leading)


def _closed(theorem: Theorem, numbers: evaluate.Numbers, how: str, expression: sp.Expr | None) -> Tuning:
    known = dict(numbers)
    largest = theorem.largest_step(known)
    tuned: dict[str, np.ndarray] = {}
    for symbol, code in ((alpha, "alpha"), (gamma, "step_size")):
        if symbol in theorem.tuning:
            # without noise α* is ∞ in the leading terms: no memory at all
            value = evaluate.value(theorem.tuning[symbol], known, at_most=1.0 if code == "alpha" else np.inf)
            tuned[code] = known[code] = value if code == "alpha" else np.minimum(value, largest)
    value = evaluate.value(theorem.claim if expression is None else expression, known)
    return Tuning(tuned.get("step_size"), tuned.get("alpha"), value, how)


def optimum(
    claim: sp.Expr, numbers: Mapping[str, np.ndarray], largest: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(γ, α, value), each (points,), that minimise P(α)/γ + Q(α)γ + R(α) for γ ≤ largest: closed in γ, α ≤ 1 searched.

    The grid of α is narrowed around its smallest value until its spacing is what rounding lets one see, √eps.
    """
    parts = _in_step_size(claim)
    known = {name: n[:, None] for name, n in numbers.items()}

    def envelope(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p, q, r = (evaluate.value(part, {**known, "alpha": weights}) for part in parts)
        step = np.minimum(np.sqrt(p / q), largest[:, None])
        return p / step + q * step + r, step

    def narrowed(weights: np.ndarray, best: np.ndarray) -> np.ndarray:
        ends = [np.take_along_axis(weights, best + side, 1) for side in (-1, 1)]
        return np.minimum(ends[0] * (ends[1] / ends[0]) ** _FRACTIONS, 1.0)

    weights = np.broadcast_to(_ALPHAS, (largest.size, _ALPHAS.size))
    for _ in range(_ROUNDS):
        values, _ = envelope(weights)
        best = values.argmin(1)[:, None].clip(1, weights.shape[1] - 2)
        weights = narrowed(weights, best)
    values, step_sizes = envelope(weights)
    at = values.argmin(1)[:, None]
    step_size, weight, value = (np.take_along_axis(a, at, 1)[:, 0] for a in (step_sizes, weights, values))
    return step_size, weight, value


@lru_cache(maxsize=512)
def _in_step_size(claim: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """P, Q and R of a claim P/γ + Qγ + R."""
    terms = sp.collect(sp.expand(claim), gamma, evaluate=False)
    if set(terms) - {1 / gamma, gamma, sp.Integer(1)}:
        raise ValueError(f"the claim is not P/γ + Qγ + R in the step size: {claim}")
    return tuple(terms.get(key, sp.Integer(0)) for key in (1 / gamma, gamma, sp.Integer(1)))
