"""Newton–Schulz that looks at the spectrum: as few designed steps as its trace moments ask for."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from lmo.balls import NormBall, Spectral
from lmo.balls.base import to_unit_peak
from lmo.checks import check_dtype, check_number
from lmo.oracles.base import Harm, Oracle
from lmo.oracles.gram import gram_factor
from lmo.oracles.polar_oracle import check_spectral, in_precision
from lmo.oracles.products import symmetric_product
from lmo.oracles.scales.base import squares, trace
from lmo.oracles.scales.moments import Moments, inner, moments, on_host
from lmo.polynomials import Polynomial
from lmo.polynomials.certify import certify
from lmo.polynomials.design import designed, minimax
from lmo.polynomials.schedule import divided
from lmo.randomness import Draw

ERROR = 0.125  # of a design of up to three steps, and of a further one: what it covers ends in [1 − ERROR, 1 + ERROR]
LONG_ERROR = 0.17  # of longer ones, where reaching further down the spectrum is worth more
GUESS = 0.75  # how large the guess of ε from the moments alone may be: optimistic, as the answer is checked
MOST = 6  # steps
MARGIN = 0.01  # for rounding between the steps, in half precision
CUSHION = 0.024
WIDE = 1.5  # columns over rows from which the Gram form pays
GRAM_STEPS = 2  # in one block of the Gram form: the rounding error of half precision grows like the slope squared


@functools.cache
def lowest(steps: int) -> float:
    """l_k: the smallest l for which k designed steps are certified to bring [l, 1] within their error of 1."""
    error = ERROR if steps <= 3 else LONG_ERROR
    low, high = 1e-6, 0.9
    for _ in range(30):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if certify(design(middle, steps), middle, 1.0).delta > error else (low, middle)
    return high


def design(low: float, steps: int) -> tuple[Polynomial, ...]:
    """The polynomials of `steps` steps for [low, 1], made for half precision."""
    return designed(low, steps, margin=MARGIN, cushion=CUSHION).table


@functools.cache
def further(error: float) -> tuple[Polynomial, float]:
    """One more step for an answer whose singular values reach 1 + error, and the lower end of what it brings near 1."""
    low = lowest(1) * (1 + error)
    return minimax(low, 1 + error)[0], low


@dataclass(frozen=True)
class MomentTuned(Oracle):
    """d̂ = −radius · p(M/σ̄): scale, number of steps and form chosen for each matrix from its trace moments.

    σ̄ ≥ σ_max is proved by Σσ², …, Σσ⁸ (`MomentBound`; the two products behind them are those of the first step). k
    designed steps bring all σ ≥ l_k σ̄ within E = 0.125 of 1 (0.17 for k > 3), certified, so η ≤ E before rounding;
    what is below loses at most Σσ(1 − p) ≤ N·l_k σ̄/(4(1 − E)), N of them. k is the smallest for which that is small
    against a lower bound on Σσ from the moments; it is estimated again from the answer (N from ‖d̂‖_F², Σσ from
    ⟨M, d̂⟩), and steps are added while it exceeds `tail`. A stopping rule, not a proof of ε: `Adaptive` proves.

    Args:
        tail: the ε allowed to singular values that have not converged.
        dtype: precision of the iteration; None: that of the input.
        ball: `Spectral()`, `RmsToRms()` or `Scaled` of those.
    """

    tail: float = 0.1
    dtype: torch.dtype | None = None
    ball: NormBall = field(default_factory=Spectral)
    name: ClassVar[str] = "moment-tuned"

    def __post_init__(self) -> None:
        check_number("tail", self.tail, above=0.0)
        check_dtype(self.dtype)
        check_spectral(self)

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(), (3, 4)), (cls(), (6, 2)), (cls(), (4, 4))]

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        tall = m.shape[-2] > m.shape[-1]
        x = to_unit_peak(m.mT if tall else m, 2)
        x = self._polar(in_precision(x.reshape(-1, *x.shape[-2:]), self.dtype or m.dtype))
        radius = self.ball.radius(m.shape)  # type: ignore[attr-defined]
        x = x.to(m.dtype).mul_(-radius).reshape(*m.shape[:-2], *x.shape[-2:])
        return x.mT if tall else x, memory

    def _polar(self, x: Tensor) -> Tensor:
        found = moments(x)
        steps = first_guess(found)
        if (steps == steps[0]).all():
            return self._iterate(x, found, int(steps[0]))
        out = torch.empty_like(x)
        for k in np.unique(steps).tolist():
            (rows,) = (steps == k).nonzero()
            out[rows] = self._iterate(x[rows], found.select(rows), k)
        return out

    def _iterate(self, x: Tensor, found: Moments, steps: int) -> Tensor:
        """`steps` designed steps on all of x (n, a, b), and further ones on those whose answer asks for them."""
        low, error = lowest(steps), ERROR if steps <= 3 else LONG_ERROR
        y, before = run_blocks(x, found, design(low, steps))
        out, left = y, np.arange(x.shape[0])
        while steps < MOST:
            weak = unconverged(x, y, before, found.sigma_max, low) > self.tail
            if not weak.any():
                break
            if not weak.all():
                left, x, y = left[weak], x[weak], y[weak]
                found = found._replace(sigma_max=found.sigma_max[weak])
            steps += 1
            polynomial, end = further(error)
            low, error = low * end / (1 - error), ERROR
            y, before = one_step(y, polynomial)
            if left.size == out.shape[0]:
                out = y
            else:
                out[left] = y
        return out


def first_guess(found: Moments) -> np.ndarray:
    """The least k whose ε, guessed from the moments alone, is below `GUESS`; shape (n,)."""
    rows = found.gram.shape[-1]
    nuclear = found.t1**1.5 / np.sqrt(np.where(found.t2 > 0, found.t2, 1))  # ≤ Σσ (Hölder)
    ratio = rows * found.sigma_max / np.where(nuclear > 0, nuclear, 1) / (4 * (1 - ERROR))
    limits = GUESS / np.array([lowest(k) for k in range(1, MOST)])
    return 1 + (ratio[:, None] > limits).sum(axis=1)


def run_blocks(x: Tensor, found: Moments, polynomials: tuple[Polynomial, ...]) -> tuple[Tensor, np.ndarray]:
    """p(x/σ̄), and ‖·‖_F² of what went into the last step. Wide x: blocks of `GRAM_STEPS`; square x: single steps."""
    size = GRAM_STEPS if x.shape[-1] >= WIDE * x.shape[-2] else 1
    y, gram, square = x, found.gram, cast("Tensor | None", found.square)
    unit = np.where(found.sigma_max > 0, found.sigma_max, 1)
    if x.shape[0] == 1 and x.dtype != torch.float16:  # one matrix: σ̄ goes into the coefficients, without a pass
        polynomials = (divided(polynomials[0], float(unit[0])), *polynomials[1:])
    else:
        u = torch.from_numpy(unit).to(x.device).reshape(-1, 1, 1)
        y, gram, square = ((part / u**k).to(x.dtype) for k, part in ((1, x), (2, found.gram), (4, found.square)))
    for start in range(0, len(polynomials), size):
        if start:
            gram, square = symmetric_product(y, y), None
        factor, last = gram_factor(gram, polynomials[start : start + size], square)
        y = factor.times(y)
    if len(polynomials) == 1:
        return y, found.t1 / unit**2
    return y, on_host(trace(last))[0]


def one_step(x: Tensor, polynomial: Polynomial) -> tuple[Tensor, np.ndarray]:
    """p(x), and ‖x‖_F²."""
    gram = symmetric_product(x, x)
    factor, _ = gram_factor(gram, (polynomial,))
    return factor.times(x), on_host(trace(gram))[0]


def unconverged(x: Tensor, y: Tensor, before: np.ndarray, sigma_max: np.ndarray, low: float) -> np.ndarray:
    """ε that singular values below low·σ̄ can account for, estimated from the answer y to x; shape (n,).

    N, how many: at most rows − ‖y‖_F²; and if few arrived in the last step (‖y‖_F² has stopped growing), few will.
    """
    size, alignment = on_host(squares(y), inner(x, y))
    count = np.minimum(y.shape[-2] - size, 3 * (size - before)).clip(min=0)
    lost = count * sigma_max * low / (4 * (1 - ERROR))
    return np.where(alignment > 0, lost / np.where(alignment > 0, alignment, 1), 0)
