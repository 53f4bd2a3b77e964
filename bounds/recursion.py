"""Closing rules for the gap of the last iterate: h_{k+1} ≤ h_k − rate·h_k^p + rest, solved by a majorant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import sympy as sp

from bounds.assumptions import BoundedBelow, RestsOn
from bounds.chain import BrokenChain, Derived
from bounds.inequalities import Inequality, f, f_next
from bounds.memory import Memory
from bounds.symbols import COLUMNS, STEP_VARIABLES, Delta, K

k = COLUMNS["index"]


class Recursion(ABC):
    """The weighted slacks give h_{k+1} ≤ h_k − rate·h_k^p + rest, where h is a gap of objective values.

    A majorant B_k with B_{k+1} ≥ B_k − rate·B_k^p + rest stays above h_k; the claim is B_K. Subclasses say which rates
    and rests they close, what B is, and why the step map may be applied to B in place of h.
    """

    gap: ClassVar[sp.Symbol] = COLUMNS["gap"]
    of_step: ClassVar[sp.Symbol] = COLUMNS["next_gap"]  # what the claim bounds at the last step
    gap_power: ClassVar[int] = 1
    floor: ClassVar[sp.Expr | None] = None  # none is ever carried
    power: ClassVar[int] = 1
    rests_on: ClassVar[RestsOn] = (BoundedBelow,)  # h_k ≥ 0, and h_0 = Δ

    @abstractmethod
    def majorant(self, rate: sp.Expr, rest: sp.Expr, steps: sp.Expr) -> sp.Expr:
        """B after `steps` steps; `BrokenChain` where the rule does not fit."""

    def step(self, step: tuple[Inequality, ...]) -> tuple[sp.Expr, sp.Expr]:
        """(rate, rest) of the combined inequality, or `BrokenChain`."""
        combined = sp.expand(sp.Add(*(i.weight * i.slack for i in step)) - (f - f_next))
        rate = sp.factor(-combined.coeff(self.gap, self.gap_power))
        rest = sp.factor(sp.expand(combined + rate * self.gap**self.gap_power))
        left = (rest.free_symbols | rate.free_symbols) & (STEP_VARIABLES - {k})
        if left or rate == 0:
            names = ", ".join(sorted(map(str, left))) or f"no multiple of {self.gap}^{self.gap_power}"
            raise BrokenChain(f"the weighted slacks do not cancel: {names} remain in {sp.simplify(rest)}")
        return rate, rest

    def close(self, step: tuple[Inequality, ...], memory: Memory | None) -> Derived:
        """The bound that the step inequalities prove, or `BrokenChain`."""
        if memory is not None:
            raise BrokenChain("a bound on the last iterate takes no momentum")
        rate, rest = self.step(step)
        here, following = (self.majorant(rate, rest, at) for at in (k, k + 1))
        excess = sp.factor(sp.together(following - (here - rate * here**self.gap_power + rest)))
        if not excess.is_nonnegative:
            raise BrokenChain(f"the majorant {here} is not shown to survive a step: {excess} should be >= 0")
        value = self.majorant(rate, rest, K)
        return Derived(value, {"recursion": value}, rate, sp.Integer(0))

    def shares(
        self,
        step: tuple[Inequality, ...],
        gaps: np.ndarray,
        given: Mapping[str, np.ndarray],
        at: Callable[[sp.Expr], np.ndarray],
    ) -> dict[str, np.ndarray]:
        """Where B_K − h_K goes: name → share per run; they sum to it exactly.

        gaps: h_0 … h_K, (run, step + 1). given: weight · slack of every inequality, (run, step). at: an expression in k
        → array (run, step). With e = B − h: e_{k+1} = p_k e_k + r_k + slack_k, p_k = 1 − rate·(B^p − h^p)/(B − h).
        """
        rate, rest = self.step(step)
        here, following = (at(self.majorant(rate, rest, when)) for when in (k, k + 1))
        rates, h = at(rate), gaps[:, :-1]
        keep = 1 - rates * (1 if self.gap_power == 1 else here + h)
        later = np.cumprod(np.concatenate([np.ones_like(keep[:, :1]), keep[:, :0:-1]], -1), -1)[:, ::-1]
        shares = {name: (later * value).sum(-1) for name, value in given.items()}
        shares["start"] = later[:, 0] * keep[:, 0] * (here[:, 0] - h[:, 0])
        shares["recursion"] = (later * (following - here + rates * here**self.gap_power - at(rest))).sum(-1)
        return shares


@dataclass(frozen=True)
class Contraction(Recursion):
    """h_{k+1} ≤ (1 − rate)h_k gives (1 − rate)^K Δ; rate ≤ 1, as h_{k+1} ≥ 0."""

    def majorant(self, rate: sp.Expr, rest: sp.Expr, steps: sp.Expr) -> sp.Expr:
        if rest != 0 or k in rate.free_symbols:
            raise BrokenChain(f"a contraction needs h_(k+1) <= (1 − rate)·h_k, the chain has rate {rate}, adds {rest}")
        return Delta * (1 - rate) ** steps


@dataclass(frozen=True)
class Reciprocal(Recursion):
    """h_{k+1} ≤ h_k − rate·h_k² gives 1/(1/Δ + K·rate).

    Divide by h_k h_{k+1}, where h_{k+1} > 0: 1/h_{k+1} ≥ 1/h_k + rate·h_k/h_{k+1} ≥ 1/h_k + rate.
    """

    gap_power: ClassVar[int] = 2

    def majorant(self, rate: sp.Expr, rest: sp.Expr, steps: sp.Expr) -> sp.Expr:
        if rest != 0 or k in rate.free_symbols:
            raise BrokenChain(f"the rule needs h_(k+1) <= h_k − rate·h_k², the chain has rate {rate}, adds {rest}")
        return 1 / (1 / Delta + steps * rate)


@dataclass(frozen=True)
class OpenLoop(Recursion):
    """h_{k+1} ≤ (1 − τ_k)h_k + Qτ_k² with τ_k = 2/(k + 2) gives 4Q/(K + 2) for K ≥ 1, whatever h_0 is, as τ_0 = 1."""

    gap: ClassVar[sp.Symbol] = COLUMNS["ball_gap"]
    of_step: ClassVar[sp.Symbol] = COLUMNS["next_ball_gap"]
    rests_on: ClassVar[RestsOn] = ()  # of a gap of any sign, from any start

    def majorant(self, rate: sp.Expr, rest: sp.Expr, steps: sp.Expr) -> sp.Expr:
        scale = sp.cancel(rest / rate**2)
        if sp.cancel(rate - 2 / (k + 2)) != 0 or k in scale.free_symbols:
            raise BrokenChain(f"the rule needs τ_k = 2/(k + 2) and a rest Qτ_k², the chain has {rate} and {rest}")
        return 4 * scale / (steps + 2)
