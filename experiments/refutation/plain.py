"""A small instance run in plain Python, one number at a time: it shares no line with the search."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

from experiments.refutation.plain_shapes import One, answer, dual, low_point, objective, slopes
from experiments.refutation.quantities import quantity

ROUNDING = 1e-13


@dataclass
class Path:
    """One outcome of the noise: ‖∇f(x_k)‖_* of every step, the metric, and the largest terms that it is made of."""

    norms: list[float]
    metric: float
    largest: float


def completed(instance: One) -> One:
    """The instance with what cases from before there was decay, schedules and bends do not say."""
    d = len(instance["start"])
    return {"relative": 0.0, "centre": [0.0] * d, "bend": 0.0, "weight_decay": 0.0, "schedule": [1.0]} | instance


def expectation(one: One, claim: dict[str, Any]) -> float:
    """The metric, summed over every outcome of the noise with its probability."""
    d, steps = len(one["start"]), int(one["steps"])
    noisy = any(one["spread"]) or any(one["first_spread"]) or one["relative"] > 0
    total = 0.0
    for bits in itertools.product((False, True), repeat=d * (steps - (not ends_late(claim))) if noisy else 0):
        chance = 1.0
        for i, bad in enumerate(bits):
            p = one["first_odds"] if i < d else one["odds"]
            chance *= p if bad else 1 - p
        total += chance * path(one, claim, list(bits) if noisy else None).metric
    return total


def ends_late(claim: dict[str, Any]) -> bool:
    """Whether the last step counts, and not only the point that it starts from."""
    columns = quantity(claim.get("of_step", "gradient_norm_k")).columns
    adaptive = claim["step"] in ("adaptive", "l0-l1") and "step_size" in columns
    return adaptive or any(name.startswith("next_") for name in columns)


def path(one: One, claim: dict[str, Any], bits: list[bool] | None) -> Path:
    """One outcome of the noise; bits: which tosses go against the run, coordinate by coordinate and step by step."""
    x: list[float] = list(one["start"])
    buffer: list[float] | None = None
    before: list[float] | None = None
    d, linf, decay = len(x), one["ball"] == "l-inf", one["weight_decay"]
    norms, of_steps, largest = [], [], 0.0
    for k in range(int(one["steps"])):
        gradient = slopes(one, x)
        norms.append(dual(gradient, linf))
        last = k == int(one["steps"]) - 1 and not ends_late(claim)
        fed = gradient
        if not last:
            toss = None if bits is None else bits[k * d : (k + 1) * d]
            fresh = stochastic(one, gradient, toss, k)
            earlier = None if before is None else stochastic(one, before, toss, k)
            buffer, fed = _momentum(one, claim, buffer, fresh, earlier)
        step = _step(one, claim, k, dual(fed, linf))
        move = answer(one["answers"][k % one["period"]], one["wrong"], fed, gradient, linf)
        following = [(1 - decay * step) * v + step * m for v, m in zip(x, move, strict=True)]
        number, size = _quantity(one, claim, x, gradient, step, None if last else following)
        of_steps.append(number)
        largest = max(largest, size)
        x, before = following, gradient
    over = {"mean": math.fsum(of_steps) / len(of_steps), "minimum": min(of_steps), "last": of_steps[-1]}
    return Path(norms, over[claim["over"]], largest)


def stochastic(one: One, gradient: list[float], toss: list[bool] | None, k: int) -> list[float]:
    """The gradient with the noise of step k."""
    if toss is None:
        return gradient
    p, spread = (one["first_odds"], one["first_spread"]) if k == 0 else (one["odds"], one["spread"])
    units = [-math.sqrt((1 - p) / p) if bad else math.sqrt(p / (1 - p)) for bad in toss]
    return [g + z * (w + one["relative"] * g) for g, z, w in zip(gradient, units, spread, strict=True)]


def _momentum(
    one: One, claim: dict[str, Any], buffer: list[float] | None, fresh: list[float], earlier: list[float] | None
) -> tuple[list[float] | None, list[float]]:
    kind, alpha = claim["momentum"], one["alpha"]
    if kind == "none":
        return None, fresh
    if buffer is None:
        buffer = fresh if claim["start"] == "first gradient" else [alpha * v for v in fresh]
    else:
        old = buffer if kind != "storm" or earlier is None else [
            m + v - e for m, v, e in zip(buffer, fresh, earlier, strict=True)
        ]  # fmt: skip
        buffer = [(1 - alpha) * m + alpha * v for m, v in zip(old, fresh, strict=True)]
    if kind == "nesterov":
        return buffer, [(1 - alpha) * m + alpha * v for m, v in zip(buffer, fresh, strict=True)]
    return buffer, buffer


def _step(one: One, claim: dict[str, Any], k: int, norm: float) -> float:
    gamma = float(one["step_size"])
    if claim["step"] == "scheduled":
        return gamma * float(one["schedule"][k % len(one["schedule"])])
    if claim["step"] == "open-loop":
        return 2 * gamma / (k + 2)
    if claim["step"] == "adaptive":
        return gamma * norm
    if claim["step"] == "l0-l1":
        l0 = math.fsum(one["curvature"]) if one["ball"] == "l-inf" else max(one["curvature"])
        return gamma * norm / (l0 + one["bend"] * norm)
    return gamma


def _quantity(
    one: One, claim: dict[str, Any], x: list[float], gradient: list[float], step: float, following: list[float] | None
) -> tuple[float, float]:
    """What the claim is about at this step, and the size of the terms in it."""
    what, linf = quantity(claim.get("of_step", "gradient_norm_k")), one["ball"] == "l-inf"
    products = [g * v for g, v in zip(gradient, x, strict=True)]
    here = objective(one, x)
    after = here if following is None else objective(one, following)
    low = objective(one, low_point(one)) if any("ball_gap" in name for name in what.columns) else 0.0
    start = objective(one, one["start"])
    norm, size = dual(gradient, linf), max(map(abs, x)) if linf else math.hypot(*x)
    columns = {
        "gradient_norm": (norm, norm), "step_size": (step, step), "iterate_norm": (size, size),
        "iterate_alignment": (math.fsum(products), math.fsum(map(abs, products))), "gap": (here, here + start),
        "next_gap": (after, after + start), "ball_gap": (here - low, here + low + start),
        "next_ball_gap": (after - low, after + low + start),
    }  # fmt: skip
    numbers = {"step_size": one["step_size"], "alpha": one["alpha"], "weight_decay": one["weight_decay"]}
    numbers |= {"epsilon": 1 - one["low"], "eta": one["high"] - 1, "delta": one["high"] - 1}
    given = [numbers[name] for name in what.constants]
    number, terms = (what.function(*(columns[name][i] for name in what.columns), *given) for i in (0, 1))
    return float(number), 0.0 if what.columns == ("gradient_norm",) else abs(float(terms))
