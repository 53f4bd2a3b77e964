"""A case run again, in plain Python where its expectation is exact: it shares no line with the search.

Every rule of the claim's setting is checked on the way: the answers' errors, the noise, the tuned parameters.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

from bounds import evaluate
from experiments.expressions import parse
from experiments.refutation.case import PROBLEM, Case, instance_of, target_of
from experiments.refutation.score import Scored, bernstein, largest_norm
from experiments.refutation.simulate import Rules, simulate
from experiments.verdict import SLACK, TABLE_ERROR

_TOLERANCE = 1e-9  # of the rules: a case is written with all digits, so only rounding can differ


@dataclass
class Replay:
    """What came out again. broken: rules of the claim's setting that the case does not keep (none: it is fair)."""

    constants: dict[str, float]
    measured: float
    uncertainty: float
    bound: float
    norms: list[float]  # ‖∇f(x_k)‖_* per step, of the likeliest path
    broken: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """measured / bound."""
        return self.measured / self.bound

    @property
    def violates(self) -> bool:
        """Whether a fair case lies above its bound, beyond rounding and uncertainty."""
        return not self.broken and self.measured - self.uncertainty > self.bound * (1 + SLACK)


def replay(case: Case) -> Replay:
    """Runs the case again; `ValueError` where it is damaged."""
    one, claim = case.instance, case.claim
    try:
        if case.kind == PROBLEM:
            return _problem_again(case)
        constants = _constants(one, claim)
        bound = _value(claim["bound"], constants)
        broken = _broken(one, claim, constants)
        worst_path = [False] * ((one["steps"] - 1) * len(one["start"]))
        if case.exact:
            measured, width = _expectation(one, claim), 0.0
        else:
            scored = _drawn_again(case)
            measured, width = float(scored.measured[0]), float(scored.uncertainty[0])
        return Replay(constants, measured, width, bound, _path(one, claim, worst_path), broken)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"the case is damaged: {type(error).__name__}: {error}") from None


def _problem_again(case: Case) -> Replay:
    """A run of one of the problems, by the framework."""
    from experiments.attacks.problem_runs import measure

    again = measure(case.instance, target_of(case.claim), case.runs, case.seed)
    return Replay(again["constants"], again["measured"], again["uncertainty"], again["bound"], [])


def _value(text: str, constants: dict[str, float]) -> float:
    expression = parse(text)
    names = evaluate.code_names(expression)
    return float(
        evaluate.value(expression, evaluate.check_constants({n: constants[n] for n in names}, names, "the case"))
    )


def _constants(one: dict[str, Any], claim: dict[str, Any]) -> dict[str, float]:
    """Δ, L, K, σ, ρ and the errors, from the instance's own numbers."""
    curvature, steps = one["curvature"], int(one["steps"])
    linf = one["ball"] == "l-inf"
    gap = math.fsum(_huber(x, a, s) for x, a, s in zip(one["start"], curvature, one["slope"], strict=True))
    constants = {
        "initial_gap": gap,
        "smoothness": math.fsum(curvature) if linf else max(curvature),
        "steps": float(steps),
        "norm_ratio": math.sqrt(len(curvature)) if linf else 1.0,
        "noise_std": max(math.sqrt(math.fsum(v * v for v in one[n])) for n in ("spread", "first_spread")),
        "step_size": one["step_size"],
        "alpha": one["alpha"],
    }
    errors = {"additive": {"delta": one["high"] - 1}, "pair": {"epsilon": 1 - one["low"], "eta": one["high"] - 1}}
    return constants | errors.get(claim["errors"], {})


def _huber(x: float, a: float, s: float | None) -> float:
    return a * x * x / 2 if s is None or a * abs(x) <= s else s * (abs(x) - s / (2 * a))


def _broken(one: dict[str, Any], claim: dict[str, Any], constants: dict[str, float]) -> list[str]:
    """The rules of the setting that the instance breaks."""
    broken = []
    low, high = one["low"], one["high"]
    if claim["errors"] == "none" and (low, high) != (1.0, 1.0):
        broken.append("the claim is about an exact oracle")
    if claim["errors"] == "additive" and abs(low + high - 2) > _TOLERANCE:
        broken.append("ε and η differ, the claim is about δ")
    for row in one["answers"][: one["period"]]:
        if _too_far(row, one["ball"], claim["errors"], low, high):
            broken.append(f"the answer {row} has a larger error than it may")
            break
    if one["wrong"] is not None and not low - _TOLERANCE <= one["wrong"] <= high + _TOLERANCE:
        broken.append("the answer to a wrong sign has a larger error than it may")
    for name, text in claim["tuning"].items():
        if name not in claim["free"]:
            tuned = _value(text, constants)
            tuned = min(tuned, 1.0) if name == "alpha" else tuned
            if abs(constants[name] - tuned) > _TOLERANCE * tuned:
                broken.append(f"{name} is not the tuned one, {tuned:.6g}")
    if not 0 < constants["alpha"] <= 1 or not constants["step_size"] > 0 or min(one["curvature"]) <= 0:
        broken.append("alpha, step_size or a curvature is out of range")
    return broken


def _too_far(row: list[float], ball: str, errors: str, low: float, high: float) -> bool:
    if ball == "l-inf":
        return not all(low - _TOLERANCE <= factor <= high + _TOLERANCE for factor in row)
    along, across = row
    if errors == "additive":
        return math.hypot(along - 1, across) > high - 1 + _TOLERANCE
    return along < low - _TOLERANCE or math.hypot(along, across) > high + _TOLERANCE


def _expectation(one: dict[str, Any], claim: dict[str, Any]) -> float:
    """The metric, summed over every outcome of the noise with its probability."""
    d, steps = len(one["start"]), int(one["steps"])
    noisy = any(one["spread"]) or any(one["first_spread"])
    total = 0.0
    for bits in itertools.product((False, True), repeat=d * (steps - 1) if noisy else 0):
        chance = 1.0
        for i, bad in enumerate(bits):
            p = one["first_odds"] if i < d else one["odds"]
            chance *= p if bad else 1 - p
        norms = _path(one, claim, list(bits) if noisy else None)
        total += chance * (math.fsum(norms) / steps if claim["over"] == "mean" else min(norms))
    return total


def _path(one: dict[str, Any], claim: dict[str, Any], bits: list[bool] | None) -> list[float]:
    """‖∇f(x_k)‖_* along one outcome of the noise."""
    x, buffer, norms = list(one["start"]), None, []
    d, linf, alpha = len(x), one["ball"] == "l-inf", one["alpha"]
    for k in range(int(one["steps"])):
        gradient = [_slope(v, a, s) for v, a, s in zip(x, one["curvature"], one["slope"], strict=True)]
        norms.append(_dual(gradient, linf))
        if k == int(one["steps"]) - 1:
            break
        fresh = list(gradient)
        if bits is not None:
            p, spread = (one["first_odds"], one["first_spread"]) if k == 0 else (one["odds"], one["spread"])
            for j in range(d):
                fresh[j] += spread[j] * (-math.sqrt((1 - p) / p) if bits[k * d + j] else math.sqrt(p / (1 - p)))
        fed = fresh
        if claim["momentum"] != "none":
            if buffer is None:
                buffer = fresh if claim["start"] == "first gradient" else [alpha * v for v in fresh]
            else:
                buffer = [(1 - alpha) * m + alpha * v for m, v in zip(buffer, fresh, strict=True)]
            fed = buffer
            if claim["momentum"] == "nesterov":
                fed = [(1 - alpha) * m + alpha * v for m, v in zip(buffer, fresh, strict=True)]
        step = one["step_size"] * (_dual(fed, linf) if claim["step"] == "adaptive" else 1.0)
        move = _answer(one["answers"][k % one["period"]], one["wrong"], fed, gradient, linf)
        x = [v + step * m for v, m in zip(x, move, strict=True)]
    return norms


def _slope(x: float, a: float, s: float | None) -> float:
    return a * x if s is None else max(-s, min(s, a * x))


def _dual(v: list[float], linf: bool) -> float:
    return math.fsum(abs(t) for t in v) if linf else math.sqrt(math.fsum(t * t for t in v))


def _answer(row: list[float], wrong: float | None, fed: list[float], gradient: list[float], linf: bool) -> list[float]:
    if linf or len(fed) == 1:
        factors = row if linf else row[:1]
        uphill = [m * g < 0 and wrong is not None for m, g in zip(fed, gradient, strict=True)]
        sizes = [wrong if up else factor for up, factor in zip(uphill, factors, strict=True)]
        return [
            0.0 if m == 0 else -math.copysign(1.0, m) * float(size or 0.0) for m, size in zip(fed, sizes, strict=True)
        ]
    norm = math.sqrt(math.fsum(v * v for v in fed))
    unit = [v / norm if norm else 0.0 for v in fed]
    aside = [-unit[1], unit[0], *[0.0] * (len(fed) - 2)]
    return [-row[0] * u + row[1] * a for u, a in zip(unit, aside, strict=True)]


def _drawn_again(case: Case) -> Scored:
    """The same draws, by the same seed."""
    one, claim = instance_of(case), case.claim
    rules = Rules(claim["momentum"], claim["start"], claim["step"], claim["over"])
    outcome = simulate(one, rules, case.runs, case.seed)
    width = bernstein(outcome, largest_norm(one, rules), TABLE_ERROR)
    return Scored(outcome.mean(), width, outcome.mean(), False)
