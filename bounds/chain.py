"""Proof chains: inequalities with multipliers, what momentum adds, and the closing rule that makes steps a bound."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Protocol

import sympy as sp

from bounds.assumptions import BoundedBelow, RestsOn
from bounds.inequalities import Inequality, e, f, f_next, g
from bounds.memory import Memory
from bounds.symbols import STEP_VARIABLES, Delta, K


class BrokenChain(ValueError):
    """The inequalities do not add up to a statement about the metric; the message says which term is left over."""


@dataclass(frozen=True)
class Derived:
    """What a chain proves: metric^power ≤ Σ contributions (or `floor`, where a step condition fails).

    contributions: name of an inequality → its additive share of the bound on metric^power.
    rate: A in the step inequality A·g^power ≤ f_k − f_{k+1} + …
    memory_rate: the coefficient of ‖m − ∇f‖_* in it.
    """

    value: sp.Expr
    contributions: dict[str, sp.Expr]
    rate: sp.Expr
    memory_rate: sp.Expr


@dataclass(frozen=True)
class Telescope:
    """Sum A·g_k^p ≤ f_k − f_{k+1} + R + B·‖m − ∇f‖_* over k, use f_K ≥ inf f, divide by KA.

    Gives avg g^p ≤ (Δ/K + R + B·M)/A. floor: either some g_k < floor, or every multiplier was ≥ 0; so the minimum is
    at most the larger of the two. of_step: what stands for g where the metric is another one, linear in g.
    """

    power: int = 1
    floor: sp.Expr | None = None
    of_step: sp.Expr = g
    rests_on: ClassVar[RestsOn] = (BoundedBelow,)

    def close(self, step: tuple[Inequality, ...], memory: Memory | None) -> Derived:
        """The bound that the step inequalities and the memory prove, or `BrokenChain`."""
        combined = sp.expand(sp.Add(*(i.weight * i.slack for i in step)))
        drop = sp.expand(combined - (f - f_next))
        metric = sp.expand(self.of_step**self.power)
        rate = sp.factor(-drop.coeff(g, self.power) / metric.coeff(g, self.power))
        memory_rate = sp.factor(drop.coeff(e, 1))
        rest = sp.expand(drop + rate * metric - memory_rate * e)
        left = rest.free_symbols & STEP_VARIABLES
        if left:
            names = ", ".join(sorted(map(str, left)))
            terms = sp.Add(*(t for t in sp.Add.make_args(rest) if t.free_symbols & left))
            raise BrokenChain(f"the weighted slacks do not cancel: {names} remain in {terms}")
        if rate == 0 or (memory_rate != 0) != (memory is not None):
            raise BrokenChain(
                f"the chain bounds {rate}·({self.of_step})^{self.power} and uses {memory_rate} times the momentum "
                f"error, but {'no' if memory is None else 'a'} memory is given"
            )
        contributions = {"telescope": Delta / (K * rate)}
        for i in step:
            constant = sp.Add(
                *(t for t in sp.Add.make_args(sp.expand(i.weight * i.slack)) if not t.free_symbols & STEP_VARIABLES)
            )
            if constant != 0:
                contributions[i.name] = sp.factor(constant / rate)
        for name, part in memory.parts() if memory else ():
            contributions[name] = memory_rate * part / rate
        total = sp.Add(*contributions.values())
        value = total if self.power == 1 else sp.sqrt(sp.factor(total))
        return Derived(value if self.floor is None else sp.Max(self.floor, value), contributions, rate, memory_rate)


class ClosingRule(Protocol):
    """What turns step inequalities into a bound: `power` and `floor` as in `Telescope`.

    rests_on: the assumptions that it needs, as an `Inequality` has them; without them the statement is not proved.
    """

    @property
    def power(self) -> int: ...

    @property
    def floor(self) -> sp.Expr | None: ...

    def close(self, step: tuple[Inequality, ...], memory: Memory | None) -> Derived: ...


@dataclass(frozen=True)
class Chain:
    """A proof: step inequalities, what bounds the momentum error, and the closing rule."""

    step: tuple[Inequality, ...]
    closing: ClosingRule
    memory: Memory | None = None

    def derive(self) -> Derived:
        """The bound that this chain proves; `BrokenChain` where it proves none."""
        return _derived(self)

    def names(self) -> list[str]:
        """The names of all its inequalities, in the order of the proof."""
        return [i.name for i in self.step] + ([name for name, _ in self.memory.parts()] if self.memory else [])


@lru_cache(maxsize=256)
def _derived(chain: Chain) -> Derived:
    """What a chain proves, worked out once: every verdict asks for it."""
    return chain.closing.close(chain.step, chain.memory)
