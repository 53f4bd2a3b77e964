"""Long runs on one slope, whose noise reads the momentum and turns what the oracle is fed as often as σ allows."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np

from experiments.attacks.base import Attack, errors, log_uniform
from experiments.refutation.adapted import Slopes, about, bounds_at, constants, instance_of, measure, play
from experiments.refutation.deadline import NEVER, Deadline
from experiments.refutation.target import Target

_FEWEST_STEPS = 1000  # short runs have worse, and exact, instances in `UnluckyNoise`
_INSTANCES, _RUNS = 32, 8  # … of a batch, and runs of each
_FEWEST, _MOST = 512, 16_384  # runs of a confirmation
_WIDTH = 150.0  # the width is about this much of the largest gradient, over the runs
_KEPT = 4  # instances of each number of steps, from which others are made
_AT_A_TIME = 700  # numbers that cost as much as the call of a numpy function
_COPIES = (1.0, 1.0, 16.0)
_CHANGED = ("curvature", "slope", "noise_std", "step_size", "alpha")
_HOVERS = 0.7  # in units of σ√α: the gradient that greedy noise keeps up


class AdaptedNoise(Attack):
    """A gradient of about 0.7σ√α stays for ever, however small γ is: it is the noise term of S1–S3 that is attacked.

    Of all laws of mean 0 and variance σ² given the past, the noise is the one under which what the oracle is fed has
    the wrong sign most often (`experiments.regime.unlucky`). It costs Δ only f's own parabola, G²/(2L), and shows when
    Δ/(γK), the drift and the start of the memory are small: in thousands of steps.
    """

    name: ClassVar[str] = "adapted noise"
    small: ClassVar[bool] = False
    long: ClassVar[bool] = True
    says: ClassVar[str] = "long runs on a slope under noise that reads the momentum"

    def __init__(self) -> None:
        self._best: dict[int, list[tuple[float, Slopes]]] = {}

    def applies(self, target: Target) -> bool:
        return about(target)

    def fits(self, steps: int) -> bool:
        return steps >= _FEWEST_STEPS

    def attempt(
        self, target: Target, rng: np.random.Generator, steps: int, end: Deadline = NEVER
    ) -> dict[str, Any] | None:
        """Few runs of many slopes; then many fresh runs of the worst one, if it looks as if it refuted."""
        begin = time.monotonic()
        drawn, known = _drawn(target, rng, steps), self._best.setdefault(steps, [])
        if known:
            drawn = _joined(_changed(known[int(rng.integers(len(known)))][1], target, rng), drawn)
        numbers = constants(drawn, target, steps)
        bound = bounds_at(target, numbers)
        fine = np.isfinite(bound)
        if not fine.any():
            return None
        played = drawn._replace(step_size=numbers["step_size"], alpha=numbers["alpha"]).only(fine)
        ratio = play(played, target.rules, steps, _RUNS, int(rng.integers(2**31)), end).mean(-1) / bound[fine]
        worst = np.argsort(-ratio)
        known += [(float(ratio[i]), played.only(worst[[n]])) for n, i in enumerate(worst[:2])]
        known.sort(key=lambda entry: -entry[0])
        del known[_KEPT:]
        largest = float(ratio[worst[0]])
        runs = _runs(largest, (time.monotonic() - begin), end)
        if largest <= 1 or runs < _FEWEST:
            return {"runs": _RUNS * played.size, "ratio": largest, "violates": False}
        shown = {name: float(f"{value:.3g}") for name, value in instance_of(played, int(worst[0]), steps).items()}
        return measure(shown | {"steps": steps}, target, runs, int(rng.integers(2**31)), end)


def _runs(ratio: float, batch_seconds: float, end: Deadline) -> int:
    """So many that the width is half of what lies above the bound, as far as the time allows."""
    wanted = float(np.clip(2 * _WIDTH / max(1 - 1 / ratio, 1e-9), _FEWEST, _MOST))
    affordable = _AT_A_TIME * (0.7 * end.left / batch_seconds - 1)  # a step costs about 1 + runs/_AT_A_TIME
    return int(min(wanted, affordable))


def _drawn(target: Target, rng: np.random.Generator, steps: int) -> Slopes:
    """In units of σ = L = 1 at first; the hovering gradient starts on the edge of its parabola, or further up."""
    size = _INSTANCES
    low, high = errors(target, rng, size)
    one = np.ones(size)
    low, high = (one, one) if target.errors == "none" else (low, np.where(rng.random(size) < 0.3, low, high))
    alpha = np.where(rng.random(size) < 0.1, 1.0, log_uniform(rng, 1 / steps, 1, size))
    alpha = one if target.rules.momentum == "none" else alpha
    step = log_uniform(rng, 1e-3, 3, size) * alpha**1.5
    slope = log_uniform(rng, 0.5, 1.5, size) * _hovers(alpha, low, high)
    way = slope * step * log_uniform(rng, 0.1, np.sqrt(steps), size) * rng.choice([0.0, 1.0], size)
    wanted = slope**2 / 2 + way
    copies = one if "l-inf" not in target.balls else rng.choice(_COPIES, size)
    slopes = Slopes(one, slope, slope, one, low, high, step, alpha, copies)
    if not _all_free(target):  # what is tuned depends on Δ: Δ comes first, and the slope is fitted to it
        wanted = log_uniform(rng, 0.01 / steps, 100 * steps, size)
        with np.errstate(all="ignore"):
            numbers = constants(_of_gap(slopes, wanted), target, steps)
        alpha = np.where(np.isfinite(numbers["alpha"]), numbers["alpha"], 1.0)
        slopes = slopes._replace(slope=log_uniform(rng, 0.5, 1.5, size) * _hovers(alpha, low, high))
    slopes = _of_gap(slopes, wanted)
    return _rescaled(slopes, *np.exp(2 * rng.normal(size=(2, size)) * (rng.random(size) < 0.5)))


def _all_free(target: Target) -> bool:
    used = {"step_size"} if target.rules.momentum == "none" else {"step_size", "alpha"}
    return used <= set(target.free)


def _hovers(alpha: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """σ√(b/c)·0.7√α, with the 1 that it is without momentum: there a wrong sign has the chance c/(b + c)."""
    return np.asarray(np.sqrt(high / low) * np.where(alpha == 1, 1.0, _HOVERS * np.sqrt(alpha)))


def _of_gap(one: Slopes, wanted: np.ndarray) -> Slopes:
    """Started where f(x_0) − inf f is as wanted: on the slope, or, where that is too steep, at the parabola's edge."""
    slope = np.minimum(one.slope, np.sqrt(2 * one.curvature * wanted))
    return one._replace(slope=slope, start=wanted / slope + slope / (2 * one.curvature))


def _changed(one: Slopes, target: Target, rng: np.random.Generator) -> Slopes:
    """Others like a good one: some of its numbers are changed."""
    size = _INSTANCES // 2
    many = one.only(np.zeros(size, int))
    some = {name: np.exp(0.4 * rng.normal(size=size) * (rng.random(size) < 0.5)) for name in Slopes._fields}
    changed = many._replace(**{name: getattr(many, name) * some[name] for name in _CHANGED})
    edge = changed.slope / changed.curvature
    further = np.maximum(many.start - many.slope / many.curvature, 0) * some["start"]
    return changed._replace(alpha=np.minimum(changed.alpha, 1.0), start=edge + further)


def _joined(one: Slopes, other: Slopes) -> Slopes:
    return Slopes(*(np.concatenate([a, b])[:_INSTANCES] for a, b in zip(one, other, strict=True)))


def _rescaled(one: Slopes, objective: np.ndarray, length: np.ndarray) -> Slopes:
    """The same with f times `objective` and x times `length`: a claim with wrong units cannot hide."""
    slope = objective / length
    return one._replace(
        curvature=one.curvature * slope / length, slope=one.slope * slope, noise_std=one.noise_std * slope,
        start=one.start * length, step_size=one.step_size * length,
    )  # fmt: skip
