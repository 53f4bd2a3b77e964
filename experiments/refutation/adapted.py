"""One coordinate on a slope under noise that reads the momentum, as plain data under a claim, and what it measures.

f is a Huber function of one coordinate, its slopes cut at ±G: Δ and L are exact, and no gradient is larger than G.
Copies of it in ℓ∞, all with the same noise, are one coordinate with another ρ: claims that have ρ wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bounds.assumptions import Setting
from experiments.refutation.deadline import NEVER, Deadline
from experiments.refutation.quantities import PLAIN
from experiments.refutation.score import bernstein
from experiments.refutation.simulate import Outcome, Rules
from experiments.refutation.target import Target
from experiments.regime.unlucky import greedy
from experiments.verdict import SLACK, TABLE_ERROR

ADAPTED = "adapted noise"
KNOWN = {
    "initial_gap", "smoothness", "steps", "delta", "epsilon", "eta", "step_size", "alpha", "noise_std", "norm_ratio",
}  # fmt: skip
SHARE = 1e-6 * TABLE_ERROR  # for each of a million confirmations, as for the runs of problems
_BLOCK = 256  # steps whose luck is drawn at once
_ROUNDING = 1e-12  # of the largest gradient: a million steps add that many roundings to an average


class Slopes(NamedTuple):
    """Instances as arrays (N,). low, high: how long the answers are where they go down, and up."""

    curvature: np.ndarray
    slope: np.ndarray
    start: np.ndarray
    noise_std: np.ndarray
    low: np.ndarray
    high: np.ndarray
    step_size: np.ndarray
    alpha: np.ndarray
    copies: np.ndarray

    @property
    def size(self) -> int:
        """N."""
        return len(self.curvature)

    def only(self, which: np.ndarray) -> Slopes:
        """Some of the instances."""
        return Slopes(*(values[which] for values in self))


def about(target: Target) -> bool:
    """Whether the claim is about such runs: E of the average ‖∇f‖, fixed steps, noise of variance σ² given the past."""
    method, rules = target.theorem.method, target.rules
    if not target.stochastic or rules.momentum not in ("none", "ema", "nesterov") or not target.needed <= KNOWN:
        return False
    if method.step != "fixed" or method.decay or rules.over != "mean" or rules.of_step != PLAIN:
        return False
    setting = Setting(True, True, method.momentum, method.start, "fixed", False)
    return target.theorem.expectation and target.theorem.applies_to(setting) is None


def gap(one: Slopes) -> np.ndarray:
    """f(x_0) − inf f of one coordinate, (N,)."""
    end = one.slope / one.curvature  # of the parabola
    inside = one.curvature * one.start**2 / 2
    return np.where(one.start <= end, inside, one.slope * (one.start - end / 2))


def constants(one: Slopes, target: Target, steps: int) -> dict[str, np.ndarray]:
    """All that the claim may need, arrays (N,); step_size and alpha as it tunes them where it does."""
    ratio = np.sqrt(one.copies)
    numbers = {"initial_gap": one.copies * gap(one), "smoothness": one.copies * one.curvature}
    numbers |= {"noise_std": ratio * one.noise_std, "norm_ratio": ratio, "steps": np.full(one.size, float(steps))}
    if target.errors == "additive":
        numbers["delta"] = np.maximum(one.high - 1, 1 - one.low)
    elif target.errors == "pair":
        numbers |= {"epsilon": 1 - one.low, "eta": one.high - 1}
    numbers |= {name: getattr(one, name) for name in target.free}
    if target.rules.momentum == "none":
        numbers["alpha"] = np.ones(one.size)
    with np.errstate(all="ignore"):
        tuned = target.tuned(numbers)
    return numbers | {name: np.broadcast_to(value, one.size) for name, value in tuned.items()}


def bounds_at(target: Target, numbers: Mapping[str, np.ndarray]) -> np.ndarray:
    """The claim, (N,); ∞ where it or its parameters are no numbers."""
    with np.errstate(all="ignore"):
        claim = target.bound({name: value for name, value in numbers.items() if name in target.constants})
    step, alpha = numbers["step_size"], numbers["alpha"]
    fits = np.isfinite(step) & (step > 0) & (alpha > 0) & (alpha <= 1)
    return np.where(fits & np.isfinite(claim), np.maximum(claim, 1e-300), np.inf)


def play(one: Slopes, rules: Rules, steps: int, runs: int, seed: int, end: Deadline = NEVER) -> np.ndarray:
    """The average ‖∇f(x_k)‖_* of every run, (N, runs)."""
    runs_of_each = np.ones((1, runs))  # whole arrays are faster than those that broadcast
    curvature, slope, start, sigma, low, high, step, alpha, _ = (values[:, None] * runs_of_each for values in one)
    source = np.random.default_rng([seed, 20260801])
    x, total = start, np.zeros((one.size, runs))
    buffer, luck = np.zeros_like(x), np.zeros((0, *x.shape))
    for k in range(steps):
        gradient = np.clip(curvature * x, -slope, slope)
        total += np.abs(gradient)
        if k == steps - 1:
            break
        if k % _BLOCK == 0:
            end.check()
            luck = source.random((min(_BLOCK, steps - k), *x.shape))
        keep, weight = _weights(rules, alpha, first=k == 0)
        down = np.where(gradient < 0, -1.0, 1.0)
        mean = down * (keep * buffer + weight * gradient)  # of what is fed, < 0 where it points uphill
        law = greedy(mean, weight * sigma)
        fed = np.where((mean <= 0) | (luck[k % _BLOCK] < law.chance), law.high, law.low)
        if rules.momentum != "none":
            fresh = gradient + down * (fed - mean) / weight
            replaced = k == 0 and rules.start == "first gradient"
            buffer = fresh if replaced else buffer + alpha * (fresh - buffer)
        x = x - step * down * np.where(fed < 0, -high, low)
    return np.asarray(total / steps * one.copies[:, None])


def _weights(rules: Rules, alpha: np.ndarray, first: bool) -> tuple[np.ndarray | float, np.ndarray | float]:
    """What the oracle is fed is keep·buffer + weight·(this gradient)."""
    if rules.momentum == "none" or (first and rules.start == "first gradient"):
        return 0.0, 1.0
    if rules.momentum == "ema":
        return 1 - alpha, alpha
    return (1 - alpha) ** 2, alpha * (2 - alpha)


def measure(instance: Mapping[str, Any], target: Target, runs: int, seed: int, end: Deadline = NEVER) -> dict[str, Any]:
    """Runs an instance again, by its seed: the record of a case. `ValueError` where the claim is not about it."""
    one, steps = _read(instance, target), instance["steps"]
    if type(steps) is not int or steps < 1 or type(runs) is not int or runs < 2:
        raise ValueError(f"the case needs whole numbers of steps and of two or more runs, got {steps!r} and {runs!r}")
    numbers = constants(one, target, steps)
    bound = float(bounds_at(target, numbers)[0])
    if not np.isfinite(bound):
        raise ValueError("the claim has no bound for this case")
    one = one._replace(step_size=numbers["step_size"], alpha=numbers["alpha"])
    metric = play(one, target.rules, steps, runs, seed, end)
    measured = float(metric.mean())
    largest = one.copies * one.slope
    width = float(bernstein(Outcome(metric, None), largest, SHARE)[0]) + _ROUNDING * float(largest[0])
    return {
        "kind": ADAPTED,
        "instance": instance_of(one, 0, steps),
        "constants": {name: float(value[0]) for name, value in numbers.items() if name in target.constants},
        "measured": measured,
        "uncertainty": width,
        "bound": bound,
        "ratio": measured / bound,
        "exact": False,
        "runs": runs,
        "seed": seed,
        "violates": measured - width > bound * (1 + SLACK),
    }


def instance_of(one: Slopes, i: int, steps: int) -> dict[str, Any]:
    """Instance i as plain data."""
    return {"steps": steps} | {name: float(values[i]) for name, values in one._asdict().items()}


def _read(instance: Mapping[str, Any], target: Target) -> Slopes:
    """The instance as arrays, within the rules; `ValueError` where it is not."""
    values = {name: np.array([float(instance[name])]) for name in Slopes._fields}
    one = Slopes(**values)
    if not all(np.isfinite(v).all() for v in one):
        raise ValueError("the instance of the case has numbers that are not finite")
    positive = ("curvature", "slope", "start", "step_size", "alpha", "low", "noise_std")
    for name in positive:
        if not values[name][0] > 0:
            raise ValueError(f"`{name}` of the case must be above 0, got {values[name][0]:g}")
    if one.alpha[0] > 1 or one.high[0] < one.low[0]:
        raise ValueError("the case needs alpha <= 1 and answers uphill that are no shorter than those downhill")
    if one.copies[0] < 1 or one.copies[0] % 1 or (one.copies[0] > 1 and "l-inf" not in target.balls):
        raise ValueError(f"the claim is not about {one.copies[0]:g} copies of a coordinate")
    if target.errors == "none" and not one.low[0] == one.high[0] == 1:
        raise ValueError("the claim has no error in it, but the answers of the case err")
    return one
