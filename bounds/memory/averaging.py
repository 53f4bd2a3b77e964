"""The memory of the EMA, m = (1 − α)m + αg, and that of no momentum."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import sympy as sp

from bounds.assumptions import RestsOn
from bounds.memory.base import OF_AVERAGES, Memory, Part, geometric, root, vanishing
from bounds.memory.start_factors import ZeroStart
from bounds.symbols import K, L, alpha, b, gamma, rho, sigma


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
        return _parts(self.keep, self.fresh, self.start, self.increment)

    def rests_on(self, part: str) -> RestsOn | None:
        return OF_AVERAGES.get(part)

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
        return vanishing(checks)


@functools.cache
def _parts(keep: sp.Expr, fresh: sp.Expr, first: str, increment: sp.Expr) -> tuple[Part, ...]:
    drift = increment * sp.cancel(keep * geometric(keep))
    noise = rho * sigma * root(fresh**2 * geometric(keep**2))
    if first == "zero":
        return (("drift", drift), ("noise", noise * ZeroStart(keep, K)))
    return (("start", rho * sigma * sp.cancel(geometric(keep)) / K), ("drift", drift), ("noise", noise))


@dataclass(frozen=True)
class NoMemory(Memory):
    """m = g: the error is the noise itself, E‖ξ‖_* ≤ ρσ at every step (Jensen)."""

    def parts(self) -> tuple[Part, ...]:
        return (("noise", rho * sigma),)

    def rests_on(self, part: str) -> RestsOn | None:
        return OF_AVERAGES.get(part)

    def proof(self) -> tuple[tuple[str, sp.Expr], ...]:
        return ()
