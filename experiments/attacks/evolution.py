"""Local search: the best instances so far, changed a little in some of their numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from experiments.attacks.base import Attack
from experiments.refutation.candidates import Candidates
from experiments.refutation.target import Target

_SCALES = (
    "curvature", "slope", "start", "step_size", "spread", "first_spread", "centre", "weight_decay", "bend", "relative",
)  # fmt: skip


class Evolution(Attack):
    """Mutations of one of the best, of sizes from 10⁻⁴ to 1; what the other attacks found is made exact by it."""

    name: ClassVar[str] = "evolution"
    says: ClassVar[str] = "small random changes of the best instances so far"

    def propose(
        self, target: Target, rng: np.random.Generator, steps: int, size: int, pool: list[Candidates]
    ) -> Candidates | None:
        if not pool:
            return None
        parent = pool[min(int(rng.geometric(0.4)) - 1, len(pool) - 1)]
        c = parent.rows(np.zeros(size, int))
        strength = np.exp(rng.uniform(np.log(1e-4), 0, (size, 1)))
        changes: dict[str, Any] = {}
        for name in _SCALES:
            array = getattr(c, name)
            kept = rng.random((size, *[1] * (array.ndim - 1))) < 0.4
            size_of = strength[:, 0] if array.ndim == 1 else strength
            changes[name] = array * np.where(kept, 1.0, np.exp(size_of * rng.normal(size=array.shape)))
        changes["alpha"] = np.minimum(c.alpha * np.exp(strength[:, 0] * rng.normal(size=size)), 1.0)
        for name in ("odds", "first_odds"):
            array = getattr(c, name)
            changes[name] = np.clip(array + 0.3 * strength[:, 0] * rng.normal(size=size), 1e-3, 1 - 1e-3)
        if c.schedule.shape[1] > 1:
            drawn = np.exp(strength * rng.normal(size=c.schedule.shape) * (rng.random(c.schedule.shape) < 0.3))
            changes["schedule"] = c.schedule * drawn / (c.schedule * drawn).mean(-1, keepdims=True)
        changes |= _errors(c, target, rng, strength[:, 0])
        same = replace(c, **changes)
        exact = np.arange(size) == 0  # the parent itself: its score on fresh noise
        unchanged: dict[str, Any] = {
            k: np.where(exact.reshape(-1, *[1] * (v.ndim - 1)), getattr(c, k), v) for k, v in changes.items()
        }
        return replace(same, **unchanged)


def _errors(c: Candidates, target: Target, rng: np.random.Generator, strength: np.ndarray) -> dict[str, np.ndarray]:
    """Other errors, with answers and the wrong way's factor moved along, inside them."""
    if target.errors == "none":
        return {}
    kept = rng.random(c.size) < 0.5
    if target.errors == "additive":
        delta = np.where(kept, c.high - 1, np.clip((c.high - 1) + 0.3 * strength * rng.normal(size=c.size), 0, 0.95))
        low, high = 1 - delta, 1 + delta
    else:
        low = np.where(kept, c.low, c.low * np.exp(strength * rng.normal(size=c.size)))
        high = np.where(kept, c.high, np.maximum(low, c.high * np.exp(strength * rng.normal(size=c.size))))
        low = np.minimum(low, high)
    if c.ball == "l2":
        return _turned(c, target, low, high)
    old, new = (c.high - c.low)[:, None, None], (high - low)[:, None, None]
    part = np.divide(c.answers - c.low[:, None, None], old, out=np.zeros_like(c.answers), where=old > 0)
    part = np.clip(
        part + (strength[:, None, None] * rng.normal(size=c.answers.shape)) * (rng.random(c.answers.shape) < 0.3), 0, 1
    )
    answers = np.clip(low[:, None, None] + part * new, low[:, None, None], high[:, None, None])
    return {"low": low, "high": high, "answers": answers, "wrong": np.where(np.isnan(c.wrong), np.nan, high)}


def _turned(c: Candidates, target: Target, low: np.ndarray, high: np.ndarray) -> dict[str, np.ndarray]:
    """The same angles of the error at another size (ℓ2)."""
    wrong = np.where(np.isnan(c.wrong), np.nan, high)
    if target.errors == "additive":
        old, new = (c.high - 1)[:, None, None], (high - 1)[:, None, None]
        centre = np.array([1.0, 0.0])
        around = np.divide(c.answers - centre, old, out=np.zeros_like(c.answers), where=old > 0)
        return {"low": low, "high": high, "answers": centre + around * new * (1 - 1e-15), "wrong": wrong}
    along = np.maximum(c.answers[..., :1], low[:, None, None])
    along = np.minimum(along, high[:, None, None])
    room = np.sqrt(np.maximum(high[:, None, None] ** 2 - along**2, 0))
    across = np.clip(c.answers[..., 1:], -room, room)
    return {"low": low, "high": high, "answers": np.concatenate([along, across], -1), "wrong": wrong}
