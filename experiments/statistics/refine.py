"""Bracketing refinement of step size, or of step size and alpha, in log space: for many cells, one batch a round.

All points of an axis lie on a lattice of logarithms whose spacing is that of the starting grid over a power of two. A
cell has a smallest point and a spacing. A round asks for the neighbours of the smallest point (3, or 3×3) that are not
known yet: at an end of the grid this extends it. When the smallest point has all its neighbours, the spacing is halved,
until it is at most the resolution asked for; then the neighbourhood of `width` points on each side is filled in for
the final fit and its bootstrap. Compass search with a stencil of all neighbours (Torczon, SIAM J. Optim. 7, 1997).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.statistics.checks import check_costs
from experiments.statistics.lattice import Axis
from experiments.statistics.neighbourhood import Cell
from experiments.statistics.optimum import Optimum, best
from lmo.checks import check_integer


@dataclass(frozen=True)
class Window:
    """The final neighbourhoods: what `optimum.best`, `bootstrap.interval` and `quantities` take.

    log_points: per axis (cells, 2·width + 1), NaN at the end where a cell has fewer. values: (cells, points…, seeds).
    """

    log_points: tuple[np.ndarray, ...]
    values: np.ndarray


class Bracket:
    """An ask/tell search for `cells` cells at once, a pure function of what it was told.

    `ask()` gives parameters to run, `tell(values)` takes their costs; repeat until `done`. Replaying the same values
    gives the same questions (`replay`), so that a study which stores what it told can resume.
    """

    def __init__(self, cells: int, axes: Sequence[Axis], width: int = 2) -> None:
        """cells: how many. axes: step size, or step size and alpha. width: of the final neighbourhood, >= 1."""
        if len(axes) not in (1, 2) or not all(isinstance(axis, Axis) for axis in axes):
            raise ValueError(f"`axes` must be 1 or 2 `Axis` (step size, alpha), got {axes!r}")
        self.axes = tuple(axes)
        self.cells = check_integer("cells", cells, at_least=1)
        self.width = check_integer("width", width, at_least=1)
        self._most = max(axis.halvings for axis in axes)
        self._seeds: int | None = None
        start = [axis.starting(self._most) for axis in axes]
        self._asked = [list(itertools.product(*start)) for _ in range(cells)]
        self._cells = [Cell(self.axes, self._most, self.width) for _ in range(cells)]

    @property
    def done(self) -> bool:
        """Whether nothing is left to ask."""
        return not any(self._asked)

    @property
    def limit_hit(self) -> np.ndarray:
        """(cells, axes): whether the smallest point stands where only the limit of extensions stops the search."""
        return np.array([cell.limit_hit() for cell in self._cells])

    def ask(self) -> np.ndarray:
        """(cells, points, axes): the parameters of the next batch; NaN where a cell asks for fewer points."""
        most = max(map(len, self._asked))
        points = np.full((self.cells, most, len(self.axes)), np.nan)
        for i, asked in enumerate(self._asked):
            if asked:
                points[i, : len(asked)] = self._points(np.array(asked))
        return points

    def tell(self, values: np.ndarray) -> None:
        """values: (cells, points, seeds), the costs of the points last asked; what stands at a NaN point is ignored.

        Raises:
            ValueError: another shape, another number of seeds than before, or nothing was asked.
        """
        array = check_costs("values", values, 3)
        expected = (self.cells, max(map(len, self._asked)))
        if self.done:
            raise ValueError("the search is done: nothing was asked")
        if array.shape[:2] != expected or array.ndim != 3:
            raise ValueError(f"`values` must have shape {(*expected, 'seeds')}, got {array.shape}")
        if self._seeds not in (None, array.shape[2]):
            raise ValueError(f"`values` must have {self._seeds} seeds as before, got {array.shape[2]}")
        self._seeds = array.shape[2]
        for i, (cell, asked) in enumerate(zip(self._cells, self._asked, strict=True)):
            cell.learn(asked, array[i])
            self._asked[i] = cell.questions()

    @classmethod
    def replay(cls, cells: int, axes: Sequence[Axis], told: Iterable[np.ndarray], width: int = 2) -> Bracket:
        """The search after it was told these values, in this order."""
        search = cls(cells, axes, width)
        for values in told:
            search.tell(values)
        return search

    def known(self) -> tuple[np.ndarray, np.ndarray]:
        """All points (cells, points, axes) and costs (cells, points, seeds) so far, NaN where a cell has fewer."""
        most = max(len(cell.costs) for cell in self._cells)
        points = np.full((self.cells, most, len(self.axes)), np.nan)
        values = np.full((self.cells, most, self._seeds or 1), np.nan)
        for i, cell in enumerate(self._cells):
            order = sorted(cell.costs)
            if order:
                points[i, : len(order)] = self._points(np.array(order))
                values[i, : len(order)] = [cell.costs[index] for index in order]
        return points, values

    def window(self) -> Window:
        """The neighbourhoods of the smallest points at the finest spacing; `ValueError` before the search is done."""
        if not self.done:
            raise ValueError("the search is not done; ask and tell until `done`")
        size, seeds = 2 * self.width + 1, self._seeds or 1
        logs = tuple(np.full((self.cells, size), np.nan) for _ in self.axes)
        values = np.full((self.cells, *(size,) * len(self.axes), seeds), np.nan)
        for i, cell in enumerate(self._cells):
            ranges = cell.block(self.width)
            for axis, log, indices in zip(self.axes, logs, ranges, strict=True):
                log[i, : len(indices)] = axis.log(np.array(indices), self._most)
            for place in itertools.product(*(range(len(indices)) for indices in ranges)):
                at = tuple(indices[p] for indices, p in zip(ranges, place, strict=True))
                values[(i, *place)] = cell.costs[at]
        return Window(logs, values)

    def optimum(self) -> Optimum:
        """The refined optimum of every cell; its `edge` and `index` are those of the final neighbourhood."""
        window = self.window()
        return best(window.values, window.log_points)

    def _points(self, indices: np.ndarray) -> np.ndarray:
        columns = [axis.stop * np.exp(indices[:, i] * axis.coarse / 2**self._most) for i, axis in enumerate(self.axes)]
        return np.stack(columns, -1)
