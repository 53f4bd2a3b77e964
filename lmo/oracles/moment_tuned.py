"""Newton–Schulz that looks at the spectrum: as few designed steps as its trace moments ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lmo.balls import NormBall, Spectral
from lmo.checks import check_dtype, check_form, check_number, check_tensor
from lmo.oracles import at_once
from lmo.oracles.base import Harm, Oracle
from lmo.oracles.gram import WIDE, blocks_of, gram_factor
from lmo.oracles.plans import ERROR, PLANS, Plan, further, plan_for_all, plans_for, room_for
from lmo.oracles.polar_oracle import check_spectral
from lmo.oracles.products import symmetric_product
from lmo.oracles.reach import in_reach
from lmo.oracles.recordings import MOST_ENTRIES
from lmo.oracles.scales.base import inner, pair_sums, squares, trace
from lmo.oracles.scales.moments import Moments, on_host
from lmo.polynomials import Polynomial
from lmo.polynomials.schedule import divided
from lmo.randomness import Draw

MOST = 6  # steps
FLAT = 0.04  # lower ends of the plans for spectra so flat that the moments bound Σσ well
SLOPE = 3.0  # the slope at 0 of a block of the Gram form, over u^-½: its rounding error grows like the slope squared


@dataclass(frozen=True)
class MomentTuned(Oracle):
    """d̂ = −radius · p(M/σ̄): scale, number of steps and form chosen for each matrix from its trace moments.

    σ̄ ≥ σ_max is proved by Σσ², …, Σσ⁸ (`MomentBound`; the two products behind them are those of the first step). A plan
    of designed steps brings all σ ≥ lσ̄ within E = 0.125 of 1, certified, so η ≤ E before rounding; what is below loses
    at most Σσ(1 − p) ≤ N·lσ̄/(4(1 − E)), N of them. The plan is the cheapest that, on a power law with the same decay
    (`plans_for`), has a smaller ε than the five steps of torch.optim.Muon; where their answer is longer too, it may be
    made longer by 5 % (η ≤ 0.1813 then), which lowers ε by as much; what it may have lost is estimated from the
    answer (N from ‖d̂‖_F², Σσ from the moments or ⟨M, d̂⟩), and steps are added while that exceeds `tail`. A stopping
    rule, not a proof of ε: `Adaptive` proves. Gradients through it take σ̄ and the plan for constants. Source:
    paper_notes.md, "Choosing by the spectrum".

    Without that first look the plan is the shortest that is enough on every power law, σ̄ = (Σσ⁴)^¼, and the answer is
    looked at as before. On a GPU a look takes longer than the products that it saves, and a chain that asks nothing is
    launched at once, for one matrix without batch dimensions as a recorded graph. In float16 such a chain takes wide
    matrices in blocks on their Gram matrix, two thirds of the products of bfloat16.

    Args:
        look_first: whether the spectrum is looked at first; None: except on a GPU, for matrices of at most 2²² entries.
        tail: the ε allowed to singular values that have not converged.
        dtype: precision of the iteration; None: that of the input. `fastest_dtype()` says which one is fastest.
        ball: `Spectral()`, `RmsToRms()` or `Scaled` of those.
    """

    tail: float = 0.1
    dtype: torch.dtype | None = None
    ball: NormBall = field(default_factory=Spectral)
    look_first: bool | None = None
    name: ClassVar[str] = "moment-tuned"

    def __post_init__(self) -> None:
        check_number("tail", self.tail, above=0.0)
        check_dtype(self.dtype)
        if not (self.look_first is None or isinstance(self.look_first, bool)):
            raise TypeError(f"`look_first` must be True, False or None, got {self.look_first!r}")
        check_spectral(self)

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(), (3, 4)), (cls(), (6, 2)), (cls(), (4, 4)), (cls(look_first=False), (5, 3))]

    def _refuse(self, name: str, x: Any) -> None:
        check_form(name, x, 2)  # the sums tell whether all entries are finite …
        if name == "direction" and self.ball.radius(x.shape) != 1:  # type: ignore[attr-defined]
            check_tensor(name, x, 2)  # … before the radius comes in

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        answer = self._replayed(m) if m.ndim == 2 and not self._looks_first(m) else None
        tall = m.shape[-2] > m.shape[-1]
        if answer is None:
            x = m.mT if tall else m
            x = self._minus_polar(x.reshape(-1, *x.shape[-2:])).to(m.dtype).reshape(x.shape)
            answer = x.mT if tall else x
        radius = self.ball.radius(m.shape)  # type: ignore[attr-defined]
        return answer if radius == 1 else answer * radius, memory

    def _looks_first(self, m: Tensor) -> bool:
        if self.look_first is None:
            return not (m.is_cuda and m.shape[-2] * m.shape[-1] <= MOST_ENTRIES)
        return self.look_first

    def _minus_polar(self, m: Tensor) -> Tensor:
        return self._by_a_look(m) if self._looks_first(m) else self._at_once(m)

    def _replayed(self, m: Tensor) -> Tensor | None:
        dtype = self.dtype or m.dtype
        return at_once.replay(m, dtype, plan_for_all(min(m.shape), self.tail, dtype), self.tail)

    def _at_once(self, m: Tensor) -> Tensor:
        dtype = self.dtype or m.dtype
        plan = plan_for_all(m.shape[-2], self.tail, dtype)
        power = np.ones(m.shape[0])
        y, told = at_once.run(m, dtype, plan)
        if not at_once.in_range(told.size, m.shape[-2]):
            x, m, power, _ = in_reach(m, dtype)
            y, told = at_once.run(x, dtype, plan)
        scale = told.size**0.5 / power
        seen = Seen.of(y, told.length**2, told.before, told.alignment * scale)
        return self._enough(y, m, seen, room_for(dtype) * scale, np.zeros(len(power)), plan)

    def _by_a_look(self, m: Tensor) -> Tensor:
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
        y, before = run_blocks(x, found.gram, found.square, found.sigma_max, plan.polynomials)
        seen = look(y, m, before, both=plan.low < FLAT)
        return self._enough(y, m, seen, found.sigma_max / power, found.nuclear / power, plan)

    def _enough(
        self, y: Tensor, m: Tensor, seen: Seen, sigma_max: np.ndarray, nuclear: np.ndarray, plan: Plan
    ) -> Tensor:
        """y, with further steps on those that need them; seen: what a look at y told."""
        out, left = y, np.arange(y.shape[0])
        low, gain = plan.low, plan.gain
        for _ in range(len(plan.terms), MOST):
            weak = unconverged(y, m, seen, sigma_max, low, nuclear, self.tail + gain - 1)
            if not weak.any():
                return out
            if not weak.all():
                left, m, y, sigma_max, nuclear = left[weak], m[weak], y[weak], sigma_max[weak], nuclear[weak]
            polynomial, end = further(gain)
            low, gain = low * end / (1 - ERROR), 1.0
            y, before = one_step(y, polynomial)
            seen = look(y, m, before, both=low < FLAT)
            if left.size == out.shape[0]:
                out = y
            else:
                out[left] = y
        return out


def run_blocks(
    x: Tensor, gram: Tensor, square: Tensor, scale: np.ndarray, polynomials: tuple[Polynomial, ...]
) -> tuple[Tensor, Tensor]:
    """−p(x/σ̄) for σ̄ = scale (n,), and ‖·‖_F² of what went into the last step.

    Wide x: blocks of steps; square x: single steps.
    """
    wide = x.shape[-1] >= WIDE * x.shape[-2]
    blocks = blocks_of(polynomials, SLOPE * torch.finfo(x.dtype).eps ** -0.5 if wide else 0.0)
    y, scale = x, np.where(scale > 0, scale, 1)
    first, *others = blocks[0]
    if x.shape[0] == 1 and x.dtype != torch.float16:
        first = divided(first, -float(scale[0]))  # one matrix: σ̄ and the sign go into the coefficients
    else:
        u = torch.from_numpy(scale).to(x.device, torch.promote_types(x.dtype, torch.float32)).reshape(-1, 1, 1)
        y, gram, square = ((part / v).to(x.dtype) for part, v in ((x, -u), (gram, u**2), (square, u**4)))
        scale = np.ones(1)
    factor, last = gram_factor(gram, (first, *others), square)
    y = factor.times(y)
    for block in blocks[1:]:
        factor, last = gram_factor(symmetric_product(y, y), block)
        y = factor.times(y)
    if len(polynomials) == 1:
        return y, trace(gram) / float(scale[0]) ** 2
    return y, trace(last)


def one_step(x: Tensor, polynomial: Polynomial) -> tuple[Tensor, Tensor]:
    """p(x), and ‖x‖_F²."""
    gram = symmetric_product(x, x)
    factor, _ = gram_factor(gram, (polynomial,))
    return factor.times(x), trace(gram)


class Seen(NamedTuple):
    """What a look at answers y to m told, (n,) on the host.

    size: ‖y‖_F². before: that of what went into the last step. alignment: ⟨m, −y⟩, or None.
    """

    size: np.ndarray
    before: np.ndarray
    alignment: np.ndarray | None

    @classmethod
    def of(cls, y: Tensor, size: np.ndarray, before: np.ndarray, alignment: np.ndarray | None = None) -> Seen:
        """`ValueError` where an answer is not finite."""
        if not np.isfinite(size).all():
            check_tensor("direction", y, 2)
        return cls(size, before, alignment)


def look(y: Tensor, m: Tensor, before: Tensor, both: bool) -> Seen:
    """both: whether ⟨m, y⟩ is likely to be needed; y is read once for both sums."""
    if not both:
        return Seen.of(y, *on_host(torch.stack([squares(y), before])))
    size, mixed, _ = pair_sums(y, m)
    return Seen.of(y, *on_host(torch.stack([size, before, -mixed])))


def unconverged(
    y: Tensor, m: Tensor, seen: Seen, sigma_max: np.ndarray, low: float, nuclear: np.ndarray, tail: float
) -> np.ndarray:
    """Whether σ < low·σ̄ can account for an ε above `tail`, estimated from the answer y to m; shape (n,).

    N, how many: at most rows − ‖y‖_F²; and if few arrived in the last step (‖y‖_F² has stopped growing), few will.
    Σσ is at least `nuclear`, and close to it where the spectrum is flat; where that decides nothing, ⟨m, −y⟩
    estimates it.
    """
    count = np.minimum(y.shape[-2] - seen.size, 3 * (seen.size - seen.before)).clip(min=0)
    lost = count * sigma_max * low / (4 * (1 - ERROR))
    weak = lost > tail * nuclear
    if weak.any():
        alignment = seen.alignment if seen.alignment is not None else on_host(-inner(m, y))
        weak &= lost > tail * alignment
    return np.asarray(weak)
