"""Newton–Schulz that looks at the spectrum: as few designed steps as its trace moments ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from lmo.balls import NormBall, Spectral
from lmo.checks import check_dtype, check_number
from lmo.oracles.base import Harm, Oracle
from lmo.oracles.gram import gram_factor
from lmo.oracles.plans import ERROR, PLANS, Plan, further, plans_for
from lmo.oracles.polar_oracle import check_spectral
from lmo.oracles.products import symmetric_product
from lmo.oracles.rounding import exactly_scaled
from lmo.oracles.scales.base import inner, pair_sums, squares, trace
from lmo.oracles.scales.moments import Moments, moments, on_host
from lmo.polynomials import Polynomial
from lmo.polynomials.schedule import divided
from lmo.randomness import Draw

LEAST = 2.0**-50  # of ‖M‖_F, for which float32 holds the squares of all entries that matter
REACH = (2.0**-8, 2.0**12)  # ‖x‖_F for which float32 holds the squares of (x xᵀ)² that matter
MOST = 6  # steps
WIDE = 1.5  # columns over rows from which the Gram form pays
FLAT = 0.04  # lower ends of the plans for spectra so flat that the moments bound Σσ well
SLOPE = 3.0  # the slope at 0 of a block of the Gram form, over u^-½: its rounding error grows like the slope squared


@dataclass(frozen=True)
class MomentTuned(Oracle):
    """d̂ = −radius · p(M/σ̄): scale, number of steps and form chosen for each matrix from its trace moments.

    σ̄ ≥ σ_max is proved by Σσ², …, Σσ⁸ (`MomentBound`; the two products behind them are those of the first step). A plan
    of designed steps brings all σ ≥ lσ̄ within E = 0.125 of 1, certified, so η ≤ E before rounding; what is below loses
    at most Σσ(1 − p) ≤ N·lσ̄/(4(1 − E)), N of them. The plan is the cheapest that, on a power law with the same decay
    (`plans_for`), has a smaller ε than the five steps of torch.optim.Muon; where their answer is longer too, it may be
    made longer by 6 % (η ≤ 0.1925 then), which lowers ε by as much; what it may have lost is estimated from the
    answer (N from ‖d̂‖_F², Σσ from the moments or ⟨M, d̂⟩), and steps are added while that exceeds `tail`. A stopping
    rule, not a proof of ε: `Adaptive` proves. Gradients through it take σ̄ and the plan for constants. Source:
    paper_notes.md, "Choosing by the spectrum".

    Args:
        tail: the ε allowed to singular values that have not converged.
        dtype: precision of the iteration; None: that of the input. `fastest_dtype()` says which one is fastest.
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
        x = m.mT if tall else m
        answer = self._minus_polar(x.reshape(-1, *x.shape[-2:])).to(m.dtype)
        radius = self.ball.radius(m.shape)  # type: ignore[attr-defined]
        answer = (answer if radius == 1 else answer * radius).reshape(*m.shape[:-2], *x.shape[-2:])
        return answer.mT if tall else answer, memory

    def _minus_polar(self, m: Tensor) -> Tensor:
        x, m, power, found = in_reach(m, self.dtype or m.dtype)
        plans = plans_for(found, self.tail)
        if (plans == plans[0]).all():
            return self._iterate(x, m, power, found, PLANS[plans[0]])
        out = torch.empty_like(x)
        for k in np.unique(plans).tolist():
            (rows,) = (plans == k).nonzero()
            out[rows] = self._iterate(x[rows], m[rows], power[rows], found.select(rows), PLANS[k])
        return out

    def _iterate(self, x: Tensor, m: Tensor, power: np.ndarray, found: Moments, plan: Plan) -> Tensor:
        """A plan on all of x = m·power (n, a, b), and further steps on those whose answer asks for them."""
        low, steps, gain = plan.low, len(plan.terms), plan.gain
        y, before = run_blocks(x, found, plan.polynomials)
        out = y
        left, sigma_max, nuclear = np.arange(x.shape[0]), found.sigma_max / power, found.nuclear / power
        while steps < MOST:
            weak = unconverged(m, y, before, sigma_max, low, nuclear, self.tail + gain - 1)
            if not weak.any():
                break
            if not weak.all():
                left, m, y, sigma_max, nuclear = left[weak], m[weak], y[weak], sigma_max[weak], nuclear[weak]
            steps += 1
            polynomial, end = further(gain)
            low, gain = low * end / (1 - ERROR), 1.0
            y, before = one_step(y, polynomial)
            if left.size == out.shape[0]:
                out = y
            else:
                out[left] = y
        return out


def in_reach(m: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, np.ndarray, Moments]:
    """(x = m·power in `dtype`, m, power, moments of x), powers (n,) of 2; ‖x‖_F in `REACH`, or near 8 in float16.

    No square of a product overflows or vanishes then. An m whose own squares do is scaled first, by a power of two.
    """
    short = torch.float16 in (dtype, m.dtype)  # its range is
    if not short:  # most often nothing is to be done, and the moments say so
        x = m.to(dtype)
        found = moments(x)
        if ((found.t1 > REACH[0] ** 2) & (found.t1 < REACH[1] ** 2)).all():
            return x, m, np.ones(m.shape[0]), found
    (size,) = np.sqrt(on_host(squares(m)))
    if not ((size > LEAST) & (size < 1 / LEAST)).all():
        m = exactly_scaled(m)
        (size,) = np.sqrt(on_host(squares(m)))
    fine = (size == 0) | (size > REACH[0]) & (size < REACH[1]) & (not short)
    power = np.exp2((3 if dtype == torch.float16 else 0) - np.rint(np.log2(np.where(fine, 1, size))))
    x = _times(m, power, dtype, short)
    return x, m, power, moments(x)


def _times(m: Tensor, power: np.ndarray, dtype: torch.dtype, short: bool) -> Tensor:
    """m·power in `dtype`, rounded first where its range allows that: fewer bytes to multiply."""
    if (power == 1).all():
        return m.to(dtype)
    factor = float(power[0]) if m.shape[0] == 1 else torch.from_numpy(power).to(m.device).reshape(-1, 1, 1)
    if short:
        return (m * factor).to(dtype)
    x = m.to(dtype)
    return x * (factor if isinstance(factor, float) else factor.to(dtype))


def blocks_of(polynomials: tuple[Polynomial, ...], dtype: torch.dtype) -> list[tuple[Polynomial, ...]]:
    """Runs of steps that the Gram form may take at once: as long as the slope at 0 allows."""
    most, found, slope = SLOPE * torch.finfo(dtype).eps ** -0.5, [polynomials[:1]], polynomials[0][0]
    for polynomial in polynomials[1:]:
        slope *= polynomial[0]
        if slope > most:
            found, slope = [*found, ()], polynomial[0]
        found[-1] += (polynomial,)
    return found


def run_blocks(x: Tensor, found: Moments, polynomials: tuple[Polynomial, ...]) -> tuple[Tensor, Tensor]:
    """−p(x/σ̄), and ‖·‖_F² of what went into the last step. Wide x: blocks of steps; square x: single steps."""
    wide = x.shape[-1] >= WIDE * x.shape[-2]
    blocks = blocks_of(polynomials, x.dtype) if wide else [(polynomial,) for polynomial in polynomials]
    y, gram, square = x, found.gram, found.square
    unit = np.where(found.sigma_max > 0, found.sigma_max, 1)
    first, *others = blocks[0]
    if x.shape[0] == 1 and x.dtype != torch.float16:  # one matrix: σ̄ and the sign go into the coefficients
        first = divided(first, -float(unit[0]))
    else:
        u = torch.from_numpy(unit).to(x.device).reshape(-1, 1, 1)
        y, gram, square = ((part / v).to(x.dtype) for part, v in ((x, -u), (gram, u**2), (square, u**4)))
    factor, last = gram_factor(gram, (first, *others), square)
    y = factor.times(y)
    for block in blocks[1:]:
        factor, last = gram_factor(symmetric_product(y, y), block)
        y = factor.times(y)
    if len(polynomials) == 1:
        return y, torch.from_numpy(found.t1 / unit**2).to(x.device)
    return y, trace(last)


def one_step(x: Tensor, polynomial: Polynomial) -> tuple[Tensor, Tensor]:
    """p(x), and ‖x‖_F²."""
    gram = symmetric_product(x, x)
    factor, _ = gram_factor(gram, (polynomial,))
    return factor.times(x), trace(gram)


def unconverged(
    m: Tensor, y: Tensor, before: Tensor, sigma_max: np.ndarray, low: float, nuclear: np.ndarray, tail: float
) -> np.ndarray:
    """Whether σ < low·σ̄ can account for an ε above `tail`, estimated from the answer y to m; shape (n,).

    N, how many: at most rows − ‖y‖_F²; and if few arrived in the last step (‖y‖_F² has stopped growing), few will.
    Σσ is at least `nuclear`, and close to it where the spectrum is flat; where that decides nothing, ⟨m, −y⟩
    estimates it. before: ‖·‖_F² of what went into the last step, (n,).
    """
    if low < FLAT:  # ⟨m, y⟩ is likely to be needed: y is read once for both sums
        sums = on_host(*pair_sums(y, m)[:2], before)
        size, alignment, before_it = sums[0], -sums[1], sums[2]
    else:
        size, before_it = on_host(squares(y), before)
        alignment = None
    count = np.minimum(y.shape[-2] - size, 3 * (size - before_it)).clip(min=0)
    lost = count * sigma_max * low / (4 * (1 - ERROR))
    weak = lost > tail * nuclear
    if weak.any():
        if alignment is None:
            (alignment,) = on_host(-inner(m, y))
        weak &= lost > tail * alignment
    return np.asarray(weak)
