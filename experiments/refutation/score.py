"""How near an instance comes to the bound, and whether it is above it beyond doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from bounds import evaluate
from experiments.refutation import shapes
from experiments.refutation.candidates import Candidates
from experiments.refutation.constants import numbers_of
from experiments.refutation.deadline import NEVER, Deadline
from experiments.refutation.fairness import allowed
from experiments.refutation.quantities import PLAIN, rates
from experiments.refutation.ratio import exceeds, ratio_of
from experiments.refutation.simulate import Outcome, Rules, simulate
from experiments.refutation.target import Target
from experiments.verdict import TABLE_ERROR

SEARCH_RUNS = 32  # runs of an instance while searching
CONFIRM_RUNS = 20_000  # fresh runs of an instance that seems to violate the bound


@dataclass(frozen=True)
class Scored:
    """measured, uncertainty, bound, ratio: (N,). exact: whether `measured` is the expectation itself.

    rounding: (N,) what `measured` may be wrong by as a difference of larger numbers; part of `uncertainty`.
    """

    measured: np.ndarray
    uncertainty: np.ndarray
    bound: np.ndarray
    exact: bool
    rounding: np.ndarray | float = 0.0

    @property
    def ratio(self) -> np.ndarray:
        """measured / bound, of bounds that rounding does not hide: as `ratio_of`."""
        return ratio_of(self.measured, self.bound, self.rounding)

    def row(self, i: int) -> Scored:
        """Those of instance i alone."""
        rounding = np.broadcast_to(self.rounding, self.bound.shape)[[i]]
        return Scored(self.measured[[i]], self.uncertainty[[i]], self.bound[[i]], self.exact, rounding)

    def violates(self) -> np.ndarray:
        """Which instances lie above the bound by more than rounding and uncertainty: (N,), bool."""
        return exceeds(self.measured - self.uncertainty, self.bound)


def score(
    c: Candidates, target: Target, runs: int = SEARCH_RUNS, seed: int = 0, error: float = TABLE_ERROR,
    end: Deadline = NEVER,
) -> Scored:  # fmt: skip
    """Runs the instances and compares them with the claim; forbidden ones and those without a bound score 0.

    error: the chance that `uncertainty` is too small, for each instance whose expectation is not summed up exactly.
    """
    fine = allowed(c, target)
    bound = np.full(c.size, np.inf)
    if fine.any():
        bound[fine] = _bounds(c.rows(fine), target)
    with np.errstate(over="ignore", invalid="ignore"):
        outcome = simulate(c, target.rules, runs, seed, end)
    measured = np.where(np.isfinite(outcome.mean()), outcome.mean(), 0.0)
    exact = outcome.weights is not None
    width = np.zeros(c.size) if exact else bernstein(outcome, largest_metric(c, target.rules), error)
    rounding = np.zeros(c.size) if outcome.rounding is None else outcome.rounding
    rounding = np.where(np.isfinite(rounding), rounding, np.inf)
    measured = np.where(np.isfinite(bound), measured, 0.0)
    return Scored(measured, width + rounding, bound, exact, rounding)


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
    if rules.step in ("adaptive", "l0-l1"):
        return np.full(c.size, np.inf)
    reach = np.abs(c.start) + (c.step_size * np.maximum(c.high, 0) * c.steps)[:, None]
    away = np.stack([c.centre - reach, c.centre + reach], 1)
    return shapes.dual_norm(c.ball, np.abs(shapes.gradient(c, away)).max(1))


def largest_metric(c: Candidates, rules: Rules) -> np.ndarray:
    """The metric of a run is in an interval that is no longer: (N,), ∞ where none is known."""
    largest = largest_norm(c, rules)
    if rules.of_step == PLAIN:
        return largest
    linear = rates(rules.of_step)
    if linear is None:
        return np.full(c.size, np.inf)
    of_norm, of_alignment = (_size(rate, c.parameters()) for rate in linear)
    peak = 1.0 if rules.over == "mean" else c.schedule.max(-1)  # weights γ_k/γ have the mean 1
    return peak * (of_norm + 2 * of_alignment * shapes.iterate_bound(c)) * largest


def _size(rate: sp.Expr, parameters: dict[str, np.ndarray]) -> np.ndarray:
    names, function = evaluate.compiled(rate)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.abs(np.asarray(function(*(parameters[name] for name in names)), float))


def bernstein(outcome: Outcome, largest: np.ndarray, error: float) -> np.ndarray:
    """Half-width at `error` for the mean of numbers in [0, largest], whatever their law (Maurer and Pontil 2009)."""
    n = outcome.metric.shape[1]
    odds = np.log(2 / error)
    with np.errstate(over="ignore", invalid="ignore"):
        variance = outcome.metric.var(-1, ddof=1)
    return np.sqrt(2 * variance * odds / n) + 7 * largest * odds / (3 * (n - 1))
