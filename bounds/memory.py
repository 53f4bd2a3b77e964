"""How far momentum is from the gradient: m − ∇f = start + drift + noise, each an average that a run records.

A memory knows its recursion and derives from it, with geometric sums, the bound on the average of E‖m − ∇f‖_*.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from bounds.symbols import K, L, alpha, b, gamma, rho, sigma

Part = tuple[str, sp.Expr]  # name of the inequality, its share of the bound on avg E‖m − ∇f‖_*


class Memory(ABC):
    """The parts of a bound on (1/K)Σ E‖m_k − ∇f(x_k)‖_* and the proof that they are right."""

    @abstractmethod
    def parts(self) -> tuple[Part, ...]:
        """The named parts; their sum is the bound."""

    @abstractmethod
    def proof(self) -> tuple[tuple[str, sp.Expr], ...]:
        """Named expressions that are identically zero when the derivation is right."""

    def total(self) -> sp.Expr:
        """The bound on the average of E‖m − ∇f‖_*."""
        return sp.Add(*(value for _, value in self.parts()))


def geometric(ratio: sp.Expr) -> sp.Expr:
    """Σ_{i≥0} ratio^i for |ratio| < 1."""
    return 1 / (1 - ratio)


def root(expression: sp.Expr) -> sp.Expr:
    """√expression with its argument in lowest terms, so that two derivations of one root print alike."""
    numerator, denominator = sp.fraction(sp.factor(sp.cancel(expression)))
    if denominator.could_extract_minus_sign():
        numerator, denominator = -numerator, -denominator
    return sp.sqrt(sp.factor(numerator) / sp.factor(denominator))


@dataclass(frozen=True)
class AveragingMemory(Memory):
    """m ← keep·m + fresh·g. From the first gradient: start + drift + noise; from zero, bias-corrected: drift + noise.

    keep, fresh: expressions with keep + fresh = 1; `increment` bounds ‖∇f_k − ∇f_{k−1}‖_*.
    """

    keep: sp.Expr = 1 - alpha
    fresh: sp.Expr = alpha
    start: str = "first gradient"
    increment: sp.Expr = L * gamma * b

    def parts(self) -> tuple[Part, ...]:
        drift = self.increment * sp.cancel(self.keep * geometric(self.keep))
        variance = self.fresh**2 * geometric(self.keep**2)
        if self.start == "zero":
            return (("drift", drift), ("noise", rho * sigma * root(variance) * ZeroStart(self.keep, K)))
        start = rho * sigma * sp.cancel(geometric(self.keep)) / K
        return (("start", start), ("drift", drift), ("noise", rho * sigma * root(variance)))

    def proof(self) -> tuple[tuple[str, sp.Expr], ...]:
        """The recursion of m − ∇f is the sum of those of its parts; the geometric sums solve their own recursions."""
        before, now, noise = sp.symbols("G_{k-1} G_k xi_k")
        start, drift, fluctuation = sp.symbols("I D N")
        fed_before = before + start + drift + fluctuation
        error = self.keep * fed_before + self.fresh * (now + noise) - now
        parts = self.keep * start + self.keep * (drift + before - now) + self.keep * fluctuation + self.fresh * noise
        checks = [
            ("m − ∇f = start + drift + noise", sp.expand(error - parts)),
            ("weights sum to 1", sp.expand(self.keep + self.fresh - 1)),
            ("Σ keep^i", sp.cancel(geometric(self.keep) - 1 - self.keep * geometric(self.keep))),
            ("Σ keep^2i", sp.cancel(geometric(self.keep**2) - 1 - self.keep**2 * geometric(self.keep**2))),
        ]
        if self.start == "zero":
            u = sp.Symbol("u", positive=True)  # keep^(k+1): the weight that a zero start lacks
            corrected = (1 - u**2) / (1 - u) ** 2
            checks.append(("variance of the bias-corrected noise", sp.cancel(corrected - (1 + u) / (1 - u))))
        return tuple((name, sp.simplify(value)) for name, value in checks)


@dataclass(frozen=True)
class NoMemory(Memory):
    """m = g: the error is the noise itself, E‖ξ‖_* ≤ ρσ at every step (Jensen)."""

    def parts(self) -> tuple[Part, ...]:
        return (("noise", rho * sigma),)

    def proof(self) -> tuple[tuple[str, sp.Expr], ...]:
        return ()


def finite_sums(momentum: str, start: str, alpha_value: float, steps: int) -> dict[str, float]:
    """The parts of avg_k E‖m_k − ∇f(x_k)‖_* for the method itself, by summing its weights: no geometric series.

    In units: "start" and "noise" of ρσ (Jensen at every step), "drift" of the largest ‖∇f_k − ∇f_{k−1}‖_*. These are
    what a memory's parts must dominate, and reach for long runs. `ValueError` for a momentum that has no sums here.
    """
    if momentum == "none":
        return {"noise": 1.0}
    if momentum != "ema":
        raise ValueError(f"no sums are known for the momentum {momentum!r}")
    weights, totals = np.zeros(steps), {"start": 0.0, "drift": 0.0, "noise": 0.0}
    for k in range(steps):  # weights[j]: of gradient j in m_k
        weights[:k] *= 1 - alpha_value
        weights[k] = 1.0 if k == 0 and start == "first gradient" else alpha_value
        now = weights[: k + 1] / weights[: k + 1].sum()
        first = start == "first gradient"
        totals["start"] += now[0] if first else 0.0
        totals["drift"] += float(now[:-1].cumsum().sum())  # gradient j is k − j increments old
        totals["noise"] += float(np.sqrt((now[1 if first else 0 :] ** 2).sum()))
    return {name: total / steps for name, total in totals.items() if name != "start" or start == "first gradient"}


class ZeroStart(sp.Function):
    """(1/K) Σ_{k<K} √((1+u_k)/(1−u_k)), u_k = keep^(k+1): what the zero start multiplies the noise by (S1-0).

    It tends to 1 as αK → ∞. A function of its own, since sympy's Sum does not broadcast over arrays.
    """

    nargs = 2

    def _latex(self, printer: Any) -> str:
        keep, steps = (printer.doprint(a) for a in self.args)
        u = rf"\left({keep}\right)^{{k+1}}"
        return rf"\frac{{1}}{{{steps}}}\sum_{{k<{steps}}}\sqrt{{\frac{{1+{u}}}{{1-{u}}}}}"

    def _eval_is_positive(self) -> bool:
        return True

    def _eval_evalf(self, prec: int) -> Any:
        keep, steps = self.args
        if keep.is_number and steps.is_number:
            return sp.Float(float(zero_start(float(keep), float(steps))), prec)
        return None


def zero_start(keep: Any, steps: Any) -> np.ndarray:
    """`ZeroStart` on broadcast arrays; one pass over k for each distinct pair (keep, steps)."""
    keep, steps = np.broadcast_arrays(np.asarray(keep, float), np.asarray(steps, float))
    pairs, where = np.unique(np.stack([keep.ravel(), steps.ravel()], -1), axis=0, return_inverse=True)
    values = np.empty(len(pairs))
    for i, (ratio, count) in enumerate(pairs):
        u = ratio ** np.arange(1, int(count) + 1)
        values[i] = np.sqrt((1 + u) / (1 - u)).mean()
    return values[where].reshape(keep.shape)
