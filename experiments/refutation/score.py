"""How near an instance comes to the bound, and whether it is above it beyond doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.refutation.candidates import Candidates, allowed, constants
from experiments.refutation.simulate import Outcome, Rules, dual_norm, simulate
from experiments.refutation.target import Target
from experiments.verdict import SLACK, TABLE_ERROR

SEARCH_RUNS = 32  # runs of an instance while searching
CONFIRM_RUNS = 20_000  # fresh runs of an instance that seems to violate the bound


@dataclass(frozen=True)
class Scored:
    """measured, uncertainty, bound, ratio: (N,). exact: whether `measured` is the expectation itself."""

    measured: np.ndarray
    uncertainty: np.ndarray
    bound: np.ndarray
    exact: bool

    @property
    def ratio(self) -> np.ndarray:
        """measured / bound."""
        return self.measured / self.bound

    def violates(self) -> np.ndarray:
        """Which instances lie above the bound by more than rounding and uncertainty: (N,), bool."""
        return self.measured - self.uncertainty > self.bound * (1 + SLACK)


def numbers_of(c: Candidates, target: Target) -> dict[str, np.ndarray]:
    """Every constant that the claim may need, arrays (N,)."""
    numbers = constants(c, target) | {"step_size": c.step_size, "alpha": c.alpha}
    return {name: value for name, value in numbers.items() if name in target.theorem.constants}


def score(c: Candidates, target: Target, runs: int = SEARCH_RUNS, seed: int = 0, error: float = TABLE_ERROR) -> Scored:
    """Runs the instances and compares them with the claim; forbidden ones and those without a bound score 0.

    error: the chance that `uncertainty` is too small, for each instance whose expectation is not summed up exactly.
    """
    fine = allowed(c, target)
    bound = np.full(c.size, np.inf)
    if fine.any():
        bound[fine] = _bounds(c.rows(fine), target)
    with np.errstate(over="ignore", invalid="ignore"):
        outcome = simulate(c, target.rules, runs, seed)
    measured = np.where(np.isfinite(outcome.mean()), outcome.mean(), 0.0)
    exact = outcome.weights is not None
    width = np.zeros(c.size) if exact else bernstein(outcome, largest_norm(c, target.rules), error)
    return Scored(np.where(np.isfinite(bound), measured, 0.0), width, np.where(bound > 0, bound, 1e-300), exact)


def _bounds(c: Candidates, target: Target) -> np.ndarray:
    """The claim, ∞ where it is no number: such a claim says nothing there."""
    numbers = numbers_of(c, target)
    try:
        return np.broadcast_to(target.bound(numbers), (c.size,))
    except ValueError:
        values = np.full(c.size, np.inf)
        for i in range(c.size):
            try:
                values[i] = float(target.bound({name: value[i] for name, value in numbers.items()}))
            except ValueError:
                continue
        return values


def largest_norm(c: Candidates, rules: Rules) -> np.ndarray:
    """No gradient of a run is larger: no coordinate moves by more than γ(1 + η) a step; ∞ for adaptive steps."""
    if rules.step == "adaptive":
        return np.full(c.size, np.inf)
    reach = np.abs(c.start) + (c.step_size * np.maximum(c.high, 0) * c.steps)[:, None]
    return dual_norm(c.ball, np.minimum(c.curvature * reach, c.slope))


def bernstein(outcome: Outcome, largest: np.ndarray, error: float) -> np.ndarray:
    """Half-width at `error` for the mean of numbers in [0, largest], whatever their law (Maurer and Pontil 2009)."""
    n = outcome.metric.shape[1]
    odds = np.log(2 / error)
    with np.errstate(over="ignore", invalid="ignore"):
        variance = outcome.metric.var(-1, ddof=1)
    return np.sqrt(2 * variance * odds / n) + 7 * largest * odds / (3 * (n - 1))
