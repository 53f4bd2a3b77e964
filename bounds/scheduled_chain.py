"""Proof chains under a step-size schedule γ_0 … γ_{K−1} of mean γ: averages with weights γ_k, and what closes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import sympy as sp

from bounds.assumptions import BoundedBelow, OracleWithin, RestsOn, StaysWithin
from bounds.chain import BrokenChain, Derived
from bounds.inequalities import Inequality, e, f, f_next, g, iterate_alignment, iterate_norm, n, net_norm
from bounds.memory import Memory
from bounds.symbols import COLUMNS, STEP_VARIABLES, Delta, K, X, b, c, gamma, lam, nu
from bounds.theorem import Metric

gamma_k = COLUMNS["step_size"]
WEIGHTED = Metric(
    "mean",
    gamma_k / gamma * g,
    "(γ_k/γ)‖∇f(x_k)‖_*",
    r"\frac{\gamma_k}{\gamma}\|\nabla f(x_k)\|_*",
)
WEIGHTED_DECAYED = Metric(
    "mean",
    gamma_k / gamma * (g + lam / c * iterate_alignment),
    "(γ_k/γ)[‖∇f(x_k)‖_* + (λ/c)⟨∇f(x_k), x_k⟩]",
    r"\frac{\gamma_k}{\gamma}\left[\|\nabla f(x_k)\|_*+\frac{\lambda}{c}\langle\nabla f(x_k),x_k\rangle\right]",
)
_MOMENTS = {sp.Integer(1): sp.Integer(1), gamma_k: gamma, gamma_k**2: nu * gamma**2}
_ratio = lam * X / b  # of the longest x to the longest d̂, in units of the net step d̂ − λx


def net_triangle(weight: sp.Expr) -> Inequality:
    """‖d̂ − λx‖² ≤ (1 + t)‖d̂‖² + (1 + 1/t)λ²‖x‖², t = λX/b, with equality where the two are as long as they may be."""
    slack = (1 + _ratio) * n**2 + (1 + 1 / _ratio) * lam**2 * iterate_norm**2 - net_norm**2
    return Inequality("net triangle", slack, weight, "triangle inequality of ‖·‖, 2st ≤ s²r + t²/r", rests_on=())


def size_of_net(weight: sp.Expr) -> Inequality:
    """‖d̂‖² ≤ b², with the share (1 + t) that `net_triangle` leaves."""
    return Inequality("size", b**2 - n**2, weight * (1 + _ratio), "the oracle keeps its η", rests_on=(OracleWithin,))


def within(weight: sp.Expr) -> Inequality:
    """‖x‖² ≤ X², with the share (1 + 1/t)λ²."""
    because = "‖x_k‖ ≤ X, as of x_0 and of answers over λ where λγ_k ≤ 1"
    return Inequality(
        "inside", X**2 - iterate_norm**2, weight * (1 + 1 / _ratio) * lam**2, because, rests_on=(StaysWithin,)
    )


@dataclass(frozen=True)
class ScheduledTelescope:
    """Sum c·γ_k·g_k ≤ f_k − f_{k+1} + R·γ_k² + B·γ_k‖m − ∇f‖_* over k, use f_K ≥ inf f, divide by Kγc.

    avg γ_k = γ and avg γ_k² = νγ². Gives avg (γ_k/γ)g_k ≤ Δ/(cγK) + Rνγ/c + (B/c)·M, M a bound on the momentum error's
    average with weights γ_k/γ. of_step: the weighted quantity, linear in g.
    """

    of_step: sp.Expr = WEIGHTED.of_step
    power: ClassVar[int] = 1
    floor: ClassVar[sp.Expr | None] = None  # none is ever carried: the attribute that all closing rules have
    rests_on: ClassVar[RestsOn] = (BoundedBelow,)

    def close(self, step: tuple[Inequality, ...], memory: Memory | None) -> Derived:
        """The bound that the step inequalities and the memory prove, or `BrokenChain`."""
        terms = {i.name: sp.expand(i.weight * i.slack) for i in step}
        drop = sp.expand(sp.Add(*terms.values()) - (f - f_next))
        metric = sp.expand(self.of_step)
        rate = sp.cancel(-drop.coeff(g, 1) / metric.coeff(g, 1))
        memory_rate = sp.cancel(drop.coeff(e, 1) * gamma / gamma_k)
        rest = sp.expand(drop + rate * metric - memory_rate * gamma_k / gamma * e)
        varying = rest.free_symbols & STEP_VARIABLES - {gamma_k}  # before any average: γ_k·n is not γ·n on average
        rest = rest if varying else averaged(rest)
        left = varying | (rest.free_symbols | rate.free_symbols | memory_rate.free_symbols) & STEP_VARIABLES
        if left:
            names = ", ".join(sorted(map(str, left)))
            raise BrokenChain(f"the weighted slacks do not cancel: {names} remain in {sp.simplify(rest)}")
        if rate == 0 or (memory_rate != 0) != (memory is not None):
            raise BrokenChain(
                f"the chain bounds {rate}·{self.of_step} and uses {memory_rate} times the momentum error, but "
                f"{'no' if memory is None else 'a'} memory is given"
            )
        contributions = {"telescope": Delta / (K * rate)}
        for name, term in terms.items():
            constant = averaged(_without_columns(term))
            if constant != 0:
                contributions[name] = sp.factor(constant / rate)
        for name, part in memory.parts() if memory else ():
            contributions[name] = memory_rate * part / rate
        return Derived(sp.Add(*contributions.values()), contributions, rate, memory_rate)


def averaged(expression: sp.Expr) -> sp.Expr:
    """The average over k of a polynomial in γ_k of degree 2; higher powers are left in it."""
    by_power = sp.collect(sp.expand(expression), gamma_k, evaluate=False)
    return sp.expand(sp.Add(*(_MOMENTS.get(power, power) * factor for power, factor in by_power.items())))


def _without_columns(expression: sp.Expr) -> sp.Expr:
    """The terms in which no column but γ_k occurs."""
    others = STEP_VARIABLES - {gamma_k}
    return sp.Add(*(t for t in sp.Add.make_args(sp.expand(expression)) if not t.free_symbols & others))
