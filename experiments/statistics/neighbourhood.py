"""What one cell of a refinement knows, and which neighbours of its smallest point it asks next."""

from __future__ import annotations

import itertools

import numpy as np

from experiments.statistics.lattice import Axis
from experiments.statistics.optimum import seed_mean

Index = tuple[int, ...]


class Cell:
    """The points that one cell knows, by their index on the lattice of the finest spacing.

    most: how often the spacing is halved in all. width: of the neighbourhood that is filled in at the end.
    """

    def __init__(self, axes: tuple[Axis, ...], most: int, width: int) -> None:
        self.axes, self.most, self.width = axes, most, width
        self.costs: dict[Index, np.ndarray] = {}
        self.means: dict[Index, float] = {}
        self.halved = 0

    def learn(self, asked: list[Index], values: np.ndarray) -> None:
        """Takes the costs (points, seeds) of the points that were asked."""
        means = seed_mean(values)
        for index, value, mean in zip(asked, values, means, strict=False):
            self.costs[index], self.means[index] = value, float(mean)

    def questions(self) -> list[Index]:
        """The points to ask next; none when the cell is done."""
        while True:
            fine = self.halved == self.most
            wanted = itertools.product(*self.block(self.width if fine else 1))
            missing = [index for index in wanted if index not in self.costs]
            if missing or fine:
                return missing
            self.halved += 1

    def block(self, width: int) -> list[list[int]]:
        """Per axis the lattice points within `width` spacings of the smallest point that may be asked."""
        return [[k for k in around if self._allowed(i, k)] for i, around in enumerate(self._around(width))]

    def limit_hit(self) -> list[bool]:
        """Per axis, whether a direct neighbour of the smallest point is in the domain but beyond the extensions."""
        if not self.means:
            return [False] * len(self.axes)
        return [
            any(not self._allowed(i, k) and self.axes[i].has(k, self.most) for k in around)
            for i, around in enumerate(self._around(1))
        ]

    def _around(self, width: int) -> list[list[int]]:
        # ties go to the smallest index, whatever was told first
        centre = min(self.means, key=lambda index: (self.means[index], index))
        spacings = [2 ** max(self.most - self.halved, self.most - axis.halvings) for axis in self.axes]
        steps = range(-width, width + 1)
        return [[c + step * spacing for step in steps] for c, spacing in zip(centre, spacings, strict=True)]

    def _allowed(self, i: int, index: int) -> bool:
        axis, unit = self.axes[i], 2**self.most
        within = -(axis.count - 1 + axis.extensions) * unit <= index <= axis.extensions * unit
        return within and axis.has(index, self.most)
