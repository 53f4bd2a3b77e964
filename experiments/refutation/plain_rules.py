"""The constants of a small instance and the rules that it must keep, in plain Python: a second reading."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from experiments.refutation.plain_shapes import One, objective

_TOLERANCE = 1e-9  # of the rules: a case is written with all digits, so only rounding can differ
Value = Callable[[str, dict[str, float]], float]


def constants_of(one: One, claim: dict[str, Any]) -> dict[str, float]:
    """Everything that a claim may need, from the instance's own numbers."""
    curvature, steps, linf = one["curvature"], int(one["steps"]), one["ball"] == "l-inf"
    relative, schedule = one["relative"], one["schedule"]
    lipschitz = math.fsum(curvature) if linf else max(curvature)
    squares = math.fsum(a * a for a in curvature) if linf else max(curvature) ** 2
    gap = objective(one, one["start"])
    mean = math.fsum(schedule) / len(schedule)
    constants = {
        "initial_gap": gap,
        "smoothness": lipschitz,
        "l0": lipschitz,
        "l1": one["bend"],
        "mu": min(_lowest(gap, a, s) for a, s in zip(curvature, one["slope"], strict=True)),
        "diameter": max(_reach(gap, a, s) for a, s in zip(curvature, one["slope"], strict=True)),
        "mean_smoothness": math.sqrt((1 + relative**2) * squares),
        "steps": float(steps),
        "norm_ratio": math.sqrt(len(curvature)) if linf else 1.0,
        "noise_std": max(_noise(one["spread"], one), _noise(one["first_spread"], one)),
        "weight_decay": one["weight_decay"],
        "variation": math.fsum(v * v for v in schedule) / len(schedule) / mean**2,
        "peak": max(schedule) / mean,
        "iterate_bound": _iterate_bound(one),
        "step_size": one["step_size"],
        "alpha": one["alpha"],
    }
    errors = {"additive": {"delta": one["high"] - 1}, "pair": {"epsilon": 1 - one["low"], "eta": one["high"] - 1}}
    return constants | errors.get(claim["errors"], {})


def _noise(spread: list[float], one: One) -> float:
    grown = [w + (one["relative"] * (s or 0.0)) for w, s in zip(spread, one["slope"], strict=True)]
    return math.sqrt(math.fsum(w * w for w in grown))


def _lowest(gap: float, a: float, s: float | None) -> float:
    """The least g²/2h of one coordinate up to height `gap`."""
    return a if s is None or gap == 0 else min(a, s * s / (2 * gap))


def _reach(gap: float, a: float, s: float | None) -> float:
    """The largest |x_j − p_j| at height `gap`."""
    way = math.sqrt(2 * gap / a)
    return way if s is None or a * way <= s else gap / s + s / (2 * a)


def _size(x: list[float], one: One) -> float:
    return max(map(abs, x)) if one["ball"] == "l-inf" else math.hypot(*x)


def _iterate_bound(one: One) -> float:
    start, decay = _size(one["start"], one), one["weight_decay"]
    walked = start + one["high"] * one["step_size"] * one["steps"]
    return walked if decay == 0 else min(walked, max(start, one["high"] / decay))


def broken_rules(one: One, claim: dict[str, Any], constants: dict[str, float], value: Value) -> list[str]:
    """The rules of the setting that the instance breaks; value: of a formula at constants."""
    return [*_of_answers(one, claim), *_of_parameters(one, claim, constants, value), *_of_setting(one, claim)]


def _of_answers(one: One, claim: dict[str, Any]) -> list[str]:
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
    return broken


def _of_parameters(one: One, claim: dict[str, Any], constants: dict[str, float], value: Value) -> list[str]:
    broken = []
    for name, text in claim["tuning"].items():
        if name not in claim["free"]:
            tuned = value(text, constants)
            tuned = min(tuned, 1.0) if name == "alpha" else tuned
            if abs(constants[name] - tuned) > _TOLERANCE * tuned:
                broken.append(f"{name} is not the tuned one, {tuned:.6g}")
    if not 0 < constants["alpha"] <= 1 or not constants["step_size"] > 0 or min(one["curvature"]) <= 0:
        broken.append("alpha, step_size or a curvature is out of range")
    return broken


def _of_setting(one: One, claim: dict[str, Any]) -> list[str]:
    broken = []
    schedule, decay, steps = one["schedule"], one["weight_decay"], int(one["steps"])
    if claim["step"] == "scheduled" and (len(schedule) != steps or min(schedule) < 0):
        broken.append("the schedule must have a factor >= 0 for each step")
    if claim["step"] != "scheduled" and set(schedule) != {1.0}:
        broken.append("the claim's steps follow no schedule of the instance's")
    if abs(math.fsum(schedule) / len(schedule) - 1) > _TOLERANCE:
        broken.append("the schedule's mean is not 1")
    if (decay != 0) > bool(claim.get("decay")) or decay < 0:
        broken.append("the claim has no weight decay, or none that is negative")
    if decay * one["step_size"] * max(schedule) > 1 + _TOLERANCE:
        broken.append("λγ is above 1")
    if claim.get("inside") and not (decay > 0 and _size(one["start"], one) * decay <= one["high"] * (1 + _TOLERANCE)):
        broken.append("x_0 lies outside of the ball of radius b/λ")
    if one["bend"] != 0 and claim["step"] != "l0-l1":
        broken.append("the slope rises faster than the claim's smoothness says")
    if one["relative"] != 0 and (None in one["slope"] or not claim["stochastic"]):
        broken.append("the noise is not bounded by a standard deviation, or there may be none")
    return broken


def _too_far(row: list[float], ball: str, errors: str, low: float, high: float) -> bool:
    if ball == "l-inf":
        return not all(low - _TOLERANCE <= factor <= high + _TOLERANCE for factor in row)
    along, across = row
    if errors == "additive":
        return math.hypot(along - 1, across) > high - 1 + _TOLERANCE
    return along < low - _TOLERANCE or math.hypot(along, across) > high + _TOLERANCE
