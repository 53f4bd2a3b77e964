"""What an adversary makes of one coordinate: cycles that never settle, and the oracle that plays them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from experiments.problems.base import Known, Problem
from lmo.balls import LInf, NormBall
from lmo.checks import check_integer, check_number, check_numbers
from lmo.oracles import Scripted


@dataclass(frozen=True)
class Cycle:
    """A cycle of coordinate 2, in units of the step γ.

    factors: lengths of the answers, one period. start: where it begins. mean: ā, the average of |x₂|. peak: max |x₂|.
    """

    factors: tuple[float, ...]
    start: float
    mean: float
    peak: float


def two_cycle(delta: float) -> Cycle:
    """(a): ±(1+δ)/2 for ever; every answer has length 1+δ."""
    half = (1 + check_number("delta", delta, at_least=0.0, below=1.0)) / 2
    return Cycle((1 + delta,), half, half, half)


def long_cycle(delta: float) -> Cycle:
    """(b): from just below 0 up to 1+δ, down in steps of 1−δ, and back to just below 0 with an interior error.

    ā = max_m [m(1+δ) − (1−δ)m(m−1)/2]/(m+1).
    """

    check_number("delta", delta, at_least=0.0, below=1.0)

    def mean(m: int) -> float:
        return (m * (1 + delta) - (1 - delta) * m * (m - 1) / 2) / (m + 1)

    best = max(range(1, int((1 + delta) / (1 - delta)) + 1), key=mean)
    last = (1 + delta) - (best - 1) * (1 - delta)
    below = 1e-9  # where "just below 0" is; the first answer goes up from there, the last comes back to it
    return Cycle((1 + delta, *[1 - delta] * (best - 1), last), -below, mean(best), 1 + delta)


class CostsTooMuch(ValueError):
    """There is no such construction. runs: which of the runs ask for one that costs more than the gap, bool (n,)."""

    def __init__(self, runs: Tensor, step_size: Tensor, gap: float) -> None:
        first = int(runs.nonzero()[0])
        super().__init__(
            f"run {first}: the step {float(step_size[first]):g} is so large that the cycle alone costs more than "
            f"the gap {gap:g}"
        )
        self.runs = runs


class CycleProblem(Problem):
    """Two coordinates in ℓ∞, one run per (δ, γ, cycle): coordinate 1 slides for all K steps, coordinate 2 cycles.

    The oracle (`oracle()`) answers with length 1−δ on coordinate 1 and with the cycle's lengths on coordinate 2.
    Subclasses say what function makes this worth the most; `slope`, `x1` are then one per run.

    Args:
        delta, step_size: one per run. cycles: one per run (`two_cycle`, `long_cycle`). steps: K. gap: Δ. smoothness: L.
    """

    core_ndim = 1
    shape = (2,)

    def __init__(
        self,
        delta: Tensor,
        step_size: Tensor,
        cycles: list[Cycle],
        steps: int,
        gap: float = 1.0,
        smoothness: float = 1.0,
    ) -> None:
        if not delta.shape == step_size.shape == (len(cycles),):
            raise ValueError("`delta`, `step_size` and `cycles` need one entry per run")
        check_numbers("delta", delta, at_least=0.0, below=1.0)
        check_numbers("step_size", step_size, above=0.0)
        check_integer("steps", steps, at_least=1)
        check_number("gap", gap, above=0.0)
        check_number("smoothness", smoothness, above=0.0)
        self.delta, self.step_size, self.cycles = delta, step_size, cycles
        self.steps, self.gap, self._smoothness = steps, gap, smoothness
        self.slide = step_size * (1 - delta) * steps  # how far coordinate 1 travels
        self.x2 = torch.tensor([cycle.start for cycle in cycles], dtype=torch.float64) * step_size
        self.slope, self.x1 = self.build()
        if not (self.slope > 0).all():
            raise CostsTooMuch(~(self.slope > 0), step_size, gap)

    @abstractmethod
    def build(self) -> tuple[Tensor, Tensor]:
        """The slope along coordinate 1 and its start, per run, such that f(x₀) − inf f = gap exactly."""

    @classmethod
    def shipped(cls) -> list[Problem]:
        delta = torch.tensor([0.5], dtype=torch.float64)
        return [cls(delta, torch.tensor([0.05], dtype=torch.float64), [two_cycle(0.5)], steps=200)]

    def oracle(self) -> Scripted:
        """The adversary: an ℓ∞ oracle of error δ."""
        longest = max(len(cycle.factors) for cycle in self.cycles)
        factors = torch.ones(len(self.cycles), longest, 2, dtype=torch.float64)
        factors[:, :, 0] = (1 - self.delta).unsqueeze(-1)
        for run, cycle in enumerate(self.cycles):
            factors[run, : len(cycle.factors), 1] = torch.tensor(cycle.factors, dtype=torch.float64)
        return Scripted(LInf(), factors, torch.tensor([len(cycle.factors) for cycle in self.cycles]))

    def start(self, runs: int) -> Tensor:
        if runs != len(self.cycles):
            raise ValueError(f"this construction has {len(self.cycles)} run(s), one per δ, step and cycle, not {runs}")
        return torch.stack([self.x1, self.x2], -1)

    def initial_gap(self) -> Known:
        return Known(self.gap, "exact", "by construction, for every run")

    def special_smoothness(self, ball: NormBall) -> Known | None:
        return Known(self._smoothness, "exact", "by construction") if isinstance(ball, LInf) else None

    def balls(self) -> list[NormBall]:
        return [LInf()]
