"""Runs many small instances at once, in numpy: (instance, run, coordinate)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from experiments.refutation import shapes
from experiments.refutation.candidates import Candidates
from experiments.refutation.deadline import NEVER, Deadline
from experiments.refutation.gauge import Gauge
from experiments.refutation.quantities import PLAIN, looks_ahead, quantity
from lmo.randomness import Draw

MOST_PATHS = 4096  # noise with at most that many outcomes is summed up exactly
Luck = Callable[[int, np.ndarray], np.ndarray]  # (step, probability of bad luck (N, 1, 1)) → bad luck (N or 1, M, d)


@dataclass(frozen=True)
class Rules:
    """What a claim says about its runs: momentum ("none", "ema", "nesterov", "storm"), its start, the step, the metric.

    of_step: what the metric is of, as text (`quantities`). decay: whether there is weight decay. inside: whether x_0
    lies in the ball of radius b/λ.
    """

    momentum: str
    start: str
    step: str
    over: str
    of_step: str = PLAIN
    decay: bool = False
    inside: bool = False

    @property
    def to_the_end(self) -> bool:
        """Whether the metric needs the last step, not only the point that it starts from."""
        of_gradient = self.step in ("adaptive", "l0-l1") and "step_size" in quantity(self.of_step).columns
        return looks_ahead(self.of_step) or of_gradient


@dataclass(frozen=True)
class Outcome:
    """metric: (N, M), one number per instance and run. weights: (N, M), their probabilities; None: equal ones.

    rounding: (N,) what a metric that is a difference may be wrong by; None: nothing to speak of.
    """

    metric: np.ndarray
    weights: np.ndarray | None
    rounding: np.ndarray | None = None

    def mean(self) -> np.ndarray:
        """The (estimated, or with weights exact) expectation, shape (N,)."""
        return self.metric.mean(-1) if self.weights is None else (self.metric * self.weights).sum(-1)


def drawn(runs: int, d: int, seed: int) -> Luck:
    """Independent luck for `runs` runs, a function of (seed, step); common to all instances of one `odds`."""

    def luck(step: int, odds: np.ndarray) -> np.ndarray:
        normal = Draw(seed, step).normal("noise of an attack", (runs, d)).numpy()
        return normal[None] < ndtri(odds)

    return luck


def bits_needed(c: Candidates, rules: Rules) -> int:
    """How many coin tosses decide a run: those before the last point that is measured."""
    return (c.steps - 1 + rules.to_the_end) * c.dimensions


def every_path(c: Candidates, rules: Rules) -> tuple[Luck, np.ndarray]:
    """All outcomes of the noise, and their probabilities (N, M)."""
    bits, d = bits_needed(c, rules), c.dimensions
    tosses = bits // d
    table = (np.arange(2**bits)[:, None] >> np.arange(max(bits, 1))) & 1  # (M, bits)
    table = table[:, :bits].reshape(2**bits, tosses, d).astype(bool)
    weights = np.ones((c.size, 2**bits))
    for k in range(tosses):
        p = (c.first_odds if k == 0 else c.odds)[:, None]
        for j in range(d):
            weights = weights * np.where(table[None, :, k, j], p, 1 - p)
    return (lambda step, odds: table[None, :, step]), weights


def simulate(c: Candidates, rules: Rules, runs: int, seed: int, end: Deadline = NEVER) -> Outcome:
    """The claim's metric on every instance; noise is summed up exactly where it has few outcomes, else drawn.

    `OutOfTime` where that takes longer than to `end`.
    """
    if not (c.spread.any() or c.first_spread.any() or c.relative.any()):
        return _run(c, rules, None, np.ones((c.size, 1)), 1, end)
    if 2 ** bits_needed(c, rules) <= MOST_PATHS:
        luck, weights = every_path(c, rules)
        return _run(c, rules, luck, weights, weights.shape[1], end)
    return _run(c, rules, drawn(runs, c.dimensions, seed), None, runs, end)


def _run(
    c: Candidates, rules: Rules, luck: Luck | None, weights: np.ndarray | None, runs: int, end: Deadline
) -> Outcome:
    x = np.repeat(c.start[:, None], runs, 1)
    buffer: np.ndarray | None = None
    before: np.ndarray | None = None
    gauge = Gauge(c, rules.of_step, x)
    for k in range(c.steps):
        end.check()
        gradient = shapes.gradient(c, x)
        if k == c.steps - 1 and not rules.to_the_end:
            gauge.add(x, gradient, _step(c, rules, k, None), None)
            break
        noisy = _noise(c, k, luck)
        fresh = noisy(gradient)
        buffer, fed = _momentum(c, rules, buffer, fresh, None if before is None else noisy(before))
        step = _step(c, rules, k, fed)
        following = x * (1 - c.weight_decay[:, None, None] * step[..., None]) if rules.decay else x
        following = following + step[..., None] * answer(c, k, fed, gradient)
        gauge.add(x, gradient, step, following)
        x, before = following, gradient
    return Outcome(gauge.metric(rules.over), weights, gauge.rounding())


def open_loop(k: int) -> float:
    """The factor of the step size of Frank–Wolfe's step k."""
    return 2 / (k + 2)


def _step(c: Candidates, rules: Rules, k: int, fed: np.ndarray | None) -> np.ndarray:
    """γ_k, (N, 1) or (N, M); fed is needed where the step depends on it."""
    size = c.step_size[:, None]
    if rules.step == "scheduled":
        return size * c.schedule[:, [k % c.schedule.shape[1]]]
    if rules.step == "open-loop":
        return size * open_loop(k)
    if rules.step in ("adaptive", "l0-l1") and fed is not None:
        norm = shapes.dual_norm(c.ball, fed)
        size = size * norm
        if rules.step == "l0-l1":
            size = size / (shapes.smoothness(c)[:, None] + c.bend[:, None] * norm)
    return size


def _noise(c: Candidates, k: int, luck: Luck | None) -> Callable[[np.ndarray], np.ndarray]:
    """The stochastic gradient of step k as a function of the true one: of one sample, wherever it is taken."""
    if luck is None:
        return lambda gradient: gradient
    odds, spread = (c.first_odds, c.first_spread) if k == 0 else (c.odds, c.spread)
    p = odds[:, None, None]
    unit = np.where(luck(k, p), -np.sqrt((1 - p) / p), np.sqrt(p / (1 - p)))
    if not c.relative.any():
        return lambda gradient: gradient + unit * spread[:, None]
    return lambda gradient: gradient + unit * (spread[:, None] + c.relative[:, None, None] * gradient)


def _momentum(
    c: Candidates, rules: Rules, buffer: np.ndarray | None, fresh: np.ndarray, before: np.ndarray | None
) -> tuple[np.ndarray | None, np.ndarray]:
    """The buffer, and what the oracle is fed. before: this sample's gradient at the point before."""
    if rules.momentum == "none":
        return None, fresh
    weight = c.alpha[:, None, None]
    if buffer is None:
        buffer = fresh if rules.start == "first gradient" else weight * fresh
    elif rules.momentum == "storm" and before is not None:
        buffer = (1 - weight) * (buffer + fresh - before) + weight * fresh
    else:
        buffer = (1 - weight) * buffer + weight * fresh
    return buffer, (1 - weight) * buffer + weight * fresh if rules.momentum == "nesterov" else buffer


def answer(c: Candidates, k: int, fed: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """d̂ of step k: the scripted answer to what the oracle is fed."""
    row = c.answers[np.arange(c.size), k % c.period][:, None]
    if c.ball == "l-inf":
        if not np.isnan(c.wrong).all():
            uphill = (np.sign(fed) * np.sign(gradient) < 0) & ~np.isnan(c.wrong)[:, None, None]
            row = np.where(uphill, c.wrong[:, None, None], row)
        return -np.sign(fed) * row
    size = np.sqrt((fed**2).sum(-1, keepdims=True))
    unit = np.divide(fed, size, out=np.zeros_like(fed), where=size > 0)
    along, across = row[..., :1], row[..., 1:]
    if fed.shape[-1] == 1:
        uphill = (unit * gradient < 0) & ~np.isnan(c.wrong)[:, None, None]
        return -unit * np.where(uphill, c.wrong[:, None, None], along)
    aside = np.zeros_like(unit)
    aside[..., 0], aside[..., 1] = -unit[..., 1], unit[..., 0]
    return -along * unit + across * aside
