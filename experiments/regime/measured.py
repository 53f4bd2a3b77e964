"""Measured exponents of the best α, γ and value in 1 + δ, on the built problem and on the usual one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.regime import simulate, usual
from experiments.regime.hovering import Case, Errors, Hovering
from experiments.regime.tuned import Surface, exponents, regret, surface

QUANTITIES = ("alpha", "step_size", "value")


@dataclass(frozen=True)
class Measured:
    """One setting: exponents at every δ > 0, with interval, each (deltas, 3) in the order of `QUANTITIES`.

    logs: (1 + deltas, 3), logarithms of the best α, γ, value, at δ = 0 first. inner: whether all of them lie inside of
    their grids. regret: what keeping the tuning of δ = 0 costs at the last δ, as a part of the best value.
    """

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    logs: np.ndarray
    inner: bool
    regret: float

    def record(self, index: int = -1) -> dict[str, Any]:
        """The numbers at one δ, as plain data."""
        row: dict[str, Any] = {"inner": self.inner, "regret": None if np.isnan(self.regret) else self.regret}
        for i, name in enumerate(QUANTITIES):
            row[name] = [float(part[index, i]) for part in (self.estimate, self.low, self.high)]
        return row


def steps_grid(steps: int) -> np.ndarray:
    """The coarse grid of step sizes for problems with L = 1 and Δ about 1: from 2/K, which hardly gets anywhere."""
    return np.geomspace(2 / steps, 0.5, 13)


def on_built(case: Case, steps: int, seeds: int, first_seed: int = 0) -> Surface:
    """The costs of a case of the built problem around its best point."""

    def costs(step_size: np.ndarray, alpha: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        return simulate.average_norms(case, step_size, alpha, steps, drawn)

    return surface(costs, steps_grid(steps), seeds, first_seed)


def on_usual(noise: float, delta: float, steps: int, seeds: int) -> Surface:
    """The same for the usual problem."""

    def costs(step_size: np.ndarray, alpha: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        return usual.average_norms(noise, delta, step_size, alpha, steps, drawn)

    return surface(costs, steps_grid(steps), seeds)


def measured(surfaces: list[Surface], deltas: list[float], level: float = 0.95) -> Measured:
    """From the surfaces of one setting at `deltas`, the first of which is 0."""
    found, logs, inner = exponents(surfaces, deltas, level)
    return Measured(found.estimate, found.low, found.high, logs, bool(inner.all()), regret(surfaces[0], surfaces[-1]))


def built(
    problem: Hovering,
    errors: Errors,
    deltas: list[float],
    steps: int,
    seeds: int,
    first_seed: int = 0,
    exact: Surface | None = None,
) -> Measured:
    """One error on the built problem at δ = 0 (`exact`, where that is there already) and at `deltas`."""
    start = exact or on_built(Case(problem, errors, 0.0), steps, seeds, first_seed)
    worse = [on_built(Case(problem, errors, delta), steps, seeds, first_seed) for delta in deltas]
    return measured([start, *worse], [0.0, *deltas])


def usually(noise: float, deltas: list[float], steps: int, seeds: int) -> Measured:
    """Mixed errors on the usual problem."""
    every = [0.0, *deltas]
    return measured([on_usual(noise, d, steps, seeds) for d in every], every)
