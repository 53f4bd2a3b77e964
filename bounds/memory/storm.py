"""The memory of STORM, m = (1 − α)(m + g(x, ξ) − g(x⁻, ξ)) + αg(x, ξ): the drift is corrected by the same sample."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

import sympy as sp

from bounds.assumptions import MeanSmooth, OracleWithin, RestsOn, UnbiasedNoise
from bounds.memory.base import OF_AVERAGES, Memory, Part, geometric, root, vanishing
from bounds.symbols import K, Lbar, alpha, b, gamma, rho, sigma


@dataclass(frozen=True)
class StormMemory(Memory):
    """m − ∇f = keep·(its predecessor) + fresh·ξ + keep·ζ, ζ = g(x, ξ) − g(x⁻, ξ) − (∇f(x) − ∇f(x⁻)).

    ξ and ζ are uncorrelated with the past, so each sums up in mean square: "noise" from ξ, "drift" from ζ, whose
    second moment is at most `increment`². They are bounded one by one (Minkowski), so no factor √2 for their
    correlation is needed.
    """

    in_mean: ClassVar[tuple[str, ...]] = ("start", "noise", "drift")

    keep: sp.Expr = 1 - alpha
    fresh: sp.Expr = alpha
    increment: sp.Expr = Lbar * gamma * b

    def parts(self) -> tuple[Part, ...]:
        return _parts(self.keep, self.fresh, self.increment)

    def rests_on(self, part: str) -> RestsOn | None:
        of_drift = (MeanSmooth, OracleWithin, UnbiasedNoise)  # ζ is the change of one sample's error over a step of γb
        return of_drift if part == "drift" else OF_AVERAGES.get(part)

    def proof(self) -> tuple[tuple[str, sp.Expr], ...]:
        """The recursion of m − ∇f is the sum of those of its parts; the geometric sums solve their own recursions."""
        before, now, noise, correction = sp.symbols("G_{k-1} G_k xi_k zeta_k")
        start, drift, fluctuation = sp.symbols("I D N")
        fed_before = before + start + drift + fluctuation
        gradient = now + noise
        same_sample_before = gradient - correction - (now - before)
        error = self.keep * (fed_before + gradient - same_sample_before) + self.fresh * gradient - now
        parts = self.keep * start + self.keep * (drift + correction) + self.keep * fluctuation + self.fresh * noise
        checks = [
            ("m − ∇f = start + drift + noise", sp.expand(error - parts)),
            ("weights sum to 1", sp.expand(self.keep + self.fresh - 1)),
            ("Σ keep^i", sp.cancel(geometric(self.keep) - 1 - self.keep * geometric(self.keep))),
            ("Σ keep^2i", sp.cancel(geometric(self.keep**2) - 1 - self.keep**2 * geometric(self.keep**2))),
        ]
        return vanishing(checks)


@functools.cache
def _parts(keep: sp.Expr, fresh: sp.Expr, increment: sp.Expr) -> tuple[Part, ...]:
    start = rho * sigma * sp.cancel(geometric(keep)) / K
    drift = rho * increment * keep * root(geometric(keep**2))
    return (("start", start), ("drift", drift), ("noise", rho * sigma * root(fresh**2 * geometric(keep**2))))
