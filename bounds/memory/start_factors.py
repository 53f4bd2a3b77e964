"""What a zero start multiplies the noise by: averages over k that tend to 1 as αK → ∞.

Functions of their own, since sympy's Sum does not broadcast over arrays.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import sympy as sp

from bounds.memory.quadrature import averages


class StartFactor(sp.Function):
    """(1/K) Σ_{k<K} of a term in keep^(k + `lag`); arguments (keep, K)."""

    nargs = 2
    lag: ClassVar[int]

    @staticmethod
    def numeric(keep: Any, steps: Any) -> np.ndarray:
        """Its values on broadcast arrays."""
        raise NotImplementedError

    @classmethod
    def term(cls, u: str, keep: str) -> str:
        """The summand as LaTeX, of u = keep^(k + lag)."""
        raise NotImplementedError

    def _latex(self, printer: Any) -> str:
        keep, steps = (printer.doprint(a) for a in self.args)
        u = rf"\left({keep}\right)^{{k+{self.lag}}}"
        return rf"\frac{{1}}{{{steps}}}\sum_{{k<{steps}}}" + self.term(u, keep)

    def _eval_is_positive(self) -> bool:
        return True

    def _eval_evalf(self, prec: int) -> Any:
        keep, steps = self.args
        if keep.is_number and steps.is_number:
            return sp.Float(float(type(self).numeric(float(keep), float(steps))), prec)
        return None


def powers(keep: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """keep^exponents for keep in [0, 1), exponents >= 1; an exponential is several times faster than a power."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(np.log(keep) * exponents))


def zero_start(keep: Any, steps: Any) -> np.ndarray:
    """`ZeroStart` on broadcast arrays."""

    def term(k: np.ndarray, keep: np.ndarray) -> np.ndarray:
        u = powers(keep, k + 1)
        return np.asarray(np.sqrt((1 + u) / (1 - u)))

    return averages(keep, steps, term)


def nesterov_zero_start(keep: Any, steps: Any) -> np.ndarray:
    """`NesterovZeroStart` on broadcast arrays."""

    def term(k: np.ndarray, keep: np.ndarray) -> np.ndarray:
        u = powers(keep, k + 2)
        return np.asarray(np.sqrt(1 - u**2 / (1 + 2 * keep - 2 * keep**3)) / (1 - u))

    return averages(keep, steps, term)


class ZeroStart(StartFactor):
    """(1/K) Σ_{k<K} √((1+u_k)/(1−u_k)), u_k = keep^(k+1): the EMA's (S1-0)."""

    lag = 1
    numeric = staticmethod(zero_start)

    @classmethod
    def term(cls, u: str, keep: str) -> str:
        return rf"\sqrt{{\frac{{1+{u}}}{{1-{u}}}}}"


class NesterovZeroStart(StartFactor):
    """(1/K) Σ_{k<K} √(1 − u_k²/p)/(1−u_k), u_k = keep^(k+2), p = 1 + 2·keep − 2·keep³: Nesterov's (S3-0).

    The last gradient's larger weight makes it another function than the EMA's, not the same at another α.
    """

    lag = 2
    numeric = staticmethod(nesterov_zero_start)

    @classmethod
    def term(cls, u: str, keep: str) -> str:
        p = rf"1+2\left({keep}\right)-2\left({keep}\right)^3"
        return rf"\frac{{\sqrt{{1-\left({u}\right)^2/\left({p}\right)}}}}{{1-{u}}}"


FACTORS: tuple[type[StartFactor], ...] = (ZeroStart, NesterovZeroStart)
