"""The contract of an attack, and the parts that several are made of."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from experiments.refutation.candidates import LARGEST_ERROR, Candidates
from experiments.refutation.deadline import NEVER, Deadline
from experiments.refutation.target import Target


class Attack:
    """A way to propose instances on which a wrong bound fails.

    Lengths are in units of the step: attacks propose step_size = 1, and the search gives the instances other units, or
    fits them to the tuned step where the claim has one (`experiments.refutation.settle`).
    """

    name: ClassVar[str]
    says: ClassVar[str]
    small: ClassVar[bool] = True  # its instances are `Candidates`, of one of the target's balls
    long: ClassVar[bool] = False  # whether it is for runs longer than all others have time for

    def applies(self, target: Target) -> bool:
        """Whether it has instances for this claim."""
        return True

    def fits(self, steps: int) -> bool:
        """Whether it has instances of so many steps."""
        return True

    def attempt(
        self, target: Target, rng: np.random.Generator, steps: int, end: Deadline = NEVER
    ) -> dict[str, Any] | None:
        """For attacks that run something else than small instances: one attempt of about `steps` steps, as the record
        of a case (the fields of `refutation.case.Case` but `claim` and `attack`, and "violates"), or None.

        What violates nothing needs "runs", "ratio" and "violates" alone. It stops at `end`, with `OutOfTime` or less.
        """
        return None

    def propose(
        self, target: Target, rng: np.random.Generator, steps: int, size: int, pool: list[Candidates]
    ) -> Candidates | None:
        """`size` instances of `steps` steps; `pool` has the best so far, best first. None: nothing to propose now."""
        return None


def errors(target: Target, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """c = 1 − ε and b = 1 + η, (size,) each, as the claim's model of the oracle allows; half of them exact."""
    if target.errors == "none":
        return np.ones(size), np.ones(size)
    delta = LARGEST_ERROR * rng.random(size) ** 1.5 * (rng.random(size) < 0.7)
    low, high = 1 - delta, 1 + delta
    if target.errors == "pair":
        signed = rng.random(size) < 0.3
        low = np.where(signed, 0.1 + 1.5 * rng.random(size), low)
        high = np.where(signed, low * np.exp(rng.random(size)), high)
    return low, high


def between(rng: np.random.Generator, low: np.ndarray, high: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers in [low, high], one row per entry, half of them at an end: shape (N, *shape)."""
    spread = (high - low).reshape(-1, *[1] * len(shape))
    where = rng.random((len(low), *shape))
    where = np.where(rng.random(where.shape) < 0.5, np.round(where), where)
    return low.reshape(spread.shape) + spread * where


def log_uniform(rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...] | int) -> np.ndarray:
    """exp of numbers uniform in [log low, log high]."""
    return np.exp(rng.uniform(np.log(low), np.log(high), shape))


def pick(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    """One of the names."""
    return names[int(rng.integers(len(names)))]
