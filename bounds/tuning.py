"""Tuned parameters of a claim: the closed form where the statement has an exact one, else the numerical optimum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
from scipy.optimize import minimize_scalar

from bounds import evaluate
from bounds.symbols import alpha, gamma
from bounds.theorem import Theorem, Tuning

_ALPHAS = np.geomspace(1e-9, 1.0, 1200)


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
    points = ({k: v[i] for k, v in flat.items()} for i in range(int(np.prod(shape))))
    results = [optimum(theorem.claim, point, float(theorem.largest_step(point))) for point in points]
    step_size, weight, value = (np.array(column).reshape(shape) for column in zip(*results, strict=True))
    return Tuning(step_size, weight, value, "numerical", leading)


def _closed(theorem: Theorem, numbers: evaluate.Numbers, how: str, expression: sp.Expr | None) -> Tuning:
    known = dict(numbers)
    largest = theorem.largest_step(known)
    tuned: dict[str, np.ndarray] = {}
    for symbol, code in ((alpha, "alpha"), (gamma, "step_size")):
        if symbol in theorem.tuning:
            value = evaluate.value(theorem.tuning[symbol], known)
            tuned[code] = known[code] = np.minimum(value, 1.0 if code == "alpha" else largest)
    value = evaluate.value(theorem.claim if expression is None else expression, known)
    return Tuning(tuned.get("step_size"), tuned.get("alpha"), value, how)


def optimum(claim: sp.Expr, numbers: Mapping[str, float], largest: float = np.inf) -> tuple[float, float, float]:
    """(γ, α, value) that minimise P(α)/γ + Q(α)γ + R(α) for γ ≤ largest: closed in γ, one-dimensional in α ≤ 1."""
    terms = sp.collect(sp.expand(claim), gamma, evaluate=False)
    if set(terms) - {1 / gamma, gamma, sp.Integer(1)}:
        raise ValueError(f"the claim is not P/γ + Qγ + R in the step size: {claim}")
    parts = [terms.get(key, sp.Integer(0)) for key in (1 / gamma, gamma, sp.Integer(1))]

    def envelope(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        known = {**numbers, "alpha": weights}
        p, q, r = (np.broadcast_to(evaluate.value(part, known), weights.shape) for part in parts)
        step = np.minimum(np.sqrt(p / q), largest)
        return p / step + q * step + r, step

    values, _ = envelope(_ALPHAS)
    best = int(values.argmin())
    low, high = np.log(_ALPHAS[max(best - 1, 0)]), np.log(_ALPHAS[min(best + 1, len(_ALPHAS) - 1)])
    found = minimize_scalar(
        lambda t: float(envelope(np.exp([t]))[0][0]), bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    )
    weight = min(float(np.exp(found.x)), 1.0) if found.fun < values[best] else float(_ALPHAS[best])
    value, step_size = envelope(np.array([weight]))
    return float(step_size[0]), weight, float(value[0])
