"""One parameter of a refinement: a lattice of logarithms, its starting grid, its resolution and its limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.statistics.checks import check_positive
from lmo.checks import check_integer

ROUNDING = 1e-9  # of a logarithm, at the ends of the domain


@dataclass(frozen=True)
class Axis:
    """One parameter: a geometric starting grid, how fine to go, and how far.

    start, stop, count: the starting grid, 0 < start < stop. resolution: the ratio (> 1) of neighbouring points at which
    refinement ends. extensions: how many points beyond each end of the starting grid may be asked. lowest, highest:
    the domain (alpha: highest = 1), never asked outside; an optimum there is no fault of the grid.
    """

    start: float
    stop: float
    count: int
    resolution: float = 1.1
    extensions: int = 6
    lowest: float = 0.0
    highest: float = np.inf

    def __post_init__(self) -> None:
        for name in ("start", "stop", "resolution"):
            check_positive(name, getattr(self, name))
        check_integer("count", self.count, at_least=3)
        check_integer("extensions", self.extensions, at_least=0)
        if not self.start < self.stop:
            raise ValueError(f"`start` must be below `stop`, got {self.start} and {self.stop}")
        if self.resolution <= 1:
            raise ValueError(f"`resolution` is a ratio of neighbouring points and must be > 1, got {self.resolution}")
        if not (self.lowest <= self.start and self.stop <= self.highest):
            raise ValueError(
                f"the grid {self.start} … {self.stop} must lie in the domain {self.lowest} … {self.highest}"
            )

    @property
    def coarse(self) -> float:
        """The spacing of the starting grid, in natural logarithms."""
        return float(np.log(self.stop / self.start)) / (self.count - 1)

    @property
    def halvings(self) -> int:
        """How often the spacing is halved until it is at most log(resolution)."""
        return max(0, int(np.ceil(np.log2(self.coarse / np.log(self.resolution)) - 1e-9)))

    def log(self, index: np.ndarray, halvings: int) -> np.ndarray:
        """Logarithms of lattice points; 0 is `stop`, so that an alpha of 1 is exactly 1."""
        return np.log(self.stop) + np.asarray(index) * (self.coarse / 2**halvings)

    def starting(self, halvings: int) -> list[int]:
        """The starting grid on the lattice, ascending."""
        return [-k * 2**halvings for k in range(self.count - 1, -1, -1)]

    def has(self, index: int, halvings: int) -> bool:
        """Whether a lattice point lies in the domain (up to rounding)."""
        log = float(self.log(np.array(index), halvings))
        low = np.log(self.lowest) if self.lowest > 0 else -np.inf
        return bool(low - ROUNDING <= log <= np.log(self.highest) + ROUNDING)


def step_axis(start: float, stop: float, count: int, resolution: float = 1.1, extensions: int = 6) -> Axis:
    """The axis of a step size: any positive number."""
    return Axis(start, stop, count, resolution, extensions)


def alpha_axis(start: float, count: int, resolution: float = 1.1, extensions: int = 6) -> Axis:
    """The axis of alpha: from `start` to 1, which it never exceeds."""
    return Axis(start, 1.0, count, resolution, extensions, highest=1.0)
