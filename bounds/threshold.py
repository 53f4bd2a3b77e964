"""The closing rule of (L0, L1)-smoothness: a decrease in φ(g) = g²/(L0 + L1 g) bounds the smallest gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import sympy as sp

from bounds.assumptions import BoundedBelow, RestsOn
from bounds.chain import BrokenChain, Derived
from bounds.inequalities import Inequality, f, f_next, g
from bounds.memory import Memory
from bounds.symbols import L0, L1, STEP_VARIABLES, Delta, K

PHI = g**2 / (L0 + L1 * g)


@dataclass(frozen=True)
class Threshold:
    """Sum A·φ(g_k) ≤ f_k − f_{k+1}: min φ(g_k) ≤ R = Δ/(KA). φ rises, so min g_k ≤ (L1 R + √(L1²R² + 4L0 R))/2."""

    power: ClassVar[int] = 1
    floor: ClassVar[sp.Expr | None] = None  # none is ever carried
    rests_on: ClassVar[RestsOn] = (BoundedBelow,)

    def close(self, step: tuple[Inequality, ...], memory: Memory | None) -> Derived:
        """The bound that the step inequalities prove, or `BrokenChain`."""
        if memory is not None:
            raise BrokenChain("no rule is known here for momentum under (L0, L1)-smoothness")
        drop = sp.Add(*(i.weight * i.slack for i in step)) - (f - f_next)
        rate = sp.factor(sp.cancel(sp.together(sp.expand(-drop / PHI))))
        left = rate.free_symbols & STEP_VARIABLES
        if left or rate == 0:
            names = ", ".join(sorted(map(str, left))) or "no multiple of φ(g)"
            raise BrokenChain(f"the weighted slacks do not cancel to a multiple of φ(g): {names} remain in {rate}")
        level = sp.factor(Delta / (K * rate))
        value = (L1 * level + sp.sqrt(L1**2 * level**2 + 4 * L0 * level)) / 2
        return Derived(value, {"telescope": value}, rate, sp.Integer(0))
