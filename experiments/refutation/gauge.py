"""The metric of runs as they go: what a claim bounds, of every step, and what rounding may have done to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.refutation import shapes
from experiments.refutation.candidates import Candidates
from experiments.refutation.quantities import PLAIN, quantity

ROUNDING = 1e-13  # of the largest terms that a gap or an alignment is a sum of


class Gauge:
    """Sums, least and last value of a quantity over the steps of a batch, (N, M)."""

    def __init__(self, c: Candidates, of_step: str, x: np.ndarray) -> None:
        self.c, self.of_step, self.quantity = c, of_step, quantity(of_step)
        self.total, self.least = np.zeros(x.shape[:2]), np.full(x.shape[:2], np.inf)
        self.last, self.largest, self.steps = self.total, np.zeros(c.size), 0
        known = c.parameters()
        self.constants = [known[name][:, None] for name in self.quantity.constants]
        self.low = shapes.value(c, shapes.low_point(c)[:, None]) if self._compares() else 0.0
        self.start = shapes.value(c, c.start[:, None]) if self._gaps() else 0.0

    def add(self, x: np.ndarray, gradient: np.ndarray, step: np.ndarray, following: np.ndarray | None) -> None:
        """One step, from x to `following`."""
        if self.of_step == PLAIN:
            self.last = shapes.dual_norm(self.c.ball, gradient)
        else:
            columns = {name: self._column(name, x, gradient, step, following) for name in self.quantity.columns}
            with np.errstate(divide="ignore", invalid="ignore"):
                self.last = self._value({name: value for name, (value, _) in columns.items()}, x)
                sizes = np.abs(self._value({name: size for name, (_, size) in columns.items()}, x))
            self.largest = np.maximum(self.largest, sizes.max(-1))
        self.total, self.least = self.total + self.last, np.minimum(self.least, self.last)
        self.steps += 1

    def metric(self, over: str) -> np.ndarray:
        """(N, M)."""
        return {"mean": self.total / self.steps, "minimum": self.least, "last": self.last}[over]

    def rounding(self) -> np.ndarray:
        """(N,): 0 for the gradient's norm, which is no difference."""
        return ROUNDING * self.largest

    def _value(self, columns: dict[str, Any], x: np.ndarray) -> np.ndarray:
        given = [columns[name] for name in self.quantity.columns]
        return np.broadcast_to(self.quantity.function(*given, *self.constants), x.shape[:2])

    def _column(
        self, name: str, x: np.ndarray, gradient: np.ndarray, step: np.ndarray, following: np.ndarray | None
    ) -> tuple[Any, Any]:
        """The column, and the size of the terms that it is a sum of."""
        ball = self.c.ball
        if name == "step_size":
            return step, step
        if name == "gradient_norm":
            norm = shapes.dual_norm(ball, gradient)
            return norm, norm
        if name == "iterate_norm":
            size = shapes.primal_norm(ball, x)
            return size, size
        if name == "iterate_alignment":
            products = gradient * x
            return products.sum(-1), np.abs(products).sum(-1)
        objective = shapes.value(self.c, x if following is None or not name.startswith("next_") else following)
        low = self.low if name.endswith("ball_gap") else 0.0
        return objective - low, objective + low + self.start

    def _compares(self) -> bool:
        return any(name.endswith("ball_gap") for name in self.quantity.columns)

    def _gaps(self) -> bool:
        return any(name.endswith("gap") for name in self.quantity.columns)
