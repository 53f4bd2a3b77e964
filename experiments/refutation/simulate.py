"""Runs many small instances at once, in numpy: (instance, run, coordinate)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from experiments.refutation.candidates import Candidates
from lmo.randomness import Draw

MOST_PATHS = 4096  # noise with at most that many outcomes is summed up exactly
Luck = Callable[[int, np.ndarray], np.ndarray]  # (step, probability of bad luck (N, 1, 1)) → bad luck (N or 1, M, d)


@dataclass(frozen=True)
class Rules:
    """What a claim says about its runs: momentum ("none", "ema", "nesterov"), its start, the step, the metric."""

    momentum: str
    start: str
    step: str
    over: str


@dataclass(frozen=True)
class Outcome:
    """metric: (N, M), one number per instance and run. weights: (N, M), their probabilities; None: equal ones."""

    metric: np.ndarray
    weights: np.ndarray | None

    def mean(self) -> np.ndarray:
        """The (estimated, or with weights exact) expectation, shape (N,)."""
        return self.metric.mean(-1) if self.weights is None else (self.metric * self.weights).sum(-1)


def drawn(runs: int, d: int, seed: int) -> Luck:
    """Independent luck for `runs` runs, a function of (seed, step); common to all instances of one `odds`."""

    def luck(step: int, odds: np.ndarray) -> np.ndarray:
        normal = Draw(seed, step).normal("noise of an attack", (runs, d)).numpy()
        return normal[None] < ndtri(odds)

    return luck


def bits_needed(c: Candidates) -> int:
    """How many coin tosses decide a run: those before the last gradient that is measured."""
    return (c.steps - 1) * c.dimensions


def every_path(c: Candidates) -> tuple[Luck, np.ndarray]:
    """All outcomes of the noise, and their probabilities (N, M)."""
    bits, d = bits_needed(c), c.dimensions
    table = (np.arange(2**bits)[:, None] >> np.arange(max(bits, 1))) & 1  # (M, bits)
    table = table[:, :bits].reshape(2**bits, c.steps - 1, d).astype(bool)
    weights = np.ones((c.size, 2**bits))
    for k in range(c.steps - 1):
        p = (c.first_odds if k == 0 else c.odds)[:, None]
        for j in range(d):
            weights = weights * np.where(table[None, :, k, j], p, 1 - p)
    last = np.zeros((1, 2**bits, d), bool)
    return (lambda step, odds: table[None, :, step] if step < c.steps - 1 else last), weights


def simulate(c: Candidates, rules: Rules, runs: int, seed: int) -> Outcome:
    """The claim's metric on every instance; noise is summed up exactly where it has few outcomes, else drawn."""
    noisy = bool(c.spread.any() or c.first_spread.any())
    if not noisy:
        return Outcome(_run(c, rules, None, 1), np.ones((c.size, 1)))
    if 2 ** bits_needed(c) <= MOST_PATHS:
        luck, weights = every_path(c)
        return Outcome(_run(c, rules, luck, weights.shape[1]), weights)
    return Outcome(_run(c, rules, drawn(runs, c.dimensions, seed), runs), None)


def _run(c: Candidates, rules: Rules, luck: Luck | None, runs: int) -> np.ndarray:
    x = np.repeat(c.start[:, None], runs, 1)
    buffer: np.ndarray | None = None
    total, least = np.zeros(x.shape[:2]), np.full(x.shape[:2], np.inf)
    for k in range(c.steps):
        gradient = np.clip(c.curvature[:, None] * x, -c.slope[:, None], c.slope[:, None])
        norm = dual_norm(c.ball, gradient)
        total, least = total + norm, np.minimum(least, norm)
        if k == c.steps - 1:
            break
        fresh = gradient if luck is None else gradient + _noise(c, k, luck)
        buffer, fed = _momentum(c, rules, buffer, fresh)
        step = c.step_size[:, None]
        if rules.step == "adaptive":
            step = step * dual_norm(c.ball, fed)
        x = x + step[..., None] * answer(c, k, fed, gradient)
    return total / c.steps if rules.over == "mean" else least


def dual_norm(ball: str, gradient: np.ndarray) -> np.ndarray:
    """ℓ1 for ℓ∞, ℓ2 for ℓ2; over the last axis."""
    size: np.ndarray = np.abs(gradient).sum(-1) if ball == "l-inf" else np.sqrt((gradient**2).sum(-1))
    return size


def _noise(c: Candidates, k: int, luck: Luck) -> np.ndarray:
    odds, spread = (c.first_odds, c.first_spread) if k == 0 else (c.odds, c.spread)
    p = odds[:, None, None]
    return np.where(luck(k, p), -np.sqrt((1 - p) / p), np.sqrt(p / (1 - p))) * spread[:, None]


def _momentum(
    c: Candidates, rules: Rules, buffer: np.ndarray | None, fresh: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray]:
    """The buffer, and what the oracle is fed."""
    if rules.momentum == "none":
        return None, fresh
    weight = c.alpha[:, None, None]
    if buffer is None:
        buffer = fresh if rules.start == "first gradient" else weight * fresh
    else:
        buffer = (1 - weight) * buffer + weight * fresh
    return buffer, buffer if rules.momentum == "ema" else (1 - weight) * buffer + weight * fresh


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
