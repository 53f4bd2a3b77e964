"""The memory of Nesterov's momentum: the oracle is fed (1 − α)m + αg, with m = (1 − α)m + αg already updated."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import sympy as sp

from bounds.assumptions import RestsOn
from bounds.memory.base import OF_AVERAGES, Memory, Part, geometric, root, vanishing
from bounds.memory.start_factors import NesterovZeroStart
from bounds.symbols import K, L, alpha, b, gamma, rho, sigma


@dataclass(frozen=True)
class NesterovMemory(Memory):
    """n = keep·m + fresh·g, so n − ∇f = keep·(m − ∇f) + fresh·ξ: start and drift shrink by `keep`, the noise does not.

    The noise is fresh·(1 + keep)·ξ_k + keep·fresh·Σ_{j≥1} keep^j ξ_{k−j}. From the first gradient its share fresh·ξ_0
    of step 0 counts as noise and keep·ξ_0 as start. From zero the weights sum to 1 − keep^(k+2).
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
        """The recursions add up; the weights do; the variances of a cut-off and of the full average are as stated."""
        keep, fresh = self.keep, self.fresh
        before, now, noise = sp.symbols("G_{k-1} G_k xi_k")
        start, drift, fluctuation = sp.symbols("I D N")  # of the buffer m_{k−1}
        buffer = keep * (before + start + drift + fluctuation) + fresh * (now + noise)
        error = keep * buffer + fresh * (now + noise) - now
        parts = keep * (keep * start + keep * (drift + before - now) + keep * fluctuation + fresh * noise)
        checks = [
            ("n − ∇f = start + drift + noise", sp.expand(error - parts - fresh * noise)),
            ("weights sum to 1", sp.expand(keep + fresh - 1)),
            ("Σ keep^i", sp.cancel(geometric(keep) - 1 - keep * geometric(keep))),
            ("Σ keep^2i", sp.cancel(geometric(keep**2) - 1 - keep**2 * geometric(keep**2))),
        ]
        if self.start == "zero":
            t = sp.Symbol("t", positive=True)  # keep^k: what a sum that stops at g_0 lacks of the whole one
            u, p = keep**2 * t, 1 + 2 * keep - 2 * keep**3
            older = keep * fresh * keep * (1 - t) * geometric(keep)
            squares = (keep * fresh) ** 2 * keep**2 * (1 - t**2) * geometric(keep**2)
            cut = (fresh * (1 + keep)) ** 2 + squares
            checks.append(("weights from zero", sp.cancel(fresh * (1 + keep) + older - (1 - u))))
            checks.append(("variance from zero", sp.cancel(cut - variance(keep, fresh) * (1 - u**2 / p))))
        return vanishing(checks)


def variance(keep: sp.Expr, fresh: sp.Expr) -> sp.Expr:
    """E‖noise‖₂²/σ² after many steps."""
    return (fresh * (1 + keep)) ** 2 + (keep * fresh) ** 2 * keep**2 * geometric(keep**2)


@functools.cache
def _parts(keep: sp.Expr, fresh: sp.Expr, first: str, increment: sp.Expr) -> tuple[Part, ...]:
    drift = increment * sp.factor(sp.cancel(keep**2 * geometric(keep)))
    noise = rho * sigma * root(variance(keep, fresh))
    if first == "zero":
        return (("drift", drift), ("noise", noise * NesterovZeroStart(keep, K)))
    return (
        ("start", rho * sigma * sp.factor(sp.cancel(keep * geometric(keep))) / K),
        ("drift", drift),
        ("noise", noise),
    )
