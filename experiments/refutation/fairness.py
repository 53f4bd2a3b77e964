"""The rules that instances must keep to count against a claim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from experiments.refutation import shapes
from experiments.refutation.candidates import LARGEST_ERROR, Candidates
from experiments.refutation.simulate import Rules, open_loop
from experiments.refutation.target import Target

_SLACK = 1e-13


def allowed(c: Candidates, target: Target) -> np.ndarray:
    """Which instances keep every rule of the claim's setting: shape (N,), bool. The search scores no others."""
    return _answers(c, target) & _errors(c, target) & _numbers(c, target) & _setting(c, target.rules)


def _answers(c: Candidates, target: Target) -> np.ndarray:
    low, high = c.low[:, None], c.high[:, None]
    if c.ball == "l-inf":
        scripted = c.answers.reshape(c.size, -1)
        inside = ((scripted >= low - _SLACK) & (scripted <= high + _SLACK)).all(-1)
    else:
        along, across = c.answers[..., 0], c.answers[..., 1]
        if target.errors == "additive":
            inside = ((along - 1) ** 2 + across**2 <= (high - 1) ** 2 + _SLACK).all(-1)
        else:
            inside = ((along >= low - _SLACK) & (along**2 + across**2 <= high**2 + _SLACK)).all(-1)
    return inside & (np.isnan(c.wrong) | ((c.wrong >= c.low - _SLACK) & (c.wrong <= c.high + _SLACK)))


def _errors(c: Candidates, target: Target) -> np.ndarray:
    kept = (c.low <= c.high) & (c.low >= 1 - LARGEST_ERROR) & (c.high > 0)
    if target.errors == "additive":
        kept &= np.abs(c.low + c.high - 2) <= _SLACK
    if target.errors == "none":
        kept &= (c.low == 1) & (c.high == 1)
    return kept


def _numbers(c: Candidates, target: Target) -> np.ndarray:
    parameters = (c.step_size > 0) & (c.alpha > 0) & (c.alpha <= 1) & np.isfinite(c.step_size)
    objective = (c.curvature > 0).all(-1) & (c.slope > 0).all(-1) & np.isfinite(c.start).all(-1)
    objective &= (c.bend > 0) if "l1" in target.needed else (c.bend == 0)
    noise = (c.odds > 0) & (c.odds < 1) & (c.first_odds > 0) & (c.first_odds < 1)
    bounded = (c.relative == 0) | (np.isfinite(c.slope).all(-1) & target.stochastic & (c.relative > 0))
    return parameters & objective & noise & bounded


def _setting(c: Candidates, rules: Rules) -> np.ndarray:
    """The schedule, and where decay keeps the iterates."""
    if rules.step == "scheduled":
        kept = (c.schedule >= 0).all(-1) & (np.abs(c.schedule.mean(-1) - 1) < 1e-9)
    else:
        kept = (c.schedule == 1).all(-1)
    if not rules.decay:
        return kept & (c.weight_decay == 0)
    kept &= c.weight_decay * c.step_size * _longest(c, rules) <= 1 + _SLACK
    if rules.inside:  # a gap over balls of radius b/λ, c/λ
        kept &= c.weight_decay > 0
        kept &= shapes.primal_norm(c.ball, c.start) * c.weight_decay <= c.high * (1 + _SLACK)
    return kept & (c.weight_decay >= 0)


def _longest(c: Candidates, rules: Rules) -> np.ndarray:
    """The largest factor of the step size; ∞ for steps that depend on the gradient."""
    if rules.step in ("adaptive", "l0-l1"):
        return np.full(c.size, np.inf)
    return np.full(c.size, open_loop(0)) if rules.step == "open-loop" else c.schedule.max(-1)


def repaired(c: Candidates, target: Target) -> Candidates:
    """Starts pulled into the ball, and λ lowered to where its steps are allowed, for claims with weight decay."""
    if not target.rules.decay:
        return c
    limit = 1 / (c.step_size * _longest(c, target.rules))
    decay = np.minimum(c.weight_decay, limit)
    if not target.rules.inside:
        return replace(c, weight_decay=decay)
    size = shapes.primal_norm(c.ball, c.start) * decay
    pull = np.divide(c.high, size, out=np.ones_like(size), where=size > c.high)
    return replace(c, weight_decay=decay, start=c.start * pull[:, None])
