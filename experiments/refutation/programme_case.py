"""A run of Frank–Wolfe in ℓ2 that a semidefinite programme found, as plain data, and what is measured in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.refutation.exact_record import exact_record
from experiments.refutation.target import Target
from experiments.worst_cases.gram import load
from experiments.worst_cases.interpolated import Interpolated
from experiments.worst_cases.pep import is_frank_wolfe

PROGRAMME = "run of a programme"
KNOWN = {"smoothness", "weight_decay", "steps", "delta", "epsilon", "eta"}


def is_about(target: Target) -> bool:
    """Whether the claim is one about Frank–Wolfe on convex functions, in constants that such a run has.

    Not one that speaks of no error: a gradient from a solver has a direction of which an answer is a little off.
    """
    try:
        load()
    except ValueError:
        return False
    known = target.errors != "none" and target.needed <= KNOWN and "l2" in target.balls
    return known and is_frank_wolfe(target.theorem)


def measure(instance: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """Runs the instance: the record of a case. The oracle's errors are read off, and the function is what it is.

    instance: `apart`, `heights` of an `Interpolated` function (L = 1), `start`, `compared` (a point of the inner ball),
    `answers` (None: downhill along the gradient), `steps`; λ = 1. Values, gradients and errors are taken with what the
    quadratic programmes may be off by. `ValueError` where a gradient vanishes or the claim has no bound there.
    """
    arrays = {name: np.array(instance[name], float) for name in ("apart", "heights", "start", "compared")}
    f, x, worst = Interpolated(arrays["apart"], arrays["heights"]), arrays["start"], _Errors()
    answers = instance["answers"]
    for k in range(instance["steps"]):
        seen = f(x)
        size = float(np.linalg.norm(seen.gradient))
        if size <= 20 * seen.off:
            raise ValueError(f"the gradient at step {k} is no larger than what the solver leaves open")
        downhill = -seen.gradient / size
        answer = downhill if answers is None else np.array(answers[k], float)
        worst.take(answer, downhill, 2 * seen.off / size)
        share = 2 / (k + 2)
        x = (1 - share) * x + share * answer
    numbers = {"smoothness": 1.0, "weight_decay": 1.0, "steps": float(instance["steps"])}
    numbers |= worst.numbers(target.errors, float(np.linalg.norm(arrays["start"])))
    narrow = 1 - max(numbers.get("epsilon", numbers.get("delta", 0.0)), 0.0)
    inner = arrays["compared"] * min(1.0, narrow / max(float(np.linalg.norm(arrays["compared"])), 1e-300))
    last, least = f(x), f(inner)
    measured = last.value - last.gap - least.value
    claim = {name: np.array(value) for name, value in numbers.items() if name in target.constants}
    bound = float(target.bound(claim))
    if not (np.isfinite(bound) and bound > 0):
        raise ValueError("the claim has no bound for this case")
    return exact_record(PROGRAMME, instance, {name: float(v) for name, v in claim.items()}, measured, bound)


class _Errors:
    """The largest ε, η and δ of the answers so far."""

    def __init__(self) -> None:
        self.epsilon = self.eta = self.delta = -np.inf

    def take(self, answer: np.ndarray, downhill: np.ndarray, off: float) -> None:
        """off: how far the exact answer may be from `downhill`."""
        length = float(np.linalg.norm(answer))
        self.epsilon = max(self.epsilon, 1 - float(answer @ downhill) + off * length)
        self.eta = max(self.eta, length - 1)
        self.delta = max(self.delta, float(np.linalg.norm(answer - downhill)) + off)

    def numbers(self, model: str, start: float) -> dict[str, float]:
        """As the claim's model has them, ‖x_0‖ ≤ (1 + η)/λ included; `ValueError` where that model has none."""
        if model == "pair":
            return {"epsilon": self.epsilon, "eta": max(self.eta, start - 1)}
        if self.delta >= 1:
            raise ValueError("the answers are further off than 1")
        return {"delta": max(self.delta, start - 1)}
